"""Split routing by gradient projection under exponential link prices, with new paths as it goes.

Prices are the gradient of a soft maximum of the utilisations; each demand shifts traffic from its
dearest used path to its cheapest by a Newton step (Bertsekas and Gallager, *Data Networks*,
section 5.7), and between sweeps the shortest paths under the prices are added. Their distances
prove a lower bound. The soft maximum grows steeper each round, towards the MLU itself.
"""

from __future__ import annotations

import math
import time

import numpy as np
from numba import njit

from quantum_backends.bounds import dual_bound
from quantum_backends.columns import ColumnPool, ranges
from quantum_backends.routing import Floats, Ints, RoutingProblem
from quantum_backends.shortest import ShortestPaths

GAP = 1e-4
"""Relative distance of the MLU to the proven bound at which the rounds end."""

_STEEPNESS = (8.0, 1.3, 20_000.0)
"""Exponent (of utilisation over MLU) of the first round, its growth per round, and its end."""

_ROUNDS, _SWEEPS = 60, 3

_DEARER = 1e-3
"""A new path is added where the present ones are longer by this share."""


def equilibrate(
    problem: RoutingProblem, finder: ShortestPaths, pool: ColumnPool, deadline: float
) -> tuple[float, float, Floats]:
    """Fill a pool with the paths of a nearly optimal split routing.

    Parameters
    ----------
    pool : ColumnPool
        May hold paths; gains at least a shortest path of each demand.
    deadline : float
        By ``time.monotonic``; the first round is always finished.

    Returns
    -------
    mlu, bound : float
        The best reached, and the best lower bound proven.
    price : float array (m,)
        The last prices.
    """
    demands, inverse = np.arange(problem.n_demands), 1 / problem.capacity
    price = 1 + 1e-6 * inverse / inverse.max()
    distance, start, link = finder.find(price)
    pool.add(demands, start, link)
    bound = dual_bound(problem, price, distance)
    share = np.zeros(len(pool))
    share[cheapest(pool, price)] = 1.0
    steep, least = _STEEPNESS[0], np.inf
    for _ in range(_ROUNDS):
        flow = np.repeat(share * problem.volume[pool.demand], np.diff(pool.start))
        load = np.bincount(pool.link, flow, problem.n_links).astype(np.float64)
        top = float((load * inverse).max())
        least = min(least, top)
        if not top or time.monotonic() > deadline:
            break
        weight = inverse * np.exp(steep * (load * inverse / top - 1))
        price = weight + 1e-7 * weight.max() * inverse / inverse.max()
        distance, start, link = finder.find(price)
        bound = max(bound, dual_bound(problem, price, distance))
        if least <= bound * (1 + GAP):
            break
        mean = np.bincount(pool.demand, share * pool.lengths(price), problem.n_demands)
        want = np.flatnonzero(mean - distance > _DEARER * mean)
        length = np.diff(start)[want]
        begin = np.concatenate(([0], np.cumsum(length)))
        fresh = pool.add(want, begin, link[ranges(start[want], length)])
        share = np.append(share, np.zeros(fresh))
        share = _shift(problem, pool, share, load, steep / top, top)
        steep = min(steep * _STEEPNESS[1], _STEEPNESS[2])
    return least, bound, price


def cheapest(pool: ColumnPool, price: Floats) -> Ints:
    """The column of each demand that is shortest under the prices."""
    order = np.lexsort((pool.lengths(price), pool.demand))
    new = np.diff(pool.demand[order], prepend=-1) > 0
    return order[new]


def _shift(
    problem: RoutingProblem,
    pool: ColumnPool,
    share: Floats,
    load: Floats,
    steep: float,
    top: float,
) -> Floats:
    """Shares after some sweeps over all demands; ``load`` is changed in place."""
    order = np.argsort(pool.demand, kind="stable")
    layout, inverse = pool.layout(), 1 / problem.capacity
    weight = inverse * np.exp(np.minimum(steep * (load * inverse - top), _HIGHEST))
    sorted_share = share[order]
    for _ in range(_SWEEPS):
        _sweep(
            layout.first,
            layout.start,
            layout.link,
            problem.volume,
            inverse,
            sorted_share,
            load,
            weight,
            steep,
            top,
        )
    after = np.empty_like(share)
    after[order] = sorted_share
    return after


_HIGHEST = 300.0
"""Largest exponent of a price."""


# With its types named it is compiled (or read from the cache) on import, outside any deadline.
@njit(
    "void(int64[::1], int64[::1], int64[::1], float64[::1], float64[::1],"
    " float64[::1], float64[::1], float64[::1], float64, float64)",
    cache=True,
)
def _sweep(  # type: ignore[no-untyped-def]
    first, start, link, volume, inverse, share, load, weight, steep, top
) -> None:
    """Let each demand shift from its dearest used path to its cheapest, prices following."""
    side = np.zeros(len(load))
    for k in range(len(first) - 1):
        low, high, cheap, dear = np.inf, -1.0, -1, -1
        for j in range(first[k], first[k + 1]):
            cost = 0.0
            for t in range(start[j], start[j + 1]):
                cost += weight[link[t]]
            if cost < low:
                low, cheap = cost, j
            if share[j] > 0 and cost > high:
                high, dear = cost, j
        if volume[k] == 0 or cheap == dear or high <= low * (1 + 1e-9):
            continue
        for t in range(start[dear], start[dear + 1]):
            side[link[t]] -= 1
        for t in range(start[cheap], start[cheap + 1]):
            side[link[t]] += 1
        curve, tightest = 0.0, 0.0
        for path in (dear, cheap):
            for t in range(start[path], start[path + 1]):
                e = link[t]
                if side[e] != 0:
                    curve += weight[e] * steep * inverse[e]
                    tightest = max(tightest, inverse[e])
        # No price changes by more than a factor e, within which a Newton step can be trusted.
        amount = min(share[dear] * volume[k], 1 / (steep * tightest))
        if high - low < curve * amount:
            amount = (high - low) / curve
        share[dear] = max(0.0, share[dear] - amount / volume[k])
        share[cheap] += amount / volume[k]
        for path in (dear, cheap):
            for t in range(start[path], start[path + 1]):
                e = link[t]
                if side[e] != 0:
                    load[e] += side[e] * amount
                    side[e] = 0
                    power = min(steep * (load[e] * inverse[e] - top), _HIGHEST)
                    weight[e] = inverse[e] * math.exp(power)
