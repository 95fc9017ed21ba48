"""The structured annealer on choices: Metropolis walks, joined by transplants.

First walks of growing length from the best plan so far. Then, where the walks are short enough to
have several, a small population is kept and a child is made of two parents: a region of groups
that are strongly coupled takes the options of the second parent, renamed so that they fit the
first one around it at least cost (a linear assignment of options to options), and is annealed
from a low temperature. This is the partition crossover of hybrid graph colouring (Galinier and
Hao, J. Comb. Optim. 3, 1999) with the renaming solved exactly. Where the time is short for the
size, one walk takes all of it.
"""

from __future__ import annotations

import time

import numpy as np
from scipy import sparse
from scipy.optimize import linear_sum_assignment

from quantum_backends import choice_kernels as kernels
from quantum_backends.choice_search import BestChoice
from quantum_backends.choices import ChoiceProblem, colouring
from quantum_backends.routing import Ints
from quantum_backends.solution import Solution
from quantum_backends.solver import Budget, check_accepted

HOT, COLD = 2.0, 0.2
"""Temperatures of a walk in units of the mean cost per group of the best plan: where at 100 to
1,000 access points the results were best for their time."""

CUT = 0.05
"""Couplings below this share of the temperature are held at what they were when a slice began. At
1,000 access points that leaves out nine in ten, and three times as many sweeps fit in."""

SLICE_S = 0.015
"""Longest stretch of compiled sweeps, after which cancellation is looked for."""

WALKS = 3
"""Members of the population; each walk of it gets the same part of half the time. More members
were no better at 100 access points, and worse where time is short."""

POPULATION_SWEEPS = 70_000
"""Where walks would be shorter than this, one long walk is better than several crossed: at 100
access points and six channels, 2 s of a population of three ended 1.3 % above the best known, one
walk 2.4 %; at 300 and 1,000 it was the other way round."""


class PottsAnnealer:
    """Simulated annealing on choices in their structured form."""

    name = "path-switch"
    family = "annealer"
    forms = ("choices",)

    def refusal(self, problem: ChoiceProblem) -> str:
        return ""

    def warm(self) -> None:
        kernels.warm()
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
        self.walks = self.sweeps = 0
        self.speed = 1e6  # moves per second, measured as it goes
        self.tables = {-np.inf: best.table}  # by the logarithm of the cut

    def run(self) -> None:
        """Walk, and cross what the walks found, until the budget ends."""
        started, everybody = self.best.flat, self.best.movable
        self.anneal(started, everybody, HOT, self.budget.left() / 40)
        seconds = self.budget.left() / (2 * WALKS)
        if seconds * self.speed < POPULATION_SWEEPS * len(everybody):
            self.anneal(started, everybody, HOT, 0.97 * self.budget.left())
            return
        members = []
        for _ in range(WALKS):
            members.append(self.anneal(started, everybody, HOT, seconds))
        self.cross(members, seconds / 12)

    def over(self) -> bool:
        return not self.budget.left() or self.best.proven

    def anneal(self, start: Ints, movable: Ints, hot: float, seconds: float) -> Ints:
        """One walk that has cooled when the time is over; returns its lowest local optimum."""
        chosen = start.copy()
        unit = max(self.best.value, 1e-12) / len(start)
        cooling = min(COLD, hot / 2) / hot
        lowest, least, done = chosen.copy(), np.inf, 0.0
        began = time.perf_counter()
        while done < 1 and not self.over():
            slice_s = min(SLICE_S, seconds / 5)
            sweeps = max(1, int(slice_s * self.speed / len(movable)))
            ends = [hot * unit * cooling**at for at in (done, min(1.0, done + slice_s / seconds))]
            table, slice_began = self.table(ends[1]), time.perf_counter()
            field = kernels.field_of(self.best.table, chosen)
            _, found = kernels.anneal(table, chosen, field, movable, *ends, sweeps, self.state)
            cost = self.best.cost(found)
            if cost < least:
                least, lowest = cost, found
            now = time.perf_counter()
            self.speed = sweeps * len(movable) / max(now - slice_began, 1e-6)
            done = (now - began) / seconds
            self.sweeps += sweeps
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

    def cross(self, members: list[Ints], seconds: float) -> None:
        """Children of two members replace the worse of them where they are better and new."""
        near = _nearest(self.problem, len(self.best.flat))
        values = [self.best.cost(member) for member in members]
        n = len(self.best.flat)
        while not self.over():
            i, j = self.rng.choice(len(members), 2, replace=False)
            size = int(self.rng.integers(max(1, n // 6), n // 2 + 1))
            region = near[self.rng.integers(n), :size]
            child = self.transplant(members[i], members[j], region)
            child = self.anneal(child, self.best.movable, HOT / 2, seconds)
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
