"""Split plans by gradient projection under exponential prices, over the candidate paths.

Within a ten-thousandth of the linear program's optimum in a small fraction of its time; squares of
the utilisations and the cost of moving only decide between the plans it comes across.
"""

from __future__ import annotations

import numpy as np

from quantum_backends.bounds import dual_bound
from quantum_backends.columns import chained
from quantum_backends.equilibrium import Equilibrium
from quantum_backends.equilibrium_kernels import cheapest_of
from quantum_backends.objective import SLACK
from quantum_backends.routing import Floats, RoutingProblem, flatten, one_hot, tidy
from quantum_backends.search import Best, refuse_without_paths, start_choice
from quantum_backends.solution import Solution
from quantum_backends.solver import Budget, check_accepted
from quantum_backends.testing import tiny_problem

_ROUNDS = 100
"""Ten to thirty are enough; more means that rounding is what stands in the way."""


class EquilibriumRouting:
    """Anytime; ends where its MLU counts as optimal over the candidate paths."""

    name = "equilibrium"
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
        paths = chained(problem.layout)
        routing = Equilibrium(problem, paths, _start(problem))
        bound, rounds = problem.bound, 0
        while rounds < _ROUNDS and budget.left() and routing.mlu > bound * (1 + SLACK / 2):
            price = routing.prices()
            column = cheapest_of(paths.head, paths.after, paths.start, paths.link, price)
            distance = problem.incidence[column] @ price
            bound = max(bound, dual_bound(problem, price, distance))
            routing.steepen(price, distance)
            routing.follow()
            best.offer(tidy(problem, routing.share))
            rounds += 1
        return best.solution({"rounds": rounds, "bound": bound})


def _start(problem: RoutingProblem) -> Floats:
    if problem.incumbent is not None:
        return np.array(problem.present)
    return flatten(one_hot(problem, start_choice(problem)))
