"""Samplers on swap blocks: large-neighbourhood search over plans, made of any sampler."""

from __future__ import annotations

import time
from dataclasses import dataclass

from quantum_backends import kernels
from quantum_backends.annealing.samplers import Annealing, Descent, Tabu
from quantum_backends.blocks import search_blocks
from quantum_backends.reductions.swap_block import SwapBlock
from quantum_backends.routing import RoutingProblem
from quantum_backends.sampling import Sampler, Samples
from quantum_backends.search import Best, refuse_without_paths
from quantum_backends.solution import Solution
from quantum_backends.solver import Budget, check_accepted
from quantum_backends.testing import tiny_problem

BLOCK = 150


@dataclass
class SampledBlocks:
    """Backend for routing; answers split problems with single-path plans too.

    Attributes
    ----------
    sampler : Sampler
    size : int
        Largest block, where the sampler takes that many bits.
    """

    name: str
    sampler: Sampler
    size: int = BLOCK
    family: str = "annealer"
    forms: tuple[str, ...] = ("routing",)

    def refusal(self, problem: RoutingProblem) -> str:
        return self.sampler.refusal() or refuse_without_paths(problem)

    def warm(self) -> None:
        kernels.warm()
        if not self.sampler.refusal():
            self.solve(tiny_problem(), Budget(0.05), 0)

    def solve(self, problem: RoutingProblem, budget: Budget, seed: int) -> Solution:
        check_accepted(self.name, self.refusal(problem))
        best = Best(problem, budget, self.name)
        last = self.sampler.first_s

        def sample(block: SwapBlock, call_seed: int) -> Samples:
            nonlocal last
            began = time.monotonic()
            samples = self.sampler.sample(block.model, call_seed, budget)
            last = time.monotonic() - began
            return samples

        size = min(self.size, self.sampler.largest)
        record = search_blocks(problem, budget, best, sample, size, seed, lambda: 1.5 * last)
        return best.solution({"simulated": self.sampler.simulated, **record.info()})


def sa_blocks() -> SampledBlocks:
    return SampledBlocks("sa-blocks", Annealing())


def tabu_blocks() -> SampledBlocks:
    return SampledBlocks("tabu-blocks", Tabu())


def descent_blocks() -> SampledBlocks:
    return SampledBlocks("descent-blocks", Descent())
