"""How late this process is with what it means to do, measured as it goes."""

from __future__ import annotations

BASE_S = 0.01
"""Kept back at least: with 4 ms, one answer in 300 was up to 8 ms late on a core shared with a
process that computes at the same priority, whose time slices are of that size."""

HALF_LIFE_S = 30.0
"""After this time a delay counts half: a busy machine stays busy for a while, and what happened
minutes ago says nothing."""

FACTOR = 1.5
"""The next delay may be somewhat worse than the worst of late."""


class Lag:
    """The worst delay of late, slowly forgotten (a peak detector with exponential release)."""

    def __init__(self) -> None:
        self._peak = 0.0
        self._at = 0.0

    def observe(self, seconds: float, now: float) -> None:
        """Something meant for ``now - seconds`` was done at ``now``."""
        self._peak, self._at = max(seconds, self._left(now)), now

    def margin(self, now: float) -> float:
        """Seconds by which to be early, so as not to be late."""
        return BASE_S + FACTOR * self._left(now)

    def _left(self, now: float) -> float:
        return self._peak * float(0.5 ** ((now - self._at) / HALF_LIFE_S))
