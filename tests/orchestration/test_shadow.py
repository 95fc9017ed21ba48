from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from qb_controller.orchestration.journal import Journal
from qb_controller.orchestration.ledger import Ledger
from qb_controller.orchestration.policy import Spent
from qb_controller.orchestration.service import Question, Service
from qb_controller.orchestration.shadow import Shadow, regret_of
from qb_controller.runtime.messages import Settings
from qb_controller.runtime.workers import WorkerPool
from quantum_backends.routing import one_hot
from quantum_backends.testing import tiny_problem
from tests.runtime import solvers

TINY = tiny_problem()
STUCK = replace(TINY, incumbent=one_hot(TINY, TINY.layout.first[:-1]), bound=0.7)
NO_BAD = ("silent", "deaf", "dying", "raising", "unloadable")


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    with WorkerPool(solvers.ALL, solvers.SPEC, cores=2) as each:
        assert each.wait_ready(30)
        yield each


def answered(service: Service, settings: Settings, seconds: float = 0.3):  # type: ignore[no-untyped-def]
    """Ask, and return what a shadow needs."""
    question = Question(STUCK, "test", settings, time.monotonic() + seconds, whole_only=True)
    decision = service.decide(question)
    runs = service.run(decision, question)
    service.journal.finish(decision)
    return decision, question, runs


def until_done(shadow: Shadow, count: int, seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while shadow.done < count and time.monotonic() < end:
        shadow.step(float("inf"))
        time.sleep(0.01)
    assert shadow.done == count


def test_what_was_not_chosen_is_tried_while_nothing_waits(pool: WorkerPool) -> None:
    service = Service(pool, solvers.ALL, Journal())
    settings = Settings(pinned_backend="obedient", forbidden=NO_BAD)
    decision, question, runs = answered(service, settings)
    assert decision.backend == "obedient"
    shadow = Shadow(service)
    shadow.remember(decision, question, runs)
    until_done(shadow, 1)
    learnt = service.advisor.performance.counts()
    assert learnt == {("routing/single", "descent", "whole"): 1}
    recorded = service.journal.get(decision.number)
    assert recorded is not None
    found = regret_of(recorded)
    assert found is not None and found[0] == "descent"
    assert shadow.found() == {decision.number: recorded.regret} and shadow.found() == {}
    assert found[1] > 50  # obedient keeps the plan, descent takes 1.4 to 0.8 of a bound of 0.7


def test_nothing_is_begun_where_a_live_task_is_near(pool: WorkerPool) -> None:
    service = Service(pool, solvers.ALL, Journal())
    shadow = Shadow(service)
    shadow.remember(*answered(service, Settings(pinned_backend="descent", forbidden=NO_BAD)))
    for idle_s in (-1.0, 0.0, 0.3):
        shadow.step(idle_s)
        assert set(pool.states().values()) == {"ready"}


def test_a_live_task_ends_a_shadow_run_at_once(pool: WorkerPool) -> None:
    service = Service(pool, solvers.ALL, Journal())
    decision, question, runs = answered(
        service, Settings(pinned_backend="descent", forbidden=NO_BAD), 3.0
    )
    shadow = Shadow(service)
    shadow.remember(decision, question, runs)
    shadow.step(float("inf"))
    assert "busy" in pool.states().values()
    shadow.stop()
    assert "busy" not in pool.states().values()
    assert shadow.done == 0


def test_an_hour_later_the_money_is_there_again() -> None:
    ledger = Ledger()
    ledger.add("te", 0.0, 5.0, 0.5)
    ledger.add("te", 1800.0, 1.0, 0.25)
    ledger.add("slices", 1800.0, 9.0, 9.0)
    assert ledger.spent("te", 3599.0) == Spent(6.0, 0.75)
    assert ledger.spent("te", 3600.0) == Spent(1.0, 0.25)
    assert ledger.spent("jobs", 0.0) == Spent()
