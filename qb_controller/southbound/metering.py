"""The latest rates and demands of many counters, kept from their readings.

How two readings make a rate is in :mod:`.rates`, how noisy rates make a demand in :mod:`.demand`.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from qb_controller.southbound.demand import LAG_S, UNKNOWN, Estimate, follow
from qb_controller.southbound.rates import Reading, Sample, span

Key = TypeVar("Key", bound=Hashable)


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
    _anew: set[Key] = field(default_factory=set)

    def read(self, key: Key, reading: Reading) -> Sample | None:
        """Take a reading; returns bits and seconds since the one before, if there is a rate."""
        before = self._last.get(key)
        if before is None or reading.bytes < before.bytes or reading.seconds < before.seconds:
            self._last[key] = reading
            if before is not None:
                self._anew.add(key)
            return None
        since = span(before, reading)
        if since is None:
            return None
        self._last[key] = reading
        if key in self._anew:
            self._anew.discard(key)
            return None
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
    """Smoothed rates that follow steps at once.

    Attributes
    ----------
    lag_s : float
        Longest time that the switches' counters stay behind.
    """

    lag_s: float = LAG_S
    _estimates: dict[Key, Estimate] = field(default_factory=dict)

    def add(self, key: Key, bits: float, seconds: float) -> None:
        """Take one interval of a demand."""
        before = self._estimates.get(key, UNKNOWN)
        self._estimates[key] = follow(before, Sample(bits, seconds), self.lag_s)

    def rate(self, key: Key) -> float:
        """Bit/s of a demand, 0 where nothing was measured."""
        return self._estimates.get(key, UNKNOWN).rate

    def rates(self) -> dict[Key, float]:
        """Every demand."""
        return {key: estimate.rate for key, estimate in self._estimates.items()}

    def forget(self, keys: set[Key]) -> None:
        """Drop demands that are no more."""
        for key in keys:
            self._estimates.pop(key, None)
