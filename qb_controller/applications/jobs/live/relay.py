"""Contested schedules of live jobs, put to the policy by way of the controller.

Nobody waits for an answer: a QPU that is free works by the plan at hand. What comes back is advice
for a state that has changed meanwhile; it is brought up to date at every decision and followed
where that is better than planning anew.
"""

from __future__ import annotations

import logging
import pickle
import queue
import time
from collections.abc import Callable
from dataclasses import dataclass

from qb_controller.applications.jobs.formulate import Task
from qb_controller.applications.jobs.live.advice import Advice, adapted, advice_of
from qb_controller.runtime.messages import ScheduleRequest, ScheduleResult
from quantum_backends.schedule_search import contested
from quantum_backends.schedules import Plan

PATIENCE_S = 3.0
"""A question is given up, and another one may be asked, after this. The controller itself answers
that nobody did after half of it (a cycle of traffic engineering may be in front)."""

_log = logging.getLogger("qb.jobs")


@dataclass(frozen=True)
class _Asked:
    """The question whose answer is expected."""

    number: int
    task: Task
    at: float


class Relay:
    """Asks for a better plan where one could serve more.

    Parameters
    ----------
    send : callable
        Takes a question to the controller; raises OSError where it is gone.
    """

    def __init__(self, send: Callable[[ScheduleRequest], None]) -> None:
        self._send = send
        self._answers: queue.SimpleQueue[ScheduleResult] = queue.SimpleQueue()
        self._count = 0
        self._about: tuple[int, bytes] = (0, b"")
        self._asked: _Asked | None = None
        self._advice: Advice = {}

    def heard(self, result: ScheduleResult) -> None:
        """Hand an answer over, from whichever thread it was read in."""
        self._answers.put(result)

    @property
    def news(self) -> bool:
        """Whether an answer came that the scheduler has not looked at."""
        return not self._answers.empty()

    def solve(self, task: Task, plan: Plan) -> Plan:
        """The plan, or a better one by what the policy's choice advised; never waits.

        Nobody is asked where the plan serves whoever can be served, nor twice about the same
        shots, nor while an answer is expected.
        """
        self._read()
        best = self._better(task, plan)
        same = (task.problem.n_requests, task.problem.shots.tobytes())
        if self._asked is None and same != self._about and contested(task.problem, best):
            self._about = same
            self._ask(task, best)
        return best

    def _better(self, task: Task, plan: Plan) -> Plan:
        waiting = {progress.request.name for progress in task.requests}
        self._advice = {name: one for name, one in self._advice.items() if name in waiting}
        if not self._advice:
            return plan
        found = adapted(self._advice, task)
        return found if task.problem.value(found) < task.problem.value(plan) else plan

    def _ask(self, task: Task, plan: Plan) -> None:
        self._count += 1
        value = task.problem.value(plan)
        try:
            self._send(ScheduleRequest(self._count, pickle.dumps(task.problem), value))
        except OSError:
            return
        self._asked = _Asked(self._count, task, time.monotonic())

    def _read(self) -> None:
        """Take the answer to the latest question as advice."""
        while self.news:
            result = self._answers.get()
            if self._asked is None or result.number != self._asked.number:
                continue
            task, self._asked = self._asked.task, None
            if result.plan:
                self._take(task, pickle.loads(result.plan))
        if self._asked is not None and time.monotonic() - self._asked.at > PATIENCE_S:
            self._asked = None

    def _take(self, task: Task, plan: Plan) -> None:
        try:
            task.problem.check(plan)
        except ValueError as error:
            _log.warning("an answer that is no plan: %s", error)
            return
        self._advice = advice_of(task, plan)
