"""Iterated local search over choices: a kick to a few groups, descent, keep what is no worse."""

from __future__ import annotations

import time

import numpy as np

from quantum_backends import choice_kernels as kernels
from quantum_backends.choice_search import BestChoice
from quantum_backends.choices import ChoiceProblem, colouring
from quantum_backends.solution import Solution
from quantum_backends.solver import Budget

_SLICE_S = 0.01
"""Longest stretch of compiled kicks, after which cancellation is looked for."""


class ChoiceLocalSearch:
    """Weighted DSATUR, then descent from kicked copies until the budget ends."""

    name = "local-search"
    family = "classical"
    forms = ("choices",)

    def refusal(self, problem: ChoiceProblem) -> str:
        return ""

    def warm(self) -> None:
        kernels.warm()
        self.solve(colouring(np.array([[0, 1], [1, 2]]), 3, 2), Budget(0.02), 0)

    def solve(self, problem: ChoiceProblem, budget: Budget, seed: int) -> Solution:
        best = BestChoice(problem, budget, self.name)
        kernels.seed(seed % 2**32)
        table, chosen = best.table, best.flat.copy()
        field = kernels.field_of(table, chosen)
        total, kicks = 0, 10
        while len(best.movable) and budget.left() and not best.proven:
            began = time.perf_counter()
            kernels.kick_and_descend(table, chosen, field, best.movable, kicks)
            took = max(time.perf_counter() - began, 1e-6)
            total += kicks
            kicks = int(np.clip(kicks * _SLICE_S / took, 1, 1e6))
            best.offer(chosen)
        return best.solution({"kicks": total})
