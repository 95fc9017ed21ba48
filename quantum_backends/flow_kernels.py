"""Inner loops over flows, compiled by numba and kept on disk between runs."""

from __future__ import annotations

import math
from typing import NamedTuple

from numba import njit

from quantum_backends.paths import Floats, Ints


class Market(NamedTuple):
    """Flows on paths and prices of links under ``price_e = exp(steep (load_e / capacity_e - 1))``.

    Attributes
    ----------
    first, start, link : int arrays
        As in :class:`quantum_backends.paths.Layout`.
    volume : float array (k,)
    capacity : float array (m,)
    least : float array (q,)
        Least capacity along each path.
    flow : float array (q,)
    load, price : float array (m,)
    """

    first: Ints
    start: Ints
    link: Ints
    volume: Floats
    capacity: Floats
    least: Floats
    flow: Floats
    load: Floats
    price: Floats


@njit(cache=True)
def reprice(a: Market, steep: float, top: float) -> None:
    """Prices for a new steepness; a link filled to ``top`` times its capacity has price one."""
    for e in range(len(a.load)):
        a.price[e] = math.exp(steep * (a.load[e] / a.capacity[e] - top))


@njit(cache=True)
def path_price(a: Market, j: int) -> float:
    """Price of a path, kept above zero so that its logarithm is finite."""
    total = 1e-100
    for t in range(a.start[j], a.start[j + 1]):
        total += a.price[a.link[t]]
    return total


@njit(cache=True)
def send(a: Market, j: int, amount: float, steep: float) -> None:
    """Add to the flow of a path and to the prices along it."""
    a.flow[j] += amount
    before, factor = 0.0, 1.0
    for t in range(a.start[j], a.start[j + 1]):
        e = a.link[t]
        a.load[e] += amount
        if a.capacity[e] != before:
            before = a.capacity[e]
            factor = math.exp(steep * amount / before)
        a.price[e] *= factor


@njit(cache=True)
def level(a: Market, k: int, steep: float, cost: Floats) -> int:
    """Shift flow of one demand from its dearest path to its cheapest; return the cheapest.

    The step ends where the two prices meet at the latest, because it is measured by the narrowest
    link of each. The paths share no link, so neither price depends on the other's flow. ``cost``
    holds the prices of the demand's paths, and is kept up to date for the cheapest.
    """
    cheap, dear = a.first[k], -1
    for j in range(a.first[k], a.first[k + 1]):
        if cost[j] < cost[cheap]:
            cheap = j
        if a.flow[j] > 0 and (dear < 0 or cost[j] > cost[dear]):
            dear = j
    if dear >= 0 and cost[dear] > cost[cheap] * (1 + 1e-3):
        slope = steep * (1 / a.least[cheap] + 1 / a.least[dear])
        step = min(a.flow[dear], math.log(cost[dear] / cost[cheap]) / slope)
        send(a, dear, -step, steep)
        send(a, cheap, step, steep)
        cost[cheap] = path_price(a, cheap)
    return cheap


@njit(cache=True)
def trade(a: Market, k: int, steep: float, cost: Floats) -> None:
    """Let one demand move towards its best flow, where serving one unit is worth 1.

    A path that costs more than that gives flow back; flow is shifted as in :func:`level`; then the
    cheapest path takes what is not yet served while it costs less than 1.
    """
    left = a.volume[k]
    for j in range(a.first[k], a.first[k + 1]):
        cost[j] = path_price(a, j)
        if a.flow[j] > 0:
            if cost[j] > 1:
                send(a, j, -min(a.flow[j], a.least[j] * math.log(cost[j]) / steep), steep)
                cost[j] = path_price(a, j)
            left -= a.flow[j]
    cheap = level(a, k, steep, cost)
    if left > 0 and cost[cheap] < 1:
        send(a, cheap, min(left, -a.least[cheap] * math.log(cost[cheap]) / steep), steep)


@njit(cache=True)
def trade_all(a: Market, order: Ints, steep: float, cost: Floats) -> None:
    """Let every demand trade once, in the order given."""
    for k in order:
        trade(a, k, steep, cost)


@njit(cache=True)
def level_all(a: Market, order: Ints, steep: float, cost: Floats) -> None:
    """Let every demand shift flow once, in the order given."""
    for k in order:
        for j in range(a.first[k], a.first[k + 1]):
            cost[j] = path_price(a, j)
        level(a, k, steep, cost)


@njit(cache=True)
def dual(a: Market) -> tuple[float, float, float]:
    """Sums that bound a flow by weak duality, whatever the prices.

    Returns
    -------
    worth : float
        Sum over links of price times capacity.
    surplus : float
        Sum over demands of volume times what the cheapest path costs less than 1. No total flow
        is above ``worth + surplus``.
    spent : float
        Sum over demands of volume times the price of the cheapest path. No concurrent flow is
        above ``worth / spent``.
    """
    worth, surplus, spent = 0.0, 0.0, 0.0
    for e in range(len(a.load)):
        worth += a.price[e] * a.capacity[e]
    for k in range(len(a.volume)):
        best = math.inf
        for j in range(a.first[k], a.first[k + 1]):
            best = min(best, path_price(a, j))
        surplus += a.volume[k] * max(0.0, 1 - best)
        spent += a.volume[k] * best
    return worth, surplus, spent


@njit(cache=True)
def fill(a: Market, order: Ints) -> None:
    """Serve what is still unserved with whatever capacity is left, path by path."""
    for k in order:
        left = a.volume[k]
        for j in range(a.first[k], a.first[k + 1]):
            left -= a.flow[j]
        for j in range(a.first[k], a.first[k + 1]):
            if left <= 0:
                break
            room = left
            for t in range(a.start[j], a.start[j + 1]):
                room = min(room, a.capacity[a.link[t]] - a.load[a.link[t]])
            if room > 0:
                a.flow[j] += room
                left -= room
                for t in range(a.start[j], a.start[j + 1]):
                    a.load[a.link[t]] += room
