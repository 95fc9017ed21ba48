"""Split plans by gradient projection under exponential prices, over the candidate paths.

First the least MLU, which counts as optimal within a fraction of the linear program's time; then,
with the MLU held, squares of the utilisations and the cost of moving, to a few percent of theirs.
"""

from __future__ import annotations

import numpy as np

from quantum_backends.bounds import dual_bound
from quantum_backends.columns import chained
from quantum_backends.equilibrium import Equilibrium
from quantum_backends.equilibrium_kernels import cheapest_of
from quantum_backends.objective import SLACK, floor
from quantum_backends.routing import Floats, RoutingProblem, flatten, one_hot, tidy
from quantum_backends.search import Best, refuse_without_paths, start_choice
from quantum_backends.solution import Solution
from quantum_backends.solver import Budget, check_accepted
from quantum_backends.testing import tiny_problem

_ROUNDS = 100
"""Ten to thirty are enough; more means that rounding is what stands in the way."""

_WALLS = 100.0 * 2.0 ** np.arange(11)
"""Exponents that hold the MLU while the squares are lowered, from a soft wall, along which traffic
slides quickly, to one within a hundred-thousandth of the cap."""


class EquilibriumRouting:
    """Anytime; ends where its MLU counts as optimal over the candidate paths, and is smooth."""

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
        if problem.hint is not None:
            best.offer(problem.hint)
        while rounds < _ROUNDS and budget.left() and routing.mlu > bound * (1 + SLACK / 2):
            price = routing.prices()
            column = cheapest_of(paths.head, paths.after, paths.start, paths.link, price)
            distance = problem.incidence[column] @ price
            bound = max(bound, dual_bound(problem, price, distance))
            routing.steepen(price, distance)
            routing.follow()
            best.offer(tidy(problem, routing.share))
            rounds += 1
        toll, cap = _toll(problem), floor(problem) * (1 - SLACK / 2)
        for steep in _WALLS:
            if not (best.at_floor and cap and budget.left()):
                break
            routing.smooth(cap, steep, toll)
            best.offer(tidy(problem, routing.share))
        return best.solution({"rounds": rounds, "bound": bound})


def _start(problem: RoutingProblem) -> Floats:
    if problem.incumbent is not None:
        return problem.present.copy()
    if problem.hint is not None:
        return problem.hint.copy()
    return flatten(one_hot(problem, start_choice(problem)))


def _toll(problem: RoutingProblem) -> Floats:
    """Cost of a unit of traffic on each path that carries nothing of its demand now."""
    if problem.incumbent is None:
        return np.zeros(len(problem.layout.demand))
    return (problem.present < 1e-9) * (problem.move_cost / max(problem.volume.sum(), 1e-300))
