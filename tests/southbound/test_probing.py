"""Probes of latency: their way through switches that really forward, and what they tell."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from qb_controller.model.network import LinkId, Network, path_of
from qb_controller.model.slices import OWN_DSCP, Ends, Pipe, Placement, SlicePlan, SliceRequest
from qb_controller.southbound import probe_frames
from qb_controller.southbound.layout import PROBE_IP, slice_group
from qb_controller.southbound.probing import (
    EVERY_S,
    LEAST,
    LOST_S,
    PER_ROUND,
    WINDOW,
    Prober,
    lower_quartile,
    targets,
)
from tests.southbound.test_slice_rules import diamond
from tests.support.executor import Executor
from tests.support.fake_network import FakeNetwork, host_of, network_of, without_cable
from tests.support.fake_switch import Packet
from tests.support.plans import DIAMOND

PIPE = (7, 0)


def running() -> Executor:
    """The diamond with a slice from h1 to h4, its rules in the switches."""
    network, placement = diamond()
    executor = Executor(FakeNetwork(network), Random(1), network)
    executor.see(network)
    executor.take_slices(SlicePlan(3, 1, (placement,)))
    executor.settle()
    return executor


def walk(executor: Executor, dpid: int, group: int) -> list[int]:
    """Hand a probe to a switch for a group; the switches that it passes, the last one's last."""
    fake = executor.fake
    packet = Packet(probe_frames.PROBE_MAC, PROBE_IP, eth_src=probe_frames.PROBE_MAC, dscp=OWN_DSCP)
    out: list[tuple[int, Packet]] = []
    for bucket in fake.switches[dpid]._buckets(fake.switches[dpid].groups[group], packet):
        fake.switches[dpid]._run(bucket.actions, packet, 0, out)
    passed = [dpid]
    while out:
        [(port, packet)] = out
        link = fake.network.link_by_id[LinkId(passed[-1], port)]
        passed.append(link.dst)
        out = fake.switches[link.dst].forward(packet, link.dst_port)
    return passed


def handed_over(executor: Executor) -> dict[int, int]:
    return {d: len(s.to_controller) for d, s in executor.fake.switches.items() if s.to_controller}


def test_a_probe_takes_the_way_of_its_pipe_and_ends_at_the_controller() -> None:
    executor = running()
    [target] = targets(executor.intent.slices).values()
    assert (target.pipe, target.ingress, target.egress) == (PIPE, 1, 4)
    assert walk(executor, 1, target.group) == [1, 2, 4]
    assert handed_over(executor) == {4: 1}
    [packet] = executor.fake.switches[4].to_controller
    assert packet.dscp == OWN_DSCP and packet.vlans == ()
    assert not executor.fake.delivered


def test_a_probe_takes_the_bypass_of_a_broken_link_without_the_controller() -> None:
    executor = running()
    [target] = targets(executor.intent.slices).values()
    executor.fake.cut_cable(LinkId(2, 2))  # 2 to 4, beyond the ingress
    assert walk(executor, 1, target.group)[-1] == 4
    assert handed_over(executor) == {4: 1}


def test_a_probe_takes_the_backup_after_a_flip() -> None:
    executor = running()
    before = targets(executor.intent.slices)[PIPE]
    executor.see(without_cable(executor.network, LinkId(1, 1)))
    executor.settle()
    after = targets(executor.intent.slices)[PIPE]
    assert after.group == before.group == slice_group(7, 0) and after.label != before.label
    assert walk(executor, 1, after.group) == [1, 3, 4]


def test_a_host_that_sends_to_the_address_of_probes_reaches_nobody() -> None:
    executor = running()
    fake = executor.fake
    host, other = host_of(2), host_of(3)
    packet = Packet(other.mac, PROBE_IP, eth_src=host.mac)
    assert fake.switches[2].forward(packet, host.port) == []
    assert handed_over(executor) == {}


def test_pipes_within_one_switch_or_without_a_path_have_no_probes() -> None:
    executor = running()
    assert targets({}) == {}
    alone = replace(diamond()[1], pipes=(replace(diamond()[1].pipes[0], backup=None),))
    executor.take_slices(SlicePlan(4, 1, (alone,)))
    executor.see(without_cable(executor.network, LinkId(1, 1)))
    assert targets(executor.intent.slices) == {}


def test_frames_are_recognised_by_their_secret() -> None:
    secret = bytes(range(8))
    frame = probe_frames.frame(secret, 12345678901)
    assert len(frame) == probe_frames.LENGTH and frame[15] == OWN_DSCP << 2
    assert probe_frames.number_of(frame, secret) == 12345678901
    assert probe_frames.is_probe(frame) and probe_frames.number_of(frame, b"another!") is None
    for other in (b"", frame[:40], b"\0" * 64, frame[:12] + b"\x08\x06" + frame[14:]):
        assert probe_frames.number_of(other, secret) is None
    header = [int.from_bytes(frame[i : i + 2], "big") for i in range(14, 34, 2)]
    total = sum(header)
    assert (total & 0xFFFF) + (total >> 16) == 0xFFFF  # RFC 1071


class Bench:
    """A prober whose frames come back after known times, or not at all."""

    def __init__(self, executor: Executor, there_s: float = 0.001, back_s: float = 0.001) -> None:
        self.prober = Prober()
        self.executor = executor
        self.there_s, self.back_s = there_s, back_s
        self.now = 100.0
        self.connected = {1, 2, 3, 4}
        self.know()

    def know(self) -> None:
        self.prober.know(targets(self.executor.intent.slices))

    def rounds(self, count: int, latency_s: float | None, noise: Random | None = None) -> None:
        for _ in range(count):
            self.now += EVERY_S
            for shot in self.prober.due(self.connected, self.now):
                number = self.prober.sent(shot, self.now)
                way = self.there_s + self.back_s + (noise.expovariate(500) if noise else 0.0)
                if shot.target is None:
                    self.prober.arrived(number, shot.dpid, self.now + way)
                elif latency_s is not None:
                    self.prober.arrived(number, shot.target.egress, self.now + way + latency_s)


def test_what_the_ways_to_the_controller_take_is_taken_off() -> None:
    bench = Bench(running())
    assert bench.prober.latency(PIPE) is None
    bench.rounds(LEAST - 1, 0.02)
    early = bench.prober.latency(PIPE)
    assert early is not None and early.seconds is None and early.sent == LEAST - 1
    bench.rounds(2 * WINDOW, 0.02)
    found = bench.prober.latency(PIPE)
    assert found is not None
    assert found.seconds == pytest.approx(0.02) and found.error_s == pytest.approx(0.002)
    assert (found.sent, found.lost, found.silent) == (WINDOW, 0, 0)


@pytest.mark.parametrize("there_s", [0.0, 0.004])
def test_ways_that_are_not_alike_stay_within_the_uncertainty(there_s: float) -> None:
    bench = Bench(running(), there_s, 0.004 - there_s)
    bench.rounds(WINDOW, 0.02, Random(5))
    found = bench.prober.latency(PIPE)
    assert found is not None and found.seconds is not None
    assert abs(found.seconds - 0.02) <= found.error_s


def test_a_lost_probe_is_loss_and_no_latency() -> None:
    bench = Bench(running())
    bench.rounds(WINDOW, 0.02)
    bench.rounds(3, None)
    bench.now += LOST_S
    bench.rounds(1, None)
    found = bench.prober.latency(PIPE)
    assert found is not None and found.seconds == pytest.approx(0.02)
    assert (found.lost, found.silent) == (3, 3)
    bench.rounds(1, 0.02)
    bench.now += LOST_S
    bench.rounds(1, 0.02)
    found = bench.prober.latency(PIPE)
    assert found is not None and (found.lost, found.silent) == (4, 0)


def test_another_path_is_measured_anew_and_an_old_probe_does_not_count_for_it() -> None:
    bench = Bench(running())
    bench.rounds(WINDOW, 0.02)
    [late] = [s for s in bench.prober.due(bench.connected, bench.now + 1) if s.target]
    number = bench.prober.sent(late, bench.now + 1)
    bench.executor.see(without_cable(bench.executor.network, LinkId(1, 1)))
    bench.know()
    assert bench.prober.latency(PIPE) is None
    bench.prober.arrived(number, 4, bench.now + 1.1)
    assert bench.prober.latency(PIPE) is None
    bench.rounds(WINDOW, 0.03)
    found = bench.prober.latency(PIPE)
    assert found is not None and found.seconds == pytest.approx(0.03)


def test_a_switch_that_is_away_is_not_probed_and_its_probes_are_not_lost() -> None:
    bench = Bench(running())
    bench.rounds(WINDOW, None)
    bench.connected.discard(4)
    bench.now += LOST_S
    assert bench.prober.due(bench.connected, bench.now) == []
    assert bench.prober.latency(PIPE) is None
    bench.connected.add(4)
    bench.rounds(LEAST, 0.02)
    found = bench.prober.latency(PIPE)
    assert found is not None and found.lost == 0


def test_a_probe_handed_back_on_the_way_has_not_arrived() -> None:
    bench = Bench(running())
    [shot] = [s for s in bench.prober.due(bench.connected, 100.0) if s.target]
    number = bench.prober.sent(shot, 100.0)
    bench.prober.arrived(number, 2, 100.001)
    assert bench.prober.latency(PIPE) is None
    bench.prober.arrived(number, 4, 100.1)
    bench.prober.arrived(number, 4, 100.1)
    found = bench.prober.latency(PIPE)
    assert found is not None and found.sent == 1


def many(count: int) -> tuple[Network, SlicePlan]:
    """So many slices from h1 to h4, every second one with a bound."""
    network = network_of(DIAMOND, [host_of(1, 100 + n) for n in range(0)])
    hosts = [replace(host_of(d), name=f"h{d}x{n}", mac=f"00:00:0{d}:00:{n >> 8:02x}:{n & 255:02x}",
                     ip=f"10.{d}.{n >> 8}.{n & 255}", port=100 + n)
             for d in (1, 4) for n in range(count)]  # fmt: skip
    network = network_of(DIAMOND, hosts)
    upper = path_of([network.link_by_id[step] for step in (LinkId(1, 1), LinkId(2, 2))])
    places = []
    for n in range(count):
        ends = Ends(f"h1x{n}", f"h4x{n}")
        bound = 0.05 if n % 2 else None
        request = SliceRequest(f"s{n}", (ends,), rate=1e4, latency=bound)
        places.append(Placement(request, n + 1, 1, (Pipe(ends, upper),)))
    return network, SlicePlan(1, 1, tuple(places))


def test_many_pipes_take_turns_and_those_with_a_bound_come_oftener() -> None:
    network, plan = many(200)
    executor = Executor(FakeNetwork(network), Random(1), network)
    executor.see(network)
    executor.take_slices(plan)
    bench = Bench(executor)
    shots = dict.fromkeys(targets(executor.intent.slices), 0)
    for _ in range(60):
        bench.now += EVERY_S
        due = bench.prober.due(bench.connected, bench.now)
        assert len(due) <= PER_ROUND + 4
        for shot in due:
            if shot.target is not None:
                shots[shot.target.pipe] += 1
    bounded = [count for (number, _), count in shots.items() if number % 2 == 0]
    others = [count for (number, _), count in shots.items() if number % 2 == 1]
    assert min(others) >= 1 and min(bounded) >= 2 * max(others)


def test_the_lower_quartile() -> None:
    assert lower_quartile([5.0]) == 5.0
    assert lower_quartile([3.0, 2.0, 1.0]) == 1.0
    assert lower_quartile(map(float, range(9, -1, -1))) == 2.0  # type: ignore[arg-type]
