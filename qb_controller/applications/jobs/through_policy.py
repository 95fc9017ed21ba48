"""The scheduler's problem through the Quantum Invocation Policy, like any other task."""

from __future__ import annotations

import time

from qb_controller.applications.jobs.ours import Solve
from qb_controller.orchestration.service import Question, Service
from qb_controller.runtime.messages import Settings
from quantum_backends.schedule_search import quick
from quantum_backends.schedules import Plan, ScheduleProblem

NAME = "jobs"


def settings_of(deadline_s: float, pinned: str | None, seed: int) -> Settings:
    """Settings of a decision: what a plan costs is in the problem itself."""
    return Settings(
        deadline_s=deadline_s,
        pinned_backend=pinned,
        min_gain=0.0,
        full_gain=0.0,
        quiet_mlu=0.0,
        seed=seed,
    )


def through(service: Service, settings: Settings) -> Solve:
    """A solver for :func:`qb_controller.applications.jobs.ours.ours`.

    The insertion heuristic's plan stands unless a backend that the policy chose finds a better
    one before the deadline; the answer is checked against the problem first.
    """

    def solve(problem: ScheduleProblem) -> Plan:
        until = time.monotonic() + settings.deadline_s - service.engine.grace_s
        plan, _ = quick(problem, 0)
        value = problem.value(plan)
        if value <= problem.bound + 1e-9:
            return plan  # everything is served at no price: nothing can be better
        question = Question(problem, NAME, settings, until, {"incumbent": value})
        _, solution = service.answer(question)
        return plan if solution is None else solution.answer

    return solve
