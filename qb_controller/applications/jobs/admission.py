"""Refusing what can no longer be in time, for whoever does not do so himself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from qb_controller.applications.jobs.book import Book
from qb_controller.applications.jobs.formulate import formulate
from qb_controller.model.jobs import Decision, Progress, Scheduler, State
from quantum_backends.schedule_search import Inserter


def too_late(
    state: State, now: float, book: Book, parts: int, requests: Sequence[Progress] | None = None
) -> tuple[str, ...]:
    """Requests that not even all QPUs together can serve any more, with expected times.

    Parameters
    ----------
    requests : sequence of Progress, optional
        Those in question; all that wait by default.
    """
    task = formulate(state, now, book, parts, requests=requests, closing=False)
    alone = Inserter(task.problem).alone()
    return tuple(
        progress.request.name
        for progress, cost in zip(task.requests, alone, strict=True)
        if math.isinf(cost)
    )


def admitting(scheduler: Scheduler, parts: int) -> Scheduler:
    """The same scheduler, shown only what can still be in time; the rest is refused."""
    book = Book()

    def decide(state: State, now: float) -> Decision:
        late = too_late(state, now, book, parts)
        kept = tuple(p for p in state.waiting if p.request.name not in late)
        found = scheduler(replace(state, waiting=kept), now)
        return replace(found, refused=(*found.refused, *late))

    return decide
