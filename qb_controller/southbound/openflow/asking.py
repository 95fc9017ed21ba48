"""Questions to the optimiser that a greenlet waits for, while all others go on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import eventlet
from eventlet.event import Event

from qb_controller.errors import OptimiserError


class Asking:
    """Pairs answers with the greenlets that wait for them.

    Parameters
    ----------
    send : callable
        Sends a message; False where nobody is there to take it.
    who : str
        Whose answers are waited for, in error texts.
    """

    def __init__(self, send: Callable[[Any], bool], who: str = "the optimiser") -> None:
        self._send, self._who = send, who
        self._waiting: dict[int, Event] = {}
        self._count = 0

    def ask(self, question: Callable[[int], Any], seconds: float) -> Any:
        """Send what ``question`` makes of a number and wait for the answer to that number.

        Raises
        ------
        OptimiserError
            The optimiser is down, goes down meanwhile, or does not answer in time.
        """
        self._count += 1
        number, event = self._count, Event()
        self._waiting[number] = event
        try:
            if not self._send(question(number)):
                raise OptimiserError(f"{self._who} is being started; try again in some seconds")
            with eventlet.Timeout(
                seconds, OptimiserError(f"{self._who} gave no answer in {seconds:g} s")
            ):
                return event.wait()
        finally:
            del self._waiting[number]

    def answered(self, number: int, answer: Any) -> None:
        """Hand over an answer; one that nobody waits for any more is passed over."""
        if number in self._waiting and not self._waiting[number].ready():
            self._waiting[number].send(answer)

    def down(self) -> None:
        """The optimiser is gone: whoever waits is told."""
        for event in self._waiting.values():
            if not event.ready():
                event.send_exception(OptimiserError(f"{self._who} ended before it answered"))
