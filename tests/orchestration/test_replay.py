from __future__ import annotations

import time
from dataclasses import replace

import pytest

from qb_controller.model.decision import Decision
from qb_controller.orchestration.journal import Journal, from_json, to_json
from qb_controller.orchestration.replay import differences, replay
from qb_controller.orchestration.service import Question, Service
from qb_controller.runtime.engine import Availability
from qb_controller.runtime.messages import Settings
from qb_controller.runtime.task import Worth
from quantum_backends.candidates import with_candidates
from quantum_backends.registry import BACKENDS
from quantum_backends.routing import one_hot
from quantum_backends.testing import random_problem


class Idle:
    """An engine with free workers, that is never given anything to do."""

    grace_s = 0.05

    def availability(self) -> Availability:
        return Availability(dict.fromkeys(BACKENDS, 0.0), {}, 2)


def decision(settings: Settings, worth: Worth) -> Decision:
    problem = with_candidates(random_problem(8, 2, seed=3))
    problem = replace(problem, incumbent=one_hot(problem, problem.layout.first[:-1]))
    service = Service(Idle(), BACKENDS, Journal())  # type: ignore[arg-type]
    until = time.monotonic() + 0.4
    return service.decide(Question(problem, "te", settings, until, worth=worth))


@pytest.mark.parametrize(
    ("settings", "worth"),
    [
        (Settings(), Worth()),
        (Settings(forbidden=("classical", "te:gate")), Worth(quality=3.0)),
        (Settings(pinned_backend="exhaustive"), Worth()),
        (Settings(energy_per_hour_j=0.2), Worth(energy=1.0)),
    ],
)
def test_a_decision_read_back_is_taken_again(settings: Settings, worth: Worth) -> None:
    recorded = from_json(to_json(decision(settings, worth)))
    assert differences(recorded, replay(recorded)) == []


def test_a_difference_is_told() -> None:
    recorded = decision(Settings(), Worth())
    other = replace(recorded, backend="exhaustive")
    (line,) = differences(other, replay(other))
    assert line.startswith("backend was 'exhaustive'")


def test_what_considered_no_backend_cannot_be_taken_again() -> None:
    with pytest.raises(ValueError, match="considered no backend"):
        replay(replace(decision(Settings(), Worth()), candidates=()))
