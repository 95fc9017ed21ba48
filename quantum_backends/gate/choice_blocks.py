"""QAOA on choices: blocks of a few groups, each with one alternative."""

from __future__ import annotations

from quantum_backends.annealing.choice_samplers import ChoiceForm
from quantum_backends.annealing.option_samplers import OptionBlocks
from quantum_backends.gate.processors import Noiseless
from quantum_backends.gate.sampler import Qaoa

QUBITS = 12
"""Groups of a block; a simulator takes twice as long for each further one."""


def noiseless_choices() -> OptionBlocks:
    return OptionBlocks("qaoa-blocks", Qaoa(Noiseless()), ChoiceForm(), "gate", QUBITS)
