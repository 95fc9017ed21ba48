"""Split plans by linear programming over the candidate paths (HiGHS, primal simplex).

First the least MLU; then, with the MLU held, the sum of squared utilisations (in 16 linear
pieces) plus the cost of leaving the present paths. Cancellation is seen between the two.
"""

from __future__ import annotations

import numpy as np

from quantum_backends.master import Master
from quantum_backends.objective import SLACK
from quantum_backends.routing import Floats, RoutingProblem, flatten, tidy
from quantum_backends.search import Best, refuse_without_paths, start_choice
from quantum_backends.solution import Solution
from quantum_backends.solver import Budget, check_accepted
from quantum_backends.testing import tiny_problem

_MARGIN_S = 0.02
"""HiGHS is told to stop this much before the budget ends."""


class HighsLp:
    """Optimal in the MLU over the candidate paths, when its budget suffices."""

    name = "highs-lp"
    family = "classical"
    forms = ("routing",)

    def refusal(self, problem: RoutingProblem) -> str:
        if not problem.split:
            return "its answers split demands, and single paths are asked for"
        return refuse_without_paths(problem)

    def warm(self) -> None:
        self.solve(tiny_problem(split=True), Budget(1.0), 0)

    def solve(self, problem: RoutingProblem, budget: Budget, seed: int) -> Solution:
        check_accepted(self.name, self.refusal(problem))
        best = Best(problem, budget, self.name)
        if not problem.volume.any() or not budget.left():
            return best.solution({"stage": "none"})
        base = start_choice(problem)
        master = Master(problem, problem.layout, base)
        optimal = master.solve(budget.left() - _MARGIN_S)
        value = master.value
        stage = "mlu" if optimal else "mlu cut short"
        best.offer(tidy(problem, master.shares()))
        if optimal and budget.left() > _MARGIN_S:
            # A little inside the slack, so that rounding does not push it out.
            cap = max(value, problem.bound) * (1 + 0.9 * SLACK)
            master.smooth(cap, _move_price(problem))
            stage = "squares" if master.solve(budget.left() - _MARGIN_S) else "squares cut short"
            if master.feasible:
                best.offer(tidy(problem, master.shares()))
        return best.solution({"stage": stage, "lp_mlu": value})


def _move_price(problem: RoutingProblem) -> Floats:
    """Cost of a whole share of each choice that carries nothing of its demand now.

    Shares that grow on a path already in use are not charged; the final score charges them.
    """
    if problem.incumbent is None or not problem.move_cost:
        return np.zeros(len(problem.layout.demand))
    unused = flatten(problem.incumbent) < 1e-9
    return unused * problem.move_cost * problem.choice_volume / problem.volume.sum()
