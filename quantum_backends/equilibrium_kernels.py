"""Compiled loops of split routing under exponential link prices.

Columns of a demand are a chain: ``head[k]`` is its first, ``after[j]`` the next, -1 the end.
Links of column j are ``link[start[j]:start[j + 1]]``, and ``share[j]`` is the part of the demand's
volume that it carries.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

_HIGHEST = 300.0
"""Largest exponent of a price."""

_FLAT = -4.0
"""Below this exponent a price hardly counts, and may rise to it; above, it rises by a factor e at
most in one step, within which Newton's step can be trusted."""


# With their types named they are compiled (or read from the cache) on import, outside any deadline.
@njit(
    "float64[::1](int64[::1], int64[::1], int64[::1], float64[::1], float64[::1], int64)",
    cache=True,
)
def loads_of(demand, start, link, volume, share, n_links):  # type: ignore[no-untyped-def]
    """Load on each link (m,)."""
    load = np.zeros(n_links)
    for j in range(len(demand)):
        if share[j] > 0:
            flow = share[j] * volume[demand[j]]
            for t in range(start[j], start[j + 1]):
                load[link[t]] += flow
    return load


@njit(
    "float64[::1](int64[::1], int64[::1], int64[::1], float64[::1], float64[::1], int64)",
    cache=True,
)
def mean_lengths(demand, start, link, share, price, n_demands):  # type: ignore[no-untyped-def]
    """Length of each demand's paths, averaged by their shares (k,)."""
    mean = np.zeros(n_demands)
    for j in range(len(demand)):
        if share[j] > 0:
            length = 0.0
            for t in range(start[j], start[j + 1]):
                length += price[link[t]]
            mean[demand[j]] += share[j] * length
    return mean


@njit("int64[::1](int64[::1], int64[::1], int64[::1], int64[::1], float64[::1])", cache=True)
def cheapest_of(head, after, start, link, price):  # type: ignore[no-untyped-def]
    """The shortest column of each demand (k,)."""
    best = head.copy()
    for k in range(len(head)):
        least, j = np.inf, head[k]
        while j >= 0:
            length = 0.0
            for t in range(start[j], start[j + 1]):
                length += price[link[t]]
            if length < least:
                least, best[k] = length, j
            j = after[j]
    return best


@njit(
    "void(int64[::1], int64[::1], int64[::1], int64[::1], float64[::1], float64[::1],"
    " float64[::1], float64[::1], float64[::1], float64, float64, float64)",
    cache=True,
)
def sweep(  # type: ignore[no-untyped-def]
    head, after, start, link, volume, inverse, toll, share, load, steep, top, square
) -> None:
    """Let each demand shift from its dearest used path to its cheapest, prices following.

    One more unit on link e costs ``inverse[e] * (exp(steep * (u - top)) + square * u)`` at the
    utilisation u, and on column j ``toll[j]`` besides; ``share`` and ``load`` change in place.
    """
    side = np.zeros(len(load))
    steepness = np.empty(len(load))
    price = np.empty(len(load))
    for e in range(len(load)):
        u = load[e] * inverse[e]
        steepness[e] = math.exp(min(steep * (u - top), _HIGHEST))
        price[e] = inverse[e] * (steepness[e] + square * u)
    for k in range(len(head)):
        j = head[k]
        if volume[k] == 0 or after[j] < 0:
            continue
        low, high, cheap, dear = np.inf, -1.0, -1, -1
        while j >= 0:
            cost = toll[j]
            for t in range(start[j], start[j + 1]):
                cost += price[link[t]]
            if cost < low:
                low, cheap = cost, j
            if share[j] > 0 and cost > high:
                high, dear = cost, j
            j = after[j]
        if cheap == dear or high <= low * (1 + 1e-9):
            continue
        for t in range(start[dear], start[dear + 1]):
            side[link[t]] -= 1
        for t in range(start[cheap], start[cheap + 1]):
            side[link[t]] += 1
        curve, room = 0.0, share[dear] * volume[k]
        for path in (dear, cheap):
            for t in range(start[path], start[path + 1]):
                e = link[t]
                if side[e] != 0:
                    curve += inverse[e] * inverse[e] * (steep * steepness[e] + square)
                    if side[e] > 0:
                        power = steep * (load[e] * inverse[e] - top)
                        rise = max(power, _FLAT) + 1 - power
                        room = min(room, rise / (steep * inverse[e]))
        # Far below the top prices vanish, and with them the curvature.
        amount = room if high - low >= curve * room else (high - low) / curve
        share[dear] = max(0.0, share[dear] - amount / volume[k])
        share[cheap] += amount / volume[k]
        for path in (dear, cheap):
            for t in range(start[path], start[path + 1]):
                e = link[t]
                if side[e] != 0:
                    load[e] += side[e] * amount
                    side[e] = 0
                    u = load[e] * inverse[e]
                    steepness[e] = math.exp(min(steep * (u - top), _HIGHEST))
                    price[e] = inverse[e] * (steepness[e] + square * u)
