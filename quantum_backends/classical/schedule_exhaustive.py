"""Tries every set of variants, every assignment on the grid and every order: a tiny oracle.

Fragments are placed in each possible order, every piece as early as its machine and what it waits
for allow (semi-active schedules: among them is an optimal one where time costs the same whenever
it is, or nothing).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np

from quantum_backends.schedule_search import BestSchedule
from quantum_backends.schedules import Piece, Plan, ScheduleProblem
from quantum_backends.solution import Solution
from quantum_backends.solver import Budget, check_accepted

LIMIT = 300_000
"""Most schedules that are tried."""


class ScheduleExhaustive:
    """Exact on the grid of shares that CP-SAT uses too; refuses all but the smallest."""

    name = "exhaustive"
    family = "classical"
    forms = ("schedule",)

    def refusal(self, problem: ScheduleProblem) -> str:
        if problem.ripens_s > 0:
            return "time costs differently at different times"
        count = float(math.factorial(min(problem.n_requests, 20)))
        able = np.isfinite(problem.shot_s).sum(axis=1).tolist()
        for r in range(problem.n_requests):
            ways = 1.0
            for v in range(problem.first_variant[r], problem.first_variant[r + 1]):
                fragments = _fragments(problem, v)
                spread = (math.comb(able[f] + problem.parts - 1, problem.parts) for f in fragments)
                ways += math.prod(spread) * math.factorial(len(fragments))
            count *= ways
            if count > LIMIT:
                return f"more than {LIMIT} schedules"
        return ""

    def warm(self) -> None:
        return

    def solve(self, problem: ScheduleProblem, budget: Budget, seed: int) -> Solution:
        check_accepted(self.name, self.refusal(problem))
        best = BestSchedule(problem, budget, self.name)
        complete = "yes"
        for tried, plan in enumerate(_plans(problem)):
            if tried % 64 == 0 and not budget.left():
                complete = "no"
                break
            if plan is not None:
                best.offer(plan)
        return best.solution({"complete": complete})


def _fragments(problem: ScheduleProblem, variant: int) -> range:
    return range(int(problem.first_fragment[variant]), int(problem.first_fragment[variant + 1]))


def splits(problem: ScheduleProblem, fragment: int) -> list[tuple[tuple[int, int], ...]]:
    """All ways to spread a fragment's shots over machines in ``parts`` equal shares."""
    able = np.flatnonzero(np.isfinite(problem.shot_s[fragment])).tolist()
    shots, parts = int(problem.shots[fragment]), problem.parts
    found = set()
    for chosen in itertools.combinations_with_replacement(able, parts):
        counts = {m: chosen.count(m) for m in chosen}
        found.add(tuple(whole_shares(shots, parts, tuple(counts.items()))))
    return [given for given in sorted(found) if given]


def whole_shares(
    shots: int, parts: int, counts: tuple[tuple[int, int], ...]
) -> list[tuple[int, int]]:
    """Shots of each machine that gets so many of the equal shares, whole numbers."""
    given, taken = [], 0
    for m, count in counts:
        more = (taken + count) * shots // parts - taken * shots // parts
        taken += count
        if more:
            given.append((m, more))
    return given


def _plans(problem: ScheduleProblem) -> Iterator[Plan | None]:
    requests = range(problem.n_requests)
    ways = [
        [-1, *range(int(problem.first_variant[r]), int(problem.first_variant[r + 1]))]
        for r in requests
    ]
    for variants in itertools.product(*ways):
        taken = [v for v in variants if v >= 0]
        fragments = [f for v in taken for f in _fragments(problem, v)]
        for order in itertools.permutations(fragments):
            for given in itertools.product(*(splits(problem, f) for f in order)):
                yield _placed(problem, order, given)


def _placed(
    problem: ScheduleProblem,
    order: tuple[int, ...],
    given: tuple[tuple[tuple[int, int], ...], ...],
) -> Plan | None:
    """Everything as early as it may in an order; None where something is late or out of order."""
    free = problem.release.astype(float).copy()
    pieces: dict[int, list[Piece]] = {}
    for f, shares in zip(order, given, strict=True):
        deadline = problem.deadline[problem.request_of[problem.variant_of[f]]]
        for m, shots in shares:
            start = max(free[m], problem.ready[f, m])
            for p in problem.parent[problem.parent_start[f] : problem.parent_start[f + 1]].tolist():
                if p not in pieces:
                    return None
                for before in pieces[p]:
                    start = max(start, problem.end(before) + problem.lag[before[1], m])
            piece = (f, m, shots, float(start))
            free[m] = problem.end(piece)
            if free[m] > min(deadline, problem.close[m]):
                return None
            pieces.setdefault(f, []).append(piece)
    return tuple(piece for some in pieces.values() for piece in some)
