"""Tries every combination of options: the oracle of small choices."""

from __future__ import annotations

import itertools
import math

import numpy as np

from quantum_backends import choice_kernels as kernels
from quantum_backends.choice_search import BestChoice
from quantum_backends.choices import ChoiceProblem
from quantum_backends.classical.exhaustive import LIMIT
from quantum_backends.solution import Solution
from quantum_backends.solver import Budget, check_accepted


class ChoiceExhaustive:
    """Exact."""

    name = "exhaustive"
    family = "classical"
    forms = ("choices",)

    def refusal(self, problem: ChoiceProblem) -> str:
        exponent = float(np.log10(np.diff(problem.first)).sum())
        if exponent > math.log10(LIMIT) + 1e-9:
            return f"10^{exponent:.0f} combinations, more than {LIMIT}"
        return ""

    def warm(self) -> None:
        kernels.warm()

    def solve(self, problem: ChoiceProblem, budget: Budget, seed: int) -> Solution:
        check_accepted(self.name, self.refusal(problem))
        best = BestChoice(problem, budget, self.name)
        ends = zip(problem.first[:-1].tolist(), problem.first[1:].tolist(), strict=True)
        complete = "yes"
        for flat in itertools.product(*(range(a, b) for a, b in ends)):
            if not budget.left():
                complete = "no"
                break
            best.offer(np.array(flat, dtype=np.int64))
        return best.solution({"complete": complete})
