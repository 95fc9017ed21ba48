"""Schedules by insertion, then iterated search over the order of insertion."""

from __future__ import annotations

import numpy as np

from quantum_backends.schedule_instances import random_schedule
from quantum_backends.schedule_search import BestSchedule
from quantum_backends.schedules import ScheduleProblem
from quantum_backends.solution import Solution
from quantum_backends.solver import Budget

_AT_ONCE = 8
"""Orders tried between two looks at the clock."""


class ScheduleInsertion:
    """Three orders, then requests that are left over are taken forward until the budget ends."""

    name = "local-search"
    family = "classical"
    forms = ("schedule",)

    def refusal(self, problem: ScheduleProblem) -> str:
        return ""

    def warm(self) -> None:
        problem = random_schedule(3, 2, 0)
        self.solve(problem, Budget(0.02), 0)
        BestSchedule(problem, Budget(1.0), self.name).inserter.improve(np.arange(3), 2, 0)

    def solve(self, problem: ScheduleProblem, budget: Budget, seed: int) -> Solution:
        best = BestSchedule(problem, budget, self.name)
        rng, tried = np.random.default_rng(seed), 0
        while budget.left() and not best.proven and len(best.order) > 1:
            for _ in range(_AT_ONCE):
                best.offer_order(_kicked(problem, best, rng))
                tried += 1
        return best.solution({"orders": tried})


def _kicked(problem: ScheduleProblem, best: BestSchedule, rng: np.random.Generator) -> np.ndarray:
    """The best order with one to three requests taken forward, such as are left over first."""
    order = best.order.copy()
    served = problem.served(best.plan)
    over = [i for i, r in enumerate(order.tolist()) if r not in served]
    for _ in range(int(rng.integers(1, 4))):
        pick = (
            int(rng.choice(over)) if over and rng.random() < 0.7 else int(rng.integers(len(order)))
        )
        to = int(rng.integers(len(order)))
        moved = order[pick]
        order = np.insert(np.delete(order, pick), to, moved)
        over = [i for i, r in enumerate(order.tolist()) if r not in served]
    return order
