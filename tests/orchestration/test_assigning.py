from __future__ import annotations

from dataclasses import replace
from time import monotonic as now

import pytest

from qb_controller.orchestration.assigning import Assigner
from qb_controller.orchestration.journal import Journal
from qb_controller.orchestration.service import Service
from qb_controller.runtime.engine import Availability
from qb_controller.runtime.flight import Answer
from qb_controller.runtime.jobs import Run
from qb_controller.runtime.messages import Settings
from qb_controller.runtime.task import Record, State, Task
from quantum_backends.candidates import with_candidates
from quantum_backends.registry import BACKENDS
from quantum_backends.routing import one_hot
from quantum_backends.solution import Solution
from quantum_backends.testing import random_problem

NAMES = ("local-search", "sa-blocks")
SOME = {name: BACKENDS[name] for name in NAMES}
FREE = Availability(dict.fromkeys(NAMES, 0.0), {}, 2)
PROBLEM = with_candidates(random_problem(8, 2, seed=3))
FIRST = one_hot(PROBLEM, PROBLEM.layout.first[:-1])


class Engine:
    grace_s = 0.05

    def availability(self) -> Availability:
        return FREE

    def poll(self, seconds: float = 0.0) -> list[object]:
        return []


@pytest.fixture()
def service() -> Service:
    return Service(Engine(), SOME, Journal())  # type: ignore[arg-type]


def task(deadline: float) -> Task:
    return Task("a", "slices", PROBLEM, deadline, incumbent=FIRST)


def test_a_free_backend_is_assigned(service: Service) -> None:
    assigned = Assigner(service, Settings())(task(now() + 0.5), now(), FREE)
    assert assigned.backends[0] in NAMES and 0 < assigned.seconds <= 0.5
    assert "place 56 demands" in assigned.why


def test_a_busy_backend_is_waited_for_rather_than_given_up(service: Service) -> None:
    assigner = Assigner(service, Settings())
    busy = replace(FREE, waits=dict.fromkeys(NAMES, 0.1))
    assert assigner(task(now() + 0.5), now(), busy).backends
    never = replace(FREE, waits=dict.fromkeys(NAMES, 2.0))
    nobody = assigner(task(now() + 0.5), now(), never)
    assert nobody.backends == () and "busy" in nobody.why


def test_what_became_of_a_task_is_recorded_and_learnt(service: Service) -> None:
    assigner, asked = Assigner(service, Settings()), task(now() + 0.5)
    first = assigner(asked, now(), FREE)
    again = assigner(asked, now(), FREE)  # the dispatcher thinks again: the same decision
    backend = first.backends[0]
    assert again.backends[0] == backend
    value = 0.9 * PROBLEM.value(FIRST)
    found = Solution(FIRST, value, backend, 0.1)
    record = Record.begin("a", 0.0)
    record = record.to(State.DECIDING, 0.0).to(State.RUNNING, 0.0).to(State.ANSWERED, 0.2, "done")
    run = Run(found, "answered", 0.1, 0.05)
    decision = assigner.finish(Answer(asked, record, found, ((backend, run),)))
    assert decision is not None and decision.outcome is not None
    assert (decision.application, decision.outcome.status) == ("slices", "improved")
    assert decision.outcome.elapsed_s == pytest.approx(0.2)
    assert service.journal.get(decision.number) is not None
    assert service.journal.next_number() == decision.number + 1
    assert service.advisor.performance.counts() == {("routing/single", backend, "whole"): 1}
    assert assigner.finish(Answer(asked, record, found)) is None
