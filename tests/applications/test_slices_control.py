"""From requests to a verified plan through the policy and real workers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from qb_controller.applications.slices import formulate
from qb_controller.applications.slices_control import (
    GREEDY,
    admit,
    by_greedy,
    first_answer,
    settings_of,
)
from qb_controller.applications.verify_slices import verify
from qb_controller.commands.wireless import service_for
from qb_controller.orchestration.features import features
from qb_controller.orchestration.performance import kind_of
from qb_controller.orchestration.priors import PACKING
from qb_controller.orchestration.service import Service
from quantum_backends.registry import BACKENDS
from tests.applications.slice_networks import diamond, pipe, ring

REQUESTS = [pipe("a", 1, 4, 6, value=6), pipe("b", 1, 4, 6, value=5), pipe("c", 1, 4, 6, value=9)]


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with service_for("exhaustive", "packing") as each:
        yield each


def test_the_worthiest_are_admitted_and_the_decision_says_by_whom(service: Service) -> None:
    found = admit(service, diamond(), REQUESTS, (), settings_of(2.0), share=1.0)
    assert {p.request.name for p in found.plan.placements} == {"a", "c"}
    assert found.worth == pytest.approx(15) and found.bound >= found.worth
    assert set(found.rejected) == {"b"} and not found.moved
    assert found.decision is not None and found.decision.form == "packing"
    assert found.plan.decision == found.decision.number
    assert found.elapsed_s > 0
    verify(found.plan.placements, diamond(), found.plan.decision, 1.0)


def test_running_slices_are_told_when_they_move(service: Service) -> None:
    net = diamond()
    first = admit(service, net, [pipe("old", 1, 4, 6, value=2)], (), settings_of(2.0), share=1.0)
    old = first.plan.placements[0]
    middle = old.pipes[0].path.dpids[1]
    needs_it = pipe("via", 1, middle, 8, latency=0.001, value=50)
    found = admit(
        service, net, [needs_it], (old,), settings_of(2.0), share=1.0, numbers={"via": 12}
    )
    assert found.moved == ("old",) and not found.rejected
    numbers = {p.request.name: p.number for p in found.plan.placements}
    assert numbers == {"old": old.number, "via": 12}


def test_nothing_to_decide_is_an_empty_plan(service: Service) -> None:
    found = admit(service, ring(4), [], (), settings_of(1.0))
    assert found.plan.placements == () and found.rejected == {}


def test_greedy_asks_nobody_and_the_first_answer_is_no_worse() -> None:
    found = by_greedy(diamond(), REQUESTS, share=1.0)
    assert found.decision is None and found.backend == GREEDY
    task = formulate(diamond(), REQUESTS, share=1.0)
    first = first_answer(task)
    task.problem.check(first.answer)
    assert task.problem.admitted(first.answer) >= found.worth


def test_the_policy_knows_what_to_expect_of_every_backend_for_packings() -> None:
    assert set(PACKING) == {name for name, each in BACKENDS.items() if "packing" in each.forms}
    requests = [*REQUESTS, pipe("d", 1, 4, 9, value=3)]
    task = formulate(diamond(), requests, share=1.0)
    seen = features(task.problem, 1.0)
    assert seen["size"] == 4 and seen["choices"] == len(task.problem.worth)
    assert 0 < seen["density"] < 1 and seen["load"] > 0 and seen["bound"] > 0
    assert kind_of("packing", seen) == "packing"
