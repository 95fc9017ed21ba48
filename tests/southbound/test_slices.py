"""Slices under packets in flight, judged by switches that really forward."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from qb_controller.model.network import LinkId, Network
from qb_controller.model.slices import (
    OWN_DSCP,
    Ends,
    SlicePlan,
)
from qb_controller.southbound.adopt import adopt
from qb_controller.southbound.carrying import closed_links
from qb_controller.southbound.compile import Compiler, compile_rules
from qb_controller.southbound.intent import Intent
from qb_controller.southbound.labels import Numbers
from qb_controller.southbound.next_intent import with_network, with_plan, with_slices
from tests.southbound.test_updates import Traffic, cables, settle_until_killed, started
from tests.support.fake_network import without_cable
from tests.support.plans import networks, random_plan
from tests.support.slices import random_slices

SEEDS = st.integers(0, 1 << 30)
NO_SLICES = SlicePlan(9, 1, ())

Owners = dict[LinkId, frozenset[Ends]]
"""Who may be on a link that is somebody's alone."""


def owners(plan: SlicePlan) -> Owners:
    return {
        link: frozenset(placement.request.pipes())
        for placement in plan.placements
        for link in placement.private
    }


def check_alone(traffic: Traffic, plan: SlicePlan, then: SlicePlan | None = None) -> None:
    """Nobody else was on links that were one slice's alone all the time."""
    before, after = owners(plan), owners(then if then is not None else plan)
    fake = traffic.executor.fake
    for flight in (*fake.delivered, *fake.flights):
        ends = Ends(flight.source.name, flight.target.name)
        for hop in flight.hops:
            if before.get(hop) == after.get(hop):
                assert ends in before.get(hop, {ends}), f"{ends} on {hop}"


@settings(max_examples=80, deadline=None)
@given(networks(), SEEDS)
def test_any_slices_to_any_slices(network: Network, seed: int) -> None:
    executor, traffic = started(network, seed)
    random = executor.random
    installed = NO_SLICES
    for decision in (1, 2, 3):
        plan = random_slices(network, random, decision) if decision < 3 else NO_SLICES
        executor.take_slices(plan)
        if random.random() < 0.7:
            executor.take(random_plan(network, random, decision))
        traffic.allow()
        executor.settle()
        for _ in range(30):
            traffic.tick()
        traffic.check()
        check_alone(traffic, installed, plan)
        traffic.allow_only()
        for _ in range(60):
            traffic.tick()
        executor.fake.drain()
        traffic.check()
        check_alone(traffic, plan)
        installed = plan
    assert executor.fake.rules() == executor.desired
    assert not executor.retired.due
    assert not any(switch.meters for switch in executor.fake.switches.values())


@settings(max_examples=60, deadline=None)
@given(networks(), SEEDS)
def test_slices_and_plans_faster_than_drains(network: Network, seed: int) -> None:
    executor, traffic = started(network, seed)
    random = executor.random
    for decision in range(1, 7):
        if random.random() < 0.6:
            executor.take_slices(random_slices(network, random, decision))
        else:
            executor.take(random_plan(network, random, decision))
        traffic.allow()
        for _ in range(random.randint(1, 2)):
            executor.step()
        executor.wait_until(executor.now + random.choice([0.0, 0.7, 2.0, 3.5]))
    executor.settle()
    executor.fake.drain()
    traffic.check()
    assert executor.fake.rules() == executor.desired


@settings(max_examples=50, deadline=None)
@given(networks(), SEEDS)
def test_a_restart_at_any_moment_keeps_slices(network: Network, seed: int) -> None:
    executor, traffic = started(network, seed)
    executor.take_slices(random_slices(network, executor.random, 1))
    traffic.allow()
    executor.settle()
    executor.take_slices(random_slices(network, executor.random, 2))
    executor.take(random_plan(network, executor.random, 2))
    traffic.allow()
    settle_until_killed(executor, executor.random.randint(0, 60))
    executor.restart()
    traffic.allow()
    executor.settle()
    executor.fake.drain()
    traffic.check()
    assert executor.fake.rules() == executor.desired
    sent = executor.messages
    executor.restart()
    executor.settle()
    assert executor.messages == sent  # nothing is sent again when equal


@settings(max_examples=60, deadline=None)
@given(networks(), SEEDS)
def test_adopted_slices_are_what_was_compiled(network: Network, seed: int) -> None:
    random, numbers = Random(seed), Numbers()
    plan = random_slices(network, random)
    intent = with_slices(with_network(Intent(), network, numbers), plan, network, numbers)
    intent = with_plan(intent, random_plan(network, random), network, numbers)
    rules = compile_rules(intent, network, numbers)
    again = Numbers()
    found = adopt(rules, network, again)
    assert {n: set(one.ways) for n, one in found.slices.items()} == {
        n: set(one.ways) for n, one in intent.slices.items() if one.ways
    }
    described = with_slices(found, plan, network, again)
    assert described.slices == intent.slices
    assert with_network(described, network, again, keep_trees=True) is described
    assert compile_rules(described, network, again) == rules


@settings(max_examples=50, deadline=None)
@given(networks(), SEEDS)
def test_compiling_slices_by_parts_equals_compiling_at_once(network: Network, seed: int) -> None:
    random, numbers, compiler = Random(seed), Numbers(), Compiler()
    intent, now = Intent(), network
    for decision in range(1, 8):
        now = without_cable(now, random.choice(now.links).id) if now.links else network
        now = random.choice([network, now])
        intent = with_network(intent, now, numbers)
        assert with_network(intent, now, numbers) is intent
        if random.random() < 0.6:
            intent = with_slices(intent, random_slices(now, random, decision), now, numbers)
        assert compiler.compile(intent, now, numbers) == compile_rules(intent, now, numbers)


@settings(max_examples=60, deadline=None)
@given(networks(), SEEDS)
def test_cuts_with_slices_lose_nothing_and_private_links_stay_private(
    network: Network, seed: int
) -> None:
    executor, traffic = started(network, seed)
    random, fake = executor.random, executor.fake
    plan = random_slices(network, random)
    executor.take_slices(plan)
    executor.take(random_plan(network, random))
    executor.settle()
    fake.drain()
    fake.delivered.clear()
    traffic.sent = 0
    for cable in cables(network):
        smaller = without_cable(network, cable.id)
        # What a cut may lose is what has no way around: with private links there may be none.
        closed = closed_links(plan.placements, network)
        if set(closed_links(plan.placements, smaller)) != set(closed) & set(smaller.link_by_id):
            continue
        ends = (cable.id, LinkId(cable.dst, cable.dst_port))
        if any(end not in executor.intent.bypasses for end in ends):
            continue
        executor.network = smaller
        fake.cut_cable(cable.id)
        for _ in range(20):
            traffic.tick()
        executor.see(smaller)
        executor.settle()
        for carried in executor.intent.slices.values():
            for pipe in carried.pipes:
                kept = pipe.way is None or not set(pipe.way.path.links) & set(ends)
                assert kept, "a pipe stays on a path that is cut"
        fake.cut_cable(cable.id, up=True)
        executor.see(network)
        executor.settle()
        assert not fake.wrong, fake.wrong[:3]
    fake.drain()
    assert not fake.wrong, fake.wrong[:3]
    assert len(fake.delivered) == traffic.sent
    check_alone(traffic, plan)
    assert fake.rules() == executor.desired


@settings(max_examples=50, deadline=None)
@given(networks(), SEEDS)
def test_marks_say_who_is_in_a_slice(network: Network, seed: int) -> None:
    executor, _ = started(network, seed)
    plan = random_slices(network, executor.random)
    executor.take_slices(plan)
    executor.settle()
    executor.fake.drain()
    executor.fake.delivered.clear()
    within = {ends for placement in plan.placements for ends in placement.request.pipes()}
    fake = executor.fake
    for source in network.hosts:
        for target in network.hosts:
            for dscp in (0, 10, OWN_DSCP):
                if source != target:
                    fake.send(source, target, dscp=dscp, flow=dscp)
    fake.drain()
    assert not fake.wrong, fake.wrong[:3]
    for flight in fake.delivered:
        sent = flight.packet.flow
        if Ends(flight.source.name, flight.target.name) in within:
            assert flight.packet.dscp == OWN_DSCP
        else:
            assert flight.packet.dscp == (0 if sent == OWN_DSCP else sent)
