"""Contested schedules go to the policy; whatever comes back, the plan gets no worse."""

import pickle
import threading
from dataclasses import replace

import numpy as np
import pytest

from qb_controller.applications.jobs.live import relay
from qb_controller.applications.jobs.live.relay import Relay
from qb_controller.runtime.messages import ScheduleRequest, ScheduleResult
from quantum_backends.registry import BACKENDS
from quantum_backends.schedule_instances import random_schedule
from quantum_backends.schedule_search import contested, quick
from quantum_backends.schedules import ScheduleProblem
from quantum_backends.solver import Budget

CROWDED = random_schedule(40, 6, 1, parts=4, tightness=3.0, price=0.02)


class Policy:
    """Answers in a thread of its own, as the controller's words come in."""

    def __init__(self, answer) -> None:
        self.asked: list[ScheduleRequest] = []
        self._answer = answer
        self.relay = Relay(self._take)

    def _take(self, question: ScheduleRequest) -> None:
        self.asked.append(question)
        result = self._answer(question)
        if result is not None:
            threading.Thread(target=self.relay.heard, args=(result,)).start()


def by(name: str):
    def answer(question: ScheduleRequest) -> ScheduleResult:
        problem = pickle.loads(question.problem)
        assert isinstance(problem, ScheduleProblem)
        found = BACKENDS[name].solve(problem, Budget(1.0), 0)
        return ScheduleResult(question.number, None, pickle.dumps(found.answer))

    return answer


def test_a_better_plan_is_taken_and_nobody_is_asked_twice():
    BACKENDS["sa-blocks"].warm()
    plan, _ = quick(CROWDED, 0)
    assert contested(CROWDED, plan)
    policy = Policy(by("sa-blocks"))
    found = policy.relay.solve(CROWDED, plan)
    CROWDED.check(found)
    assert CROWDED.value(found) < CROWDED.value(plan)
    assert policy.asked[0].value == pytest.approx(CROWDED.value(plan))
    assert policy.relay.solve(CROWDED, plan) is plan and len(policy.asked) == 1
    policy.relay.solve(replace(CROWDED, shots=CROWDED.shots + 1), plan)
    assert len(policy.asked) == 2


def test_nobody_is_asked_where_all_are_served():
    roomy = random_schedule(6, 4, 0, tightness=9.0)
    plan, _ = quick(roomy, 0)
    assert not contested(roomy, plan)
    policy = Policy(by("sa-blocks"))
    assert policy.relay.solve(roomy, plan) is plan and not policy.asked


@pytest.mark.parametrize(
    "answer",
    [
        lambda question: ScheduleResult(question.number),
        lambda question: ScheduleResult(question.number, None, pickle.dumps(())),
        lambda question: ScheduleResult(question.number, None, pickle.dumps(((0, 0, 1, -5.0),))),
        lambda question: ScheduleResult(question.number + 7, None, pickle.dumps(())),
        lambda question: None,
    ],
    ids=["none better", "worse", "no plan", "of another question", "no answer"],
)
def test_whatever_comes_back_the_plan_stands(answer, monkeypatch):
    monkeypatch.setattr(relay, "PATIENCE_S", 0.3)
    plan, _ = quick(CROWDED, 0)
    policy = Policy(answer)
    assert policy.relay.solve(CROWDED, plan) is plan and len(policy.asked) == 1


def test_a_controller_that_is_gone_costs_no_plan():
    def gone(_: ScheduleRequest) -> None:
        raise BrokenPipeError

    plan, _ = quick(CROWDED, 0)
    assert Relay(gone).solve(CROWDED, plan) is plan
    assert np.isfinite(CROWDED.value(plan))
