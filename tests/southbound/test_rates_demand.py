from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qb_controller.southbound.demand import UNKNOWN, follow
from qb_controller.southbound.metering import DemandEstimator, Meter
from qb_controller.southbound.rates import UNAVAILABLE, Reading, Sample, span


@pytest.mark.parametrize(
    ("before", "after", "sample"),
    [
        (Reading(1000, 5.0), Reading(3000, 7.0), Sample(16000.0, 2.0)),
        (Reading(1000, 5.0), Reading(1000, 6.0), Sample(0.0, 1.0)),
        (Reading(1000, 5.0), Reading(3000, 5.0), None),  # one reading answered twice
        (Reading(1000, 5.0), Reading(900, 6.0), None),  # the total began anew
        (Reading(1000, 5.0), Reading(3000, 1.0), None),  # the switch began anew
        (Reading(UNAVAILABLE, 5.0), Reading(UNAVAILABLE, 6.0), None),
        (Reading((1 << 64) - 101, 5.0), Reading(100, 6.0), Sample(8 * 201.0, 1.0)),  # wrapped
    ],
)
def test_spans(before: Reading, after: Reading, sample: Sample | None) -> None:
    assert span(before, after) == sample


def test_a_meter_keeps_rates_over_resets_and_missing_answers() -> None:
    meter: Meter[str] = Meter()
    assert meter.read("a", Reading(0, 1.0)) is None
    meter.read("a", Reading(1000, 2.0))
    assert meter.rates == {"a": 8000.0}
    meter.read("a", Reading(50, 3.0))  # reset: the last rate stands
    assert meter.rates == {"a": 8000.0}
    assert meter.read("a", Reading(900, 4.0)) is None  # may hold part of the interval before
    meter.read("a", Reading(1900, 6.0))  # an answer in between was lost
    assert meter.rates == {"a": 4000.0}
    meter.forget({"a"})
    assert meter.rates == {} == dict.fromkeys(meter.keys)


def polled(rate: Callable[[float], float], seed: int, lag_s: float, seconds: float = 40.0) -> list:
    """(time, estimate) once a second, of counters that the switch refreshes at random times.

    ``rate`` is bit/s by time; refreshes are at most ``lag_s`` apart.
    """
    random = Random(seed)
    step = 0.01
    total = [0.0]
    for tick in range(int((seconds + 1) / step)):
        total.append(total[-1] + rate(tick * step) * step / 8)
    refreshed = [0.0]
    while refreshed[-1] < seconds:
        refreshed.append(refreshed[-1] + random.uniform(lag_s / 5, lag_s))
    estimate, before, now, found = UNKNOWN, None, random.random(), []
    while now < seconds:
        shown = total[int(refreshed[bisect_right(refreshed, now) - 1] / step)]
        reading = Reading(int(shown), now)
        if before is not None:
            estimate = follow(estimate, span(before, reading), max(lag_s, 0.01))
            found.append((now, estimate.rate))
        before, now = reading, now + 1.0
    return found


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 1 << 20), st.floats(1e5, 1e7))
def test_late_counters_are_not_taken_for_a_change(seed: int, rate: float) -> None:
    lag = 0.5 if seed % 2 else 0.1
    found = polled(lambda _: rate, seed, lag)
    for now, estimate in found:
        # No sample is ever dropped, so the bound is that of the whole window.
        assert abs(estimate / rate - 1) <= (lag + 0.02) / min(now - found[0][0] + 1, 10) + 0.01


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 1 << 20), st.sampled_from([0.0, 0.4, 1.8, 3.0]))
def test_a_large_step_is_followed_with_the_first_whole_sample(seed: int, factor: float) -> None:
    found = polled(lambda t: 1e6 if t < 20 else factor * 1e6, seed, lag_s=0.3)
    after = [estimate / 1e6 for now, estimate in found if now >= 21.3]
    assert abs(after[0] - factor) <= 0.3 * max(factor, 1) + 0.02
    assert all(abs(estimate - factor) <= 0.1 * factor + 0.02 for estimate in after[5:])


def test_traffic_that_begins_and_ends() -> None:
    demands: DemandEstimator[int] = DemandEstimator()
    for bits in (0, 0, 0, 1e6):
        demands.add(1, bits, 1.0)
    assert demands.rate(1) == 1e6
    demands.add(1, 2e6, 1.0)  # the first whole second; the one before held some silence
    assert demands.rate(1) == 2e6
    for bits in (0, 0):
        demands.add(1, bits, 1.0)
    assert demands.rates() == {1: 0.0}
    assert follow(UNKNOWN, None) is UNKNOWN
    demands.forget({1})
    assert demands.rate(1) == 0.0
