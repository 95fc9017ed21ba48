"""How long the event loop keeps a ready greenlet waiting."""

from __future__ import annotations

import time
from collections import deque

import eventlet

TICK_S = 0.01
WINDOW = 6000
"""Ticks remembered: one minute."""


class StallMonitor:
    """Sleeps :data:`TICK_S` over and over and remembers how late it was woken."""

    def __init__(self) -> None:
        self._late: deque[float] = deque(maxlen=WINDOW)
        self.worst = 0.0

    def run(self) -> None:
        """Measure for ever (a greenlet of its own)."""
        while True:
            asked = time.monotonic()
            eventlet.sleep(TICK_S)
            late = max(0.0, time.monotonic() - asked - TICK_S)
            self._late.append(late)
            self.worst = max(self.worst, late)

    def recent_worst(self) -> float:
        """Greatest lateness of the last minute, seconds."""
        return max(self._late, default=0.0)

    def p99(self) -> float:
        """99th percentile of the lateness over the last minute, seconds."""
        ordered = sorted(self._late) or [0.0]
        return ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
