"""Tries every combination of options that fits: the oracle of small packings."""

from __future__ import annotations

import math

import numpy as np

from quantum_backends import packing_kernels as kernels
from quantum_backends.classical.exhaustive import LIMIT
from quantum_backends.packing import TOLERANCE, PackingProblem
from quantum_backends.packing_search import BestPacking
from quantum_backends.routing import Ints
from quantum_backends.solution import Solution
from quantum_backends.solver import Budget, check_accepted

_AT_ONCE = 2048
"""Combinations evaluated together, after which cancellation is looked for."""


class PackingExhaustive:
    """Exact where there are few combinations."""

    name = "exhaustive"
    family = "classical"
    forms = ("packing",)

    def refusal(self, problem: PackingProblem) -> str:
        digits = float(np.log10(np.diff(problem.first)).sum())
        fits = digits <= math.log10(LIMIT) + 1e-9
        return "" if fits else f"10^{digits:.0f} combinations, more than {LIMIT}"

    def warm(self) -> None:
        kernels.warm()

    def solve(self, problem: PackingProblem, budget: Budget, seed: int) -> Solution:
        check_accepted(self.name, self.refusal(problem))
        best = BestPacking(problem, budget, self.name)
        complete = _every(problem, budget, best)
        return best.solution({"complete": "yes" if complete else "no"})


def _every(problem: PackingProblem, budget: Budget, best: BestPacking) -> bool:
    """Offer the best of all combinations; False where the time did not suffice for all."""
    sizes, limit = np.diff(problem.first), problem.capacity * (1 + TOLERANCE)
    count = math.prod(sizes.tolist())
    for start in range(0, count, _AT_ONCE):
        if not budget.left():
            return False
        flat = _combinations(problem, sizes, np.arange(start, min(start + _AT_ONCE, count)))
        used = np.zeros((len(flat), len(limit)))
        for g in range(problem.n_groups):
            used += problem.use[flat[:, g]].toarray()
        worth = np.where((used <= limit).all(axis=1), problem.worth[flat].sum(axis=1), -np.inf)
        highest = int(np.argmax(worth))
        if np.isfinite(worth[highest]):
            best.offer(flat[highest])
    return True


def _combinations(problem: PackingProblem, sizes: Ints, numbers: Ints) -> Ints:
    if not len(sizes):
        return np.zeros((len(numbers), 0), np.int64)
    return np.stack(np.unravel_index(numbers, sizes), axis=1) + problem.first[:-1]
