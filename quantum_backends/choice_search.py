"""What every search over choices shares: where it starts, and the best answer so far."""

from __future__ import annotations

import numpy as np

from quantum_backends import choice_kernels as kernels
from quantum_backends.best import BestSoFar
from quantum_backends.choices import ChoiceProblem, Chosen
from quantum_backends.routing import Ints
from quantum_backends.solver import Budget


def movable(problem: ChoiceProblem) -> Ints:
    """The groups that have a choice."""
    return np.flatnonzero(np.diff(problem.first) > 1)


class BestChoice(BestSoFar):
    """The best answer so far of one call of ``solve``; reports each better one to the budget.

    Starts from the better of the incumbent and weighted DSATUR after descent.

    Parameters
    ----------
    problem : ChoiceProblem
    budget : Budget
    name : str
        The backend's.
    """

    def __init__(self, problem: ChoiceProblem, budget: Budget, name: str) -> None:
        super().__init__(budget, name)
        self._problem = problem
        self.table = kernels.table_of(problem)
        self.movable = movable(problem)
        self.value = np.inf
        self.flat: Ints = problem.first[:-1].copy()
        if problem.incumbent is not None:
            self.offer(problem.flat(problem.incumbent))
        if budget.left() or problem.incumbent is None:
            self.offer(self.settled(kernels.greedy(self.table)))

    def settled(self, flat: Ints) -> Ints:
        """The local optimum that descent from these choices leads to."""
        flat = flat.copy()
        kernels.descend(self.table, flat, kernels.field_of(self.table, flat), self.movable)
        return flat

    def cost(self, flat: Ints) -> float:
        """The value of choices."""
        field = kernels.field_of(self.table, flat)
        return float(kernels.cost_of(self.table, flat, field))

    @property
    def proven(self) -> bool:
        """Whether nothing can be better."""
        return bool(self.value <= self._problem.bound + 1e-12)

    def offer(self, flat: Ints) -> bool:
        """Keep choices if they are better; tell whether they were."""
        value = self.cost(flat)
        if not value < self.value - 1e-12 * max(1.0, abs(value)):
            return False
        self.value, self.flat = value, flat.copy()
        self.found()
        return True

    def answer(self) -> tuple[Chosen, float]:
        chosen = self._problem.chosen(self.flat)
        return chosen, self._problem.value(chosen)


def settled_greedy(problem: ChoiceProblem) -> Chosen:
    """Weighted DSATUR and descent: an answer in milliseconds."""
    return descended(problem, problem.chosen(kernels.greedy(kernels.table_of(problem))))


def descended(problem: ChoiceProblem, answer: Chosen) -> Chosen:
    """The local optimum that descent from an answer leads to."""
    table, flat = kernels.table_of(problem), problem.flat(answer)
    kernels.descend(table, flat, kernels.field_of(table, flat), movable(problem))
    return problem.chosen(flat)
