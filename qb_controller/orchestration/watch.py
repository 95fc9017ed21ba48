"""Keeps the status of remote devices fresh, from a thread of its own: asking one takes seconds."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from qb_controller.orchestration.advisor import Advisor
from quantum_backends.device_table import ask
from quantum_backends.devices import NOT_CONFIGURED, UNREACHABLE, Status

ASK_SHARE = 0.4
"""A device is asked again after this share of the time for which its status counts as fresh, so
that one question may fail."""

_log = logging.getLogger("qb.devices")


class Watch:
    """Asks the remote devices whose token is configured, again and again.

    Parameters
    ----------
    advisor : Advisor
        Told what they answer.
    question : callable
        (backend, Unix time) -> status.
    """

    def __init__(self, advisor: Advisor, question: Callable[[str, float], Status] = ask) -> None:
        self._advisor, self._question = advisor, question
        self._ending = threading.Event()
        self.remote = tuple(
            name
            for name, device in advisor.devices.items()
            if not device.local and device.status.state != NOT_CONFIGURED
        )

    def start(self) -> None:
        """Begin to ask; without remote devices there is nothing to do."""
        if self.remote:
            threading.Thread(target=self._run, daemon=True, name="devices").start()

    def stop(self) -> None:
        """End after the question that is under way."""
        self._ending.set()

    def ask_all(self) -> float:
        """Ask each device once; return the seconds after which to ask again."""
        again = float("inf")
        for name in self.remote:
            now = time.time()
            try:
                status = self._question(name, now)
            except Exception as error:  # a vendor's client may fail in any way
                status = Status(UNREACHABLE, f"{type(error).__name__}: {error}", now)
            if status.state != self._advisor.devices[name].status.state:
                _log.info("%s is %s %s", name, status.state, status.reason)
            self._advisor.learn_status(name, status)
            again = min(again, ASK_SHARE * self._advisor.devices[name].fresh_s)
        return again

    def _run(self) -> None:
        while not self._ending.wait(self.ask_all()):
            pass
