"""What slices were given, from counters that lag and begin anew."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from qb_controller.model.network import LinkId
from qb_controller.model.slice_life import Slice
from qb_controller.model.slices import Ends, Pipe, Placement, SliceRequest
from qb_controller.slice_assurance import (
    LEAST_READINGS,
    LONG_WINDOW,
    WINDOW,
    Assurance,
    Count,
    PipeCount,
)
from tests.northbound.still import UPPER, diamond

NETWORK = replace(diamond(), links=tuple(replace(x, delay=0.01) for x in diamond().links))
ENDS = Ends("h1", "h4")
REQUEST = SliceRequest("video", (ENDS,), rate=1e6)
VIDEO = Slice(REQUEST, 1, "active", 0.0, 0.0, "", Placement(REQUEST, 1, 1, (Pipe(ENDS, UPPER),)))
SIZE = 1000
"""Bytes of a packet."""


class Feed:
    """Counters of one pipe that two switches report, read once a second."""

    def __init__(self, lag_s: float = 0.0, seed: int = 0) -> None:
        self.assurance = Assurance(max(lag_s, 0.01))
        self.sent = self.arrived = 0.0
        self.now = 100.0
        self.rates: dict[LinkId, float] = {}
        self.slice = VIDEO
        self._lag_s, self._rng = lag_s, random.Random(seed)

    def second(self, offered: float, delivered: float, count: int = 1) -> list[str]:
        told = []
        for _ in range(count):
            self.now += 1
            self.sent += offered / 8 / SIZE
            self.arrived += delivered / 8 / SIZE
            counts = PipeCount(
                self._count(self.sent, offered), self._count(self.arrived, delivered)
            )
            told += self.assurance.read(
                {"video": {ENDS: counts}}, [self.slice], NETWORK, self.rates, self.now
            )
        return [f"{kind}: {text}" for _, _, kind, text in told]

    def _count(self, packets: float, rate: float) -> Count:
        late = self._rng.uniform(0, self._lag_s) * rate / 8 / SIZE
        seen = max(0, round(packets - late))
        return Count(self.now, seen, seen * SIZE)

    @property
    def pipe(self):
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
    feed.slice = replace(VIDEO, state="degraded", detail="link s1 -> s2 is gone")
    (told,) = feed.second(8e5, 1e5, 9)
    assert told.endswith("link s1 -> s2 is gone")


def test_more_than_was_promised_is_no_loss_of_the_promise() -> None:
    feed = Feed()
    assert feed.second(2e6, 1e6, 12) == []
    assert feed.pipe.loss == 0.0
    assert feed.pipe.offered == pytest.approx(2e6)
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
    feed.second(8e5, 0.0, LEAST_READINGS - 1)
    assert feed.pipe.loss is None


def test_counters_that_begin_anew_begin_the_window_anew() -> None:
    feed = Feed()
    feed.second(8e5, 8e5, 12)
    feed.arrived = 0.0  # the slice was moved: another label, another rule
    assert feed.second(8e5, 8e5, 1) == []
    assert feed.pipe.offered is None
    assert feed.second(8e5, 8e5, 12) == []
    assert feed.pipe.loss == 0.0


def test_within_one_switch_only_what_enters_is_known() -> None:
    feed = Feed()
    for n in range(6):
        count = PipeCount(Count(n, 200 * n, 200_000 * n), None)
        feed.assurance.read({"video": {ENDS: count}}, [VIDEO], NETWORK, {}, n)
    assert feed.pipe.offered == pytest.approx(1.6e6)
    assert (feed.pipe.delivered, feed.pipe.loss) == (1e6, None)


def test_what_is_gone_is_forgotten() -> None:
    feed = Feed()
    feed.second(8e5, 8e5, 3)
    feed.assurance.read({}, [VIDEO], NETWORK, {}, 0.0)
    assert feed.assurance.found == {}
