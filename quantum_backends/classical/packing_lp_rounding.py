"""Packings by their linear relaxation: shares rounded at random, repaired, then mended in parts.

Of a vertex of the relaxation no more groups are split than resources are full, so that rounding
decides little. What it gets wrong is mended by exact solves of small parts: the groups that the
dual prices leave in doubt, some of them at a time, with the others held (relaxation induced
neighbourhoods, Danna, Rothberg and Le Pape, Math. Program. 102, 2005). Options that the prices
prove to be in no better answer are left out. A part that is solved at once is followed by a larger
one, a part that is not by a smaller one.
"""

from __future__ import annotations

import numpy as np

from quantum_backends import packing_kernels as kernels
from quantum_backends.classical.packing_mip import PackingMip
from quantum_backends.packing import PackingProblem, random_packing
from quantum_backends.packing_lp import relaxed
from quantum_backends.packing_search import BestPacking, rounded_packing
from quantum_backends.reductions.packing_block import around
from quantum_backends.reductions.packing_part import hopeful, packing_part
from quantum_backends.routing import Ints
from quantum_backends.solution import Solution
from quantum_backends.solver import Budget

ROUNDINGS = 10
"""Random roundings after the first, which takes each group's largest share."""

PART, PART_S = 40, 0.3
"""Groups of the first part, and seconds that a part gets."""

_LEAST_S = 0.06
"""No part is begun in less time."""

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
                first = rounded_packing(known, found.share, ROUNDINGS, seed)
                best.offer(problem.flat(first))
                info |= _mend(known, budget, best, seed)
        return best.solution(info)


def _mend(
    problem: PackingProblem, budget: Budget, best: BestPacking, seed: int
) -> dict[str, float | str]:
    """Solve parts until the budget ends or one part was all there is in doubt."""
    rng, exact = np.random.default_rng(seed), PackingMip()
    size, parts = float(PART), 0
    while not best.proven and budget.left() > _LEAST_S:
        kept = hopeful(problem, best.worth)
        open_groups = np.flatnonzero(np.bincount(problem.group, kept, problem.n_groups) > 1)
        if not len(open_groups):
            return {"parts": parts, "proven": "yes"}
        groups = _doubtful(problem, best, open_groups, int(size), rng)
        part = packing_part(problem, best.flat, groups, kept)
        seconds = min(PART_S, budget.left())
        inner = Budget(seconds, budget.cancelled)
        found = exact.solve(part.problem, inner, int(rng.integers(2**31)))
        parts += 1
        best.offer(part.apply(found.answer))
        quick = found.info["status"] == "Optimal"
        if quick and len(groups) == len(open_groups):
            return {"parts": parts, "proven": "yes"}
        size = max(8.0, size * (1.25 if quick else 0.8))
    return {"parts": parts, "proven": "no"}


def _doubtful(
    problem: PackingProblem,
    best: BestPacking,
    open_groups: Ints,
    size: int,
    rng: np.random.Generator,
) -> Ints:
    """Groups that the prices decide least, of all or of those that compete for one resource."""
    if size >= len(open_groups):
        return open_groups
    reduced = problem.reduced.copy()
    here = reduced[best.flat]
    reduced[best.flat] = -np.inf
    doubt = np.abs(np.maximum.reduceat(reduced, problem.first[:-1]) - here)[open_groups]
    order = np.argsort(doubt * rng.exponential(size=len(doubt)), kind="stable")
    if rng.random() < 0.5:
        near = around(problem, best.flat, open_groups, 3 * size, rng)
        order = order[np.isin(open_groups[order], near)]
    return np.asarray(open_groups[order[:size]])
