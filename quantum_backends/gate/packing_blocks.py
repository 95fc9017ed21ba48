"""QAOA on packings: blocks of a few groups, each with one alternative."""

from __future__ import annotations

from quantum_backends.annealing.option_samplers import OptionBlocks
from quantum_backends.annealing.packing_samplers import PackingForm
from quantum_backends.gate.choice_blocks import QUBITS
from quantum_backends.gate.processors import Noiseless
from quantum_backends.gate.sampler import Qaoa


def noiseless_packing() -> OptionBlocks:
    return OptionBlocks("qaoa-blocks", Qaoa(Noiseless()), PackingForm(), "gate", QUBITS)
