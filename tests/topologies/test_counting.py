"""Counting of packets: bins, histograms, duplicates, reordering, runs of loss, schedules."""

from __future__ import annotations

import pytest

from topologies.counters import (
    BIN_NS,
    Bins,
    Histogram,
    class_middle,
    duration_class,
    longest_zero_run,
    percentiles,
)
from topologies.measure import Shape, join
from topologies.ping import checksum
from topologies.udp import HEADER, MAGIC, Receiver, Sender

MS = 1_000_000


def test_bins_count_by_time_and_forget_only_times() -> None:
    bins = Bins()
    for at_ms in (0, 5, 9, 10, 995, 1000, 2500):
        bins.add(at_ms * MS)
    assert bins.between(0, 1) == 3
    assert bins.between(0, 100) == 5
    assert bins.between(99, 101) == 2
    assert bins.series(0, 101, 50) == [4, 1, 1]
    bins.forget(2)
    assert (bins.between(0, 1 << 40), bins.total) == (1, 7)


def test_duration_classes_are_fine_enough() -> None:
    for duration in (8, 100, 12_345, 999_999, 40_000_000, 3_000_000_000):
        assert class_middle(duration_class(duration)) == pytest.approx(duration, rel=0.07)
    assert duration_class(-5) == 0


def test_percentiles() -> None:
    histogram = Histogram()
    for ms in range(1, 101):
        histogram.add(0, ms * MS)
    median, high = percentiles(histogram.between(0, 1), (0.5, 0.99))
    assert median == pytest.approx(50 * MS, rel=0.07)
    assert high == pytest.approx(99 * MS, rel=0.07)
    assert percentiles({}, (0.5,)) == [None]


def test_longest_zero_run() -> None:
    assert longest_zero_run(b"\1\0\0\1\0\0\0\1\0") == (4, 3)
    assert longest_zero_run(b"\1\1") == (0, 0)
    assert longest_zero_run(b"") == (0, 0)


def test_receiver_counts_each_packet_once() -> None:
    receiver = Receiver()
    for seq, flow in ((0, 0), (1, 1), (2, 0), (2, 0), (5, 1), (4, 0), (3, 1)):
        receiver.count(9, seq, flow, seq * MS, seq * MS + 2 * MS)
    entry = receiver.arrivals[9]
    assert entry.received.total == 6
    assert entry.duplicates.total == 1
    # 4 after 5 is another microflow; 3 after 5 is the same one.
    assert entry.reordered.total == 1
    assert receiver.longest_loss(9, 0, 9) == (6, 3)
    assert receiver.longest_loss(8, 10, 14) == (10, 4)


class Catcher:
    """Takes what a sender sends."""

    def __init__(self) -> None:
        self.packets: list[tuple[bytes, tuple[str, int]]] = []
        self.refusing = False

    def sendto(self, data: memoryview, address: tuple[str, int]) -> None:
        if self.refusing:
            raise BlockingIOError
        self.packets.append((bytes(data), address))


def sender_of(demands: list[dict], ports: int = 2) -> tuple[Sender, Catcher]:
    catcher = Catcher()
    sender = Sender([catcher] * ports**2, 1)  # type: ignore[list-item]
    sender.replace(demands, 0, ports, 0.1)
    return sender, catcher


def test_sender_keeps_the_rate_and_numbers_its_packets(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0
    monkeypatch.setattr("topologies.udp.time.monotonic_ns", lambda: now)
    demands = [{"key": 5, "ip": "10.0.0.2", "interval_ns": 2.0 * MS, "frame": 500}]
    sender, catcher = sender_of(demands)
    for now in range(0, 1000 * MS, MS // 2):
        sender.run(now)
    assert len(catcher.packets) in (499, 500, 501)
    fields = [HEADER.unpack_from(data) for data, _ in catcher.packets]
    assert [field[2] for field in fields] == list(range(len(fields)))
    assert {field[:2] for field in fields} == {(MAGIC, 5)}
    assert all(len(data) + 42 == 500 for data, _ in catcher.packets)
    # Each of the four microflows gets its turn.
    flows = [field[3] for field in fields]
    assert max(flows.count(f) for f in range(4)) - min(flows.count(f) for f in range(4)) <= 1
    assert sender.streams[5].sent.total == len(fields)
    first = sender.sent_at(5, 0)
    assert first is not None and first < 0.01
    span = sender.sequence_range(5, 10 * MS // BIN_NS, 110 * MS // BIN_NS)
    assert 49 <= span[1] - span[0] <= 51


def test_sender_that_was_held_up_leaves_packets_out_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0
    monkeypatch.setattr("topologies.udp.time.monotonic_ns", lambda: now)
    demands = [{"key": 5, "ip": "10.0.0.2", "interval_ns": 1.0 * MS, "frame": 500}]
    sender, catcher = sender_of(demands)
    for now in (*range(0, 100 * MS, MS), *range(400 * MS, 500 * MS, MS)):
        sender.run(now)
    assert 295 <= sender.skipped.total <= 303
    assert len(catcher.packets) + sender.skipped.total in (499, 500, 501)


def test_refused_packets_are_not_counted_as_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0
    monkeypatch.setattr("topologies.udp.time.monotonic_ns", lambda: now)
    demands = [{"key": 5, "ip": "10.0.0.2", "interval_ns": 1.0 * MS, "frame": 500}]
    sender, catcher = sender_of(demands)
    catcher.refusing = True
    for now in range(0, 20 * MS, MS):
        sender.run(now)
    assert sender.refused.total >= 19
    assert sender.streams[5].seq == 0


def test_unchanged_demands_keep_their_rhythm() -> None:
    steady = {"key": 1, "ip": "10.0.0.2", "interval_ns": 5.0 * MS, "frame": 500}
    sender, _ = sender_of([steady, {**steady, "key": 2}])
    before = {key: due for due, key in sender.heap}
    sender.replace([steady, {**steady, "key": 2, "interval_ns": 1.0 * MS}], 0, 2, 0.1)
    after = {key: due for due, key in sender.heap}
    assert after[1] == before[1]
    assert after[2] <= 1.0 * MS


def test_shapes() -> None:
    assert Shape(size=1000).interval_ns(8e6) == pytest.approx(1e6)
    assert Shape(pps=1000).interval_ns(1.0) == pytest.approx(1e6)
    for wrong in ({"size": 20}, {"size": 1600}, {"ports": 0}, {"pps": 0}, {"jitter": 2}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Shape(**wrong)  # type: ignore[arg-type]


def test_joining_both_ends() -> None:
    answers = {
        1: {"sent": {"7": {"sent": 10, "span": [5, 15], "until_end": 15}}, "received": {}},
        2: {
            "sent": {},
            "received": {
                "7": {
                    "received": 8, "duplicates": 1, "reordered": 0, "until_end": 13,
                    "latency": {"80": 8},
                }
            },
        },
    }  # fmt: skip
    assert join(answers, whole=False)[7]["received"] == 8
    assert join(answers, whole=True)[7] == {
        "sent": 15, "span": [0, 15], "received": 13, "duplicates": 1, "reordered": 0,
        "latency": {80: 8},
    }  # fmt: skip


def test_checksum() -> None:
    # The example of RFC 1071, section 3.
    assert checksum(bytes.fromhex("0001f203f4f5f6f7")) == ~0xDDF2 & 0xFFFF
