"""QAOA on schedules: neighbourhoods of a few requests with a few places each."""

from __future__ import annotations

from quantum_backends.annealing.schedule_samplers import SampledSchedule
from quantum_backends.gate.choice_blocks import QUBITS
from quantum_backends.gate.processors import Noiseless
from quantum_backends.gate.sampler import Qaoa


def noiseless_schedule() -> SampledSchedule:
    return SampledSchedule("qaoa-blocks", Qaoa(Noiseless()), "gate", QUBITS)
