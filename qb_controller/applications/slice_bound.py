"""A proven bound on the worth that any placement of slices could admit, over all paths.

The bound of a packing holds for the options it has. This one holds for every path of the network:
for any prices of the links, nothing is worth more than the price of all capacity plus, for each
request, what is left of its worth after the cheapest way of carrying it (Lagrange). What cannot be
priced exactly is priced too low, which only loosens the bound: latencies are left out; a slice with
links of its own pays for the dearest of its pipes alone, a hose for one traffic matrix it may send.
"""

from __future__ import annotations

import numpy as np

from qb_controller.applications.slice_graph import GRAIN
from qb_controller.applications.slices import SliceTask
from quantum_backends.routing import Floats


def upper_bound(task: SliceTask, price: Floats | None = None) -> float:
    """Most that the requests of a task without running slices could be worth.

    Parameters
    ----------
    price : float array (m,), optional
        Of a bit/s on each link; those of the task's problem by default.
    """
    if task.running:
        raise ValueError("the bound is for requests alone, not for slices that run")
    ground, asked = task.ground, task.asked
    price = task.problem.price if price is None else price
    least = 1e-9 * (float((price * ground.capacity).mean()) or 1.0)
    whole = price * ground.capacity
    shared = price + least / ground.capacity.clip(1e-300)
    private = whole + least
    begin, end, other, last, link, found = task.catalogue.find(shared, private, quick=False)
    # The search ran under slightly higher, rounded prices: what it may have missed is given back.
    steps = 2 * len(ground.links)
    missed = steps * float((shared - price + 2 * GRAIN * shared.max(initial=0.0)).max(initial=0.0))
    missed_own = steps * float(least + 2 * GRAIN * private.max(initial=0.0))
    cheapest = _sums(price, link, begin, end) + _sums(price, link, other, last)
    alone = asked.limit * np.maximum(0.0, cheapest - missed)
    own = _sums(whole, link, begin, end) + _sums(whole, link, other, last) - missed_own
    cost = np.where(asked.own[asked.request], np.maximum(0.0, own), alone)
    cost[~found] = np.inf
    one = np.maximum.reduceat(cost, asked.first[:-1]) if len(cost) else cost
    every = np.add.reduceat(cost, asked.first[:-1]) if len(cost) else cost
    paid = np.where(asked.own, one, every)
    for i in np.flatnonzero(asked.hose & ~asked.own).tolist():
        paid[i] = _around(cost[asked.first[i] : asked.first[i + 1]])
    worth = np.array([request.worth for request in asked.requests])
    return float(price @ ground.capacity + np.maximum(0.0, worth - paid).sum())


def _around(cost: Floats) -> float:
    """Least price of a hose whose pipes cost so much each (in their fixed order).

    Whatever its hosts may send at one time must fit; when each sends to the k-th after it all that
    both allow, that is one such time, for every k.
    """
    n = round((1 + (1 + 4 * len(cost)) ** 0.5) / 2)
    table = np.zeros((n, n))
    table[~np.eye(n, dtype=bool)] = cost
    host = np.arange(n)
    return float(max(table[host, (host + k) % n].sum() for k in range(1, n)))


def _sums(weight: Floats, link: np.ndarray, begin: np.ndarray, end: np.ndarray) -> Floats:
    total = np.concatenate(([0.0], np.cumsum(weight[link])))
    return np.asarray(total[end] - total[begin])
