"""The jobs process as the controller sees it: started when it is first needed, then supervised."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import eventlet

from qb_controller.southbound.openflow.asking import Asking
from qb_controller.southbound.openflow.optimiser_client import OptimiserClient

FILE = "jobs.sqlite"
"""In the state directory; where it is there, an earlier run may have left unfinished jobs."""

PATIENCE_S = 30.0
"""How long an answer is waited for: loading libraries, and finding out where to cut."""


START_S = 10.0
"""How long the process may take to exist; it loads its libraries afterwards."""


class JobsClient:
    """Questions to the jobs process.

    Parameters
    ----------
    state_dir : str
    encode, decoder : callable
        As of :class:`~qb_controller.southbound.openflow.optimiser_client.OptimiserClient`.
    helped : callable
        Takes what the process itself asks; False where a message is no question but an answer.
    """

    def __init__(
        self,
        state_dir: str,
        encode: Callable[[Any], bytes],
        decoder: Callable[[], Any],
        helped: Callable[[Any], bool],
    ) -> None:
        self._kept, self._helped = Path(state_dir) / FILE, helped
        self.client = OptimiserClient(
            state_dir, encode, decoder, self._heard, self._down, "qb_controller.jobs_service"
        )
        self._asking = Asking(self.client.send, "the jobs process")
        self._greenlet: Any = None

    def resume(self) -> None:
        """Start it where an earlier run has left jobs."""
        if self._kept.exists():
            self._start()

    def ask(self, question: Callable[[int], Any]) -> Any:
        """Send what ``question`` makes of a number, and wait for the answer.

        Raises
        ------
        OptimiserError
            The process ended, or does not answer in time.
        """
        self._start()
        return self._asking.ask(question, PATIENCE_S)

    def stop(self) -> None:
        """End it."""
        self.client.stop()
        if self._greenlet is not None:
            self._greenlet.kill()

    def _start(self) -> None:
        if self._greenlet is None:
            self._greenlet = eventlet.spawn(self.client.run)
        with eventlet.Timeout(START_S, False):
            while self.client.pid is None:  # what is sent from then on waits in the socket
                eventlet.sleep(0.02)

    def _heard(self, message: Any) -> None:
        if not self._helped(message):
            self._asking.answered(message.number, message)

    def _down(self) -> None:
        self._asking.down()
