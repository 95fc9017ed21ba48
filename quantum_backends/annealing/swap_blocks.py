"""Simulated annealing (dwave-samplers) on swap blocks.

dwave-samplers spends most of a short call choosing a temperature range, so it is given one; it
polls for interruption only between reads, so reads are short.
"""

from __future__ import annotations

import time

import numpy as np
from dwave.samplers import SimulatedAnnealingSampler

from quantum_backends import kernels
from quantum_backends.blocks import Bits, search_blocks
from quantum_backends.reductions.swap_block import SwapBlock
from quantum_backends.routing import RoutingProblem
from quantum_backends.search import Best, refuse_without_paths
from quantum_backends.solution import Solution
from quantum_backends.solver import Budget, check_accepted
from quantum_backends.testing import tiny_problem

BLOCK = 150
READS = 4
SWEEPS = 60


class AnnealedBlocks:
    """Blocks of 150 demands; answers split problems with single-path plans too."""

    name = "sa-blocks"
    family = "annealer"
    forms = ("routing",)

    def refusal(self, problem: RoutingProblem) -> str:
        return refuse_without_paths(problem)

    def warm(self) -> None:
        kernels.warm()
        self.solve(tiny_problem(), Budget(0.05), 0)

    def solve(self, problem: RoutingProblem, budget: Budget, seed: int) -> Solution:
        check_accepted(self.name, self.refusal(problem))
        best = Best(problem, budget, self.name)
        annealer = SimulatedAnnealingSampler()
        last = 0.0

        def sample(block: SwapBlock, call_seed: int) -> Bits:
            nonlocal last
            began = time.monotonic()
            answer = annealer.sample(
                block.bqm(),
                num_reads=READS,
                num_sweeps=SWEEPS,
                beta_range=beta_range(block),
                seed=call_seed,
                interrupt_function=lambda: not budget.left(),
            )
            last = time.monotonic() - began
            order = np.argsort(np.asarray(answer.variables))
            return np.asarray(answer.record.sample[:, order], dtype=np.int8)

        record = search_blocks(problem, budget, best, sample, BLOCK, seed, lambda: 1.5 * last)
        return best.solution({"simulated": "annealer in software", **record.info()})


def beta_range(block: SwapBlock) -> tuple[float, float]:
    """Inverse temperatures: the largest flip accepted half the time, the smallest almost never."""
    full = np.abs(block.quadratic) + np.abs(block.quadratic.T)
    largest = float(np.max(np.abs(block.linear) + full.sum(axis=1)))
    fields = np.abs(block.linear)
    smallest = float(np.quantile(fields[fields > 0], 0.1)) if fields.any() else largest
    if not largest:
        return 0.1, 1.0
    hot = np.log(2) / largest
    return float(hot), float(max(np.log(100) / smallest, 10 * hot))
