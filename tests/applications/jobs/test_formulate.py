"""What a plan may take for done."""

from __future__ import annotations

import numpy as np
import pytest

from qb_controller.applications.jobs import book as books
from qb_controller.applications.jobs.book import Book
from qb_controller.applications.jobs.formulate import formulate, ready_at
from qb_controller.model.jobs import (
    CLASSICAL,
    CutPlan,
    Fragment,
    JobRequest,
    Progress,
    QpuState,
    State,
    SubJob,
)
from tests.applications.jobs.clouds import machine, request

PARTS = Fragment(3, 2, 2, 100), Fragment(3, 2, 2, 100, after=(0,))
REQUEST = JobRequest("r", (CutPlan(PARTS, CLASSICAL, wire_cuts=1),), 100, 0.0, 60.0)


def test_what_is_overdue_is_not_done() -> None:
    up = SubJob("r", 0, 0, "q1", 100, 0.0, 5.0)
    lag = np.zeros((2, 2))
    at = {"q1": 0, "q2": 1}
    waiting = Progress(REQUEST, 0, (0, 100), under_way=(up,))
    assert (ready_at(waiting, (0,), 9.0, lag, at) > 0).all()
    assert (ready_at(waiting, (0,), 2.0, lag, at) == 3.0).all()
    done = Progress(REQUEST, 0, (0, 100), done=(up,))
    assert (ready_at(done, (0,), 9.0, lag, at) == 0).all()


def test_a_book_forgets_requests_that_are_long_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(books, "MOST", 10)
    book, states = Book(), (QpuState(machine(0), 0.0),)
    for number in range(200):
        waiting = (Progress(request(number, 0.0, 60.0)),)
        recent = tuple(request(i, 0.0, 60.0) for i in range(max(0, number - 5), number))
        formulate(State(states, waiting, recent=recent), 0.0, book)
        assert f"r{number}" in book.blocks
    assert len(book.blocks) <= len(book._ways) <= 10 + 2 * 6 + 1
