"""Rules of single slices, by known answers."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from qb_controller.model.network import LinkId, Network, path_of
from qb_controller.model.rules import FlowRule, MeterRule
from qb_controller.model.slices import (
    OWN_DSCP,
    Ends,
    Pipe,
    Placement,
    SlicePlan,
    SliceRequest,
)
from qb_controller.southbound import layout
from qb_controller.southbound.carrying import best_effort_network, closed_links
from qb_controller.southbound.compile import compile_rules
from qb_controller.southbound.cookies import decode
from qb_controller.southbound.intent import Intent
from qb_controller.southbound.labels import Numbers
from qb_controller.southbound.next_intent import with_network, with_slices
from tests.southbound.test_updates import cables, send_between_all
from tests.support.executor import Executor
from tests.support.fake_network import FakeNetwork, host_of, network_of, without_cable
from tests.support.plans import DIAMOND

NO_SLICES = SlicePlan(9, 1, ())


def diamond() -> tuple[Network, Placement]:
    """A slice from h1 to h4 over 2 with its backup over 3."""
    network = network_of(DIAMOND)
    upper, lower = (
        path_of([network.link_by_id[step] for step in steps])
        for steps in ((LinkId(1, 1), LinkId(2, 2)), (LinkId(1, 2), LinkId(3, 2)))
    )
    ends = Ends("h1", "h4")
    request = SliceRequest("video", (ends,), rate=2.5e6, protection="disjoint")
    held = dict.fromkeys([*upper.links, *lower.links], 2.5e6)
    return network, Placement(request, 7, 3, (Pipe(ends, upper, lower),), held)


def test_a_broken_pipe_flips_to_its_backup_by_one_message_and_back() -> None:
    network, placement = diamond()
    executor = Executor(FakeNetwork(network), Random(1), network)
    executor.see(network)
    executor.take_slices(SlicePlan(3, 1, (placement,)))
    executor.settle()
    assert executor.intent.slices[7].pipes[0].state == "primary"
    assert executor.intent.slices[7].missing == ()
    group = layout.slice_group(7, 0)
    before = executor.fake.rules()
    executor.see(without_cable(network, LinkId(1, 1)))
    executor.step()
    after = executor.fake.rules()
    flips = {
        (dpid, key)
        for dpid in after
        for key in after[dpid]
        if key in before[dpid] and before[dpid][key] != after[dpid][key] and dpid == 1
        if not isinstance(key, int) or layout.group_kind(key)[0] == "slice"
    }
    assert flips == {(1, group)}
    [pipe] = executor.intent.slices[7].pipes
    assert (pipe.state, pipe.way and pipe.way.path) == ("backup", placement.pipes[0].backup)
    executor.see(network)
    executor.settle()
    assert executor.intent.slices[7].pipes[0].state == "primary"


def test_a_pipe_without_any_path_is_best_effort_until_there_is_one() -> None:
    network, placement = diamond()
    alone = replace(placement, pipes=(replace(placement.pipes[0], backup=None),))
    fake = FakeNetwork(network)
    executor = Executor(fake, Random(1), network)
    executor.see(network)
    executor.take_slices(SlicePlan(3, 1, (alone,)))
    executor.settle()
    executor.see(without_cable(network, LinkId(1, 1)))
    executor.settle()
    assert executor.intent.slices[7].pipes[0].state == "base"
    assert executor.intent.slices[7].missing == (0,)
    fake.send(host_of(1), host_of(4), dscp=OWN_DSCP)
    fake.drain()
    assert not fake.wrong
    [flight] = fake.delivered
    assert flight.packet.dscp == 0


def test_a_moved_rate_is_one_meter_message() -> None:
    network, placement = diamond()
    executor = Executor(FakeNetwork(network), Random(1), network)
    executor.see(network)
    executor.take_slices(SlicePlan(3, 1, (placement,)))
    executor.settle()
    meter = executor.fake.switches[1].meters[layout.meter_id(7, 0)]
    assert (meter.rate, meter.burst) == (2500, 250)
    sent = executor.messages
    faster = replace(placement, request=replace(placement.request, rate=3e6))
    executor.take_slices(SlicePlan(3, 1, (faster,)))
    executor.settle()
    assert executor.messages == sent + 1
    assert executor.fake.switches[1].meters[layout.meter_id(7, 0)].rate == 3000


def test_cookies_name_slice_and_decision() -> None:
    network, placement = diamond()
    executor = Executor(FakeNetwork(network), Random(1), network)
    executor.see(network)
    executor.take_slices(SlicePlan(3, 1, (placement,)))
    executor.settle()
    found = [
        cookie
        for rules in executor.fake.rules().values()
        for rule in rules.values()
        if isinstance(rule, FlowRule) and (cookie := decode(rule.cookie)) and cookie.owner == 7
    ]
    # Into the pipe; on each way one in transit, one for packets bypassed there, one at the end.
    assert len(found) == 1 + 2 * 3
    assert {(cookie.app, cookie.epoch) for cookie in found} == {("slices", 3)}


def hose(network: Network, hosts: tuple[str, ...]) -> Placement:
    """A slice among hosts over shortest paths."""
    request = SliceRequest("office", hosts=hosts, rate=1.2345e6, rate_back=2e6)
    trees = with_network(Intent(), network, Numbers()).trees
    at = network.switch_of_host
    pipes = [
        Pipe(ends, trees[at[ends.dst]].path(at[ends.src], network)) for ends in request.pipes()
    ]
    return Placement(request, 1, 1, tuple(pipes))


def test_in_the_hose_model_all_pipes_of_a_host_share_its_meters() -> None:
    network = network_of(DIAMOND)
    numbers = Numbers()
    plan = SlicePlan(1, 1, (hose(network, ("h1", "h2", "h3")),))
    intent = with_slices(with_network(Intent(), network, numbers), plan, network, numbers)
    rules = compile_rules(intent, network, numbers)
    for dpid in (1, 2, 3):
        meters = [rule for rule in rules[dpid].values() if isinstance(rule, MeterRule)]
        meters.sort(key=lambda meter: meter.meter_id)
        assert [(meter.rate, meter.burst) for meter in meters] == [(1235, 124), (2000, 200)]
        for meter in meters:
            users = [r for r in rules[dpid].values() if isinstance(r, FlowRule)
                     and ("meter", meter.meter_id) in r.actions]  # fmt: skip
            assert len(users) == 2


def test_what_a_host_of_a_hose_receives_passes_one_meter_wherever_it_comes_from() -> None:
    hosts = [*(host_of(dpid) for dpid in (1, 2, 4)), replace(host_of(4, 101), name="h9",
             mac="00:00:00:00:00:99", ip="10.0.0.99")]  # fmt: skip
    network = network_of(DIAMOND, hosts)
    placement = hose(network, tuple(host.name for host in hosts))
    executor = Executor(FakeNetwork(network), Random(1), network)
    executor.see(network)
    executor.take_slices(SlicePlan(3, 1, (placement,)))
    executor.settle()
    fake, target = executor.fake, hosts[2]
    for source in (hosts[0], hosts[1], hosts[3]):
        fake.send(source, target)
    fake.drain()
    assert not fake.wrong and len(fake.delivered) == 3
    receiving = layout.meter_id(1, layout.RECEIVING + 2)
    sending = [layout.meter_id(1, n) for n in (0, 1, 3)]
    assert sorted(fake.switches[4].metered) == sorted([receiving] * 3 + sending[2:])
    assert fake.switches[1].metered == sending[:1]
    executor.restart()
    assert executor.compiler.compile(executor.intent, network, executor.numbers) == fake.rules()
    executor.take_slices(SlicePlan(4, 1, ()))
    executor.settle()
    assert all(not switch.meters for switch in fake.switches.values())


def test_packets_between_two_hosts_are_in_one_slice() -> None:
    network, placement = diamond()
    executor = Executor(FakeNetwork(network), Random(1), network)
    executor.see(network)
    second = replace(placement, number=8)
    executor.take_slices(SlicePlan(3, 1, (placement, second)))
    executor.settle()
    slices = executor.intent.slices
    assert [slices[n].missing for n in (7, 8)] == [(), (0,)]
    executor.take_slices(SlicePlan(4, 1, (second,)))
    executor.settle()
    assert executor.intent.slices[8].missing == ()
    assert executor.fake.rules() == executor.desired


def test_what_is_left_to_others() -> None:
    network, placement = diamond()
    left = best_effort_network(network, [placement])
    assert left.link_by_id[LinkId(1, 1)].capacity == 7.5e6
    assert left.link_by_id[LinkId(2, 1)].capacity == 10e6
    full = replace(placement, held=dict.fromkeys(placement.held, 10e6))
    assert best_effort_network(network, [full]).link_by_id[LinkId(1, 1)].capacity == 0.1e6
    alone = replace(placement, request=replace(placement.request, isolation="links"))
    lonely = replace(alone, pipes=(replace(alone.pipes[0], backup=None),))
    assert set(network.link_by_id) - set(best_effort_network(network, [lonely]).link_by_id) == {
        LinkId(1, 1), LinkId(2, 2),
    }  # fmt: skip
    # Both ways at once would leave nobody a way from 1 to 4: the links stay open.
    assert closed_links([alone], network) == {}
    assert best_effort_network(network, []) is network


def test_a_slice_with_links_of_its_own_is_survived_by_the_others_without_the_controller() -> None:
    network = network_of([(1, 2), (2, 3), (3, 4), (4, 1), (1, 3), (2, 4)])
    path = path_of([network.link_by_id[LinkId(1, 3)]])  # 1 to 3
    ends = Ends("h1", "h3")
    request = SliceRequest("alone", (ends,), rate=1e6, isolation="links")
    plan = SlicePlan(1, 1, (Placement(request, 1, 1, (Pipe(ends, path),)),))
    executor = Executor(FakeNetwork(network), Random(2), network)
    executor.see(network)
    executor.take_slices(plan)
    executor.settle()
    for cable in cables(network):
        executor.fake.cut_cable(cable.id)
        send_between_all(executor)
        executor.fake.cut_cable(cable.id, up=True)
    for flight in executor.fake.delivered:
        if LinkId(1, 3) in flight.hops:
            assert Ends(flight.source.name, flight.target.name) == ends
