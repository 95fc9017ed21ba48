"""Two-phase updates under packets in flight, judged by switches that really forward."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qb_controller.model.network import Link, Network, Path
from qb_controller.southbound import labels, next_intent
from tests.support.executor import Executor, allowed_paths
from tests.support.fake_network import FakeNetwork, Flight, without_cable
from tests.support.plans import networks, random_plan

SEEDS = st.integers(0, 1 << 30)


class Traffic:
    """Sends packets between random hosts all the time and moves random ones on."""

    def __init__(self, executor: Executor, most: int = 12) -> None:
        self.executor = executor
        self.most = most
        self.flow = 0
        self.sent = 0
        self.allowed: dict[tuple[int, int], set[Path]] = {}
        self.before: dict[tuple[int, int], set[Path]] = {}
        executor.between = self.tick

    def allow(self) -> None:
        """From now on packets may also go as the present intent says."""
        before = self.before
        self.before = allowed_paths(self.executor.intent, self.executor.network, beneath=True)
        for allowed in (before, self.before):
            for pair, paths in allowed.items():
                self.allowed.setdefault(pair, set()).update(paths)

    def allow_only(self) -> None:
        """From now on packets must go as the present intent says."""
        self.executor.fake.drain()
        self.check()
        self.executor.fake.delivered.clear()
        self.sent = 0
        self.allowed = allowed_paths(self.executor.intent, self.executor.network)

    def tick(self) -> None:
        fake, random = self.executor.fake, self.executor.random
        if random.random() < 0.1:  # switches may be slow, and drains go on meanwhile
            self.executor.wait_until(self.executor.now + random.choice([0.1, 1.0, 4.0]))
        if len(fake.flights) < self.most and random.random() < 0.5:
            source, target = random.sample(fake.network.hosts, 2)
            self.flow += 1
            self.sent += 1
            fake.send(source, target, self.flow, self.executor.now)
        elif fake.flights:
            fake.hop(random.choice(fake.flights))

    def check(self) -> None:
        """All packets that arrived took one whole allowed path; none is missing."""
        fake = self.executor.fake
        assert not fake.wrong, fake.wrong[:3]
        for flight in fake.delivered:
            path = Path(tuple(flight.hops), flight.target.dpid)
            assert path in self.allowed[flight.source.dpid, flight.target.dpid], _words(flight)
        assert len(fake.delivered) + len(fake.flights) == self.sent


def _words(flight: Flight) -> str:
    return f"{flight.source.name} to {flight.target.name} over {flight.hops}"


def started(network: Network, seed: int) -> tuple[Executor, Traffic]:
    """A controller that has brought a network to its base layer, and traffic upon it."""
    executor = Executor(FakeNetwork(network), Random(seed), network)
    executor.see(network)
    executor.settle()
    traffic = Traffic(executor)
    traffic.allow()
    return executor, traffic


def settle_until_killed(executor: Executor, stop: int) -> None:
    """Settle; after so many steps the controller is gone, in the middle of whatever it does."""
    usual = executor.between

    class Killed(Exception):
        pass

    count = 0

    def between() -> None:
        nonlocal count
        count += 1
        usual()
        if count == stop:
            raise Killed

    executor.between = between
    with suppress(Killed):
        executor.settle()
    executor.between = usual


@settings(max_examples=60, deadline=None)
@given(networks(), SEEDS)
def test_any_plan_to_any_plan(network: Network, seed: int) -> None:
    executor, traffic = started(network, seed)
    for decision in (1, 2):
        executor.take(random_plan(network, executor.random, decision))
        traffic.allow()
        executor.settle()
        for _ in range(30):
            traffic.tick()
        traffic.check()
        traffic.allow_only()
        for _ in range(30):
            traffic.tick()
        executor.fake.drain()
        traffic.check()
    assert executor.fake.rules() == executor.desired
    assert not executor.retired.due


@settings(max_examples=60, deadline=None)
@given(networks(), SEEDS)
def test_plans_faster_than_drains(network: Network, seed: int) -> None:
    executor, traffic = started(network, seed)
    for decision in range(1, 6):
        executor.take(random_plan(network, executor.random, decision))
        traffic.allow()
        for _ in range(executor.random.randint(1, 2)):
            executor.step()
        executor.wait_until(executor.now + executor.random.choice([0.0, 0.7, 2.0, 3.5]))
    executor.settle()
    executor.fake.drain()
    traffic.check()
    assert executor.fake.rules() == executor.desired


@settings(max_examples=40, deadline=None)
@given(networks(), SEEDS)
def test_restart_at_any_moment_loses_nothing(network: Network, seed: int) -> None:
    executor, traffic = started(network, seed)
    executor.take(random_plan(network, executor.random))
    traffic.allow()
    settle_until_killed(executor, executor.random.randint(0, 60))
    executor.restart()
    traffic.allow()
    executor.settle()
    executor.fake.drain()
    traffic.check()
    assert executor.fake.rules() == executor.desired


@pytest.fixture
def few_epochs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Epochs that wrap after two generations, as real ones do after 4,096."""
    monkeypatch.setattr(next_intent, "EPOCHS", 2)
    monkeypatch.setattr(labels, "EPOCHS", 2)
    yield


@pytest.mark.usefixtures("few_epochs")
def test_labels_wrap_around() -> None:
    @settings(max_examples=25, deadline=None)
    @given(networks(), SEEDS)
    def check(network: Network, seed: int) -> None:
        executor, traffic = started(network, seed)
        for decision in range(1, 12):
            executor.take(random_plan(network, executor.random, decision))
            traffic.allow()
            executor.step()
            executor.wait_until(executor.now + executor.random.choice([0.0, 1.0, 3.5]))
            traffic.check()
        executor.settle()
        traffic.check()

    check()


def cables(network: Network) -> list[Link]:
    """One direction of each cable that the network stays connected without."""
    return [
        link
        for link in network.links
        if (link.src, link.src_port) < (link.dst, link.dst_port)
        and connected(without_cable(network, link.id))
    ]


def connected(network: Network) -> bool:
    seen, todo = set(), [network.switches[0].dpid]
    while todo:
        here = todo.pop()
        if here not in seen:
            seen.add(here)
            todo += [link.dst for link in network.links_out[here]]
    return len(seen) == len(network.switches)


def send_between_all(executor: Executor, flows: int = 4) -> None:
    fake = executor.fake
    fake.drain()
    before = len(fake.delivered)
    pairs = [(a, b) for a in fake.network.hosts for b in fake.network.hosts if a != b]
    for source, target in pairs:
        for flow in range(flows):
            fake.send(source, target, flow, executor.now)
    fake.drain()
    assert not fake.wrong, fake.wrong[:3]
    assert len(fake.delivered) == before + len(pairs) * flows


@settings(max_examples=80, deadline=None)
@given(networks(), SEEDS)
def test_a_cut_cable_is_survived_without_the_controller(network: Network, seed: int) -> None:
    executor, _ = started(network, seed)
    executor.take(random_plan(network, executor.random, 1))
    executor.settle()
    executor.take(random_plan(network, executor.random, 2))
    executor.between = lambda: None
    stop = executor.random.choice([0, executor.random.randint(1, 80)])
    settle_until_killed(executor, stop)
    for cable in cables(network):
        executor.fake.cut_cable(cable.id)
        send_between_all(executor)
        executor.fake.cut_cable(cable.id, up=True)
    send_between_all(executor)


@settings(max_examples=60, deadline=None)
@given(networks(), SEEDS)
def test_cuts_and_repairs_under_traffic_lose_nothing(network: Network, seed: int) -> None:
    executor, traffic = started(network, seed)
    random = executor.random
    executor.take(random_plan(network, random, 1))
    executor.settle()
    fake = executor.fake
    for decision in range(2, 5):
        choices = cables(network)
        if not choices:
            return
        cable = random.choice(choices).id
        executor.keep_trees = random.random() < 0.5
        executor.network = without_cable(network, cable)
        fake.cut_cable(cable)
        for _ in range(20):
            traffic.tick()
        executor.see(without_cable(network, cable))
        executor.step()
        if random.random() < 0.5:
            executor.take(random_plan(executor.network, random, decision))
            executor.settle()
        fake.cut_cable(cable, up=True)
        executor.see(network)
        executor.settle()
        assert not fake.wrong, fake.wrong[:3]
    fake.drain()
    assert not fake.wrong, fake.wrong[:3]
    assert len(fake.delivered) == traffic.sent
    assert fake.rules() == executor.desired
