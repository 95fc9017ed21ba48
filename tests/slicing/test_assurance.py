"""What slices were given, from counters that lag and begin anew."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from qb_controller.model.delivered import Latency, PipeQuality
from qb_controller.model.network import LinkId
from qb_controller.model.slice_life import Slice
from qb_controller.model.slices import Ends, Pipe, Placement, SliceRequest
from qb_controller.slicing.assurance import (
    LEAST_READINGS,
    LONG_WINDOW,
    SETTLE_S,
    WINDOW,
    Assurance,
)
from qb_controller.southbound import layout
from qb_controller.southbound.slice_counters import Count, SliceCounts
from tests.northbound.still import LOWER, UPPER, diamond
from tests.support.first_fit import lost

NETWORK = replace(diamond(), links=tuple(replace(x, delay=0.01) for x in diamond().links))
ENDS = Ends("h1", "h4")
REQUEST = SliceRequest("video", (ENDS,), rate=1e6)
VIDEO = Slice(REQUEST, 1, "active", 0.0, 0.0, "", Placement(REQUEST, 1, 1, (Pipe(ENDS, UPPER),)))
SIZE = 1000
"""Bytes of a packet."""


class Feed:
    """Counters of one pipe as switches report them, read once a second."""

    def __init__(self, lag_s: float = 0.0, seed: int = 0) -> None:
        self.assurance = Assurance(max(lag_s, 0.01))
        self.sent = self.arrived = self.dropped = 0.0
        self.now = 100.0
        self.rates: dict[LinkId, float] = {}
        self.slice = VIDEO
        self.network = NETWORK
        self.latency: Latency | None = None
        self._lag_s, self._rng = lag_s, random.Random(seed)

    def second(
        self, offered: float, delivered: float, count: int = 1, dropped: float = 0.0
    ) -> list[str]:
        told = []
        for _ in range(count):
            self.now += 1
            self.sent += offered / 8 / SIZE
            self.arrived += delivered / 8 / SIZE
            self.dropped += dropped / 8 / SIZE
            counts = SliceCounts(
                self.now,
                {(1, 0): self._count(self.sent, offered)},
                {(1, 0): self._count(self.arrived, delivered)},
                {(1, 0): self._count(self.dropped, dropped)},
            )
            told += self.assurance.read(
                counts,
                [self.slice],
                self.network,
                self.rates,
                self.now,
                latency=lambda pipe: self.latency,
            )
        return [f"{kind}: {text}" for _, _, kind, text in told]

    def _count(self, packets: float, rate: float) -> Count:
        late = self._rng.uniform(0, self._lag_s) * rate / 8 / SIZE
        seen = max(0, round(packets - late))
        return Count(self.now, seen, seen * SIZE)

    @property
    def pipe(self) -> PipeQuality:
        return self.assurance.found["video"].pipes[0]


def test_rates_and_no_loss() -> None:
    feed = Feed()
    feed.second(8e5, 8e5)
    assert feed.pipe.offered is None and feed.pipe.loss is None
    assert feed.second(8e5, 8e5, WINDOW) == []
    assert feed.pipe.offered == pytest.approx(8e5)
    assert feed.pipe.delivered == pytest.approx(8e5)
    assert (feed.pipe.loss, feed.pipe.promised, feed.pipe.delay_s) == (0.0, 1e6, 0.02)


def test_loss_is_told_once_with_a_full_link_as_its_cause_and_again_when_it_is_over() -> None:
    feed = Feed()
    feed.rates = {LinkId(2, 3): 9.9e6}
    told = feed.second(8e5, 6e5, 12)
    assert told == [
        "violation: h1 -> h4 loses 25.0% of what was promised: link s2 -> s4 is full "
        "(9.9 of 10 Mbit/s)"
    ]
    assert feed.pipe.loss == pytest.approx(0.25)
    assert feed.assurance.found["video"].violation
    told = feed.second(8e5, 8e5, LONG_WINDOW)
    assert told == ["kept: all that was promised is kept again"]
    assert feed.pipe.loss == 0.0


def test_other_causes() -> None:
    feed = Feed()
    (told,) = feed.second(8e5, 1e5, 9)
    assert told.endswith("its rules or classes are not as meant (qb drift)")
    feed = Feed()
    feed.network = lost(NETWORK, (1, 2))
    place = Placement(REQUEST, 1, 1, (Pipe(ENDS, UPPER, LOWER),))
    feed.slice = replace(VIDEO, placement=place)
    (told,) = feed.second(8e5, 1e5, 9)
    assert told.endswith("link s1 -> s2 is gone")
    feed = Feed()
    feed.slice = replace(VIDEO, state="degraded", detail="it runs without a backup", since=95.0)
    (told,) = feed.second(8e5, 1e5, 9)
    assert told.endswith("it became degraded 13 s ago (it runs without a backup)")


def test_more_than_was_promised_is_no_loss_of_the_promise() -> None:
    feed = Feed()
    assert feed.second(2e6, 1e6, 12, dropped=1e6) == []
    assert feed.pipe.loss == 0.0
    assert feed.pipe.offered == pytest.approx(2e6)
    assert feed.second(2e6, 1e6, 12) == []  # a switch without meters
    (told,) = feed.second(2e6, 7e5, 12)
    assert told.startswith("violation: h1 -> h4 loses")


def test_lag_is_not_taken_for_loss() -> None:
    for seed in range(20):
        feed = Feed(lag_s=0.3, seed=seed)
        assert feed.second(8e5, 8e5, 60) == []


def test_a_small_loss_shows_in_the_long_window() -> None:
    feed = Feed(lag_s=0.1)
    assert feed.second(8e5, 7.6e5, LONG_WINDOW)[0].startswith("violation: h1 -> h4 loses")
    assert feed.pipe.loss == pytest.approx(0.05, abs=0.01)


def test_little_traffic_and_few_readings_say_nothing() -> None:
    feed = Feed()
    assert feed.second(8e3, 0.0, 12) == []
    assert feed.pipe.loss is None
    feed = Feed()
    feed.second(8e5, 0.0, LEAST_READINGS + int(SETTLE_S) - 1)
    assert feed.pipe.loss is None
    feed.second(8e5, 0.0)
    assert feed.pipe.loss == 1.0


def test_another_promise_begins_the_window_anew() -> None:
    feed = Feed()
    feed.second(2e6, 1e6, 12)
    request = replace(REQUEST, rate=2e6)
    place = Placement(request, 1, 2, (Pipe(ENDS, UPPER),))
    feed.slice = replace(VIDEO, request=request, placement=place)
    feed.second(2e6, 2e6)
    assert feed.pipe.offered is None
    assert feed.second(2e6, 2e6, 12) == []
    assert (feed.pipe.loss, feed.pipe.promised) == (0.0, 2e6)


def test_what_is_not_counted_while_a_slice_moves_is_no_loss() -> None:
    feed = Feed()
    feed.second(8e5, 8e5, 20)
    place = Placement(REQUEST, 1, 2, (Pipe(ENDS, LOWER),))
    feed.slice = replace(VIDEO, placement=place)
    assert feed.second(8e5, 0.0, 2) == []  # the old rule went with what it had counted
    assert feed.second(8e5, 8e5, 20) == []
    assert feed.pipe.loss == 0.0


def test_what_goes_as_best_effort_is_counted_by_nobody() -> None:
    feed = Feed()
    feed.network = lost(NETWORK, (1, 2))
    assert feed.second(8e5, 0.0, 12) == []
    assert feed.pipe.loss is None and feed.pipe.offered == pytest.approx(8e5)


def lan(
    sent: list[float], dropped: dict[int, float], arrived: list[float], back: float = 1e6
) -> tuple[list[PipeQuality], str]:
    """A hose of three hosts over ten seconds; bit/s by pipe, drops by sender."""
    request = SliceRequest("lan", hosts=("h1", "h2", "h4"), rate=1e6, rate_back=back)
    pipes = tuple(Pipe(ends, UPPER) for ends in request.pipes())
    one = replace(VIDEO, request=request, placement=Placement(request, 2, 1, pipes))
    assurance = Assurance(0.01)
    for second in range(10):
        grown = [
            {
                (2, n): Count(float(second), int(r * second / 8e3), int(r * second / 8))
                for n, r in rows
            }
            for rows in (enumerate(sent), enumerate(arrived), dropped.items())
        ]
        assurance.read(SliceCounts(float(second), *grown), [one], NETWORK, {}, second)
    found = assurance.found["lan"]
    return list(found.pipes), found.violation


def test_pipes_of_one_host_share_what_its_meter_drops() -> None:
    """h1 sends 2 x 1 Mbit/s and may send 1 in all: half of each arrives, and nothing is lost."""
    pipes, violation = lan([1e6, 1e6, 0, 0, 0, 0], {0: 1e6}, [5e5, 5e5, 0, 0, 0, 0])
    assert violation == ""
    assert [pipe.loss for pipe in pipes[:2]] == [0.0, 0.0]
    _, violation = lan([1e6, 1e6, 0, 0, 0, 0], {0: 1e6}, [5e5, 2e5, 0, 0, 0, 0])
    assert violation.startswith("h1 -> h4 loses 60.0% of what was promised")


def test_a_host_is_promised_no_more_than_it_may_receive() -> None:
    """h1 and h2 send 1 Mbit/s each to h4, which may receive 1 in all."""
    pipes, violation = lan([0, 1e6, 0, 1e6, 0, 0], {}, [0, 5e5, 0, 5e5, 0, 0])
    assert violation == "" and pipes[1].loss == 0.0
    receiving = {layout.RECEIVING + 2: 1e6}  # its meter drops one of the two that come
    pipes, violation = lan([0, 1e6, 0, 1e6, 0, 0], receiving, [0, 1e6, 0, 1e6, 0, 0])
    assert violation == "" and [pipes[n].loss for n in (1, 3)] == [0.0, 0.0]
    assert [pipes[n].delivered for n in (1, 3)] == [pytest.approx(5e5)] * 2
    _, violation = lan([0, 1e6, 0, 1e6, 0, 0], receiving, [0, 1e6, 0, 6e5, 0, 0])
    assert violation != ""


def test_within_one_switch_what_passes_the_meter_is_delivered() -> None:
    feed = Feed()
    for n in range(6):
        sent, dropped = Count(n, 200 * n, 200_000 * n), Count(n, 75 * n, 75_000 * n)
        counts = SliceCounts(float(n), {(1, 0): sent}, {}, {(1, 0): dropped})
        feed.assurance.read(counts, [VIDEO], NETWORK, {}, n)
    assert feed.pipe.offered == pytest.approx(1.6e6)
    assert feed.pipe.delivered == pytest.approx(1e6) and feed.pipe.loss is None


def bounded(seconds: float) -> Feed:
    """A pipe of two links that may take so long."""
    feed = Feed()
    request = replace(REQUEST, latency=seconds)
    place = Placement(request, 1, 1, (Pipe(ENDS, UPPER),))
    feed.slice = replace(VIDEO, request=request, placement=place)
    return feed


def test_a_measured_latency_above_the_bound_is_told_once_it_is_sure() -> None:
    feed = bounded(0.02)
    for seconds, error in ((0.019, 0.001), (0.0225, 0.001), (0.03, 0.02), (None, 0.0)):
        feed.latency = Latency(seconds, error, 10, 0, 0)
        assert feed.second(8e5, 8e5, 4) == []
    feed.latency = Latency(0.0482, 0.0012, 10, 0, 0)
    feed.now += 100
    assert feed.second(8e5, 8e5, 4) == [
        "violation: h1 -> h4 takes 48.2 ms (measured, +-1.2) instead of 20: no link of its path is "
        "full or gone: a link of it is slower than known (qb drift)"
    ]
    assert feed.pipe.latency == feed.latency and feed.pipe.delay_s == 0.02
    feed.latency = Latency(0.0201, 0.001, 10, 0, 0)
    assert feed.second(8e5, 8e5, 2) == ["kept: all that was promised is kept again"]


def test_without_a_bound_any_latency_will_do() -> None:
    feed = Feed()
    feed.latency = Latency(3.0, 0.001, 10, 0, 0)
    assert feed.second(8e5, 8e5, 10) == []


def test_an_over_full_class_is_the_cause_of_a_latency() -> None:
    feed = bounded(0.02)
    feed.second(9.8e6, 9.8e6, 8)
    feed.latency = Latency(0.05, 0.001, 10, 0, 0)
    feed.rates = {LinkId(2, 3): 9.9e6}
    (told,) = feed.second(9.8e6, 9.8e6, 4)
    assert told.endswith(
        "link s2 -> s4 is full (9.9 of 10 Mbit/s), its class of slices over-full (9.8 Mbit/s)"
    )


def test_probes_that_never_come_back_are_a_loss_though_no_host_sends() -> None:
    feed = Feed()
    feed.latency = Latency(0.02, 0.001, 10, 3, 3)
    assert feed.second(0.0, 0.0, 4) == []
    feed.latency = Latency(None, 0.0, 10, 10, 10)
    (told,) = feed.second(0.0, 0.0, 4)
    assert told.startswith("violation: h1 -> h4 lets nothing through: the last 10 probes were lost")


def test_what_is_gone_is_forgotten() -> None:
    feed = Feed()
    feed.second(8e5, 8e5, 3)
    feed.assurance.read(SliceCounts(200.0), [], NETWORK, {}, 0.0)
    assert feed.assurance.found == {}
