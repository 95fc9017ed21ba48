"""Linear program over the candidate paths, randomised rounding, then local search.

Raghavan and Thompson (1987): the shares of the split optimum are read as probabilities, and many
plans are drawn from them. A basic solution splits few demands (at most one more than there are
full links), so that most of the plan is exact from the start.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from quantum_backends import kernels, walk
from quantum_backends.classical.local_search import HOT_MOVES, improve
from quantum_backends.kernels import Arrays
from quantum_backends.master import Master
from quantum_backends.routing import Floats, Ints, RoutingProblem
from quantum_backends.search import Best, refuse_more_choices
from quantum_backends.solution import Solution
from quantum_backends.solver import Budget, check_accepted
from quantum_backends.testing import tiny_problem

LIMIT = 60_000
"""Choices above which the linear program alone takes seconds, in which it cannot be stopped."""

DRAWS = 200
_BATCH = 10
"""Plans drawn between two looks at the budget."""

_LP_SHARE = 0.6
"""Share of the budget that the linear program may take."""


class LpRounding:
    """Cancellation is seen before and after the linear program."""

    name = "lp-rounding"
    family = "classical"
    forms = ("routing",)

    def refusal(self, problem: RoutingProblem) -> str:
        return refuse_more_choices(problem, LIMIT)

    def warm(self) -> None:
        walk.warm()
        self.solve(tiny_problem(), Budget(0.5), 0)

    def solve(self, problem: RoutingProblem, budget: Budget, seed: int) -> Solution:
        check_accepted(self.name, self.refusal(problem))
        best = Best(problem, budget, self.name)
        search = walk.Walk(problem, budget, best, seed)
        if budget.left():
            search.cool(HOT_MOVES)
        stage, drawn, rounded = "not needed", 0, 0.0
        if not best.at_floor and budget.left() and len(search.movable):
            master = Master(problem, problem.layout, search.choice)
            optimal = master.solve(_LP_SHARE * budget.left())
            stage = "optimal" if optimal else "cut short"
            drawn, rounded = _round(search, master.shares())
        cycles = improve(search)
        info: dict[str, float | str] = {
            "lp": stage,
            "draws": drawn,
            "rounded_mlu": rounded,
            "cycles": cycles,
        }
        return best.solution(info)


def _round(search: walk.Walk, shares: Floats) -> tuple[int, float]:
    """Draw plans and offer the best, mended by hot-link moves; return draws and its raw MLU."""
    least, kept, drawn = np.inf, search.choice.copy(), 0
    while drawn < DRAWS and search.budget.left():
        least = draw(search.arrays, shares, _BATCH, least, kept)
        drawn += _BATCH
    load = kernels.loads(search.arrays, kept)
    kernels.cool_hottest(search.arrays, kept, load, search.floor, HOT_MOVES)
    search.offer(kept)
    return drawn, float(least) if drawn else 0.0


@njit(cache=True)
def draw(a: Arrays, shares: Floats, count: int, least: float, kept: Ints) -> float:
    """Draw plans with the shares as probabilities; ``kept`` is overwritten by any below ``least``.

    Uses numba's generator; see :func:`quantum_backends.metropolis.seed`.

    Returns
    -------
    float
        The lowest MLU so far.
    """
    choice = np.empty(len(kept), np.int64)
    for _ in range(count):
        for k in range(len(choice)):
            mark = np.random.random()
            j = a.first[k]
            while j < a.first[k + 1] - 1 and mark >= shares[j]:
                mark -= shares[j]
                j += 1
            choice[k] = j
        top = kernels.highest(a, kernels.loads(a, choice))
        if top < least:
            least = top
            kept[:] = choice
    return least
