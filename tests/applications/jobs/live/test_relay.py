"""Contested schedules go to the policy; nobody waits, and the plan gets no worse."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace

import pytest

from qb_controller.applications.jobs import settings
from qb_controller.applications.jobs.book import Book
from qb_controller.applications.jobs.formulate import Task, formulate
from qb_controller.applications.jobs.live import relay
from qb_controller.applications.jobs.live.relay import Relay
from qb_controller.applications.jobs.ours import ours
from qb_controller.applications.jobs.simulator import simulate
from qb_controller.applications.jobs.workload import Cell, draw
from qb_controller.model.jobs import Decision, Progress, QpuState, State
from qb_controller.runtime.messages import ScheduleRequest, ScheduleResult
from quantum_backends.registry import BACKENDS
from quantum_backends.schedule_search import contested, quick
from quantum_backends.schedules import ScheduleProblem
from quantum_backends.solver import Budget
from tests.applications.jobs.clouds import check_rules, machine

GIVEN = settings.defaults()


def crowd(now: float = 0.0, leave_out: int = 0) -> Task:
    """More requests of a drawn workload than four QPUs can serve before their deadlines."""
    drawn = draw(Cell(1.0, 5.0, 4), GIVEN, 2, 40)
    waiting = tuple(
        Progress(replace(one, arrival=0.0, deadline=one.deadline - one.arrival))
        for one in drawn.requests[leave_out:]
    )
    qpus = tuple(QpuState(qpu, now) for qpu in drawn.qpus)
    return formulate(State(qpus, waiting, drawn.latency), now, Book(), 4)


@pytest.fixture(scope="module")
def crowded() -> Task:
    BACKENDS["sa-blocks"].warm()
    task = crowd()
    assert contested(task.problem, quick(task.problem, 0)[0])
    return task


class Policy:
    """Keeps the questions; answers when told to."""

    def __init__(self) -> None:
        self.asked: list[ScheduleRequest] = []
        self.relay = Relay(self.asked.append)

    def answers(self) -> None:
        question = self.asked[-1]
        problem = pickle.loads(question.problem)
        assert isinstance(problem, ScheduleProblem)
        found = BACKENDS["sa-blocks"].solve(problem, Budget(0.3), 0)
        self.relay.heard(ScheduleResult(question.number, None, pickle.dumps(found.answer)))


def test_a_better_plan_is_followed_when_it_comes_and_nobody_waits(crowded: Task) -> None:
    problem = crowded.problem
    plan, _ = quick(problem, 0)
    policy = Policy()
    assert policy.relay.solve(crowded, plan) is plan
    assert policy.asked[0].value == pytest.approx(problem.value(plan))
    assert not policy.relay.news
    policy.answers()
    assert policy.relay.news
    found = policy.relay.solve(crowded, plan)
    problem.check(found)
    assert problem.value(found) < problem.value(plan)
    assert len(policy.asked) == 1  # nobody is asked twice about the same shots


def test_an_answer_is_of_use_in_a_later_state(crowded: Task) -> None:
    policy = Policy()
    policy.relay.solve(crowded, quick(crowded.problem, 0)[0])
    policy.answers()
    later = crowd(0.2, leave_out=1)
    plan, _ = quick(later.problem, 0)
    found = policy.relay.solve(later, plan)
    later.problem.check(found)
    assert later.problem.value(found) < later.problem.value(plan)


def test_one_question_at_a_time(crowded: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    policy, later = Policy(), crowd(0.2, leave_out=1)
    plan, _ = quick(later.problem, 0)
    policy.relay.solve(crowded, quick(crowded.problem, 0)[0])
    policy.relay.solve(later, plan)
    assert len(policy.asked) == 1
    monkeypatch.setattr(relay, "PATIENCE_S", 0.0)
    policy.relay.solve(later, plan)  # the first one is given up
    policy.relay.solve(later, plan)
    assert [question.number for question in policy.asked] == [1, 2]


def test_nobody_is_asked_where_all_are_served() -> None:
    few = tuple(Progress(one.request) for one in crowd().requests[:2])
    roomy = formulate(State(tuple(QpuState(machine(m), 0.0) for m in range(4)), few), 0.0, Book())
    plan, _ = quick(roomy.problem, 0)
    policy = Policy()
    assert policy.relay.solve(roomy, plan) is plan
    assert not contested(roomy.problem, plan)
    assert not policy.asked


@pytest.mark.parametrize(
    "answer",
    [
        lambda question: ScheduleResult(question.number),
        lambda question: ScheduleResult(question.number, None, pickle.dumps(())),
        lambda question: ScheduleResult(question.number, None, pickle.dumps(((0, 0, 1, -5.0),))),
        lambda question: ScheduleResult(question.number + 7, None, pickle.dumps(())),
    ],
    ids=["none better", "worse", "no plan", "of another question"],
)
def test_whatever_comes_back_the_plan_stands(
    crowded: Task, answer: Callable[[ScheduleRequest], ScheduleResult]
) -> None:
    plan, _ = quick(crowded.problem, 0)
    policy = Policy()
    policy.relay.solve(crowded, plan)
    policy.relay.heard(answer(policy.asked[0]))
    assert policy.relay.solve(crowded, plan) is plan
    assert len(policy.asked) == 1


def test_a_controller_that_is_gone_costs_no_plan(crowded: Task) -> None:
    def gone(_: ScheduleRequest) -> None:
        raise BrokenPipeError

    plan, _ = quick(crowded.problem, 0)
    assert Relay(gone).solve(crowded, plan) is plan


def test_late_answers_lose_nothing_and_give_nothing_twice() -> None:
    """Every answer comes some decisions late, so that shots were given, ended and lost meanwhile.

    The simulator refuses orders for shots that are not there.
    """
    drawn = draw(Cell(2.0, 5.0, 4), GIVEN, 2, 50)
    policy, due, late = Policy(), 0, 3
    scheduler = ours(GIVEN, policy.relay.solve)

    def decide(state: State, now: float) -> Decision:
        nonlocal due
        before = len(policy.asked)
        found = scheduler(state, now)
        if len(policy.asked) > before:
            due = late
        elif due:
            due -= 1
            if not due:
                policy.answers()
        return found

    result = simulate(drawn, decide)
    assert len(policy.asked) > 5, "hardly anything was contested"
    assert result.arrived == 50 == result.served + len(result.schedule.missed)
    check_rules(drawn, result.schedule)
    assert result.served >= simulate(drawn, ours(GIVEN)).served - 3
