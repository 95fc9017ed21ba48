"""Iterated local search over single paths: hot-link moves, then descent from kicked plans.

From the incumbent, demands leave the hottest link one best move at a time: a running network
needs few moves. Where that does not reach the bound, two kinds of cycle take turns, each from a
kicked copy of the best plan. In one, every demand in turn takes its best path under a soft
maximum of the utilisations whose steepness rises. In the other, single moves that do not raise
the excess over a target are made at random (:mod:`quantum_backends.metropolis` at temperature
zero): plateaus are crossed, which best moves never do. Unless demands are very many, descents by
pairs of moves (:mod:`quantum_backends.pair_moves`) follow each cycle. At the end, and whenever the
bound is reached, squares and moved traffic are lowered with the MLU held.
"""

from __future__ import annotations

import numpy as np

from quantum_backends import pair_moves, walk
from quantum_backends.metropolis import hinge
from quantum_backends.routing import Ints, RoutingProblem
from quantum_backends.search import Best, refuse_without_paths, start_choice
from quantum_backends.solution import Solution
from quantum_backends.solver import Budget, check_accepted
from quantum_backends.testing import tiny_problem

HOT_MOVES = 20
"""Moves tried from the incumbent before the search is let loose on everything."""

_CYCLE = 40
"""Sweeps from flat to steep."""

_KICKS = 2.0
"""Time for descents by pairs of moves after each cycle, as a multiple of its own."""

_NEAR_HOME = 0.4
"""Share of the budget for descents by pairs from the installed plan, which move few demands."""

_FEW_KICKS = 20
"""Kicks of one such descent, of a single demand each, before it starts from home again."""

_SLICE_S = 0.005
"""Fewer where they take longer than this, so that cancellation is seen."""

_ZERO = 1e-12
"""A temperature at which no rise is accepted."""

_POLISH = 0.1
"""Share of the budget kept for squares and moved traffic."""


class LocalSearch:
    """Anytime local search; answers split problems with single-path plans too."""

    name = "local-search"
    family = "classical"
    forms = ("routing",)

    def refusal(self, problem: RoutingProblem) -> str:
        return refuse_without_paths(problem)

    def warm(self) -> None:
        walk.warm()
        self.solve(tiny_problem(), Budget(0.02), 0)

    def solve(self, problem: RoutingProblem, budget: Budget, seed: int) -> Solution:
        check_accepted(self.name, self.refusal(problem))
        best = Best(problem, budget, self.name)
        search = walk.Walk(problem, budget, best, seed)
        moves = search.cool(HOT_MOVES) if budget.left() else 0
        if problem.incumbent is not None and not best.at_floor:
            stay_near(search, _NEAR_HOME * budget.seconds)
        cycles = improve(search)
        return best.solution({"hot_moves": moves, "cycles": cycles})


def stay_near(search: walk.Walk, seconds: float) -> None:
    """Descend by pairs of moves from the installed plan, again and again; the best is kept.

    Of plans as good as one another those that move less are better, so this goes on when the
    bound is reached.
    """
    home, end = start_choice(search.problem), search.budget.elapsed() + seconds
    if not 0 < len(search.movable) <= walk.PAIRED:
        return
    kicks = 1
    while (began := search.budget.elapsed()) < end and search.budget.left():
        choice = home.copy()
        pair_moves.kicked_descents(
            search.arrays, choice, search.movable, search.floor, kicks, 1, HOT_MOVES
        )
        search.offer(choice)
        quick = search.budget.elapsed() - began < _SLICE_S
        kicks = min(2 * kicks, _FEW_KICKS) if quick else max(1, kicks // 2)


def improve(search: walk.Walk) -> int:
    """Search until the bound is reached or the budget nearly over, then polish; return cycles."""
    keep, cycles = _POLISH * search.budget.seconds, 0
    while len(search.movable) and not search.best.at_floor and search.budget.left() > keep:
        began = search.budget.elapsed()
        if cycles % 2:
            sweeps = int(search.rng.integers(20, 100))
            search.run(_kicked(search), hinge(search.target()), _ZERO, _ZERO, sweeps, keep)
        else:
            steepness = _steepness(search.rng, cycles == 0)
            search.soften(_kicked(search), *steepness, _CYCLE, keep)
        search.kick(_KICKS * (search.budget.elapsed() - began), keep)
        cycles += 1
    search.polish()
    return cycles


def _steepness(rng: np.random.Generator, first: bool) -> tuple[float, float]:
    if first:
        return 30.0, 2000.0
    low, high = np.exp(rng.uniform(np.log([10, 500]), np.log([200, 5000])))
    return float(low), float(high)


def _kicked(search: walk.Walk) -> Ints:
    """The best plan with some demands, up to a fifth of all, on random paths."""
    choice, movable, rng = search.choice.copy(), search.movable, search.rng
    most = max(2.0, len(movable) / 5)
    count = int(np.exp(rng.uniform(0, np.log(most))))
    some = rng.choice(movable, min(count, len(movable)), replace=False)
    first = search.problem.layout.first
    choice[some] = rng.integers(first[some], first[some + 1])
    return choice
