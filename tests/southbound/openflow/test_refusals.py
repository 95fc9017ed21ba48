"""Updates of which switches refuse a part: packets go on by the way that is there."""

from __future__ import annotations

import time
from collections.abc import Callable
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from qb_controller.knowledge import DefaultKnowledge
from qb_controller.model.network import LinkId, Network
from qb_controller.model.plan import VerifiedPlan
from qb_controller.model.rules import FlowRule, GroupRule, RuleSet
from qb_controller.southbound import layout
from qb_controller.southbound.instructions import Instruction
from qb_controller.southbound.inventory import Inventory, PortState
from qb_controller.southbound.labels import Numbers
from qb_controller.southbound.openflow import installer as module
from qb_controller.southbound.openflow.installer import RETRY_S, Installer
from tests.support.fake_network import FakeNetwork, network_of
from tests.support.plans import DIAMOND, RING, random_plan

Refuses = Callable[[int, Instruction], bool]


class Cloud:
    """An installer over fake switches that forward, cabled as a network says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, cables: Network) -> None:
        self.fake = FakeNetwork(cables)
        self.refuses: Refuses = lambda dpid, order: False
        self.refused = 0
        self.inventory = Inventory(DefaultKnowledge(10e6))
        self.installer = Installer(None, self.inventory, Numbers(), drain_s=0.0)
        monkeypatch.setattr(module, "message", lambda dp, order: order)
        monkeypatch.setattr(module.requests, "barrier", lambda app, dp: None)
        monkeypatch.setattr(module.requests, "read_rules", lambda app, dp: self.held(dp.id))
        for switch in cables.switches:
            dpid = switch.dpid
            ports = {n: PortState(f"{n}", True, 0.0) for n in self.fake.switches[dpid].up}
            self.inventory.switch_connected(dpid, switch.name, ports, 0.0)
            self.installer.connected(SimpleNamespace(id=dpid, send_msg=self._obeyed_by(dpid)))
        for link in cables.links:
            self.inventory.link_seen(link.id, LinkId(link.dst, link.dst_port), 1.0)
        for host in cables.hosts:
            self.inventory.host_seen(host.mac, host.ip, host.dpid, host.port, 9.0)
        self.now = time.monotonic() + 100.0

    def _obeyed_by(self, dpid: int) -> Callable[[Instruction], None]:
        def send(order: Instruction) -> None:
            if self.refuses(dpid, order):
                self.refused += 1
                self.installer.refused(dpid)
            else:
                self.fake.switches[dpid].handle(order)

        return send

    def held(self, dpid: int) -> RuleSet:
        return dict(self.fake.switches[dpid].rules())

    def step(self) -> float:
        self.installer._wake = module.Event()
        self.now += 1.0  # every drain is over
        return self.installer.step(self.now)

    def settle(self) -> None:
        for _ in range(10):
            self.step()
            if self.installer.settled:
                return
        raise AssertionError("does not settle")

    def everybody_speaks(self) -> None:
        """A packet from each host to each other one arrives, whole and once."""
        hosts = self.fake.network.hosts
        before = len(self.fake.delivered)
        for flow in range(3):
            for one in hosts:
                for other in hosts:
                    if one is not other:
                        self.fake.send(one, other, flow)
        self.fake.drain()
        assert not self.fake.wrong
        assert len(self.fake.delivered) - before == 3 * len(hosts) * (len(hosts) - 1)


def plan_for(cloud: Cloud, seed: int, decision: int = 1) -> VerifiedPlan:
    return random_plan(cloud.inventory.network(), Random(seed), decision)


def transit(rule: Any) -> bool:
    return isinstance(rule, FlowRule) and (rule.table, rule.priority) == (
        layout.CLASSIFY,
        layout.TRANSIT,
    )


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("edges", [DIAMOND, RING], ids=["diamond", "ring"])
def test_traffic_is_not_led_onto_a_rule_that_was_refused(
    monkeypatch: pytest.MonkeyPatch, edges: tuple[tuple[int, int], ...], seed: int
) -> None:
    cloud = Cloud(monkeypatch, network_of(edges))
    told: list[bool] = []
    cloud.installer.on_installed = lambda: told.append(True)
    cloud.settle()
    cloud.everybody_speaks()
    full = Random(seed).choice([switch.dpid for switch in cloud.fake.network.switches])
    cloud.refuses = lambda dpid, order: dpid == full and transit(order.rule) and order.op == "add"
    for decision in (1, 2, 3):
        assert cloud.installer.take(plan_for(cloud, seed + 10 * decision, decision))
        for _ in range(3):
            cloud.refused = 0
            pause = cloud.step()
            cloud.everybody_speaks()
            assert not cloud.refused or (pause == RETRY_S and not cloud.installer.settled)
    before = len(told)
    cloud.refuses = lambda dpid, order: False  # there is room again
    assert cloud.installer.take(plan_for(cloud, seed, 4))
    cloud.settle()
    cloud.everybody_speaks()
    assert len(told) == before + 1
    for dpid, rules in cloud.installer.desired.items():
        assert cloud.held(dpid) == rules


def test_a_plan_with_a_refused_rule_is_not_told_as_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cloud = Cloud(monkeypatch, network_of(DIAMOND))
    told: list[bool] = []
    cloud.installer.on_installed = lambda: told.append(True)
    cloud.settle()
    cloud.refuses = lambda dpid, order: transit(order.rule)
    assert cloud.installer.take(plan_for(cloud, 1))
    cloud.step()
    assert cloud.refused and not told
    cloud.refuses = lambda dpid, order: False
    cloud.settle()
    assert told == [True]


def test_the_rest_of_the_network_is_not_kept_from_its_repairs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One switch refuses every group for ever; what needs none of its groups is set up."""
    cloud = Cloud(monkeypatch, network_of(RING))
    cloud.refuses = lambda dpid, order: dpid == 1 and isinstance(order.rule, GroupRule)
    for _ in range(3):
        assert cloud.step() == RETRY_S
    for dpid in (2, 3, 4, 5):
        assert cloud.held(dpid) == cloud.installer.desired[dpid]
