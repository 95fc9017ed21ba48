"""Contested schedules of live jobs, put to the policy by way of the controller."""

from __future__ import annotations

import logging
import pickle
import queue
import time
from collections.abc import Callable

from qb_controller.runtime.messages import ScheduleRequest, ScheduleResult
from quantum_backends.schedule_search import contested
from quantum_backends.schedules import Plan, ScheduleProblem

PATIENCE_S = 1.5
"""How long an answer is waited for: a cycle of traffic engineering may be in front, then comes the
deadline of the question itself. A sub-job takes seconds."""

_log = logging.getLogger("qb.jobs")


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
        self._asked: tuple[int, bytes] = (0, b"")

    def heard(self, result: ScheduleResult) -> None:
        """Hand an answer over, from whichever thread it was read in."""
        self._answers.put(result)

    def solve(self, problem: ScheduleProblem, plan: Plan) -> Plan:
        """The plan, or a better one that the policy's choice found.

        Nobody is asked where the plan serves whoever can be served, nor twice about the same
        shots.
        """
        same = (problem.n_requests, problem.shots.tobytes())
        if same == self._asked or not contested(problem, plan):
            return plan
        self._asked = same
        self._count += 1
        value = problem.value(plan)
        try:
            self._send(ScheduleRequest(self._count, pickle.dumps(problem), value))
        except OSError:
            return plan
        result = self._answer()
        if result is None or not result.plan:
            return plan
        found: Plan = pickle.loads(result.plan)
        try:
            problem.check(found)
        except ValueError as error:
            _log.warning("an answer that is no plan: %s", error)
            return plan
        return found if problem.value(found) < value else plan

    def _answer(self) -> ScheduleResult | None:
        """The answer to the latest question; None where none comes in time."""
        until = time.monotonic() + PATIENCE_S
        while (left := until - time.monotonic()) > 0:
            try:
                result = self._answers.get(timeout=left)
            except queue.Empty:
                break
            if result.number == self._count:
                return result
        return None
