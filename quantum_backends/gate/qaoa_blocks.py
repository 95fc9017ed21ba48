"""QAOA on swap blocks as large as fits into the time, and on models of few bits."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import cache

from quantum_backends import kernels
from quantum_backends.annealing.qubo import SampledModel
from quantum_backends.blocks import search_blocks
from quantum_backends.bqm import Coefficients, random_model
from quantum_backends.gate.processors import Ibm, Noiseless, Noisy
from quantum_backends.gate.sampler import Qaoa
from quantum_backends.reductions.swap_block import SwapBlock
from quantum_backends.routing import RoutingProblem
from quantum_backends.sampling import Samples
from quantum_backends.search import Best, refuse_without_paths
from quantum_backends.solution import Solution
from quantum_backends.solver import Budget, check_accepted
from quantum_backends.testing import tiny_problem

SMALLEST = 4
"""Qubits of a block where the time allows no more."""

_CALLS = 25
"""Calls that should fit into the budget; fewer qubits are used where they would not."""
_GROWTH = 2.0
"""How much longer a simulation takes for each further qubit, at most."""


@dataclass
class QaoaBlocks:
    """Backend for routing; answers split problems with single-path plans too.

    A call cannot be interrupted, which is why calls are kept short against the budget.

    Attributes
    ----------
    sampler : Qaoa
    probes : tuple of int
        Qubits of the calls by which :meth:`warm` measures a simulator's speed; none for a device.
    """

    name: str
    sampler: Qaoa
    probes: tuple[int, ...] = ()
    family: str = "gate"
    forms: tuple[str, ...] = ("routing",)
    _took: dict[int, float] = field(default_factory=dict)

    def refusal(self, problem: RoutingProblem) -> str:
        return self.sampler.refusal() or refuse_without_paths(problem)

    def warm(self) -> None:
        """Compile, and measure how long calls of several sizes take."""
        kernels.warm()
        if self.sampler.refusal() or not self.probes:
            return
        self.solve(tiny_problem(), Budget(0.2), 0)
        for qubits in self.probes:
            model = random_model(qubits, 0.5, 0).coefficients
            self._took[qubits] = min(self._timed(model, seed) for seed in range(2))

    def _timed(self, model: Coefficients, seed: int) -> float:
        began = time.monotonic()
        self.sampler.sample(model, seed, Budget(60.0))
        return time.monotonic() - began

    def expected_s(self, qubits: int) -> float:
        """Seconds that a call of so many qubits is expected to take."""
        known = [one for one in self._took if one <= qubits]
        if not known:
            return self._took[min(self._took)] if self._took else self.sampler.first_s
        return float(self._took[max(known)] * _GROWTH ** (qubits - max(known)))

    def block_size(self, seconds: float) -> int:
        """Qubits so that about 25 calls fit into the time; the largest where speed is unknown."""
        if not self._took:
            return self.sampler.largest
        fits = (
            n
            for n in range(self.sampler.largest, SMALLEST, -1)
            if _CALLS * self.expected_s(n) <= seconds
        )
        return next(fits, SMALLEST)

    def solve(self, problem: RoutingProblem, budget: Budget, seed: int) -> Solution:
        check_accepted(self.name, self.refusal(problem))
        best = Best(problem, budget, self.name)
        size = self.block_size(budget.left())
        longest = self.expected_s(size)

        def sample(block: SwapBlock, call_seed: int) -> Samples:
            nonlocal longest
            began = time.monotonic()
            samples = self.sampler.sample(block.model, call_seed, budget)
            longest = max(longest, time.monotonic() - began)
            return samples

        record = search_blocks(problem, budget, best, sample, size, seed, lambda: 1.5 * longest)
        info = {"simulated": self.sampler.simulated}
        figures = {"depth": float(self.sampler.depth), "shots": float(self.sampler.shots)}
        return best.solution({**info, **figures, **record.info()})


@cache
def _noisy() -> Noisy:
    """One for both forms: the calibration is read, and each patch made, once."""
    return Noisy()


def noiseless_blocks() -> QaoaBlocks:
    return QaoaBlocks("qaoa-blocks", Qaoa(Noiseless()), (4, 8, 10, 12))


def noisy_blocks() -> QaoaBlocks:
    return QaoaBlocks("qaoa-noisy-blocks", Qaoa(_noisy(), 1, bits=8), (4, 6, 8))


def ibm_blocks() -> QaoaBlocks:
    return QaoaBlocks("ibm-blocks", Qaoa(Ibm(), 1))


def noiseless_model() -> SampledModel:
    return SampledModel("qaoa-blocks", Qaoa(Noiseless()), "gate")


def noisy_model() -> SampledModel:
    return SampledModel("qaoa-noisy-blocks", Qaoa(_noisy(), 1, bits=8), "gate")


def ibm_model() -> SampledModel:
    return SampledModel("ibm-blocks", Qaoa(Ibm(), 1), "gate")
