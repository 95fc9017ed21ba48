"""The inner loops over options of slices, compiled by numba and kept on disk between runs.

Paths of every pipe lie in one array of links. The primary of pipe p is ``link[begin[p]:end[p]]``,
its backup ``link[other[p]:last[p]]``; pipes of request i are ``first[i] .. first[i + 1] - 1``.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True)
def gathered(begin, end, link):  # type: ignore[no-untyped-def]
    """Pieces of an array one after another: where each starts, and all of them."""
    start = np.zeros(len(begin) + 1, np.int64)
    for i in range(len(begin)):
        start[i + 1] = start[i] + end[i] - begin[i]
    out = np.empty(start[-1], np.int64)
    for i in range(len(begin)):
        out[start[i] : start[i + 1]] = link[begin[i] : end[i]]
    return start, out


@njit(cache=True)
def names(first, begin, end, other, last, link, keys, odd):  # type: ignore[no-untyped-def]
    """A number for each request's option; equal ones mean the same links for the same pipes."""
    names = np.zeros(len(first) - 1, np.int64)
    for i in range(len(names)):
        for p in range(first[i], first[i + 1]):
            name = np.int64(1)
            for k in range(begin[p], end[p]):
                name += keys[0, link[k]]
            for k in range(other[p], last[p]):
                name += keys[1, link[k]]
            names[i] += name * odd[p]
    return names


@njit(cache=True)
def uses(  # type: ignore[no-untyped-def]
    requests,
    first,
    limit,
    rate,
    rate_back,
    sender,
    receiver,
    hose,
    own,
    capacity,
    begin,
    end,
    other,
    last,
    link,
):
    """What an option of each request holds: start, resource, amount."""
    m = len(capacity)
    size = 0
    for i in requests:
        for p in range(first[i], first[i + 1]):
            size += end[p] - begin[p] + last[p] - other[p]
    resource, amount = np.empty(size, np.int64), np.empty(size)
    start = np.zeros(len(requests) + 1, np.int64)
    held, sent = np.zeros(m), np.zeros(m)
    touched, seen = np.empty(m, np.int64), np.zeros(m, np.bool_)
    who = np.full(m, -1, np.int64)
    at = 0
    for row in range(len(requests)):
        i = requests[row]
        count = 0
        for p in range(first[i], first[i + 1]):
            for part in range(2):
                a, b = (begin[p], end[p]) if part == 0 else (other[p], last[p])
                for k in range(a, b):
                    e = link[k]
                    if not seen[e]:
                        seen[e] = True
                        touched[count] = e
                        count += 1
                        who[e] = -1
                    if not hose[i]:
                        held[e] += limit[p]
                    elif who[e] != sender[p]:  # pipes of one sender follow one another
                        who[e] = sender[p]
                        sent[e] += rate[i]
        if hose[i]:
            for t in range(count):
                who[touched[t]] = -1
            top = 0
            for p in range(first[i], first[i + 1]):
                top = max(top, receiver[p])
            for host in range(top + 1):
                for p in range(first[i], first[i + 1]):
                    if receiver[p] != host:
                        continue
                    for part in range(2):
                        a, b = (begin[p], end[p]) if part == 0 else (other[p], last[p])
                        for k in range(a, b):
                            if who[link[k]] != host:
                                who[link[k]] = host
                                held[link[k]] += rate_back[i]
        for t in range(count):
            e = touched[t]
            resource[at] = e
            amount[at] = capacity[e] if own[i] else held[e]
            if hose[i] and not own[i]:
                amount[at] = min(held[e], sent[e])
            at += 1
            held[e], sent[e], seen[e] = 0.0, 0.0, False
        start[row + 1] = at
    return start, resource[:at].copy(), amount[:at].copy()


@njit(cache=True)
def fits(start, resource, amount, capacity):  # type: ignore[no-untyped-def]
    """Whether each option alone is within the capacities."""
    alone = np.ones(len(start) - 1, np.bool_)
    for o in range(len(alone)):
        for k in range(start[o], start[o + 1]):
            if amount[k] > capacity[resource[k]]:
                alone[o] = False
    return alone
