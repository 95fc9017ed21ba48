"""What the exact solvers of one form have in common, whichever library proves their optima."""

from __future__ import annotations

import numpy as np

from quantum_backends import choice_kernels, packing_kernels
from quantum_backends.choice_search import BestChoice
from quantum_backends.choices import ChoiceProblem, colouring
from quantum_backends.packing import PackingProblem, random_packing
from quantum_backends.packing_search import BestPacking
from quantum_backends.solution import Solution
from quantum_backends.solver import Budget, check_accepted

Info = dict[str, float | str]


class ExactPacking:
    """Packings, started from the incumbent or a greedy answer.

    Attributes
    ----------
    limit : int
        Uses of resources above which building the model takes longer than anybody waits.
    margin_s : float
        Seconds below which nothing is begun.
    """

    name: str
    family = "classical"
    forms = ("packing",)
    limit: int
    margin_s: float

    def refusal(self, problem: PackingProblem) -> str:
        uses = len(problem.amount)
        return f"{uses} uses of resources, more than {self.limit}" if uses > self.limit else ""

    def warm(self) -> None:
        packing_kernels.warm()
        self.solve(random_packing(4, 2, 3, 0), Budget(1.0), 0)

    def solve(self, problem: PackingProblem, budget: Budget, seed: int) -> Solution:
        check_accepted(self.name, self.refusal(problem))
        best = BestPacking(problem, budget, self.name)
        info: Info = {"status": "not needed"}
        if problem.size and not best.proven and budget.left() > self.margin_s:
            info = self.search(problem, budget, best, seed)
        return best.solution(info)

    def search(self, problem: PackingProblem, budget: Budget, best: BestPacking, seed: int) -> Info:
        """Offer better answers to ``best``; return ``status`` and perhaps ``proven_bound``."""
        raise NotImplementedError


class ExactChoice:
    """Choices, started from weighted DSATUR or the incumbent.

    Attributes
    ----------
    limit : int
        Coupled pairs above which building the model takes longer than anybody waits.
    margin_s : float
        Seconds below which nothing is begun.
    """

    name: str
    family = "classical"
    forms = ("choices",)
    limit: int
    margin_s: float

    def refusal(self, problem: ChoiceProblem) -> str:
        pairs = len(problem.weight) // 2
        return f"{pairs} coupled pairs, more than {self.limit}" if pairs > self.limit else ""

    def warm(self) -> None:
        choice_kernels.warm()
        self.solve(colouring(np.array([[0, 1], [1, 2]]), 3, 2), Budget(1.0), 0)

    def solve(self, problem: ChoiceProblem, budget: Budget, seed: int) -> Solution:
        check_accepted(self.name, self.refusal(problem))
        best = BestChoice(problem, budget, self.name)
        info: Info = {"status": "not needed"}
        if not best.proven and budget.left() > self.margin_s:
            info = self.search(problem, budget, best, seed)
        return best.solution(info)

    def search(self, problem: ChoiceProblem, budget: Budget, best: BestChoice, seed: int) -> Info:
        """Offer better answers to ``best``; return ``status`` and perhaps ``proven_bound``."""
        raise NotImplementedError
