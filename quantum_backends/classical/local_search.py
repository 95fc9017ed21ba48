"""Iterated local search over single paths: hot-link moves, then soft-max best response.

From the incumbent, demands leave the hottest link one best move at a time: a running network
needs few moves. Where that does not reach the bound, every demand in turn takes its best path
under a soft maximum of the utilisations, whose steepness rises within a cycle; each cycle starts
from a kicked copy of the best plan. At the end, and whenever the bound is reached, squares and
moved traffic are lowered with the MLU held.
"""

from __future__ import annotations

import numpy as np

from quantum_backends import kernels
from quantum_backends.objective import floor
from quantum_backends.routing import Ints, RoutingProblem
from quantum_backends.search import (
    Best,
    home_choice,
    refuse_without_paths,
    start_choice,
)
from quantum_backends.solution import Solution
from quantum_backends.solver import Budget, check_accepted
from quantum_backends.testing import tiny_problem

HOT_MOVES = 20
"""Moves tried from the incumbent before the search is let loose on everything."""

_CYCLE = 40
"""Sweeps from flat to steep."""

_KEEP_FOR_POLISH = 0.9
"""Share of the budget after which only polishing goes on."""


class LocalSearch:
    """Anytime local search; answers split problems with single-path plans too."""

    name = "local-search"
    family = "classical"
    forms = ("routing",)

    def refusal(self, problem: RoutingProblem) -> str:
        return refuse_without_paths(problem)

    def warm(self) -> None:
        kernels.warm()
        self.solve(tiny_problem(), Budget(0.02), 0)

    def solve(self, problem: RoutingProblem, budget: Budget, seed: int) -> Solution:
        check_accepted(self.name, self.refusal(problem))
        best = Best(problem, budget, self.name)
        search = _Search(problem, budget, best, np.random.default_rng(seed))
        moves = search.cool()
        while not best.at_floor and budget.left() > (1 - _KEEP_FOR_POLISH) * budget.seconds:
            search.cycle()
        search.polish()
        return best.solution({"hot_moves": moves, "cycles": search.cycles})


class _Search:
    """State of one search; ``self.choice`` is the best single-path plan so far."""

    def __init__(
        self, problem: RoutingProblem, budget: Budget, best: Best, rng: np.random.Generator
    ) -> None:
        self.problem, self.budget, self.best, self.rng = problem, budget, best, rng
        self.arrays = kernels.arrays_of(problem)
        self.choice = start_choice(problem)
        self.home = home_choice(problem)
        free = (np.diff(problem.layout.first) > 1) & (problem.volume > 0)
        self.movable: Ints = np.flatnonzero(free)
        self.floor = floor(problem)
        self.cycles = 0

    def cool(self) -> int:
        """Few moves away from the hottest link."""
        choice = self.choice.copy()
        load = kernels.loads(self.arrays, choice)
        moves: int = kernels.cool_hottest(self.arrays, choice, load, self.floor, HOT_MOVES)
        self._offer(choice)
        return moves

    def cycle(self) -> None:
        """One cycle of sweeps from flat to steep, from a kicked copy of the best plan."""
        choice = self._kicked()
        load = kernels.loads(self.arrays, choice)
        low, high = 30.0, 2000.0
        if self.cycles:
            low, high = np.exp(self.rng.uniform(np.log([10, 500]), np.log([200, 5000])))
        self.cycles += 1
        for steep in np.geomspace(low, high, _CYCLE):
            if not self.budget.left():
                return
            top = kernels.highest(self.arrays, load)
            if not top:
                return
            order = self.rng.permutation(self.movable)
            kernels.soft_sweep(self.arrays, choice, load, order, steep / top, top)
            if kernels.highest(self.arrays, load) < self.best.score.mlu:
                self._offer(choice)
                if self.best.at_floor:
                    return
        kernels.cool_hottest(self.arrays, choice, load, self.floor, HOT_MOVES)
        self._offer(choice)

    def _kicked(self) -> Ints:
        """The best plan with some demands, up to a fifth of all, on random paths."""
        choice = self.choice.copy()
        most = max(2.0, len(self.movable) / 5)
        count = int(np.exp(self.rng.uniform(0, np.log(most))))
        some = self.rng.choice(self.movable, min(count, len(self.movable)), replace=False)
        first = self.problem.layout.first
        choice[some] = self.rng.integers(first[some], first[some + 1])
        return choice

    def polish(self) -> None:
        """Lower squares and moved traffic with the MLU held at what was reached."""
        choice = self.choice.copy()
        load = kernels.loads(self.arrays, choice)
        cap = max(kernels.highest(self.arrays, load), self.floor)
        total = float(self.problem.volume.sum()) or 1.0
        price = self.problem.move_cost / total
        while self.budget.left():
            order = self.rng.permutation(self.movable)
            moved = kernels.smooth_sweep(self.arrays, choice, load, order, cap, self.home, price)
            self._offer(choice)
            if not moved:
                return

    def _offer(self, choice: Ints) -> None:
        if self.best.offer_choice(choice):
            self.choice = choice.copy()
