from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from qb_controller.orchestration.features import features
from quantum_backends import routing
from quantum_backends.candidates import with_candidates
from quantum_backends.routing import RoutingProblem, one_hot
from quantum_backends.testing import random_problem, tiny_problem

TINY = tiny_problem()
STUCK = replace(TINY, incumbent=one_hot(TINY, TINY.layout.first[:-1]), bound=0.7)


def test_routing_features_of_a_problem_known_by_heart() -> None:
    got = features(STUCK, 0.5)
    assert got["incumbent"] == got["hottest"] == pytest.approx(1.4)
    assert got["gap"] == pytest.approx(1.0)
    assert (got["size"], got["choices"], got["near_max"]) == (3, 6, 2)
    assert got["density"] == pytest.approx(0.5) and got["hops"] == 2
    assert got["elephants"] == pytest.approx(6 / 14)
    assert got["deadline_s"] == 0.5


def test_what_the_caller_knows_wins() -> None:
    assert features(STUCK, 0.5, {"incumbent": 2.1, "broken": 1.0})["gap"] == pytest.approx(2.0)


def test_what_is_unknown_has_no_entry() -> None:
    got = features(TINY, 0.5)
    assert "incumbent" not in got and "gap" not in got and got["bound"] == 0
    assert all(math.isfinite(value) for value in got.values())


def test_splits_count_as_they_load() -> None:
    half = replace(STUCK, split=True, incumbent=((0.5, 0.5),) * 3)
    assert features(half, 0.5)["hottest"] == pytest.approx(half.value(half.incumbent)) == 0.7


@pytest.mark.parametrize("nodes", [8, 20])
def test_the_busiest_link_is_that_of_the_objective(nodes: int) -> None:
    problem = with_candidates(random_problem(nodes, 2, seed=nodes))
    problem = replace(problem, incumbent=one_hot(problem, problem.layout.first[:-1]))
    assert features(problem, 1.0)["hottest"] == pytest.approx(problem.value(problem.incumbent))


def test_without_demands_there_is_nothing_to_tell() -> None:
    none = np.array([], dtype=np.int64)
    empty = RoutingProblem(2, np.array([0]), np.array([1]), np.ones(1), none, none, np.array([]))
    got = features(empty, 0.5)
    assert got["size"] == got["choices"] == got["hottest"] == 0


def test_no_path_is_walked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work is counted, not timed: neither the objective nor all loads, and no nested answer."""
    problem = with_candidates(random_problem(20, 2, seed=1))
    problem = replace(problem, incumbent=one_hot(problem, problem.layout.first[:-1]))
    monkeypatch.setattr(routing, "flatten", lambda *_: pytest.fail("flattened again"))
    monkeypatch.setattr(RoutingProblem, "value", lambda *_: pytest.fail("the objective again"))
    monkeypatch.setattr(RoutingProblem, "loads", lambda *_: pytest.fail("all loads again"))
    problem.layout  # noqa: B018 (made when the paths were found)
    assert features(problem, 1.0)["size"] == 380


def test_a_form_without_features_of_its_own_has_the_common_ones() -> None:
    class Bits:
        form, size, bound, incumbent = "bits", 7, 2.0, (1, 0)

        def value(self, answer: object) -> float:
            return 3.0

    got = features(Bits(), 1.0)  # type: ignore[arg-type]
    assert got["size"] == 7 and got["gap"] == pytest.approx(0.5)
