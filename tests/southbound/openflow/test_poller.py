"""What telemetry believes of pairs when their groups come and go."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from qb_controller.errors import InstallError
from qb_controller.knowledge import DefaultKnowledge
from qb_controller.southbound.intent import Intent
from qb_controller.southbound.inventory import Inventory
from qb_controller.southbound.labels import Numbers
from qb_controller.southbound.layout import pair_group
from qb_controller.southbound.openflow import poller as module
from qb_controller.southbound.openflow.poller import Poller

MEGABYTE = 1_000_000


class Switches:
    """Two switches that count a megabyte a second in each of their groups."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        inventory = Inventory(DefaultKnowledge(10e6))
        for dpid in (1, 2):
            inventory.switch_connected(dpid, f"s{dpid}", {}, 0.0)
        numbers = Numbers()
        self.groups = {1: {pair_group(numbers.of(2))}, 2: {pair_group(numbers.of(1))}}
        self.silent: set[int] = set()
        self.age = 0.0
        installer: Any = SimpleNamespace(
            datapaths={dpid: SimpleNamespace(id=dpid) for dpid in (1, 2)},
            numbers=numbers,
            intent=Intent(),
        )
        self.poller = Poller(None, inventory, installer, 1.0, 0.5, lambda: None)
        monkeypatch.setattr(module.requests, "port_stats", lambda app, dp: [])
        monkeypatch.setattr(module.requests, "group_counters", self._counters)

    def _counters(self, app: object, dp: Any) -> list[tuple[int, int, float]]:
        if dp.id in self.silent:
            raise InstallError("no answer")
        size = int(self.age * MEGABYTE)
        return [(group, size, self.age) for group in self.groups[dp.id]]

    def rounds(self, count: int) -> set[tuple[int, int]]:
        """Pairs with demand after so many rounds."""
        for _ in range(count):
            self.age += 1.0
            self.poller._round()
        return {(one.ingress, one.egress) for one in self.poller.demands()}


@pytest.fixture
def switches(monkeypatch: pytest.MonkeyPatch) -> Switches:
    return Switches(monkeypatch)


def test_a_pair_without_a_group_has_no_demand_any_more(switches: Switches) -> None:
    assert switches.rounds(3) == {(1, 2), (2, 1)}
    group = switches.groups[1].pop()  # the last host at s2 has left
    assert switches.rounds(1) == {(2, 1)}
    switches.groups[1].add(group)
    switches.rounds(1)
    assert switches.rounds(1) == {(1, 2), (2, 1)}


def test_a_switch_that_does_not_answer_keeps_its_demands(switches: Switches) -> None:
    switches.rounds(3)
    switches.silent.add(1)
    assert switches.rounds(2) == {(1, 2), (2, 1)}
