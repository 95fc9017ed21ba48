"""QAOA as a sampler of small models of bits."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import numpy as np

from quantum_backends.bqm import Bits, Coefficients
from quantum_backends.device_table import IBM_TIMES
from quantum_backends.gate.cvar import ALPHA, OutOfTime, cvar, optimise
from quantum_backends.gate.processors import Processor
from quantum_backends.gate.qaoa import ANGLES, Angles, circuit, ising_of
from quantum_backends.sampling import Samples
from quantum_backends.solver import Budget

SHOTS = 256


@dataclass
class Qaoa:
    """One circuit with transferred angles, or several whose angles are optimised for the CVaR.

    Attributes
    ----------
    processor : Processor
    depth : int
        One to three.
    shots : int
        Of each circuit.
    evaluations : int
        Circuits spent on optimising the angles; 0 for the transferred ones as they are.
    alpha : float
        See :func:`quantum_backends.gate.cvar.cvar`.
    bits : int
        Most bits it takes, where the processor has that many qubits.
    """

    processor: Processor
    depth: int = 2
    shots: int = SHOTS
    evaluations: int = 0
    alpha: float = ALPHA
    bits: int = 16

    @property
    def simulated(self) -> str:
        return self.processor.simulated

    @property
    def largest(self) -> int:
        return min(self.bits, self.processor.largest)

    @property
    def first_s(self) -> float:
        return self.processor.first_s

    def refusal(self) -> str:
        return self.processor.refusal()

    def sample(self, model: Coefficients, seed: int, budget: Budget) -> Samples:
        """Samples of every circuit that was run within the budget."""
        return self.search(model, seed, budget)[0]

    def search(self, model: Coefficients, seed: int, budget: Budget) -> tuple[Samples, Angles]:
        """Samples of all circuits, those of the angles returned last."""
        run = self.processor.load(circuit(ising_of(model), self.depth), budget)
        rng = np.random.default_rng(seed)
        drawn: list[Bits] = []
        best = 0

        def measure(angles: Angles) -> float:
            nonlocal best
            bits = run(angles, self.shots, int(rng.integers(2**31))) if budget.left() else ()
            if not len(bits):
                raise OutOfTime
            drawn.append(np.asarray(bits, dtype=np.int8))
            return cvar(model.energies(drawn[-1]), self.alpha)

        angles = ANGLES[self.depth]
        if self.evaluations:
            angles = optimise(measure, angles, self.evaluations)
        with contextlib.suppress(OutOfTime):
            measure(angles)
        bits = np.concatenate(drawn) if drawn else np.empty((0, len(model)), np.int8)
        modelled = sum(IBM_TIMES.busy_s(len(model), len(one)) for one in drawn)
        return Samples(bits, len(bits), modelled_s=modelled if self.simulated else None), angles
