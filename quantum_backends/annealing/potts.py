"""The structured annealer on choices: heat-bath walks, joined by transplants.

It cools quickly from the best plan so far to find the temperature at which a quarter of the
updates change something; walks begin there. Where the time allows for several, a small population
is kept and a child is made of two parents: a region of groups that are strongly coupled takes the
options of the second parent, renamed so that they fit the first one around it at least cost (a
linear assignment of options to options), and is annealed from a lower temperature. This is the
partition crossover of hybrid graph colouring (Galinier and Hao, J. Comb. Optim. 3, 1999) with the
renaming solved exactly. Where the time is short for the size, one walk takes all of it.
"""

from __future__ import annotations

import time

import numpy as np
from scipy import sparse
from scipy.optimize import linear_sum_assignment

from quantum_backends import choice_kernels as kernels
from quantum_backends import heat_bath
from quantum_backends.choice_search import BestChoice
from quantum_backends.choices import ChoiceProblem, colouring
from quantum_backends.routing import Ints
from quantum_backends.solution import Solution
from quantum_backends.solver import Budget, check_accepted

BUSY = 0.25
"""A walk begins at the temperature at which this share of updates changes something: with 100 and
1,000 access points and 3 to 12 channels that is where the best walks for their time began."""

COLD, COLDER = 0.4, 0.3
"""Where a walk ends, in units of where it begins: one of several, whose best is settled and
crossed, and the only one."""

WARM = 0.7
"""Where the walk of a child begins, in the same units."""

CUT = 0.05
"""Couplings below this share of the temperature are held at what they were when a slice began. At
1,000 access points that leaves out nine in ten, and three times as many sweeps fit in."""

SLICE_S = 0.015
"""Longest stretch of compiled sweeps, after which cancellation is looked for."""

WALKS = 8
"""Members of the population; their walks share half the time, a child's is shorter.
At 100 access points and six channels in 0.45 s eight members ended 0.7 % above the best known on
average, six 1.0 %, ten walks without children 1.0 %."""

LEAST_WALKS, LEAST_SWEEPS = 3, 10_000
"""Where not even so many walks of so many sweeps fit in, one long walk is better: at 1,000 access
points in 1.8 s it ended 1.6 % above the best known on average, three walks 3.0 %."""

CHILD = 0.3
"""Time of a child's walk in that of a member's."""


class PottsAnnealer:
    """Simulated annealing on choices in their structured form."""

    name = "path-switch"
    family = "annealer"
    forms = ("choices",)

    def refusal(self, problem: ChoiceProblem) -> str:
        return ""

    def warm(self) -> None:
        kernels.warm()
        heat_bath.warm()
        self.solve(colouring(np.array([[0, 1], [1, 2]]), 3, 2), Budget(0.02), 0)

    def solve(self, problem: ChoiceProblem, budget: Budget, seed: int) -> Solution:
        check_accepted(self.name, self.refusal(problem))
        best = BestChoice(problem, budget, self.name)
        walk = _Walk(problem, budget, best, seed)
        if len(best.movable) and budget.left() and not best.proven:
            walk.run()
        simulated = "annealer in software, on choices in their structured form"
        return best.solution({"simulated": simulated, "walks": walk.walks, "sweeps": walk.sweeps})


class _Walk:
    """The state of one search."""

    def __init__(self, problem: ChoiceProblem, budget: Budget, best: BestChoice, seed: int) -> None:
        self.problem, self.budget, self.best = problem, budget, best
        self.rng = np.random.default_rng(seed)
        self.state = self.rng.integers(1, 2**63, 1, dtype=np.uint64)
        self.rows = heat_bath.rows_of(problem)
        self.walks = self.sweeps = 0
        self.speed = 1e6  # updates per second, measured as it goes
        self.tables = {-np.inf: best.table}  # by the logarithm of the cut

    def run(self) -> None:
        """Walk, and cross what the walks found, until the budget ends."""
        started = self.best.flat
        hot = self.heat(started.copy())
        half = self.budget.left() / 2
        fit = half * self.speed / (LEAST_SWEEPS * len(self.best.movable))
        if fit < LEAST_WALKS:
            self.anneal(started, hot, COLDER * hot, 2 * 0.97 * half)
            return
        count = min(WALKS, int(fit))
        members = [self.anneal(started, hot, COLD * hot, half / count) for _ in range(count)]
        self.cross(members, hot, CHILD * half / count)

    def over(self) -> bool:
        return not self.budget.left() or self.best.proven

    def heat(self, chosen: Ints) -> float:
        """Cool until updates change less than :data:`BUSY`; the temperature there."""
        field = kernels.field_of(self.best.table, chosen)
        first = self.problem.first[:-1]
        means = np.add.reduceat(field, first) / np.diff(self.problem.first)
        gain = float((means - np.minimum.reduceat(field, first)).mean())
        temperature = gain or float(self.best.table.weight.mean())
        sweeps = max(10, 2000 // len(chosen))
        least = temperature / 1000  # where changes are free, they never cease
        while temperature > least and not self.over():
            began = time.perf_counter()
            flips, _ = self.sweep(chosen, temperature, temperature, sweeps)
            updates = sweeps * len(self.best.movable)
            self.speed = updates / max(time.perf_counter() - began, 1e-6)
            if flips < BUSY * updates:
                break
            temperature *= 0.8
        return temperature

    def sweep(self, chosen: Ints, hot: float, cold: float, sweeps: int) -> tuple[int, Ints]:
        """Heat-bath sweeps; ``chosen`` ends where they ended. Changes, and the lowest choices."""
        self.sweeps += sweeps
        field = kernels.field_of(self.best.table, chosen)
        if self.rows is None:
            groups = self.best.movable
            table = self.table(cold)
            return heat_bath.sweep_table(
                table, field, chosen, groups, hot, cold, sweeps, self.state
            )
        first, n = self.problem.first[:-1], len(chosen)
        single = np.zeros((len(field) // n, self.rows.shape[1]), np.float32)
        single[:, :n] = field.reshape(n, -1).T
        option = chosen - first
        flips, lowest = heat_bath.sweep_rows(
            self.rows, single, option, hot, cold, sweeps, self.state
        )
        chosen[:] = option + first
        return flips, lowest + first

    def anneal(self, start: Ints, hot: float, cold: float, seconds: float) -> Ints:
        """One walk that has cooled when the time is over; returns its lowest local optimum."""
        chosen, movable = start.copy(), len(self.best.movable)
        lowest, least, done = chosen.copy(), np.inf, 0.0
        began = time.perf_counter()
        while done < 1 and not self.over():
            slice_s, slice_began = min(SLICE_S, seconds / 5), time.perf_counter()
            sweeps = max(1, int(slice_s * self.speed / movable))
            ends = [hot * (cold / hot) ** at for at in (done, min(1.0, done + slice_s / seconds))]
            _, found = self.sweep(chosen, ends[0], ends[1], sweeps)
            cost = self.best.cost(found)
            if cost < least:
                least, lowest = cost, found
            now = time.perf_counter()
            self.speed = sweeps * movable / max(now - slice_began, 1e-6)
            done = (now - began) / seconds
        self.walks += 1
        settled = self.best.settled(lowest)
        self.best.offer(settled)
        return settled

    def table(self, temperature: float) -> kernels.Table:
        """The couplings that matter at a temperature; made once for each power of two."""
        level = np.floor(np.log2(CUT * temperature))
        if level not in self.tables:
            self.tables[level] = kernels.thinned(self.best.table, 2.0**level)
        return self.tables[level]

    def cross(self, members: list[Ints], hot: float, seconds: float) -> None:
        """Children of two members replace the worse of them where they are better and new."""
        near = _nearest(self.problem, len(self.best.flat))
        values = [self.best.cost(member) for member in members]
        n = len(self.best.flat)
        while not self.over():
            i, j = self.rng.choice(len(members), 2, replace=False)
            size = int(self.rng.integers(max(1, n // 6), n // 2 + 1))
            region = near[self.rng.integers(n), :size]
            child = self.transplant(members[i], members[j], region)
            child = self.anneal(child, WARM * hot, COLD * hot, seconds)
            value = self.best.cost(child)
            loser = i if values[i] >= values[j] else j
            if value < values[loser] and value not in values:
                members[loser], values[loser] = child, value

    def transplant(self, into: Ints, other: Ints, region: Ints) -> Ints:
        """Put another plan's region into a plan, options renamed to fit at least cost."""
        first = self.problem.first
        child = into.copy()
        counts = np.diff(first)[region]
        if not (counts == counts[0]).all():
            child[region] = other[region]  # options of unlike groups have no common names
            return child
        inside = np.zeros(len(into), np.int64)
        inside[region] = 1
        field = kernels.field_outside(self.best.table, into, inside)
        names = other[region] - first[region]
        options = first[region][:, None] + np.arange(counts[0])
        cost = np.zeros((counts[0], counts[0]))
        np.add.at(cost, names, field[options])
        child[region] = first[region] + linear_sum_assignment(cost)[1][names]
        return child


def _nearest(problem: ChoiceProblem, count: int) -> Ints:
    """For each group itself and those it is coupled with most strongly (g, count)."""
    q = len(problem.unary)
    member = sparse.csr_array(
        (np.ones(q), (problem.group, np.arange(q))), shape=(problem.n_groups, q)
    )
    strength = (member @ problem.coupling @ member.T).toarray()
    np.fill_diagonal(strength, np.inf)
    return np.argsort(-strength, axis=1, kind="stable")[:, :count]
