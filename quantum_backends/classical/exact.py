"""What exact solvers have in common, whichever form they take and library proves their optima."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

import numpy as np

from quantum_backends import choice_kernels, packing_kernels
from quantum_backends.choice_search import BestChoice
from quantum_backends.choices import ChoiceProblem, colouring
from quantum_backends.packing import PackingProblem, random_packing
from quantum_backends.packing_search import BestPacking
from quantum_backends.solution import Solution
from quantum_backends.solver import Budget, check_accepted

Info = dict[str, float | str]
P = TypeVar("P", PackingProblem, ChoiceProblem)
B = TypeVar("B", BestPacking, BestChoice)


class Exact(ABC, Generic[P, B]):
    """Searches on from the incumbent or a greedy answer.

    Attributes
    ----------
    limit : int
        Size of the model above which building it takes longer than anybody waits.
    margin_s : float
        Seconds below which nothing is begun.
    """

    name: str
    family = "classical"
    forms: tuple[str, ...]
    limit: int
    margin_s: float

    def refusal(self, problem: P) -> str:
        size, what = self.measure(problem)
        return f"{size} {what}, more than {self.limit}" if size > self.limit else ""

    def warm(self) -> None:
        self.solve(self.small(), Budget(1.0), 0)

    def solve(self, problem: P, budget: Budget, seed: int) -> Solution:
        check_accepted(self.name, self.refusal(problem))
        best = self.begin(problem, budget)
        info: Info = {"status": "not needed"}
        if problem.size and not best.proven and budget.left() > self.margin_s:
            info = self.search(problem, budget, best, seed)
        return best.solution(info)

    @abstractmethod
    def measure(self, problem: P) -> tuple[int, str]:
        """Size of the model, and what is counted."""

    @abstractmethod
    def small(self) -> P:
        """Compile the loops; a small problem."""

    @abstractmethod
    def begin(self, problem: P, budget: Budget) -> B:
        """The best answer without a search."""

    @abstractmethod
    def search(self, problem: P, budget: Budget, best: B, seed: int) -> Info:
        """Offer better answers to ``best``; return ``status`` and perhaps ``proven_bound``."""


class ExactPacking(Exact[PackingProblem, BestPacking]):
    """Packings; ``limit`` counts uses of resources."""

    forms = ("packing",)

    def measure(self, problem: PackingProblem) -> tuple[int, str]:
        return len(problem.amount), "uses of resources"

    def small(self) -> PackingProblem:
        packing_kernels.warm()
        return random_packing(4, 2, 3, 0)

    def begin(self, problem: PackingProblem, budget: Budget) -> BestPacking:
        return BestPacking(problem, budget, self.name)


class ExactChoice(Exact[ChoiceProblem, BestChoice]):
    """Choices; ``limit`` counts coupled pairs."""

    forms = ("choices",)

    def measure(self, problem: ChoiceProblem) -> tuple[int, str]:
        return len(problem.weight) // 2, "coupled pairs"

    def small(self) -> ChoiceProblem:
        choice_kernels.warm()
        return colouring(np.array([[0, 1], [1, 2]]), 3, 2)

    def begin(self, problem: ChoiceProblem, budget: Budget) -> BestChoice:
        return BestChoice(problem, budget, self.name)
