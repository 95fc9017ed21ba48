"""Moves of packings that stay within capacities: put one option in, send away what is in its way.

An option is taken whatever room there is; on each resource that is then overused, groups leave for
their option 0, those of least worth for what they give back first (with noise), until it fits.
Those that left look for another option, and a few others for what became free. The whole is one
move, accepted or taken back by the Metropolis rule on its worth: an ejection chain (Glover,
Discrete Applied Mathematics 65, 1996) of an annealer. A large option can so replace several small
ones at once, which single changes under a penalty would have to climb over.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from quantum_backends.choice_kernels import draw
from quantum_backends.packing import PackingProblem, random_packing
from quantum_backends.packing_kernels import (
    EXPONENTIAL,
    State,
    Table,
    free_of,
    give,
    room,
    table_of,
    uniform,
    worth_of,
)
from quantum_backends.routing import Floats, Ints

TRIES = 6
"""Options on what became free that are tried after each move."""


class Users(NamedTuple):
    """Options by the resource they use: ``option[start[r]:start[r + 1]]`` with their amounts."""

    start: Ints
    option: Ints
    amount: Floats


class Log(NamedTuple):
    """The changes of one move, to take them back: groups, and the options they had before."""

    group: Ints
    before: Ints


def users_of(problem: PackingProblem) -> Users:
    """The use of a problem by resource."""
    by_resource = problem.use.tocsc()
    return Users(
        by_resource.indptr.astype(np.int64), by_resource.indices.astype(np.int64), by_resource.data
    )


@njit(cache=True)
def _change(t: Table, chosen: Ints, free: Floats, group: int, option: int) -> float:
    """Let a group take an option; return the worth gained."""
    old = chosen[group]
    give(t, free, old, 1.0)
    give(t, free, option, -1.0)
    chosen[group] = option
    return t.worth[option] - t.worth[old]


@njit(cache=True)
def _victim(
    t: Table, users: Users, chosen: Ints, free: Floats, r: int, but: int, state: State
) -> int:
    """The group that loses least for what it gives back of a resource, roughly; -1 for none."""
    pick, least = -1, np.inf
    for k in range(users.start[r], users.start[r + 1]):
        option = users.option[k]
        h = t.group[option]
        if chosen[h] != option or h == but or option == t.first[h]:
            continue
        lost = t.worth[option] - t.worth[t.first[h]]
        score = lost / min(users.amount[k], -free[r]) * (0.4 + uniform(state))
        if score < least:
            pick, least = h, score
    return pick


@njit(cache=True)
def _best_that_fits(t: Table, chosen: Ints, free: Floats, group: int) -> int:
    """The option of a group worth most of those that there is room for, else the present one."""
    old = chosen[group]
    give(t, free, old, 1.0)
    best = old
    for option in range(t.first[group], t.first[group + 1]):
        if t.worth[option] > t.worth[best] and room(t, free, option):
            best = option
    give(t, free, old, -1.0)
    return best


@njit(cache=True)
def _put_in(
    t: Table, users: Users, chosen: Ints, free: Floats, new: int, log: Log, state: State
) -> tuple[int, float, bool]:
    """Take an option and send away what is in its way: changes, worth gained, whether it fits."""
    g = t.group[new]
    log.group[0], log.before[0] = g, chosen[g]
    size, gain = 1, _change(t, chosen, free, g, new)
    for k in range(t.start[new], t.start[new + 1]):
        r = t.resource[k]
        while free[r] < 0:
            h = _victim(t, users, chosen, free, r, g, state)
            if h < 0 or size >= 4 * len(chosen):
                return size, gain, False
            log.group[size], log.before[size] = h, chosen[h]
            size += 1
            gain += _change(t, chosen, free, h, t.first[h])
    return size, gain, True


@njit(cache=True)
def _fill_up(
    t: Table, users: Users, chosen: Ints, free: Floats, left: int, log: Log, state: State
) -> tuple[int, float]:
    """Let those that left look for another option, and others for what became free."""
    size, gain = left, 0.0
    for i in range(1, left):
        h = log.group[i]
        option = _best_that_fits(t, chosen, free, h)
        if option != chosen[h]:
            log.group[size], log.before[size] = h, chosen[h]
            size += 1
            gain += _change(t, chosen, free, h, option)
    for _ in range(TRIES):
        gone = log.before[int(uniform(state) * left)]
        length = t.start[gone + 1] - t.start[gone]
        if not length:
            continue
        r = t.resource[t.start[gone] + int(uniform(state) * length)]
        count = users.start[r + 1] - users.start[r]
        option = users.option[users.start[r] + int(uniform(state) * count)]
        h = t.group[option]
        old = chosen[h]
        if h == log.group[0] or t.worth[option] <= t.worth[old]:
            continue
        give(t, free, old, 1.0)
        there = room(t, free, option)
        give(t, free, old, -1.0)
        if there:
            log.group[size], log.before[size] = h, old
            size += 1
            gain += _change(t, chosen, free, h, option)
    return size, gain


@njit(cache=True)
def _within(t: Table, chosen: Ints, free: Floats, groups: Ints) -> bool:
    """Whether nothing that these groups use is overused.

    Options 0 that use something may have come back to where no room is.
    """
    for g in groups:
        o = chosen[g]
        for k in range(t.start[o], t.start[o + 1]):
            if free[t.resource[k]] < 0:
                return False
    return True


@njit(cache=True)
def walk(
    t: Table,
    users: Users,
    chosen: Ints,
    free: Floats,
    candidates: Ints,
    hot: float,
    cold: float,
    moves: int,
    state: State,
) -> tuple[float, Ints]:
    """Metropolis moves from temperature ``hot`` to ``cold`` (geometric).

    Parameters
    ----------
    chosen, free : arrays
        Must fit; they end where the walk ended, and fit there.
    candidates : int array
        Flat options that are put in, at least one.
    state : uint64 array (1,)
        Of the generator, not zero; changed in place.

    Returns
    -------
    best : float
        Highest worth seen.
    at_best : int array (g,)
        The options there.
    """
    most = 8 * len(chosen) + 64
    log = Log(np.empty(most, np.int64), np.empty(most, np.int64))
    worth = worth_of(t, chosen)
    best, at_best = worth, chosen.copy()
    ratio = (cold / hot) ** (1.0 / max(1, moves - 1))
    temperature = hot
    for _ in range(moves):
        temperature *= ratio
        new = candidates[int(uniform(state) * len(candidates))]
        if chosen[t.group[new]] == new:
            continue
        left, gain, fits = _put_in(t, users, chosen, free, new, log, state)
        size = left
        if fits:
            size, more = _fill_up(t, users, chosen, free, left, log, state)
            gain += more
            fits = _within(t, chosen, free, log.group[:left])
        bits = (draw(state) >> np.uint64(20)) & np.uint64(4095)
        if fits and -gain < temperature * EXPONENTIAL[bits]:
            worth += gain
            if worth > best + 1e-12 * abs(best):
                best = worth
                at_best[:] = chosen
            continue
        for i in range(size - 1, -1, -1):
            _change(t, chosen, free, log.group[i], log.before[i])
    return best, at_best


def warm() -> None:
    """Compile the loops (or load them from disk)."""
    problem = random_packing(4, 2, 3, 0)
    t = table_of(problem)
    chosen = problem.first[:-1].copy()
    free = free_of(t, chosen)
    one = np.ones(1, np.uint64)
    walk(t, users_of(problem), chosen, free, np.arange(1, 3), 1.0, 0.1, 4, one)
