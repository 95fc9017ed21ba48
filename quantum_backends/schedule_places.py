"""Single requests on given timelines: where they would go, taking them off, putting them there.

Compiled by numba. A place is a row ``fragment, machine, shots, ready, due`` of a piece.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from quantum_backends.routing import Ints
from quantum_backends.schedule_instances import random_schedule
from quantum_backends.schedule_kernels import insert_request, room_for_pieces
from quantum_backends.schedule_lines import PIECES, Lines, empty_lines, insert, remove, table_of

COLUMNS = 5
"""Figures of a row."""

_LATE = 1e-9
"""Seconds by which sums of times may be off."""


def copy_of(lines: Lines) -> Lines:
    """Timelines that may be changed without changing these."""
    return Lines(
        lines.n.copy(),
        lines.due.copy(),
        lines.work.copy(),
        lines.ready.copy(),
        lines.fragment.copy(),
        lines.shots.copy(),
        lines.end.copy(),
        lines.latest.copy(),
    )


@njit(cache=True)
def take(t, lines, r, rows):  # type: ignore[no-untyped-def]
    """Take request r off the timelines and note its rows; how many there are."""
    a, b = t.first_fragment[t.first_variant[r]], t.first_fragment[t.first_variant[r + 1]]
    count = 0
    for m in range(len(lines.n)):
        p = 0
        while p < lines.n[m]:
            f = lines.fragment[m, p]
            if f < a or f >= b:
                p += 1
                continue
            rows[count, 0], rows[count, 1], rows[count, 2] = f, m, lines.shots[m, p]
            rows[count, 3], rows[count, 4] = lines.ready[m, p], lines.due[m, p]
            count += 1
            remove(t, lines, m, f)
    return count


@njit(cache=True)
def put(t, lines, rows):  # type: ignore[no-untyped-def]
    """Put rows on the timelines; False, and nothing is changed, where anything would be late."""
    fits, done = True, 0
    for i in range(len(rows)):
        m = np.int64(rows[i, 1])
        if lines.n[m] >= PIECES:
            fits = False
            break
        insert(t, lines, m, np.int64(rows[i, 0]), np.int64(rows[i, 2]), rows[i, 3], rows[i, 4])
        done += 1
        for j in range(lines.n[m]):
            if lines.end[m, j] > min(lines.due[m, j], t.close[m]) + _LATE:
                fits = False
        if not fits:
            break
    if not fits:
        for i in range(done):
            remove(t, lines, np.int64(rows[i, 1]), np.int64(rows[i, 0]))
    return fits


@njit(cache=True)
def places(t, lines, r, most):  # type: ignore[no-untyped-def]
    """Different places for request r that are worth it, the cheapest first; nothing is changed.

    After each the machine that has most of its work is ruled out. ``t.shot_s`` has to be writable;
    it is as before at the end.

    Returns
    -------
    list of (cost, rows)
    """
    into, shots, counts = room_for_pieces(t)
    rows = np.empty((into.size, COLUMNS))
    a, b = t.first_fragment[t.first_variant[r]], t.first_fragment[t.first_variant[r + 1]]
    before = t.shot_s[a:b].copy()
    found = []
    for _ in range(most):
        cost = insert_request(t, lines, r, t.value[r], into, shots, counts)
        if cost == np.inf:
            break
        count = take(t, lines, r, rows)
        found.append((cost, rows[:count].copy()))
        heaviest, at = -1.0, np.int64(0)
        for i in range(count):
            work = rows[i, 2] * t.shot_s[np.int64(rows[i, 0]), np.int64(rows[i, 1])]
            if work > heaviest:
                heaviest, at = work, np.int64(rows[i, 1])
        t.shot_s[a:b, at] = np.inf
    t.shot_s[a:b] = before
    return found


@njit(cache=True)
def fill(t, lines, order):  # type: ignore[no-untyped-def]
    """Insert the requests of an order that are not on the timelines, where it is worth it."""
    there = np.zeros(len(t.shots), np.bool_)
    for m in range(len(lines.n)):
        for p in range(lines.n[m]):
            there[lines.fragment[m, p]] = True
    into, shots, counts = room_for_pieces(t)
    for r in order:
        a, b = t.first_fragment[t.first_variant[r]], t.first_fragment[t.first_variant[r + 1]]
        if not there[a:b].any():
            insert_request(t, lines, r, t.value[r], into, shots, counts)


def most_rows(first_fragment: Ints, parts: int) -> int:
    """Rows that one request may have at most."""
    return int(np.diff(first_fragment).max(initial=1)) * parts


def warm() -> None:
    """Compile every loop (or load it from disk), so that no deadline pays for it."""
    problem = random_schedule(3, 2, 0, price=0.02)
    t, lines = table_of(problem), empty_lines(2)
    t = t._replace(shot_s=t.shot_s.copy())
    fill(t, lines, np.arange(3))
    rows = np.empty((most_rows(t.first_fragment, t.parts), COLUMNS))
    put(t, lines, rows[: take(t, lines, 0, rows)])
    places(t, lines, 0, 2)
