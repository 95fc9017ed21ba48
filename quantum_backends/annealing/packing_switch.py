"""The structured annealer on packings: moves of one group at a time, overuse at a bent penalty.

Single groups change their option under the Metropolis rule; what is used above a capacity costs
``weight`` for each unit, and nothing below it. Where the resources' prices in the linear
relaxation are known, the weights are multiples of them: at the price itself overuse would just
pay at the margin, at twice the price it does not. Between slices of a walk the state is made to
fit (:func:`quantum_backends.packing_search.settled`) and offered, so that an answer is never
further away than a few milliseconds.

A short walk comes first, then longer ones. Each starts from the best so far, warm enough to leave
it, so that a walk that was cut off loses nothing.
"""

from __future__ import annotations

import time

import numpy as np

from quantum_backends import packing_kernels as kernels
from quantum_backends.packing import PackingProblem, random_packing
from quantum_backends.packing_lp import units
from quantum_backends.packing_search import BestPacking, density, priced_density
from quantum_backends.routing import Floats, Ints
from quantum_backends.solution import Solution
from quantum_backends.solver import Budget

HOT, COLD = 0.3, 0.01
"""Temperatures of a walk in units of the mean worth of a group's dearest option."""

STEEP = 2.0
"""Weight of overuse over the price of the resource."""

REACH = 6.0
"""Groups whose second-best option at the prices is more temperatures away rest: they would leave
the best one every e^6-th time they were asked."""

SLICE_S = 0.015
"""Longest stretch of compiled sweeps, after which cancellation is looked for."""

WALKS = (0.1, 0.3, 0.6)
"""Shares of the time; after them walks of the last length while there is time."""


class PackingAnnealer:
    """Simulated annealing on packings in their structured form."""

    name = "path-switch"
    family = "annealer"
    forms = ("packing",)

    def refusal(self, problem: PackingProblem) -> str:
        return ""

    def warm(self) -> None:
        kernels.warm()
        self.solve(random_packing(4, 2, 3, 0), Budget(0.02), 0)

    def solve(self, problem: PackingProblem, budget: Budget, seed: int) -> Solution:
        best = BestPacking(problem, budget, self.name)
        walk = _Walk(problem, budget, best, seed)
        total, number = 0.98 * budget.left(), 0
        while len(best.movable) and not walk.over():
            share = WALKS[min(number, len(WALKS) - 1)]
            walk.run(min(share * total, 0.98 * budget.left()))
            number += 1
        simulated = "annealer in software, on packings in their structured form"
        return best.solution({"simulated": simulated, "walks": number, "sweeps": walk.sweeps})


class _Walk:
    """The state of one search."""

    def __init__(
        self, problem: PackingProblem, budget: Budget, best: BestPacking, seed: int
    ) -> None:
        self.problem, self.budget, self.best = problem, budget, best
        rng = np.random.default_rng(seed)
        self.state = rng.integers(1, 2**63, 1, dtype=np.uint64)
        self.score = priced_density(problem) if problem.price.any() else density(problem)
        self.weight = weights(problem)
        groups = max(1, len(best.movable))
        self.unit = max(problem.attainable / groups, 1e-300)
        self.speed = 1e6  # moves per second, measured as it goes
        self.sweeps = 0
        self.first, self.doubt = _doubt(problem)

    def active(self, chosen: Ints, temperature: float) -> Ints:
        """The groups worth visiting at a temperature: in doubt, or not on their best option."""
        movable = self.best.movable
        near = self.doubt[movable] < REACH * temperature
        some = movable[near | (chosen[movable] != self.first[movable])]
        return some if len(some) else movable

    def over(self) -> bool:
        return not self.budget.left() or self.best.proven

    def run(self, seconds: float) -> None:
        """One walk that has cooled when the time is over."""
        chosen, table = self.best.flat.copy(), self.best.table
        began, done = time.perf_counter(), 0.0
        while done < 1 and not self.over():
            slice_s = min(SLICE_S, max(seconds / 5, 1e-4))
            cooling = COLD / HOT
            ends = [
                HOT * self.unit * cooling**at for at in (done, min(1.0, done + slice_s / seconds))
            ]
            movable = self.active(chosen, ends[0])
            sweeps = max(1, int(slice_s * self.speed / len(movable)))
            slice_began = time.perf_counter()
            free = kernels.free_of(table, chosen)
            worth, found = kernels.anneal(
                *(table, chosen, free, movable, self.weight, *ends, sweeps, self.state)
            )
            if worth > self.best.worth:
                self.best.settle(found, self.score)
            self.best.settle(chosen, self.score)
            now = time.perf_counter()
            self.speed = sweeps * len(movable) / max(now - slice_began, 1e-6)
            done = (now - began) / seconds
            self.sweeps += sweeps


def _doubt(problem: PackingProblem) -> tuple[Ints, Floats]:
    """Best option of each group at the prices, and how much worse the second is (g,)."""
    order = np.lexsort((-problem.reduced, problem.group))
    first = order[problem.first[:-1]]
    more = np.diff(problem.first) > 1
    gap = np.zeros(problem.n_groups)
    second = order[problem.first[:-1][more] + 1]
    gap[more] = problem.reduced[first[more]] - problem.reduced[second]
    return first, gap if problem.price.any() else np.zeros(problem.n_groups)


def weights(problem: PackingProblem) -> Floats:
    """What a unit of overuse of each resource costs (m,).

    A multiple of the price, and of the mean price where a resource is worth less than that. Where
    no prices are known, all resources are priced as if what is attainable were spread over them.
    """
    total = float(problem.price @ problem.capacity) or problem.attainable
    mean = total / max(1, len(problem.capacity))
    return np.asarray(STEEP * np.maximum(problem.price, mean / units(problem)))
