"""Tries every single-path plan: the oracle the others are checked against."""

from __future__ import annotations

import itertools
import math

import numpy as np

from quantum_backends.routing import RoutingProblem
from quantum_backends.search import Best, refuse_without_paths
from quantum_backends.solution import Solution
from quantum_backends.solver import Budget, check_accepted

LIMIT = 100_000
"""Largest number of plans it accepts."""


class Exhaustive:
    """Exact by the whole objective for single paths; for split problems only over single paths."""

    name = "exhaustive"
    family = "classical"
    forms = ("routing",)

    def refusal(self, problem: RoutingProblem) -> str:
        if problem.split:
            return "it compares single-path plans only"
        if reason := refuse_without_paths(problem):
            return reason
        # Logarithms, because a large problem has more plans than a float can tell.
        digits = float(np.log10(np.diff(problem.layout.first)).sum())
        return f"10^{digits:.0f} plans, more than {LIMIT}" if digits > math.log10(LIMIT) else ""

    def warm(self) -> None:
        return

    def solve(self, problem: RoutingProblem, budget: Budget, seed: int) -> Solution:
        check_accepted(self.name, self.refusal(problem))
        best = Best(problem, budget, self.name)
        first = problem.layout.first.tolist()
        plans = itertools.product(*(range(a, b) for a, b in itertools.pairwise(first)))
        complete = "yes"
        for plan in plans:
            best.offer_choice(np.array(plan, dtype=np.int64))
            if not budget.left():
                complete = "no"
                break
        return best.solution({"complete": complete})
