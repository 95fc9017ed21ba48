"""Playing a few requests to their end under simple policies, compiled by numba.

A policy serves what fits before its deadlines in their order (dropping what takes most time: Moore
and Hodgson 1968), leaves out what takes more than its price allows while others are still to come,
and gives long pieces in parts where there is time. No luck, no outages, no calibrations.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from quantum_backends.routing import Floats, Ints

EPS = 1e-9


class Scene(NamedTuple):
    """A moment of a run, and what arrives later.

    Attributes
    ----------
    free : float array (m,)
        When each machine has done what it was given.
    row : int array (n,)
        Each request's row in the table.
    arrival, deadline : float arrays (n,)
    variant : int array (n,)
        The variant's row in the table; -1 while nothing was given.
    left : int array (n, k)
        Shots of each fragment of that variant that nobody was given.
    ended : float array (n, k)
        When the last piece of each fragment ends.
    """

    free: Floats
    row: Ints
    arrival: Floats
    deadline: Floats
    variant: Ints
    left: Ints
    ended: Floats


class Pieces(NamedTuple):
    """What comes first on each machine (m,): request (-1: nothing), variant, fragment, start, and
    the least time by which what is planned there could be put off.
    """

    who: Ints
    variant: Ints
    fragment: Ints
    start: Floats
    slack: Floats


@njit(cache=True)
def copy_scene(s):  # type: ignore[no-untyped-def]
    """A scene of its own."""
    return Scene(
        s.free.copy(),
        s.row.copy(),
        s.arrival.copy(),
        s.deadline.copy(),
        s.variant.copy(),
        s.left.copy(),
        s.ended.copy(),
    )


@njit(cache=True)
def piece_s(t, f, m, shots):  # type: ignore[no-untyped-def]
    """Time of a piece: it is given once all that it waits for is done, and waits for the way."""
    travels = t.lag.max() if t.parent_start[f + 1] > t.parent_start[f] else 0.0
    return travels + t.fixed[m] + shots * t.shot_s[f, m]


@njit(cache=True)
def give(t, s, i, v, k, m, shots, now):  # type: ignore[no-untyped-def]
    """Start a piece of fragment k of request i on machine m."""
    first = t.first_fragment[v]
    if s.variant[i] < 0:
        s.variant[i] = v
        for j in range(t.first_fragment[v + 1] - first):
            s.left[i, j] = t.shots[first + j]
    s.left[i, k] -= shots
    end = max(now, s.free[m]) + piece_s(t, first + k, m, shots)
    s.free[m] = end
    s.ended[i, k] = max(s.ended[i, k], end)


@njit(cache=True)
def is_open(t, s, i):  # type: ignore[no-untyped-def]
    """Whether shots of a request are left to give."""
    if s.variant[i] < 0:
        return True
    for k in range(t.first_fragment[s.variant[i] + 1] - t.first_fragment[s.variant[i]]):
        if s.left[i, k] > 0:
            return True
    return False


@njit(cache=True)
def fit(t, s, i, v, free, on, start):  # type: ignore[no-untyped-def]
    """End and work of what is left of request i in variant v, each fragment where it ends first.

    ``free`` moves on; ``on`` and ``start`` tell machines and starts. Infinite where it cannot run.
    """
    a = t.first_fragment[v]
    size = t.first_fragment[v + 1] - a
    begun = s.variant[i] >= 0
    ends = np.zeros(size)
    finish, total = 0.0, 0.0
    for k in range(size):
        shots = s.left[i, k] if begun else t.shots[a + k]
        ends[k] = s.ended[i, k] if begun else 0.0
        on[k] = -1
        if shots > 0:
            ready = s.arrival[i]
            for j in range(t.parent_start[a + k], t.parent_start[a + k + 1]):
                ready = max(ready, ends[t.parent[j] - a])
            best, length = np.inf, 0.0
            for m in range(len(free)):
                work = piece_s(t, a + k, m, shots)
                if max(free[m], ready) + work < best:
                    best, length, on[k] = max(free[m], ready) + work, work, m
            if on[k] < 0:
                return np.inf, np.inf
            start[k] = best - length
            free[on[k]] = best
            ends[k] = max(ends[k], best)
            total += length
        finish = max(finish, ends[k])
    return finish, total


@njit(cache=True)
def lightest(t, s, i, free, on, start):  # type: ignore[no-untyped-def]
    """The variant of request i with least work among those in time: variant (-1: none), work."""
    which, least = -1, np.inf
    begun = s.variant[i] >= 0
    first = s.variant[i] if begun else t.first_variant[s.row[i]]
    last = s.variant[i] + 1 if begun else t.first_variant[s.row[i] + 1]
    for v in range(first, last):
        finish, work = fit(t, s, i, v, free.copy(), on, start)
        if finish <= s.deadline[i] + EPS and work < least:
            which, least = v, work
    return which, least


@njit(cache=True)
def first_pieces(t, s, now, price):  # type: ignore[no-untyped-def]
    """Plan what waits; see the module. What comes first on each machine."""
    n, machines = len(s.row), len(s.free)
    on, start = np.empty(s.left.shape[1], np.int64), np.empty(s.left.shape[1])
    order = np.argsort(s.deadline)
    at_once = np.maximum(s.free, now)
    work, some = np.full(n, np.inf), np.zeros(n, np.bool_)
    more = False
    for i in range(n):
        more |= s.arrival[i] > now + EPS
    for i in range(n):
        if s.arrival[i] <= now + EPS and is_open(t, s, i):
            v, work[i] = lightest(t, s, i, at_once, on, start)
            dear = more and s.variant[i] < 0 and work[i] * price >= 1.0
            some[i] = v >= 0 and not dear
    while True:
        free, dropped = at_once.copy(), -1
        found = Pieces(
            np.full(machines, -1),
            np.zeros(machines, np.int64),
            np.zeros(machines, np.int64),
            np.full(machines, np.inf),
            np.full(machines, np.inf),
        )
        for p in range(n):
            i = order[p]
            if not some[i]:
                continue
            v, _ = lightest(t, s, i, free, on, start)
            if v < 0:
                dropped = i
                for q in range(p):
                    if some[order[q]] and work[order[q]] > work[dropped]:
                        dropped = order[q]
                break
            finish, _ = fit(t, s, i, v, free, on, start)
            for k in range(t.first_fragment[v + 1] - t.first_fragment[v]):
                m = on[k]
                if m >= 0:
                    if found.who[m] < 0:
                        found.who[m], found.variant[m], found.fragment[m] = i, v, k
                        found.start[m] = start[k]
                    found.slack[m] = min(found.slack[m], s.deadline[i] - finish)
        if dropped < 0:
            return found
        some[dropped] = False


@njit(cache=True)
def shots_now(t, s, found, m, now, longest_s):  # type: ignore[no-untyped-def]
    """Shots of the first piece on machine m that begin now: 0 where it does not; see the module."""
    i = found.who[m]
    if i < 0 or s.free[m] > now + EPS or found.start[m] > now + EPS:
        return 0
    f = t.first_fragment[found.variant[m]] + found.fragment[m]
    shots = s.left[i, found.fragment[m]] if s.variant[i] >= 0 else t.shots[f]
    parts = np.ceil(shots * t.shot_s[f, m] / longest_s)
    if t.fixed[m] > 0:
        parts = min(parts, 1.0 + np.floor(max(found.slack[m], 0.0) / t.fixed[m]))
    return np.int64(np.ceil(shots / max(parts, 1.0)))


@njit(cache=True)
def first_choice(t, s, now, price, longest_s):  # type: ignore[no-untyped-def]
    """What a policy would begin now: request (-1: nothing), variant, fragment, machine, shots."""
    found = first_pieces(t, s, now, price)
    for m in range(len(s.free)):
        shots = shots_now(t, s, found, m, now, longest_s)
        if shots > 0:
            return np.array([found.who[m], found.variant[m], found.fragment[m], m, shots])
    return np.array([-1, 0, 0, 0, 0])


@njit(cache=True)
def play(t, s, now, price, longest_s):  # type: ignore[no-untyped-def]
    """Play a scene to its end under a policy, in place; how many requests are served."""
    while True:
        found = first_pieces(t, s, now, price)
        later = np.inf
        for m in range(len(s.free)):
            shots = shots_now(t, s, found, m, now, longest_s)
            if shots > 0:
                give(t, s, found.who[m], found.variant[m], found.fragment[m], m, shots, now)
            elif found.who[m] >= 0 and found.start[m] > now + EPS:
                later = min(later, found.start[m])
            if s.free[m] > now + EPS:
                later = min(later, s.free[m])
        for i in range(len(s.row)):
            if s.arrival[i] > now + EPS:
                later = min(later, s.arrival[i])
        if later == np.inf:
            return served(t, s)
        now = later


@njit(cache=True)
def served(t, s):  # type: ignore[no-untyped-def]
    """How many requests have ended in time."""
    count = 0
    for i in range(len(s.row)):
        if s.variant[i] >= 0 and not is_open(t, s, i):
            size = t.first_fragment[s.variant[i] + 1] - t.first_fragment[s.variant[i]]
            count += s.ended[i, :size].max() <= s.deadline[i] + EPS
    return count


@njit(cache=True)
def evaluate(t, base, now, first, choices, futures, policies, wait_s):  # type: ignore[no-untyped-def]
    """How many are served in each future after each choice, by policy (c, p, x).

    Parameters
    ----------
    first : int
        The requests of ``base`` from here on have not arrived.
    choices : int array (c, 5)
        Request, variant, fragment, machine, shots; request -1: nothing begins before something
        happens, or for ``wait_s``; -2: what the policy does.
    futures : tuple of arrays (x, n - first)
        Rows, arrivals and deadlines of what comes.
    policies : float array (p, 2)
        Price and length of a part.
    """
    count = np.zeros((len(choices), len(policies), len(futures[0])))
    rows, arrivals, deadlines = futures
    for x in range(len(rows)):
        for c in range(len(choices)):
            i, v, k, m, shots = choices[c]
            for p in range(len(policies)):
                s = copy_scene(base)
                s.row[first:], s.arrival[first:] = rows[x], arrivals[x]
                s.deadline[first:] = deadlines[x]
                if i >= 0:
                    give(t, s, i, v, k, m, shots, now)
                elif i == -1:
                    until = now + wait_s
                    for j in range(first, len(s.row)):
                        until = min(until, s.arrival[j])
                    for q in range(len(s.free)):
                        if s.free[q] > now + EPS:
                            until = min(until, s.free[q])
                    for q in range(len(s.free)):
                        s.free[q] = max(s.free[q], until)
                count[c, p, x] = play(t, s, now, policies[p, 0], policies[p, 1])
    return count
