"""Compiling by parts equals compiling at once, and adopting undoes compiling."""

from __future__ import annotations

import json
from dataclasses import replace
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from qb_controller.model.network import Host, LinkId, Network, Switch, path_of
from qb_controller.model.plan import WEIGHT_TOTAL, Plan, Route, Share, VerifiedPlan
from qb_controller.model.rules import FlowRule, GroupRule, RuleKey
from qb_controller.southbound import layout
from qb_controller.southbound.adopt import adopt, adopted_hosts, expected_switches
from qb_controller.southbound.compile import Compiler, compile_rules
from qb_controller.southbound.intent import Intent, Steering
from qb_controller.southbound.labels import Label, Numbers
from qb_controller.southbound.next_intent import with_network, with_plan
from qb_controller.southbound.reweighted import reweighted, with_decisions
from tests.support.executor import Executor
from tests.support.fake_network import FakeNetwork, host_of, network_of, without_cable
from tests.support.plans import DIAMOND, networks, random_plan

SEEDS = st.integers(0, 1 << 30)


def planned(network: Network, random: Random, plans: int = 2) -> tuple[Intent, Numbers]:
    numbers = Numbers()
    intent = with_network(Intent(), network, numbers)
    for decision in range(1, plans + 1):
        intent = with_plan(intent, random_plan(network, random, decision), network, numbers)
    return intent, numbers


def as_far_as_rules_tell(intent: Intent) -> tuple:
    """All but the decision of a pair whose weights alone were changed, and the epoch."""
    pairs = {
        pair: Steering(s.owner, max(share.decision for share in s.shares), s.shares)
        for pair, s in intent.pairs.items()
    }
    return intent.trees, intent.bypasses, pairs


def smaller(network: Network, random: Random) -> Network:
    """The network without one or more switches, and everything that hung on them."""
    gone = set(random.sample([s.dpid for s in network.switches], len(network.switches) // 2))
    return Network(
        tuple(s for s in network.switches if s.dpid not in gone),
        tuple(link for link in network.links if not {link.src, link.dst} & gone),
        tuple(host for host in network.hosts if host.dpid not in gone),
        network.version + 1,
    )


def moved(network: Network, random: Random) -> Network:
    """The network with one host behind another switch."""
    host, to = random.choice(network.hosts), random.choice(network.switches).dpid
    hosts = [other for other in network.hosts if other != host]
    return replace(network, hosts=(*hosts, replace(host, dpid=to, port=101)), version=99)


@settings(max_examples=50, deadline=None)
@given(networks(), SEEDS)
def test_compiling_by_parts_equals_compiling_at_once(network: Network, seed: int) -> None:
    random = Random(seed)
    numbers, compiler, intent = Numbers(), Compiler(), Intent()
    now = network
    for decision in range(1, 8):
        change = random.randrange(5)
        if change == 0 and now.links:
            now = without_cable(now, random.choice(now.links).id)
        elif change == 1:
            now = smaller(now, random)
        elif change == 2 and now.hosts:
            now = moved(now, random)
        elif change == 3:
            now = network
        intent = with_network(intent, now, numbers)
        assert with_network(intent, now, numbers) is intent
        if change == 4:
            intent = with_plan(intent, random_plan(now, random, decision), now, numbers)
        rules = compiler.compile(intent, now, numbers)
        assert rules == compile_rules(intent, now, numbers)
        assert set(rules) == {switch.dpid for switch in now.switches}


@settings(max_examples=60, deadline=None)
@given(networks(), SEEDS)
def test_adopting_what_was_compiled_is_the_identity(network: Network, seed: int) -> None:
    intent, numbers = planned(network, Random(seed))
    rules = compile_rules(intent, network, numbers)
    again = Numbers()
    found = adopt(rules, network, again)
    assert as_far_as_rules_tell(found) == as_far_as_rules_tell(intent)
    assert with_network(found, network, again) is found
    assert compile_rules(found, network, again) == rules
    hosts = [(host.mac, host.ip, host.dpid, host.port) for host in adopted_hosts(rules)]
    assert hosts == sorted((host.mac, host.ip, host.dpid, host.port) for host in network.hosts)
    assert expected_switches(rules, again) == set(rules)
    one = network.switches[0].dpid
    assert expected_switches({one: rules[one]}, Numbers()) == set(rules)


@settings(max_examples=60, deadline=None)
@given(networks(), SEEDS)
def test_what_is_damaged_is_repaired(network: Network, seed: int) -> None:
    random = Random(seed)
    executor = Executor(FakeNetwork(network), random, network)
    executor.see(network)
    executor.take(random_plan(network, random))
    executor.settle()
    for switch in executor.fake.switches.values():
        for name in list(switch.flows):
            if random.random() < 0.1:
                del switch.flows[name]
        for name, rule in list(switch.flows.items()):
            if random.random() < 0.1:
                switch.flows[name] = replace(rule, cookie=random.randrange(1 << 64))
            elif random.random() < 0.1:
                switch.flows[name] = replace(rule, actions=())
        drop = FlowRule(0, 900, (("eth_type", 0x0800),), (), 0)
        switch.flows[(0, 900, drop.match)] = drop
        switch.groups[77] = GroupRule(77, "select", ())
        lldp = FlowRule(0, 0xFFFF, (("eth_type", layout.ETH_LLDP),), (("controller",),), 0)
        switch.flows[(0, 0xFFFF, lldp.match)] = lldp
    executor.restart()
    executor.settle()
    for dpid, rules in executor.fake.rules().items():
        key = RuleKey(0, 0xFFFF, (("eth_type", layout.ETH_LLDP),))
        assert rules.pop(key, None) is not None  # Ryu's own is left alone
        assert rules == executor.desired[dpid]


def test_a_path_that_loops_is_not_adopted() -> None:
    network = network_of([(1, 2), (2, 3), (3, 1), (3, 4)])
    intent, numbers = planned(network, Random(3), plans=0)
    rules = compile_rules(intent, network, numbers)
    label = Label(1, 4, 0, 9)
    match = (("eth_dst", label.mac),)
    for dpid, port in ((2, 2), (3, 2)):  # 1 to 2 to 3 and back to 1
        transit = FlowRule(0, 400, match, (("group", layout.protect_group(port)),), 0x5102 << 48)
        rules[dpid][transit.key] = transit
    group = rules[1][layout.pair_group(4)]
    assert isinstance(group, GroupRule)
    bucket = replace(group.buckets[0], actions=(("set_eth_dst", label.mac), ("group", 0x20000001)))
    rules[1][layout.pair_group(4)] = replace(group, buckets=(bucket,))
    found = adopt(rules, network, numbers)
    assert found.pairs == {}
    assert found.epoch == 9  # later labels avoid it


def test_hosts_whose_addresses_look_like_labels_are_reached() -> None:
    base = network_of([(1, 2), (2, 3)])
    odd = Host("odd", Label(1, 2, 0, 1).mac, "10.9.9.9", 3, 7)
    network = replace(base, hosts=(host_of(1), host_of(2), odd))
    fake = FakeNetwork(network)
    executor = Executor(fake, Random(1), network)
    executor.see(network)
    executor.settle()
    for source, target in ((host_of(1), odd), (odd, host_of(1)), (host_of(2), odd)):
        fake.send(source, target)
    fake.drain()
    assert not fake.wrong
    assert len(fake.delivered) == 3
    assert odd.mac in {host.mac for host in adopted_hosts(fake.rules())}


def test_a_host_is_reached_by_each_of_its_addresses() -> None:
    base = network_of([(1, 2), (2, 3)])
    two = replace(host_of(3), more_ips=("10.9.9.9",))
    network = replace(base, hosts=(host_of(1), host_of(2), two))
    fake = FakeNetwork(network)
    executor = Executor(fake, Random(1), network)
    executor.see(network)
    executor.settle()
    for ip in two.ips:
        fake.send(host_of(1), replace(two, ip=ip))
    fake.drain()
    assert not fake.wrong
    assert len(fake.delivered) == 2
    found = {host.ip for host in adopted_hosts(fake.rules()) if host.mac == two.mac}
    assert found == set(two.ips)


def test_a_host_that_moves_is_reached_where_it_is() -> None:
    network = network_of([(1, 2), (2, 3), (3, 1)])
    fake = FakeNetwork(network)
    executor = Executor(fake, Random(1), network)
    executor.see(network)
    executor.settle()
    for to in (2, 3, 1):
        there = replace(host_of(1), dpid=to, port=50 + to)
        fake.switches[to].up[there.port] = True
        executor.see(replace(network, hosts=(there, host_of(2), host_of(3)), version=to + 1))
        executor.step()  # the old switch would still deliver what is under way
        assert [host.dpid for host in adopted_hosts(fake.rules()) if host.mac == there.mac] == [to]
        executor.settle()
        for source in (host_of(2), host_of(3)):
            fake.send(source, there)
            fake.send(there, source)
        fake.drain()
        assert not fake.wrong
        assert [host.dpid for host in adopted_hosts(fake.rules()) if host.mac == there.mac] == [to]
    assert len(fake.delivered) == 12
    assert fake.rules() == executor.desired


def test_switches_with_large_datapath_ids() -> None:
    a, b, c = 0x5254_0000_0001, 0x5254_0000_0002, 5
    hosts = [Host(f"h{i}", f"00:00:00:00:00:{i:02x}", f"10.0.0.{i}", d, 100)
             for i, d in enumerate((a, b, c), 1)]  # fmt: skip
    network = network_of([(a, b), (b, c), (c, a)], hosts)
    executor = Executor(FakeNetwork(network), Random(1), network)
    executor.see(network)
    executor.take(random_plan(network, Random(4)))
    executor.settle()
    executor.restart()  # numbers are read back from the switches
    before = executor.messages
    executor.settle()
    assert executor.messages == before
    for source in hosts:
        for target in hosts:
            if source != target:
                executor.fake.send(source, target)
    executor.fake.drain()
    assert not executor.fake.wrong


def test_plans_leave_alone_what_they_do_not_change() -> None:
    network = network_of([(1, 2), (2, 3), (3, 4), (4, 1)])
    random = Random(5)
    numbers = Numbers()
    intent = with_network(Intent(), network, numbers)
    first = random_plan(network, random, 1)
    steered = with_plan(intent, first, network, numbers)
    again = replace(first, plan=replace(first.plan, decision=2))
    assert with_plan(steered, again, network, numbers) is steered
    route = next(r for r in first.plan.routes if r.pair in steered.pairs)
    fewer = replace(again, plan=replace(again.plan, routes=(route,)))
    left = with_plan(steered, fewer, network, numbers)
    assert left.pairs == {route.pair: steered.pairs[route.pair]}
    assert left.without_plan().pairs == {}


def test_a_plan_over_a_link_that_went_away_leaves_its_pair_on_the_base_layer() -> None:
    network = network_of([(1, 2), (2, 3), (3, 1)])
    plan = random_plan(network, Random(1))
    cut = without_cable(network, LinkId(1, 1))
    numbers = Numbers()
    intent = with_plan(with_network(Intent(), cut, numbers), plan, cut, numbers)
    used = {link for s in intent.pairs.values() for share in s.shares for link in share.path.links}
    assert used <= set(cut.link_by_id)
    compile_rules(intent, cut, numbers)


def test_an_empty_network_and_a_lonely_switch() -> None:
    numbers = Numbers()
    empty = Network((), ())
    assert compile_rules(with_network(Intent(), empty, numbers), empty, numbers) == {}
    lonely = Network((Switch(1, "s1"),), (), (host_of(1),))
    rules = compile_rules(with_network(Intent(), lonely, numbers), lonely, numbers)
    assert len(rules[1]) == 8


def test_a_decision_on_weights_alone_is_known_after_a_restart() -> None:
    network = network_of(DIAMOND)
    executor = Executor(FakeNetwork(network), Random(3), network)
    executor.see(network)
    upper, lower = (path_of([network.link_by_id[step] for step in steps]) for steps in (
        (LinkId(1, 1), LinkId(2, 2)), (LinkId(1, 2), LinkId(3, 2)),
    ))  # fmt: skip
    for decision, weight in ((5, 40), (6, 60)):
        shares = (Share(upper, weight), Share(lower, WEIGHT_TOTAL - weight))
        plan = Plan("te", decision, (Route(1, 4, shares),))
        executor.take(VerifiedPlan(plan, network.version, 0.0))
        executor.settle()
    noted = json.loads(json.dumps(reweighted(executor.intent)))
    executor.restart()
    assert executor.intent.pairs[1, 4].decision == 5
    assert with_decisions(executor.intent, noted).pairs[1, 4].decision == 6
    for stale in (None, 3, [[1]], [[1, 4, 9, {}]], [[2, 4, 9, {}]]):
        assert with_decisions(executor.intent, stale) == executor.intent
