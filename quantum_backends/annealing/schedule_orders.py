"""Schedules by simulated annealing over orders of insertion, in software.

The structured form: a state is an order, its energy what insertion in that order loses. A move
takes one request to another place.
"""

from __future__ import annotations

import time

import numpy as np

from quantum_backends.schedule_instances import random_schedule
from quantum_backends.schedule_search import BestSchedule
from quantum_backends.schedules import ScheduleProblem
from quantum_backends.solution import Solution
from quantum_backends.solver import Budget

_SLICE_S = 0.05
"""Longest anneal, after which cancellation is looked for."""


class ScheduleAnnealer:
    """Anneals again and again, each time from the best order and twice as long as time allows."""

    name = "path-switch"
    family = "annealer"
    forms = ("schedule",)

    def refusal(self, problem: ScheduleProblem) -> str:
        return ""

    def warm(self) -> None:
        self.solve(random_schedule(3, 2, 0), Budget(0.05), 0)

    def solve(self, problem: ScheduleProblem, budget: Budget, seed: int) -> Solution:
        best = BestSchedule(problem, budget, self.name)
        rng, rounds, total = np.random.default_rng(seed), 10, 0
        while budget.left() and not best.proven and len(best.order) > 1:
            began = time.perf_counter()
            found = best.inserter.improve(best.order, rounds, int(rng.integers(2**31)))
            best.offer_order(found)
            took = max(time.perf_counter() - began, 1e-6)
            total += rounds
            room = min(_SLICE_S, budget.left())
            rounds = int(np.clip(rounds * room / took, 1, 1e5))
        return best.solution({"moves": total, "simulated": "annealing in software"})
