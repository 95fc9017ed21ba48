"""Timelines of machines and insertion into them, compiled by numba and kept on disk.

Each machine has a list of pieces ordered by when they are due. For a machine, ``end`` of a piece
is when it ends if everything starts as early as it may, and ``latest`` when it must start at the
latest so that it and all behind it are in time and end before the machine closes. A new piece fits
before piece p if it can end by ``latest[p]``: so the room for it is known without trying. Without
precedence this order is best possible for a given assignment (exchange argument on one machine, all
released at once).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from quantum_backends.routing import Floats, Ints
from quantum_backends.schedules import ScheduleProblem

PIECES = 96
"""Most pieces planned on one machine; beyond, it counts as full."""

MOST = 12
"""Most machines for the shots of one fragment, whatever the grid allows."""

NOTHING = 1e-12
"""Least price of a second, so that among places that cost nothing the quickest is taken."""

BENDS = (1.0, 0.7, 1.4)
"""Exponents tried when the time until the deadline is shared out among dependent fragments."""


class Table(NamedTuple):
    """The parts of a problem that the loops read; see :class:`ScheduleProblem`."""

    release: Floats
    close: Floats
    fixed: Floats
    value: Floats
    deadline: Floats
    first_variant: Ints
    first_fragment: Ints
    shots: Ints
    shot_s: Floats
    ready: Floats
    parent_start: Ints
    parent: Ints
    lag: Floats
    parts: int
    price: Floats
    ripens: float
    quickest: Floats
    stage: Ints


class Lines(NamedTuple):
    """Timelines: number of pieces (m,), then figures of each piece (m, PIECES)."""

    n: Ints
    due: Floats
    work: Floats
    ready: Floats
    fragment: Ints
    shots: Ints
    end: Floats
    latest: Floats


def table_of(problem: ScheduleProblem) -> Table:
    """Collect the arrays of a problem; adds the quickest time and the stage of each fragment."""
    p = problem
    quickest, stage = _stages(p.fixed, p.shots, p.shot_s, p.parent_start, p.parent)
    return Table(
        p.release,
        p.close,
        p.fixed,
        p.value_of_request,
        p.deadline,
        p.first_variant,
        p.first_fragment,
        p.shots,
        p.shot_s,
        p.ready,
        p.parent_start,
        p.parent,
        p.lag,
        min(p.parts, MOST),
        np.maximum(p.price, NOTHING),
        p.ripens_s,
        quickest,
        stage,
    )


@njit(cache=True)
def _stages(fixed, shots, shot_s, parent_start, parent):  # type: ignore[no-untyped-def]
    quickest, stage = np.full(len(shots), np.inf), np.zeros(len(shots), np.int64)
    for f in range(len(shots)):
        for m in range(len(fixed)):
            quickest[f] = min(quickest[f], fixed[m] + shots[f] * shot_s[f, m])
        for k in range(parent_start[f], parent_start[f + 1]):
            stage[f] = max(stage[f], stage[parent[k]] + 1)
    return quickest, stage


@njit(cache=True)
def empty_lines(machines: int) -> Lines:
    """Timelines with nothing on them."""
    shape = (machines, PIECES)
    return Lines(
        np.zeros(machines, np.int64),
        np.zeros(shape),
        np.zeros(shape),
        np.zeros(shape),
        np.zeros(shape, np.int64),
        np.zeros(shape, np.int64),
        np.zeros(shape),
        np.zeros(shape),
    )


@njit(cache=True)
def refresh(t, lines, m, p):  # type: ignore[no-untyped-def]
    """Ends from piece p on, and all latest starts, of machine m."""
    n = lines.n[m]
    at = lines.end[m, p - 1] if p > 0 else t.release[m]
    for j in range(p, n):
        at = max(at, lines.ready[m, j]) + lines.work[m, j]
        lines.end[m, j] = at
    limit = t.close[m]
    for j in range(n - 1, -1, -1):
        limit = min(limit, lines.due[m, j]) - lines.work[m, j]
        lines.latest[m, j] = limit


@njit(cache=True)
def position(lines, m, due):  # type: ignore[no-untyped-def]
    p = lines.n[m]
    while p > 0 and lines.due[m, p - 1] > due:
        p -= 1
    return p


@njit(cache=True)
def insert(t, lines, m, f, shots, ready, due):  # type: ignore[no-untyped-def]
    p, n = position(lines, m, due), lines.n[m]
    for j in range(n, p, -1):
        lines.due[m, j], lines.work[m, j] = lines.due[m, j - 1], lines.work[m, j - 1]
        lines.ready[m, j], lines.shots[m, j] = lines.ready[m, j - 1], lines.shots[m, j - 1]
        lines.fragment[m, j] = lines.fragment[m, j - 1]
    lines.due[m, p], lines.ready[m, p] = due, ready
    lines.work[m, p] = t.fixed[m] + shots * t.shot_s[f, m]
    lines.fragment[m, p], lines.shots[m, p] = f, shots
    lines.n[m] = n + 1
    refresh(t, lines, m, p)


@njit(cache=True)
def remove(t, lines, m, f):  # type: ignore[no-untyped-def]
    n, p = lines.n[m], 0
    while lines.fragment[m, p] != f:
        p += 1
    for j in range(p, n - 1):
        lines.due[m, j], lines.work[m, j] = lines.due[m, j + 1], lines.work[m, j + 1]
        lines.ready[m, j], lines.shots[m, j] = lines.ready[m, j + 1], lines.shots[m, j + 1]
        lines.fragment[m, j] = lines.fragment[m, j + 1]
    lines.n[m] = n - 1
    refresh(t, lines, m, p)
