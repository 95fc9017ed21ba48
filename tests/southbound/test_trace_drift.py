from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qb_controller.errors import InstallError
from qb_controller.model.network import LinkId, Network
from qb_controller.model.rules import Bucket, FlowRule, GroupRule, matches
from qb_controller.southbound import layout, words
from qb_controller.southbound.cookies import Cookie
from qb_controller.southbound.diff import diff
from qb_controller.southbound.drift import drift
from qb_controller.southbound.instructions import Instruction, apply, apply_all
from qb_controller.southbound.trace import trace
from qb_controller.southbound.update import NOTHING_RETIRED, Retired, plan_update
from tests.support.executor import Executor
from tests.support.fake_network import FakeNetwork, network_of
from tests.support.plans import networks, random_plan


def running(network: Network, seed: int) -> Executor:
    executor = Executor(FakeNetwork(network), Random(seed), network)
    executor.see(network)
    executor.take(random_plan(network, executor.random))
    executor.settle()
    return executor


@settings(max_examples=40, deadline=None)
@given(networks(), st.integers(0, 1 << 30))
def test_traces_are_the_ways_that_packets_take(network: Network, seed: int) -> None:
    executor = running(network, seed)
    fake = executor.fake
    if executor.random.random() < 0.5:
        fake.cut_cable(executor.random.choice(network.links).id)

    def is_up(dpid: int, port: int) -> bool:
        return fake.switches[dpid].up.get(port, False)

    for source in network.hosts:
        for target in network.hosts:
            if source == target:
                continue
            branches = trace(fake.rules(), network, source, target, is_up)
            assert sum(branch.fraction for branch in branches) == pytest.approx(1)
            for flow in range(20):
                fake.send(source, target, flow)
            fake.wrong.clear()
            fake.delivered.clear()
            fake.drain()
            taken = {tuple(flight.hops) for flight in fake.delivered}
            if fake.cut and not taken:
                assert all(branch.end != "delivered" for branch in branches)
            arriving = {branch.links for branch in branches if branch.end == "delivered"}
            assert taken <= arriving


def test_a_trace_says_where_packets_are_lost() -> None:
    network = network_of([(1, 2), (2, 3)])
    held = running(network, 1).fake.rules()
    one, two, three = network.hosts
    [way] = trace(held, network, one, three)
    assert (way.fraction, way.end, way.tags) == (1.0, "delivered", (0, 0))
    assert way.links == (LinkId(1, 1), LinkId(2, 2))
    held[2] = {}
    assert trace(held, network, one, three)[0].end == "dropped at s2"
    back = FlowRule(0, 999, (), (("in_port",),), 0)
    held[2] = {back.key: back}
    held[1] = {**held[1], back.key: FlowRule(0, 999, (), (("output", 1), ("in_port",)), 0)}
    ends = {branch.end for branch in trace(held, network, one, three)}
    assert any(end.startswith("loops, seen at") for end in ends)
    [wrong] = trace({1: {back.key: replace(back, actions=(("output", 9),))}}, network, one, two)
    assert wrong.end == "leaves s1 by port 9"


def test_drift_names_every_kind_of_difference() -> None:
    network = network_of([(1, 2), (2, 3), (3, 1)])
    executor = running(network, 1)
    held, desired = executor.fake.rules(), executor.desired
    assert drift(held, desired, network) == []
    missing = next(rule for rule in held[1].values() if isinstance(rule, FlowRule))
    del held[1][missing.key]
    foreign = FlowRule(0, 7, matches(eth_type=0x0800), (("output", 3),), 12)
    held[2][foreign.key] = foreign
    stale = replace(foreign, priority=8, cookie=Cookie("te", epoch=4).value)
    held[2][stale.key] = stale
    held[3][77] = GroupRule(77, "indirect", (Bucket(()),))
    held[3][0x10000009] = GroupRule(0x10000009, "indirect", (Bucket(()),))
    other = next(rule for rule in held[3].values() if isinstance(rule, FlowRule))
    held[3][other.key] = replace(other, cookie=1)
    held[9] = {foreign.key: foreign}
    found = drift(held, {**desired, 4: {}}, network)
    assert [(one.switch, one.kind) for one in found] == [
        ("s1", "missing"),
        ("s2", "foreign"),
        ("s2", "unexpected"),
        ("s3", "differs"),
        ("s3", "foreign"),
        ("s3", "unexpected"),
        (f"{4:016x}", "unread"),
        (f"{9:016x}", "foreign"),
    ]
    assert found[1].what == "table 0 priority 7 IPv4: output=3"
    assert "cookie 0x1; meant: table 0" in found[3].what
    assert [d.kind for d in drift(held, desired, network, {(2, stale.key)})].count(
        "unexpected"
    ) == 1


def test_words() -> None:
    network = network_of([(1, 2), (1, 2)])
    assert words.pair(network, 1, 2) == "h1 to h2"
    assert words.hosts(Network(network.switches, network.links), 1) == "s1"
    group = GroupRule(
        0x20000001,
        "fast_failover",
        (
            Bucket((("output", 1),), watch_port=1),
            Bucket((("push_vlan", 5), ("output", 2)), watch_port=2),
        ),
    )
    assert words.entry(group) == (
        "group 0x20000001 fast_failover [while port 1 is up output=1] "
        "[while port 2 is up push_vlan=5, output=2]"
    )
    masked = FlowRule(0, 1, matches(eth_dst=("0a:00", "ff:00")), (), 0)
    assert words.entry(masked) == "table 0 priority 1 eth_dst=0a:00/ff:00: drop"
    assert words.match(()) == "everything"


def test_a_switch_refuses_what_openflow_forbids() -> None:
    group = GroupRule(1, "indirect", (Bucket((("output", 1),)),))
    user = FlowRule(0, 1, (), (("group", 1),), 0)
    with pytest.raises(InstallError, match="group 0x1, which does not exist"):
        apply({}, Instruction("add", user))
    with pytest.raises(InstallError, match="to modify does not exist"):
        apply({}, Instruction("modify", group))
    held = apply_all({}, [Instruction("add", group), Instruction("add", user)])
    with pytest.raises(InstallError, match="to add exists already"):
        apply(held, Instruction("add", group))
    assert apply(held, Instruction("delete", group)) == {}
    assert apply(held, Instruction("delete", user)) == {1: group}
    assert len(held) == 2  # nothing changes in place


def entries(*priorities: int, cookie: int = Cookie("base").value) -> dict:
    rules = [FlowRule(0, number, (), (), cookie) for number in priorities]
    return {rule.key: rule for rule in rules}


def test_a_cookie_alone_makes_a_difference() -> None:
    delta = diff(entries(1), entries(1, cookie=5))
    assert (len(delta.adds), len(delta.mods), len(delta.deletes)) == (0, 1, 0)
    assert not diff(entries(1), entries(1))


def test_drains_begin_when_the_flips_are_confirmed() -> None:
    [old] = entries(600)
    first = plan_update({1: entries(600)}, {1: entries(601)}, NOTHING_RETIRED, 10.0, 3.0)
    assert first.messages == 1
    assert first.retired.due == {(1, old): float("inf")}
    assert first.wake_at == 10.0
    both, only = entries(600, 601), entries(601)
    second = plan_update({1: both}, {1: only}, first.retired, 12.0, 3.0)
    assert (second.steps, second.wake_at) == ([], 15.0)
    early = plan_update({1: both}, {1: only}, second.retired, 14.9, 3.0)
    assert (early.steps, early.wake_at) == ([], 15.0)
    wanted_again = plan_update({1: both}, {1: both}, second.retired, 14.0, 3.0)
    assert (wanted_again.steps, wanted_again.retired.due) == ([], {})
    late = plan_update({1: both}, {1: only}, early.retired, 15.0, 3.0)
    assert [order.op for step in late.steps for order in step[1]] == ["delete"]
    assert (late.retired.due, late.wake_at) == ({}, None)


def test_no_drain_begins_while_a_switch_is_away() -> None:
    desired = {1: entries(601), 2: entries(601)}
    away = plan_update({1: entries(600, 601)}, desired, NOTHING_RETIRED, 10.0, 3.0)
    assert (away.steps, away.wake_at) == ([], None)
    back = {1: entries(600, 601), 2: entries(601)}
    again = plan_update(back, desired, away.retired, 20.0, 3.0)
    assert again.wake_at == 23.0
    [running_since] = again.retired.due.items()
    gone_later = plan_update({1: back[1]}, desired, again.retired, 24.0, 3.0)
    assert running_since[1] == 23.0
    assert gone_later.messages == 1  # a drain that had begun goes on


def test_foreign_rules_go_at_once_and_groups_after_their_users() -> None:
    link = GroupRule(layout.protect_group(1), "fast_failover", ())
    pair = GroupRule(layout.pair_group(3), "indirect", (Bucket((("group", link.group_id),)),))
    user = FlowRule(0, 300, (), (("group", pair.group_id),), Cookie("base").value)
    steals = FlowRule(0, 999, (), (), 0)
    held = {g.group_id: g for g in (pair, link)} | {user.key: user, steals.key: steals}
    earlier = {(1, link.group_id): 4.0, (1, pair.group_id): 5.0, (1, user.key): 9.0}
    update = plan_update({1: held}, {1: {}}, Retired(earlier), 6.0, 3.0)
    assert [order.rule for step in update.steps for order in step[1]] == [steals]
    assert set(update.retired.due.values()) == {9.0}
    del held[steals.key]
    last = plan_update({1: held}, {1: {}}, update.retired, 9.0, 3.0)
    assert [[order.rule for order in step[1]] for step in last.steps] == [[user], [pair], [link]]
