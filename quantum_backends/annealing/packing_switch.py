"""The structured annealer on packings: two kinds of walks, in turn, from the best so far.

**Switches.** Single groups change their option under the Metropolis rule; what is used above a
capacity costs ``weight`` for each unit, and nothing below it: a bent penalty. Where the resources'
prices in the linear relaxation are known, the weights are multiples of them: at the price itself
overuse would just pay at the margin, at a multiple it does not. A move costs the length of two
paths, so that there are millions in a second; this sorts out many small requests.

**Ejections** (:mod:`quantum_backends.packing_ejection`) stay within the capacities: an option is
put in, and what is in its way leaves. This replaces several small requests by a large one, which
switches would have to climb over.

At the prices most groups are beyond doubt. A walk at temperature T leaves those alone that would
leave their best option less than once in e^6 times, so that the few in doubt get all the moves.
"""

from __future__ import annotations

import time

import numpy as np

from quantum_backends import packing_ejection as ejection
from quantum_backends import packing_kernels as kernels
from quantum_backends.packing import PackingProblem, random_packing
from quantum_backends.packing_lp import units
from quantum_backends.packing_search import BestPacking, best_density
from quantum_backends.routing import Floats, Ints
from quantum_backends.solution import Solution
from quantum_backends.solver import Budget

HOT, COLD = 0.3, 0.01
"""Temperatures of switches in units of the mean worth of a group's dearest option."""

EJECT_HOT, EJECT_COOLING = 0.3, 0.1
"""Highest temperature of ejections in the same unit, and what is left of it in the end."""

FEW = 100
"""Groups up to which ejections are that hot; of more, each may cost less of the whole."""

ENOUGH = 100.0
"""Ejections for each group that the highest temperature is for; with fewer it is less."""

STEEP = 2.0
"""Weight of overuse over the price of the resource."""

REACH = 6.0
"""Groups whose second-best option at the prices is more temperatures away rest: they would leave
the best one every e^6-th time they were asked."""

SPEED, PACE = 1e6, 1e5
"""Switches and ejections per second that a walk begins with at most. A cold one, where most options
put in are there already, is ten times as quick as a hot one: what was measured at the end of one
walk would keep the first slice of the next going far beyond any deadline."""

SLICE_S = 0.015
"""Longest stretch of compiled sweeps, after which cancellation is looked for."""

PHASES = (("eject", 0.3), ("switch", 0.1), ("eject", 0.3), ("eject", 0.3))
"""Kinds of walks and their shares of the time; the last one again while there is time."""


class PackingAnnealer:
    """Simulated annealing on packings in their structured form."""

    name = "path-switch"
    family = "annealer"
    forms = ("packing",)

    def refusal(self, problem: PackingProblem) -> str:
        return ""

    def warm(self) -> None:
        kernels.warm()
        ejection.warm()
        self.solve(random_packing(4, 2, 3, 0), Budget(0.02), 0)

    def solve(self, problem: PackingProblem, budget: Budget, seed: int) -> Solution:
        best = BestPacking(problem, budget, self.name)
        walk = _Walk(problem, budget, best, seed)
        total, number = 0.98 * budget.left(), 0
        while len(best.movable) and not walk.over():
            kind, share = PHASES[min(number, len(PHASES) - 1)]
            seconds = min(share * total, 0.98 * budget.left())
            (walk.switch if kind == "switch" else walk.eject)(seconds)
            number += 1
        simulated = "annealer in software, on packings in their structured form"
        figures = {"walks": number, "sweeps": walk.sweeps, "ejections": walk.ejections}
        return best.solution({"simulated": simulated, **figures})


class _Walk:
    """The state of one search."""

    def __init__(
        self, problem: PackingProblem, budget: Budget, best: BestPacking, seed: int
    ) -> None:
        self.problem, self.budget, self.best = problem, budget, best
        rng = np.random.default_rng(seed)
        self.state = rng.integers(1, 2**63, 1, dtype=np.uint64)
        self.score = best_density(problem)
        self.weight = weights(problem)
        groups = max(1, len(best.movable))
        self.unit = max(problem.attainable / groups, 1e-300)
        self.speed = SPEED  # moves per second, measured as it goes
        self.pace = PACE  # ejections per second, likewise
        self.sweeps = self.ejections = 0
        self.users = ejection.users_of(problem)
        self.first, self.doubt = _doubt(problem)
        nothing = problem.first[:-1][problem.group]
        self.gaining = np.flatnonzero(problem.worth > problem.worth[nothing])
        self.behind = problem.reduced[self.first][problem.group] - problem.reduced
        if not problem.price.any():
            self.behind = np.zeros(len(problem.worth))

    def active(self, chosen: Ints, temperature: float) -> Ints:
        """The groups worth visiting at a temperature: in doubt, or not on their best option."""
        movable = self.best.movable
        near = self.doubt[movable] < REACH * temperature
        some = movable[near | (chosen[movable] != self.first[movable])]
        return some if len(some) else movable

    def over(self) -> bool:
        return not self.budget.left() or self.best.proven

    def switch(self, seconds: float) -> None:
        """One walk that has cooled when the time is over."""
        self.speed = min(self.speed, SPEED)
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
            measured = sweeps * len(movable) / max(now - slice_began, 1e-6)
            self.speed = min(2 * self.speed, measured)
            done = (now - began) / seconds
            self.sweeps += sweeps

    def eject(self, seconds: float) -> None:
        """One walk of ejections that has cooled when the time is over."""
        table = self.best.table
        chosen = self.best.flat.copy()
        began, done = time.perf_counter(), 0.0
        self.pace = min(self.pace, PACE)
        groups = len(self.best.movable)
        hot = EJECT_HOT * self.unit * min(1.0, FEW / groups)
        hot *= min(1.0, self.pace * seconds / groups / ENOUGH)
        while done < 1 and not self.over():
            slice_s = min(SLICE_S, max(seconds / 5, 1e-4))
            ends = [hot * EJECT_COOLING**at for at in (done, min(1.0, done + slice_s / seconds))]
            candidates = self.candidates(ends[0])
            if not len(candidates):
                return
            moves = max(1, int(slice_s * self.pace))
            slice_began = time.perf_counter()
            free = kernels.free_of(table, chosen)
            worth, found = ejection.walk(
                table, self.users, chosen, free, candidates, *ends, moves, self.state
            )
            if worth > self.best.worth:
                self.best.settle(found, self.score)
            now = time.perf_counter()
            self.pace = min(2 * self.pace, moves / max(now - slice_began, 1e-6))
            done = (now - began) / seconds
            self.ejections += moves

    def candidates(self, temperature: float) -> Ints:
        """Options worth putting in at a temperature: those that gain, and are in doubt."""
        return self.gaining[self.behind[self.gaining] < REACH * max(temperature, 0.02 * self.unit)]


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
