"""Refusing what can no longer be in time, for whoever does not do so himself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from qb_controller.applications.jobs.book import Book
from qb_controller.applications.jobs.formulate import formulate
from qb_controller.applications.jobs.timing import completion
from qb_controller.model.jobs import Decision, Progress, Scheduler, State
from quantum_backends.schedule_search import Inserter


def too_late(
    state: State, now: float, book: Book, parts: int, requests: Sequence[Progress] | None = None
) -> tuple[str, ...]:
    """Requests that not even all QPUs together can serve any more, with expected times.

    A QPU that does not answer counts as if it did: when it will be back nobody knows, and what was
    refused cannot be taken back.

    Parameters
    ----------
    requests : sequence of Progress, optional
        Those in question; all that wait by default.
    """
    there = replace(state, qpus=tuple(replace(each, up=True) for each in state.qpus))
    task = formulate(there, now, book, parts, requests=requests, closing=False)
    alone = Inserter(task.problem).alone()
    qpus = [each.qpu for each in there.qpus]
    start = {each.qpu.name: each.qpu.open(max(each.free_at, now))[0] for each in there.qpus}
    # Insertion gives no QPU less than a share of its grid: to the last second others do better.
    return tuple(
        progress.request.name
        for progress, cost in zip(task.requests, alone, strict=True)
        if math.isinf(cost) and completion(progress, qpus, start, now) > progress.request.deadline
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
