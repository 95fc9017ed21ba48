"""Long work in an event loop: generators that pause, and how to run them.

A function of this package that may take longer than a few milliseconds exists as a generator that
yields None where others may have a turn, and returns its result at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeVar

T = TypeVar("T")


def run(work: Generator[None, None, T], pause: Callable[[], object] | None = None) -> T:
    """Run to the end, calling ``pause`` (``lambda: hub.sleep(0)``) at every yield."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            result: T = end.value
            return result
        if pause is not None:
            pause()
