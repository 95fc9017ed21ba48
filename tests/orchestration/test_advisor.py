from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from qb_controller.orchestration.advisor import NOT_LISTED, SHORT_LIST, Advisor, Circumstances
from qb_controller.orchestration.features import features
from qb_controller.orchestration.performance import Outcome
from qb_controller.orchestration.policy import SHORT_S
from qb_controller.runtime.messages import Settings
from quantum_backends.registry import BACKENDS
from quantum_backends.routing import one_hot
from quantum_backends.testing import tiny_problem

TINY = tiny_problem()
STUCK = replace(TINY, incumbent=one_hot(TINY, TINY.layout.first[:-1]), bound=0.7)
GIVEN = Circumstances(Settings())


class Counting(Advisor):
    """Notes which backends are asked."""

    def __init__(self) -> None:
        super().__init__(BACKENDS)
        self.asked: list[str] = []

    def refusal(self, name: str, problem: Any) -> str:
        self.asked.append(name)
        return super().refusal(name, problem)


def seen(allowed: float) -> dict[str, float]:
    return features(STUCK, allowed, {"allowed_s": allowed})


def listed(advisor: Advisor, allowed: float, given: Circumstances = GIVEN) -> list[str]:
    choice = advisor.choose(STUCK, seen(allowed), given)
    assert {c.backend for c in choice.candidates} == set(BACKENDS)  # none is left out of the record
    return [c.backend for c in choice.candidates if c.refusal != NOT_LISTED]


def test_little_time_is_spent_on_the_most_promising_alone() -> None:
    advisor = Counting()
    names = listed(advisor, 0.04)
    assert sorted(names) == sorted(advisor.asked) and len(names) >= SHORT_LIST
    assert len(listed(Counting(), SHORT_S)) == len(BACKENDS)


def test_an_unavailable_backend_takes_no_place_on_the_short_list() -> None:
    first = listed(Advisor(BACKENDS), 0.04)
    given = replace(GIVEN, unavailable=dict.fromkeys(first, "its worker is busy"))
    choice = Advisor(BACKENDS).choose(STUCK, seen(0.04), given)
    asked = [c.backend for c in choice.candidates if not c.refusal]
    assert asked and not set(asked) & set(first)


def test_a_pinned_backend_is_on_the_short_list() -> None:
    given = Circumstances(Settings(pinned_backend="exhaustive"))
    choice = Advisor(BACKENDS).choose(STUCK, seen(0.04), given)
    assert choice.backend == "exhaustive"
    gone = Circumstances(Settings(pinned_backend="gone"))
    assert "no such backend" in Advisor(BACKENDS).choose(STUCK, seen(0.04), gone).reason


@pytest.mark.parametrize("allowed", [0.04, SHORT_S / 2])
def test_the_short_list_follows_what_was_learnt(allowed: float) -> None:
    advisor = Advisor(BACKENDS)
    first = listed(advisor, allowed)[0]
    for _ in range(12):
        late = Outcome(float("inf"), allowed, float("nan"))
        advisor.performance.observe(first, seen(allowed), late, "routing")
    advisor.learn_ranking("routing", seen(allowed))
    assert first not in listed(advisor, allowed)
