"""Two-phase updates under packets in flight, judged by switches that really forward."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from qb_controller.model.network import Network, Path
from tests.support.executor import Executor, allowed_paths
from tests.support.fake_network import FakeNetwork, Flight
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
        executor.between = self.tick

    def allow(self) -> None:
        """From now on packets may also go as the present intent says."""
        for pair, paths in allowed_paths(self.executor.intent, self.executor.network).items():
            self.allowed.setdefault(pair, set()).update(paths)

    def allow_only(self) -> None:
        """From now on packets must go as the present intent says."""
        self.executor.fake.drain()
        self.check()
        self.executor.fake.delivered.clear()
        self.sent = 0
        self.allowed = {}
        self.allow()

    def tick(self) -> None:
        fake, random = self.executor.fake, self.executor.random
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
    stop = executor.random.randint(0, 60)

    class Killed(Exception):
        pass

    count = 0

    def between() -> None:
        nonlocal count
        count += 1
        traffic.tick()
        if count == stop:
            raise Killed

    executor.between = between
    try:
        executor.settle()
    except Killed:
        pass
    executor.between = traffic.tick
    executor.restart()
    traffic.allow()
    executor.settle()
    executor.fake.drain()
    traffic.check()
    assert executor.fake.rules() == executor.desired
