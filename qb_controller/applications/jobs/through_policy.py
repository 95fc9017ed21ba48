"""The scheduler's problem through the Quantum Invocation Policy, like any other task.

In a simulation the policy is at hand (:func:`through`). The live jobs have a process of their own,
which sends contested schedules to the optimiser by way of the controller (:mod:`.live.relay`);
there :class:`ScheduleDesk` answers them.
"""

from __future__ import annotations

import logging
import pickle
import time
from collections.abc import Callable
from dataclasses import dataclass

from qb_controller.applications.jobs.formulate import Task
from qb_controller.applications.jobs.ours import Solve
from qb_controller.orchestration.lending import Lending
from qb_controller.orchestration.service import Question, Service
from qb_controller.runtime.messages import ScheduleRequest, ScheduleResult, Settings
from quantum_backends.schedules import Plan, ScheduleProblem

NAME = "jobs"

_log = logging.getLogger("qb.jobs")


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

    The heuristic's plan stands unless a backend that the policy chose finds a better one before
    the deadline; the answer is checked against the problem first.
    """

    def solve(task: Task, plan: Plan) -> Plan:
        problem = task.problem
        until = time.monotonic() + settings.deadline_s - service.engine.grace_s
        value = problem.value(plan)
        if value <= problem.bound + 1e-9:
            return plan  # everything is served at no price: nothing can be better
        question = Question(problem, NAME, settings, until, {"incumbent": value})
        _, solution = service.answer(question)
        return plan if solution is None else solution.answer

    return solve


@dataclass
class ScheduleDesk:
    """Answers questions of the jobs process, in the optimiser.

    Parameters
    ----------
    borrow : callable
        Gives the service, with nothing running in the background.
    """

    borrow: Callable[[], Service]

    def __post_init__(self) -> None:
        self._service = Lending(self.borrow, "schedule")

    def answer(self, request: ScheduleRequest) -> ScheduleResult:
        """Answer a question; never raises for anything in it."""
        try:
            return self._solved(request)
        except Exception:
            _log.exception("question %d about quantum jobs failed", request.number)
            return ScheduleResult(request.number)

    def _solved(self, request: ScheduleRequest) -> ScheduleResult:
        problem = pickle.loads(request.problem)
        assert isinstance(problem, ScheduleProblem) and request.settings is not None
        service = self._service()
        settings = request.settings
        until = time.monotonic() + settings.deadline_s - service.engine.grace_s
        number = max(service.journal.next_number(), request.known_decision + 1)
        known = {"incumbent": request.value}
        question = Question(problem, NAME, settings, until, known, number)
        decision, solution = service.answer(question)
        plan = b"" if solution is None else pickle.dumps(solution.answer)
        return ScheduleResult(request.number, decision, plan)
