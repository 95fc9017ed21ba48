"""A proven bound on the worth that any placement of slices could admit, over all paths.

The bound of a packing holds for the options it has. This one holds for every path of the network:
for any prices of the links, nothing is worth more than the price of all capacity plus, for each
request, what is left of its worth after the cheapest way of carrying it (Lagrange). What cannot be
priced exactly is priced too low, which only loosens the bound: latencies are left out; a hose, or a
slice with links of its own, pays for the dearest of its pipes alone.
"""

from __future__ import annotations

import numpy as np

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
    begin, end, other, last, link, found = task.catalogue.find(shared, whole + least, quick=False)
    cheapest = _sums(price, link, begin, end) + _sums(price, link, other, last)
    alone = np.where(asked.own[asked.request], 0.0, asked.limit) * cheapest
    own = _sums(whole, link, begin, end) + _sums(whole, link, other, last)
    cost = np.where(asked.own[asked.request], own, alone)
    cost[~found] = np.inf
    one = np.maximum.reduceat(cost, asked.first[:-1]) if len(cost) else cost
    every = np.add.reduceat(cost, asked.first[:-1]) if len(cost) else cost
    paid = np.where(asked.hose | asked.own, one, every)
    worth = np.array([request.worth for request in asked.requests])
    # The search ran under slightly higher prices; what it paid more is given back.
    slack = least * len(ground.links) * 2
    left = np.maximum(0.0, worth - np.maximum(paid - slack, 0.0))
    return float(price @ ground.capacity + left.sum())


def _sums(weight: Floats, link: np.ndarray, begin: np.ndarray, end: np.ndarray) -> Floats:
    total = np.concatenate(([0.0], np.cumsum(weight[link])))
    return np.asarray(total[end] - total[begin])
