"""Iterated local search over packings: empty a few groups, fill again, keep what is no worse."""

from __future__ import annotations

import time

import numpy as np

from quantum_backends import packing_kernels as kernels
from quantum_backends.packing import PackingProblem, random_packing
from quantum_backends.packing_search import BestPacking, best_density
from quantum_backends.routing import Floats, Ints
from quantum_backends.solution import Solution
from quantum_backends.solver import Budget

_SLICE_S = 0.01
"""Longest stretch of compiled kicks, after which cancellation is looked for."""


class PackingLocalSearch:
    """Greedy, then ruin and recreate until the budget ends."""

    name = "local-search"
    family = "classical"
    forms = ("packing",)

    def refusal(self, problem: PackingProblem) -> str:
        return ""

    def warm(self) -> None:
        kernels.warm()
        self.solve(random_packing(4, 2, 3, 0), Budget(0.02), 0)

    def solve(self, problem: PackingProblem, budget: Budget, seed: int) -> Solution:
        best = BestPacking(problem, budget, self.name)
        score = best_density(problem)
        kicks = improve(best, budget, score, best.flat, seed)
        return best.solution({"kicks": kicks})


def improve(best: BestPacking, budget: Budget, score: Floats, start: Ints, seed: int) -> int:
    """Search from options that fit until the budget ends; return the kicks made."""
    rng = np.random.default_rng(seed)
    state = rng.integers(1, 2**63, 1, dtype=np.uint64)
    table, chosen = best.table, start.copy()
    total, kicks = 0, 10
    while len(best.movable) and budget.left() and not best.proven:
        began = time.perf_counter()
        free = kernels.free_of(table, chosen)  # afresh, so that rounding never adds up
        kernels.kick_and_fill(table, chosen, free, score, kicks, state)
        took = max(time.perf_counter() - began, 1e-6)
        total += kicks
        kicks = int(np.clip(kicks * _SLICE_S / took, 1, 1e6))
        best.offer(chosen)
    return total
