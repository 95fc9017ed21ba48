"""What every search shares: where it starts, and the best answer so far."""

from __future__ import annotations

import numpy as np

from quantum_backends import kernels
from quantum_backends.best import BestSoFar
from quantum_backends.objective import Score, floor, score
from quantum_backends.routing import Floats, Fractions, Ints, RoutingProblem, flatten, nest
from quantum_backends.solver import Budget


def refuse_without_paths(problem: RoutingProblem) -> str:
    """Say so where a demand has no candidate path; empty where all have one."""
    return "" if problem.has_paths else "some demand has no candidate path"


def refuse_more_choices(problem: RoutingProblem, limit: int) -> str:
    """Refuse without paths, and beyond so many candidate paths in all."""
    choices = len(problem.layout.demand)
    too_many = f"{choices} choices, more than {limit}" if choices > limit else ""
    return refuse_without_paths(problem) or too_many


def home_choice(problem: RoutingProblem) -> Ints:
    """The path each demand is wholly on now; -1 where it is split or nothing is installed (k,)."""
    home = np.full(problem.n_demands, -1)
    if problem.incumbent is not None:
        whole = np.flatnonzero(flatten(problem.incumbent) > 1 - 1e-9)
        home[problem.layout.demand[whole]] = whole
    return home


def start_choice(problem: RoutingProblem) -> Ints:
    """Where a single-path search starts: the incumbent's largest share, else the first path."""
    layout = problem.layout
    start = layout.first[:-1].copy()
    if problem.incumbent is not None:
        share = flatten(problem.incumbent)
        order = np.lexsort((-np.arange(len(share)), share, layout.demand))
        start = order[layout.first[1:] - 1]
    return start


def cooled_start(problem: RoutingProblem, best: Best, moves: int) -> tuple[Ints, float]:
    """Offer the start after up to so many moves off the hottest link; return it and its MLU."""
    arrays, choice = kernels.arrays_of(problem), start_choice(problem)
    load = kernels.loads(arrays, choice)
    kernels.cool_hottest(arrays, choice, load, floor(problem), moves)
    best.offer_choice(choice)
    return choice, kernels.highest(arrays, load)


class Best(BestSoFar):
    """The best plan so far of one call of ``solve``; reports each better one to the budget.

    Starts from the incumbent (where its form is allowed), else from everybody's first path.

    Parameters
    ----------
    problem : RoutingProblem
    budget : Budget
    name : str
        The backend's.
    """

    def __init__(self, problem: RoutingProblem, budget: Budget, name: str) -> None:
        super().__init__(budget, name)
        self._problem = problem
        self._flat = self._flat_of(start_choice(problem))
        if problem.incumbent is not None and problem.split:
            self._flat = flatten(problem.incumbent)
        self.score: Score = score(problem, self._flat)

    def _flat_of(self, choice: Ints) -> Floats:
        flat = np.zeros(len(self._problem.layout.demand))
        flat[choice] = 1.0
        return flat

    @property
    def at_floor(self) -> bool:
        """Whether the MLU counts as optimal."""
        return self.score.mlu <= floor(self._problem)

    def offer_choice(self, choice: Ints) -> bool:
        """Keep a single-path plan if it is better; tell whether it was."""
        return self.offer(self._flat_of(choice))

    def offer(self, flat: Floats) -> bool:
        """Keep a plan of flat shares if it is better; tell whether it was."""
        found = score(self._problem, flat)
        if not found < self.score:
            return False
        self.score, self._flat = found, flat
        self.found()
        return True

    def answer(self) -> tuple[Fractions, float]:
        return nest(self._problem, self._flat), self._problem.mlu(self._flat)
