"""Greenlets that wait for news, woken together."""

from __future__ import annotations

from collections.abc import Callable

import eventlet
from eventlet.event import Event


class News:
    """Wakes all who wait when something happened."""

    def __init__(self) -> None:
        self._event = Event()

    def happened(self) -> None:
        """Wake everybody who waits now."""
        event, self._event = self._event, Event()
        event.send()

    def wait(self, there: Callable[[], bool], seconds: float) -> bool:
        """Wait until something is there; False where it is not in time."""
        with eventlet.Timeout(seconds, False):
            while not there():
                self._event.wait()
        return there()
