"""The inner loops over choices, compiled by numba and kept on disk between runs.

``chosen`` holds the flat index of each group's option, ``field[o]`` the cost that option o would
have against all present choices: its own and that of its couplings. Changing one group's option
updates the field along two rows of couplings.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from quantum_backends.choices import ChoiceProblem, colouring
from quantum_backends.routing import Floats, Ints


class Table(NamedTuple):
    """The parts of a problem that the loops read."""

    first: Ints
    group: Ints
    unary: Floats
    start: Ints
    partner: Ints
    weight: Floats


def table_of(problem: ChoiceProblem) -> Table:
    """Collect the arrays of a problem."""
    return Table(
        problem.first,
        problem.group,
        problem.unary,
        problem.start,
        problem.partner,
        problem.weight,
    )


@njit(cache=True)
def thinned(t: Table, cut: float) -> Table:
    """The table without the couplings below a cut."""
    start = np.zeros_like(t.start)
    for o in range(len(t.start) - 1):
        kept = 0
        for k in range(t.start[o], t.start[o + 1]):
            kept += t.weight[k] >= cut
        start[o + 1] = start[o] + kept
    partner, weight = np.empty(start[-1], t.partner.dtype), np.empty(start[-1])
    at = 0
    for k in range(len(t.weight)):
        if t.weight[k] >= cut:
            partner[at], weight[at] = t.partner[k], t.weight[k]
            at += 1
    return Table(t.first, t.group, t.unary, start, partner, weight)


@njit(cache=True)
def field_of(t: Table, chosen: Ints) -> Floats:
    """Cost of each option against the present choices."""
    field = t.unary.copy()
    for o in chosen:
        for k in range(t.start[o], t.start[o + 1]):
            field[t.partner[k]] += t.weight[k]
    return field


@njit(cache=True)
def cost_of(t: Table, chosen: Ints, field: Floats) -> float:
    """The value of the present choices."""
    total = 0.0
    for o in chosen:
        total += field[o] + t.unary[o]
    return total / 2


@njit(cache=True)
def take(t: Table, field: Floats, old: int, new: int) -> None:
    """Change one group's option."""
    for k in range(t.start[old], t.start[old + 1]):
        field[t.partner[k]] -= t.weight[k]
    for k in range(t.start[new], t.start[new + 1]):
        field[t.partner[k]] += t.weight[k]


@njit(cache=True)
def greedy(t: Table) -> Ints:
    """Weighted DSATUR: next the group against which most cost has built up, on its best option.

    Brelaz (1979) colours next the node with the most distinct neighbouring colours; with weights,
    the sum over its options of what they cost by now. Ties go to the group with the largest sum
    of couplings. Returns the flat options chosen.
    """
    n = len(t.first) - 1
    chosen = np.full(n, -1)
    field = t.unary.copy()
    saturation, degree = np.zeros(n), np.zeros(n)
    for o in range(len(field)):
        for k in range(t.start[o], t.start[o + 1]):
            degree[t.group[o]] += t.weight[k]
    for _ in range(n):
        pick = -1
        for g in range(n):
            if chosen[g] < 0 and (
                pick < 0
                or saturation[g] > saturation[pick]
                or (saturation[g] == saturation[pick] and degree[g] > degree[pick])
            ):
                pick = g
        best = t.first[pick]
        for o in range(t.first[pick], t.first[pick + 1]):
            if field[o] < field[best]:
                best = o
        chosen[pick] = best
        for k in range(t.start[best], t.start[best + 1]):
            field[t.partner[k]] += t.weight[k]
            saturation[t.group[t.partner[k]]] += t.weight[k]
    return chosen


@njit(cache=True)
def descend(t: Table, chosen: Ints, field: Floats, order: Ints) -> int:
    """Let each group in turn take its best option until none gains; return the changes."""
    changes, quiet, at = 0, 0, 0
    while quiet < len(order):
        g = order[at]
        at = (at + 1) % len(order)
        old = chosen[g]
        best = old
        for o in range(t.first[g], t.first[g + 1]):
            if field[o] < field[best] - 1e-12:
                best = o
        quiet += 1
        if best != old:
            take(t, field, old, best)
            chosen[g] = best
            changes += 1
            quiet = 0
    return changes


@njit(cache=True)
def draw(state: npt.NDArray[np.uint64]) -> np.uint64:
    """Sixty-four random bits: xorshift64* (Vigna, ACM TOMS 42, 2016)."""
    x = state[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    state[0] = x
    return x * np.uint64(2685821657736338717)


@njit(cache=True)
def field_outside(t: Table, chosen: Ints, inside: Ints) -> Floats:
    """Cost of each option against the choices of the groups not marked as inside."""
    field = t.unary.copy()
    for g in range(len(chosen)):
        if not inside[g]:
            for k in range(t.start[chosen[g]], t.start[chosen[g] + 1]):
                field[t.partner[k]] += t.weight[k]
    return field


@njit(cache=True)
def kick_and_descend(t: Table, chosen: Ints, field: Floats, movable: Ints, kicks: int) -> None:
    """Give one group and some it is coupled with random options, descend, undo if worse.

    Only groups around a change can gain by moving, so descent looks at them alone: a queue of
    groups, filled with the partners of whatever changed.
    """
    n = len(chosen)
    queue, queued = np.empty(n, np.int64), np.zeros(n, np.bool_)
    touched, before = np.empty(n, np.int64), chosen.copy()
    for _ in range(kicks):
        size, moved, change = 0, 0, 0.0
        g = movable[int(np.random.random() * len(movable))]
        for _turn in range(1 + int(np.random.random() * 4)):
            old = chosen[g]
            width = t.first[g + 1] - t.first[g]
            if width > 1:
                new = t.first[g] + int(np.random.random() * (width - 1))
                new += new >= old
                if chosen[g] == before[g]:
                    touched[moved] = g
                    moved += 1
                change += field[new] - field[old]
                take(t, field, old, new)
                chosen[g] = new
                size = _enlist(t, new, _enlist(t, old, size, queue, queued), queue, queued)
            links = t.start[old + 1] - t.start[old]
            if links == 0:
                break
            g = t.group[t.partner[t.start[old] + int(np.random.random() * links)]]
        while size:
            size -= 1
            g = queue[size]
            queued[g] = False
            old = chosen[g]
            best = old
            for o in range(t.first[g], t.first[g + 1]):
                if field[o] < field[best] - 1e-12:
                    best = o
            if best == old:
                continue
            if chosen[g] == before[g]:
                touched[moved] = g
                moved += 1
            change += field[best] - field[old]
            take(t, field, old, best)
            chosen[g] = best
            size = _enlist(t, best, _enlist(t, old, size, queue, queued), queue, queued)
            if moved == n:  # everything has changed: no longer a local step
                break
        for i in range(size):
            queued[queue[i]] = False
        for i in range(moved):
            g = touched[i]
            if change > 0 and chosen[g] != before[g]:
                take(t, field, chosen[g], before[g])
                chosen[g] = before[g]
            before[g] = chosen[g]


@njit(cache=True)
def _enlist(t: Table, option: int, size: int, queue: Ints, queued: Floats) -> int:
    """Put the groups that an option is coupled with on the queue; return its new length."""
    for k in range(t.start[option], t.start[option + 1]):
        g = t.group[t.partner[k]]
        if not queued[g]:
            queued[g] = True
            queue[size] = g
            size += 1
    return size


@njit(cache=True)
def seed(value: int) -> None:
    """Seed the generator that the loops of this module draw from."""
    np.random.seed(value)


def warm() -> None:
    """Compile every loop (or load it from disk), so that no deadline pays for it."""
    problem = colouring(np.array([[0, 1], [1, 2]]), 3, 2)
    t = table_of(problem)
    seed(0)
    chosen = greedy(t)
    field = field_of(t, chosen)
    order = np.arange(3)
    cost_of(t, chosen, field)
    descend(t, chosen, field, order)
    thinned(t, 0.5)
    draw(np.ones(1, np.uint64))
    field_outside(t, chosen, np.zeros(3, np.int64))
    kick_and_descend(t, chosen, field, order, 2)
