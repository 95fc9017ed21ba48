"""Advice for an earlier state, followed in a later one: nothing twice, nothing lost, in time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from qb_controller.applications.jobs.book import Book
from qb_controller.applications.jobs.formulate import Task, formulate
from qb_controller.applications.jobs.live.advice import adapted, advice_of
from qb_controller.model.jobs import (
    CLASSICAL,
    CutPlan,
    Fragment,
    JobRequest,
    Progress,
    QpuState,
    State,
    SubJob,
)
from quantum_backends.schedules import Plan
from tests.applications.jobs.clouds import machine, request

WHOLE = CutPlan((Fragment(2, 1, 1, 1000),))
TWO_STEPS = CutPlan(
    (Fragment(2, 1, 1, 1000), Fragment(2, 1, 1, 1000, after=(0,))), CLASSICAL, wire_cuts=1
)


def task_of(waiting: list[Progress], now: float = 0.0, free_at: tuple[float, ...] = (0.0, 0.0)):
    qpus = tuple(
        QpuState(machine(m), max(at, now), up=np.isfinite(at)) for m, at in enumerate(free_at)
    )
    return formulate(State(qpus, tuple(waiting)), now, Book())


def new(number: int, deadline: float = 2.5, shots: int = 1000) -> Progress:
    return Progress(request(number, 0.0, deadline, shots))


def begun(one: Progress, left: int, qpu: str = "q0", end: float = 1.0) -> Progress:
    given = one.request.variants[0].fragments[0].shots - left
    job = SubJob(one.request.name, 0, 0, qpu, given, 0.0, end)
    return replace(one, variant=0, left=(left,), under_way=(job,))


def follow(task: Task, plan: Plan) -> list[tuple[str, int, str, int, float]]:
    """The plan in names, once it has been checked."""
    task.problem.check(plan)
    return sorted(
        (task.places[f][0], task.places[f][2], f"q{m}", shots, round(start, 6))
        for f, m, shots, start in plan
    )


def test_in_the_same_state_advice_is_the_plan():
    task = task_of([new(1), new(2)])
    plan = ((0, 1, 1000, 0.0), (1, 0, 1000, 0.0))
    assert follow(task, adapted(advice_of(task, plan), task)) == follow(task, plan)


def test_shots_given_meanwhile_are_not_run_again():
    """600 shots were to begin first, on q0; 700 have been given there and elsewhere."""
    before = task_of([new(1, shots=1000)])
    advice = advice_of(before, ((0, 0, 600, 0.0), (0, 1, 400, 0.2)))
    now = task_of([begun(new(1, shots=1000), left=300)], 0.1, (1.0, 0.0))
    assert follow(now, adapted(advice, now)) == [("r1", 0, "q1", 300, 0.0)]


def test_shots_lost_meanwhile_are_run_again():
    before = task_of([begun(new(1), left=400)])
    advice = advice_of(before, ((0, 1, 400, 0.0),))
    now = task_of([replace(begun(new(1), left=1000), under_way=())], 0.5)
    assert follow(now, adapted(advice, now)) == [("r1", 0, "q1", 1000, 0.0)]


def test_who_is_over_is_forgotten_and_who_is_new_is_served():
    before = task_of([new(1), new(2)])
    advice = advice_of(before, ((0, 0, 1000, 0.0), (1, 1, 1000, 0.0)))
    now = task_of([new(2), new(3)], 0.5)
    served = follow(now, adapted(advice, now))
    assert {name for name, *_ in served} == {"r2", "r3"}
    assert ("r2", 0, "q1", 1000, 0.0) in served


def test_whoever_would_be_late_where_it_was_advised_goes_elsewhere():
    before = task_of([new(1, deadline=1.5)])
    advice = advice_of(before, ((0, 0, 1000, 0.0),))
    now = task_of([new(1, deadline=1.5)], 0.2, (1.0, 0.0))
    assert follow(now, adapted(advice, now)) == [("r1", 0, "q1", 1000, 0.0)]


def test_a_qpu_that_went_away_gets_nothing():
    before = task_of([new(1), new(2)])
    advice = advice_of(before, ((0, 0, 1000, 0.0), (1, 1, 1000, 0.0)))
    now = task_of([new(1), new(2)], 0.1, (0.0, np.inf))
    assert {qpu for _, _, qpu, *_ in follow(now, adapted(advice, now))} == {"q0"}


def test_a_job_that_began_otherwise_goes_on_as_it_began():
    two_ways = JobRequest("r1", (WHOLE, TWO_STEPS), 1000, 0.0, 4.0)
    before = task_of([Progress(two_ways)])
    advice = advice_of(before, ((0, 0, 1000, 0.0),))
    under_way = (SubJob("r1", 1, 0, "q0", 1000, 0.0, 1.0),)
    now = task_of([Progress(two_ways, 1, (0, 1000), under_way)], 0.1, (1.0, 0.0))
    ((name, part, _, shots, start),) = follow(now, adapted(advice, now))
    assert (name, part, shots) == ("r1", 1, 1000)
    assert start >= 0.9  # after what it waits for


@pytest.mark.parametrize("late_s", [0.0, 0.3, 5.0])
def test_what_waits_for_others_still_does(late_s: float):
    """Five seconds later there is no time left for both steps: then nothing is planned."""
    one = Progress(JobRequest("r1", (TWO_STEPS,), 1000, 0.0, 4.0))
    before = task_of([one])
    advice = advice_of(before, ((0, 0, 1000, 0.5), (1, 1, 1000, 2.0)))
    now = task_of([one], late_s)
    served = follow(now, adapted(advice, now))
    assert [(name, part, shots) for name, part, _, shots, _ in served] == (
        [("r1", 0, 1000), ("r1", 1, 1000)] if late_s < 1 else []
    )
