from __future__ import annotations

from dataclasses import replace
from typing import Any

from qb_controller import steering
from qb_controller.model.decision import Decision, Outcome
from qb_controller.model.network import Link, Network, Switch
from qb_controller.model.plan import Plan, VerifiedPlan
from qb_controller.model.telemetry import NetworkSnapshot
from qb_controller.runtime.messages import CycleRequest, CycleResult, Hello, Settings
from qb_controller.steering import Steering

CABLE = (Link(1, 1, 2, 1, 1e7), Link(2, 1, 1, 1, 1e7))
NETWORK = Network((Switch(1, "s1"), Switch(2, "s2")), CABLE)
SNAPSHOT = NetworkSnapshot(NETWORK, (), (), 0.0)
KEPT = Outcome("kept", 0.1, 0.5, 0.5, 0.5, 0, "")
IMPROVED = replace(KEPT, status="improved", moved=1)


def decision(number: int, outcome: Outcome = KEPT) -> Decision:
    return Decision(number, "te", 0.0, 0.5, {}, (), "none", "", outcome)


def made(installs: bool = True, up: bool = True) -> tuple[Steering, list[Any]]:
    sent: list[Any] = []

    def send(message: object) -> bool:
        sent.append(message)
        return up

    return Steering(Settings(), True, send, lambda plan: installs), sent


def test_one_cycle_at_a_time() -> None:
    steer, sent = made()
    steer.request(SNAPSHOT)
    steer.request(SNAPSHOT)
    assert len(sent) == 1
    steer.received(CycleResult(sent[0].number, decision(1), None))
    steer.request(SNAPSHOT)
    assert [m.number for m in sent if isinstance(m, CycleRequest)] == [1, 2]


def test_a_cycle_that_went_down_with_the_optimiser_is_asked_again() -> None:
    steer, sent = made()
    steer.request(SNAPSHOT)
    steer.optimiser_down()
    steer.request(SNAPSHOT)
    assert len(sent) == 2


def test_while_the_optimiser_is_down_nothing_waits() -> None:
    steer, sent = made(up=False)
    steer.request(SNAPSHOT)
    steer.request(SNAPSHOT)
    assert len(sent) == 2


def test_an_answer_to_an_older_cycle_is_dropped() -> None:
    steer, sent = made()
    steer.request(SNAPSHOT)
    steer.received(CycleResult(sent[0].number - 1, decision(1), None))
    assert steer.decisions == []


def test_installation_is_noted_with_the_decision() -> None:
    steer, sent = made()
    steer.request(SNAPSHOT)
    plan = VerifiedPlan(Plan("te", 7, ()), 0, 0.5)
    steer.received(CycleResult(sent[0].number, decision(7, IMPROVED), plan))
    steer.installed()
    (noted,) = steer.decisions
    assert noted.outcome is not None
    assert noted.outcome.status == "improved"
    assert "installed_after_s" in noted.outcome.extra


def test_what_was_found_out_later_is_noted_with_the_decision() -> None:
    steer, sent = made()
    steer.request(SNAPSHOT)
    steer.received(CycleResult(sent[-1].number, decision(1), None))
    steer.request(SNAPSHOT)
    later = {1: {"slow": 2.0}, 99: {"gone": 1.0}}
    steer.received(CycleResult(sent[-1].number, decision(2), None, later))
    assert [one.regret for one in steer.decisions] == [{"slow": 2.0}, {}]


def test_a_plan_too_late_for_its_network_says_so() -> None:
    steer, sent = made(installs=False)
    steer.request(SNAPSHOT)
    plan = VerifiedPlan(Plan("te", 7, ()), 0, 0.5)
    steer.received(CycleResult(sent[0].number, decision(7, IMPROVED), plan))
    (noted,) = steer.decisions
    assert noted.outcome is not None
    assert (noted.outcome.status, noted.outcome.moved) == ("rejected", 0)
    assert noted.outcome.detail.startswith("the network changed")


def test_a_plan_that_comes_after_steering_was_turned_off_says_so() -> None:
    steer, sent = made()
    steer.request(SNAPSHOT)
    steer.enabled = False
    plan = VerifiedPlan(Plan("te", 7, ()), 0, 0.5)
    steer.received(CycleResult(sent[0].number, decision(7, IMPROVED), plan))
    (noted,) = steer.decisions
    assert noted.outcome is not None
    assert noted.outcome.status == "rejected"
    assert noted.outcome.detail.startswith("traffic engineering was turned off")


def test_what_changed_nothing_is_forgotten_first(monkeypatch: Any) -> None:
    monkeypatch.setattr(steering, "REMEMBERED", 3)
    steer, sent = made()
    steer.received(Hello((decision(1, IMPROVED), decision(2)), 3))
    for number in (3, 4):
        steer.request(SNAPSHOT)
        steer.received(CycleResult(sent[-1].number, decision(number), None))
    assert [d.number for d in steer.decisions] == [1, 3, 4]
    assert steer.known_decision == 4


def test_the_newest_decision_is_never_the_one_forgotten(monkeypatch: Any) -> None:
    monkeypatch.setattr(steering, "REMEMBERED", 3)
    steer, sent = made()
    steer.received(Hello(tuple(decision(number, IMPROVED) for number in (1, 2, 3)), 4))
    for number in (4, 5):
        steer.request(SNAPSHOT)
        steer.received(CycleResult(sent[-1].number, decision(number), None))
    assert [d.number for d in steer.decisions] == [2, 3, 5]
