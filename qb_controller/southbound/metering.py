"""From ever-growing counters to rates, and from noisy rates to demands. Pure; time is the switch's.

Rates divide byte deltas by deltas of the switch's own clock, so a late or lost answer does not
bend them. A counter that shrank (a switch or an entry began anew) starts over and gives no rate.

Demands: Open vSwitch brings a group's counters up to date every 100 to 500 ms, so one interval of
a second is off by up to 10 to 50 %, and few large packets make it worse. A demand is therefore the
mean over the last :data:`WINDOW` intervals. A real step must not wait for that: an interval that
differs from the mean by more than :data:`STEP_SHARE` of it and by more than :data:`STEP_BITS`
starts a new window, so a step is believed with the first interval that shows it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

WINDOW = 8
"""Intervals averaged; the jitter of a counter's refresh falls with the length of the window."""

STEP_SHARE = 0.3
"""Above what a refresh jitter of 100 ms and constant traffic do in a second (10 to 20 %)."""

STEP_BITS = 4 * 1500 * 8
"""Four full packets: with fewer packets per interval a share means nothing."""

SPAN_AT_LEAST_S = 0.05

Key = TypeVar("Key", bound=Hashable)


class Reading(NamedTuple):
    """A counter as a switch reported it.

    Attributes
    ----------
    bytes : int
    seconds : float
        Age of the counter by the switch's clock (duration_sec and duration_nsec).
    """

    bytes: int
    seconds: float


def span(before: Reading, after: Reading) -> tuple[float, float] | None:
    """Bits and seconds between two readings; None where the counter began anew or stood still."""
    seconds = after.seconds - before.seconds
    if seconds < SPAN_AT_LEAST_S or after.bytes < before.bytes:
        return None
    return (after.bytes - before.bytes) * 8.0, seconds


@dataclass
class Meter(Generic[Key]):
    """Rates of many counters over the last interval.

    Attributes
    ----------
    rates : dict
        Bit/s by key, of every counter read twice.
    """

    rates: dict[Key, float] = field(default_factory=dict)
    _last: dict[Key, Reading] = field(default_factory=dict)

    def read(self, key: Key, reading: Reading) -> tuple[float, float] | None:
        """Take a reading; returns bits and seconds since the one before, if there is a rate."""
        before = self._last.get(key)
        since = span(before, reading) if before is not None else None
        began_anew = before is not None and (
            reading.bytes < before.bytes or reading.seconds < before.seconds
        )
        if before is None or since is not None or began_anew:
            self._last[key] = reading
        if since is not None:
            self.rates[key] = since[0] / since[1]
        return since

    def forget(self, keys: set[Key]) -> None:
        """Drop counters that are no more."""
        for key in keys:
            self._last.pop(key, None)
            self.rates.pop(key, None)

    @property
    def keys(self) -> set[Key]:
        return set(self._last)


@dataclass
class DemandEstimator(Generic[Key]):
    """Smoothed rates that follow steps at once; see the module's text."""

    _windows: dict[Key, deque[tuple[float, float]]] = field(default_factory=dict)

    def add(self, key: Key, bits: float, seconds: float) -> None:
        """Take one interval of a demand."""
        window = self._windows.setdefault(key, deque(maxlen=WINDOW))
        if window:
            mean = self.rate(key)
            off = abs(bits - mean * seconds)
            if off > STEP_BITS and off > STEP_SHARE * mean * seconds:
                window.clear()
        window.append((bits, seconds))

    def rate(self, key: Key) -> float:
        """Bit/s of a demand, 0 where nothing was measured."""
        window = self._windows.get(key)
        if not window:
            return 0.0
        return sum(bits for bits, _ in window) / sum(seconds for _, seconds in window)

    def rates(self) -> dict[Key, float]:
        """Every demand."""
        return {key: self.rate(key) for key in self._windows}

    def forget(self, keys: set[Key]) -> None:
        """Drop demands that are no more."""
        for key in keys:
            self._windows.pop(key, None)
