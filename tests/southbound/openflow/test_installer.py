"""The installer's book of what switches hold, where a switch refuses or comes back meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from qb_controller.knowledge import DefaultKnowledge
from qb_controller.model.rules import RuleSet
from qb_controller.southbound.instructions import Instruction
from qb_controller.southbound.inventory import Inventory, PortState
from qb_controller.southbound.labels import Numbers
from qb_controller.southbound.openflow import installer as module
from qb_controller.southbound.openflow.installer import RETRY_S, Installer
from tests.support.fake_switch import FakeSwitch


class Cloud:
    """Two connections to fake switches, and an installer over them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.inventory = Inventory(DefaultKnowledge(10e6))
        self.installer = Installer(None, self.inventory, Numbers(), drain_s=0.0)
        self.switches: dict[int, FakeSwitch] = {}
        self.refuses: Callable[[Instruction], bool] = lambda order: False
        self.before_answer: Callable[[], None] = lambda: None
        monkeypatch.setattr(module, "message", lambda dp, order: order)
        monkeypatch.setattr(module.requests, "barrier", lambda app, dp: None)
        monkeypatch.setattr(module.requests, "read_rules", self._read)
        for dpid in (1, 2):
            self.connect(dpid)
        self.now = time.monotonic() + 100.0

    def connect(self, dpid: int) -> Any:
        """A new connection of a switch with empty tables."""
        ports = {1: PortState(f"s{dpid}-eth1", True, 0.0)}
        self.inventory.switch_connected(dpid, f"s{dpid}", ports, 0.0)
        self.switches[dpid] = FakeSwitch(dpid)
        dp = SimpleNamespace(id=dpid, send_msg=lambda order: self._obey(dpid, order))
        self.installer.connected(dp)
        return dp

    def _obey(self, dpid: int, order: Instruction) -> None:
        if self.refuses(order):
            self.installer.refused(dpid)  # the error comes before the barrier's answer
        else:
            self.switches[dpid].handle(order)

    def _read(self, app: object, dp: Any) -> RuleSet:
        held = self.held(dp.id)
        self.before_answer()
        return held

    def held(self, dpid: int) -> RuleSet:
        switch = self.switches[dpid]
        entries = (*switch.flows.values(), *switch.groups.values(), *switch.meters.values())
        return {entry.key: entry for entry in entries}

    def step(self) -> float:
        self.installer._wake = module.Event()
        return self.installer.step(self.now)


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Cloud:
    return Cloud(monkeypatch)


def test_what_a_switch_refuses_in_an_update_is_sent_again(cloud: Cloud) -> None:
    refused: list[Instruction] = []

    def once(order: Instruction) -> bool:
        if not refused:
            refused.append(order)
            return True
        return False

    cloud.refuses = once
    assert 0 < cloud.step() <= RETRY_S
    assert not cloud.installer.settled
    cloud.step()
    assert cloud.held(1) == cloud.installer.desired[1]
    assert cloud.held(2) == cloud.installer.desired[2]
    assert cloud.installer.settled
    assert cloud.installer.counters["refused"] == 1


def test_a_switch_that_always_refuses_is_not_asked_all_the_time(cloud: Cloud) -> None:
    cloud.refuses = lambda order: True
    for _ in range(3):
        assert cloud.step() == RETRY_S
        assert not cloud.installer._wake.ready()  # so that the pause is kept


def test_a_reading_of_an_older_connection_does_not_count(cloud: Cloud) -> None:
    cloud.step()
    assert cloud.installer.settled
    cloud.installer.read_again(1)

    def comes_back() -> None:
        cloud.before_answer = lambda: None
        cloud.installer.disconnected(cloud.installer.datapaths[1])
        cloud.connect(1)

    cloud.before_answer = comes_back
    cloud.step()
    cloud.step()
    assert cloud.held(1) == cloud.installer.desired[1]
