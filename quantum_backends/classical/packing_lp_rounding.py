"""Packings by their linear relaxation: shares rounded at random, repaired, and searched around.

Of a vertex of the relaxation no more groups are split than resources are full, so that rounding
decides little; what it gets wrong is mended by a search among the split groups and their
neighbours. Options are ordered by the dual prices that the relaxation gives.
"""

from __future__ import annotations

import numpy as np

from quantum_backends import packing_kernels as kernels
from quantum_backends.classical.packing_search import improve
from quantum_backends.packing import PackingProblem, random_packing
from quantum_backends.packing_lp import relaxed
from quantum_backends.packing_search import BestPacking, priced_density
from quantum_backends.routing import Floats, Ints
from quantum_backends.solution import Solution
from quantum_backends.solver import Budget

ROUNDINGS = 30
"""Random roundings after the first, which takes each group's largest share."""

_LP_SHARE = 0.7
"""Of the time, that the relaxation may take."""


class PackingLpRounding:
    """Relaxation, rounding, repair and local search."""

    name = "lp-rounding"
    family = "classical"
    forms = ("packing",)

    def refusal(self, problem: PackingProblem) -> str:
        return ""

    def warm(self) -> None:
        kernels.warm()
        self.solve(random_packing(4, 2, 3, 0), Budget(0.05), 0)

    def solve(self, problem: PackingProblem, budget: Budget, seed: int) -> Solution:
        best = BestPacking(problem, budget, self.name)
        info: dict[str, float | str] = {"relaxation": "not needed"}
        if problem.size and not best.proven and budget.left():
            found = relaxed(problem, _LP_SHARE * budget.left())
            info = {"relaxation": "not finished"}
            if found is not None:
                known = problem.with_price(found.price)
                info = {"relaxation": "optimal", "proven_bound": max(problem.bound, known.bound)}
                score = priced_density(known)
                _round(problem, found.share, score, budget, best, seed)
                info["kicks"] = improve(best, budget, score, best.flat, seed)
        return best.solution(info)


def _round(
    problem: PackingProblem,
    share: Floats,
    score: Floats,
    budget: Budget,
    best: BestPacking,
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    order = np.lexsort((share, problem.group))
    best.settle(order[problem.first[1:] - 1], score)
    for _ in range(ROUNDINGS):
        if not budget.left():
            return
        best.settle(_drawn(problem, share, rng), score)


def _drawn(problem: PackingProblem, share: Floats, rng: np.random.Generator) -> Ints:
    """An option of each group with its share as the probability."""
    until = np.cumsum(share)
    before = np.concatenate(([0.0], until[problem.first[1:-1] - 1]))
    wanted = before + rng.random(problem.n_groups) * np.add.reduceat(share, problem.first[:-1])
    flat = np.searchsorted(until, wanted)
    return np.asarray(np.clip(flat, problem.first[:-1], problem.first[1:] - 1))
