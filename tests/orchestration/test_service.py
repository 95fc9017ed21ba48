from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from qb_controller.orchestration.journal import Journal
from qb_controller.orchestration.service import Question, Service, answer
from qb_controller.runtime.messages import Settings
from qb_controller.runtime.workers import WorkerPool
from quantum_backends.routing import one_hot
from quantum_backends.testing import tiny_problem
from tests.runtime import solvers

TINY = tiny_problem()
STUCK = replace(TINY, incumbent=one_hot(TINY, TINY.layout.first[:-1]))


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    with WorkerPool(solvers.ALL, solvers.SPEC) as each:
        assert each.wait_ready(30)
        yield each


def question(settings: Settings, seconds: float = 2.0) -> Question:
    return Question(STUCK, "test", settings, time.monotonic() + seconds)


def test_a_problem_without_a_network_is_answered() -> None:
    decision, solution = answer(
        STUCK, 5.0, Settings(), solvers.GOOD, application="lab", spec=solvers.GOOD_SPEC
    )
    assert solution is not None and solution.value == pytest.approx(0.8)
    assert (decision.application, decision.backend, decision.deadline_s) == ("lab", "descent", 5.0)
    outcome = decision.outcome
    assert outcome is not None
    assert (outcome.status, outcome.mlu_before) == ("improved", pytest.approx(1.4))


def test_decisions_are_recorded_with_form_and_application(pool: WorkerPool) -> None:
    journal = Journal()
    service = Service(pool, solvers.ALL, journal)
    decision, _ = service.answer(question(Settings(pinned_backend="descent")))
    assert journal.get(decision.number) == decision
    assert (decision.form, decision.application) == ("routing", "test")


@pytest.mark.parametrize("backend", ["raising", "unloadable", "no-such"])
def test_without_an_answer_the_incumbent_stays(pool: WorkerPool, backend: str) -> None:
    service = Service(pool, solvers.ALL, Journal())
    decision, solution = service.answer(question(Settings(pinned_backend=backend)))
    assert solution is None
    assert decision.outcome is not None and decision.outcome.status in ("failed", "kept")
