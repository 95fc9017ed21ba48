"""Demand of a pair from noisy samples: follows a step at once, and does not follow noise.

The noise has a known cause. Open vSwitch brings its counters up to date only now and then, at most
:data:`LAG_S` apart, so a reading is the truth of up to that much earlier. Over a window of W
seconds a steady rate r therefore shows as r within +-r * LAG_S / W: half of it over one second, a
twentieth over ten. The error is bounded and, unlike random noise, what one sample lacks the next
one has too much.

So the estimate is the mean over the longest recent window in which nothing contradicts a steady
rate: the newest k samples and the older ones may differ by what the lag allows on both sides, and
by no more. Where they differ by more, for the smallest such k, the rate has changed, and the older
samples are dropped. A change of more than half shows in the first whole sample, one of a third in
the second or third, one of a tenth within ten: the larger, the faster. An average with one fixed
time constant would have to choose between them.

The sample in which a change showed holds some of the old rate as well. It serves as the estimate
until the next one comes, and is then left out.
"""

from __future__ import annotations

from dataclasses import dataclass

from qb_controller.southbound.rates import Sample

LAG_S = 0.5
"""Longest time that Open vSwitch's counters stay behind (its ``max-revalidator`` default)."""

LONGEST_S = 10.0
"""Longest window: ten samples of the default interval, whose error is 5 percent of the rate, little
against the 10 percent of headroom that traffic engineering aims at; slow drifts are followed within
half of it."""

PACKET_BITS = 1500 * 8
"""A sample holds whole packets, so one more or less is no change."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is believed of one pair.

    Attributes
    ----------
    rate : float
        Bit/s.
    window : tuple of Sample
        Oldest first; empty before the first sample.
    mixed : bool
        Whether the window is a single sample that a change of rate falls into.
    """

    rate: float = 0.0
    window: tuple[Sample, ...] = ()
    mixed: bool = False


UNKNOWN = Estimate()


def follow(estimate: Estimate, sample: Sample | None, lag_s: float = LAG_S) -> Estimate:
    """The estimate after one more sample; None (a missing sample, a reset) leaves it as it is.

    Parameters
    ----------
    estimate : Estimate
    sample : Sample or None
    lag_s : float
        Longest time that the switch's counters stay behind.
    """
    idle = estimate.window and not estimate.rate
    if sample is None or (idle and not sample.bits):
        return estimate
    before = () if estimate.mixed else estimate.window
    window = _shortened((*before, sample))
    bits, seconds = _sum(window)
    new_bits = new_seconds = 0.0
    for position in range(len(window) - 1, 0, -1):
        new_bits += window[position].bits
        new_seconds += window[position].seconds
        newer = Sample(new_bits, new_seconds)
        if _contradict(Sample(bits - new_bits, seconds - new_seconds), newer, lag_s):
            changed = window[position:]
            return Estimate(new_bits / new_seconds, changed, mixed=len(changed) == 1)
    return Estimate(bits / seconds, window)


def _contradict(older: Sample, newer: Sample, lag_s: float) -> bool:
    """Whether no steady rate and no lag below ``lag_s`` explain both."""
    steady = (older.bits + newer.bits) / (older.seconds + newer.seconds)
    lag = steady * lag_s * (1 / older.seconds + 1 / newer.seconds)
    grain = PACKET_BITS / min(older.seconds, newer.seconds)
    return abs(newer.bits / newer.seconds - older.bits / older.seconds) > lag + grain


def _sum(samples: tuple[Sample, ...]) -> Sample:
    return Sample(sum(sample.bits for sample in samples), sum(s.seconds for s in samples))


def _shortened(window: tuple[Sample, ...]) -> tuple[Sample, ...]:
    total = sum(sample.seconds for sample in window)
    while len(window) > 1 and total - window[0].seconds >= LONGEST_S:
        total -= window[0].seconds
        window = window[1:]
    return window
