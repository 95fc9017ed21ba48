"""Candidate paths: shortest paths under rising link prices, completed by column generation.

A few rounds of all-or-nothing routing, each under prices that grow exponentially with the load so
far, give most of the columns that the linear program wants; its dual values price the rest. The
program starts at the feasible point "everybody on the first path", so the primal simplex needs no
first phase and the warm start after new columns costs little.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from quantum_backends.bounds import dual_bound
from quantum_backends.columns import ColumnPool, ranges
from quantum_backends.master import Master
from quantum_backends.routing import Floats, Fractions, Ints, RoutingProblem, flatten, nest
from quantum_backends.shortest import ShortestPaths

ROUNDS = 6
"""Rounds of all-or-nothing routing before the linear program."""

TOLERANCE = 1e-6
"""Relative distance between linear program and dual bound at which pricing ends."""

_STEEPNESS = (6.0, 2.0)
"""Exponent of the link prices in the first round, and its growth per round."""


def with_candidates(problem: RoutingProblem, seconds: float = 1.0) -> RoutingProblem:
    """Fill in candidate paths and a proven lower bound on the MLU.

    Parameters
    ----------
    problem : RoutingProblem
        Paths it already has (such as the incumbent's) are kept and come first; with an incumbent
        it keeps its shares.
    seconds : float
        Time after which no further round is begun; the first round is always finished, and the
        bound is then the best proven so far.

    Returns
    -------
    RoutingProblem
        Every demand has at least its path of fewest hops.

    Raises
    ------
    ValueError
        The ends of a demand are not connected.
    """
    if problem.n_demands == 0:
        return problem
    deadline = time.monotonic() + seconds
    pool = ColumnPool(problem.n_links, problem.n_demands)
    if problem.paths:
        given = problem.layout
        pool.add(given.demand, given.start, given.link)
    finder = ShortestPaths(
        problem.n_nodes, problem.tail, problem.head, problem.source, problem.target
    )
    bound, price = _spread(problem, finder, pool, deadline)
    if time.monotonic() < deadline and problem.volume.any():
        bound = max(bound, _price(problem, finder, pool, price, deadline))
    return _with_pool(problem, pool, bound)


def _spread(
    problem: RoutingProblem, finder: ShortestPaths, pool: ColumnPool, deadline: float
) -> tuple[float, Floats]:
    """Route everything on shortest paths a few times; return the best bound and last prices."""
    demands = np.arange(problem.n_demands)
    shortest = 1 / problem.capacity
    price = 1 + 1e-6 * shortest / shortest.max()
    load = np.zeros(problem.n_links)
    bound = 0.0
    for turn in range(ROUNDS):
        distance, start, link = finder.find(price)
        bound = max(bound, dual_bound(problem, price, distance))
        pool.add(demands, start, link)
        flow = np.repeat(problem.volume, np.diff(start))
        step = 1.0 if turn == 0 else 2.0 / (turn + 2)
        load += step * (np.bincount(link, flow, problem.n_links) - load)
        used = load / problem.capacity
        highest = float(used.max()) or 1.0
        steep = _STEEPNESS[0] + _STEEPNESS[1] * turn
        price = (np.exp(steep * (used / highest - 1)) + 1e-4) * shortest
        if time.monotonic() > deadline:
            break
    return bound, price


def _price(
    problem: RoutingProblem,
    finder: ShortestPaths,
    pool: ColumnPool,
    price: Floats,
    deadline: float,
) -> float:
    """Add the columns that the linear program's duals ask for; return the proven bound."""
    master = Master(problem, pool, _cheapest(pool, price))
    bound = 0.0
    while (left := deadline - time.monotonic()) > 0:
        if not master.solve(left):
            break
        weight, sigma = master.duals()
        # Zero prices would let the finder take detours at random; a little makes paths short.
        weight += 1e-8 * weight.max()
        distance, start, link = finder.find(weight)
        bound = max(bound, dual_bound(problem, weight, distance))
        if master.value <= bound * (1 + TOLERANCE):
            break
        saving = problem.volume * (master.base_length(weight) - distance) + sigma
        want = np.flatnonzero(saving > 1e-9 * master.value / problem.n_demands)
        length = np.diff(start)[want]
        begin = np.concatenate(([0], np.cumsum(length)))
        known = len(pool)
        if not pool.add(want, begin, link[ranges(start[want], length)]):
            break
        master.add(np.arange(known, len(pool)))
    return bound


def _cheapest(pool: ColumnPool, price: Floats) -> Ints:
    """The column of each demand that is shortest under the prices."""
    order = np.lexsort((pool.lengths(price), pool.demand))
    new = np.diff(pool.demand[order], prepend=-1) > 0
    return order[new]


def _with_pool(problem: RoutingProblem, pool: ColumnPool, bound: float) -> RoutingProblem:
    layout = pool.layout()
    filled = replace(
        problem, paths=layout.nested(), incumbent=None, bound=max(bound, problem.bound)
    )
    filled.__dict__["layout"] = layout  # spare the flattening of what was just nested
    if problem.incumbent is None:
        return filled
    return replace(filled, incumbent=_carried_over(problem, filled))


def _carried_over(old: RoutingProblem, new: RoutingProblem) -> Fractions:
    """Shares over the old paths as shares over the new ones, of which the old come first."""
    assert old.incumbent is not None
    shares = np.zeros(len(new.layout.demand))
    within = np.arange(len(old.layout.demand)) - old.layout.first[old.layout.demand]
    shares[new.layout.first[old.layout.demand] + within] = flatten(old.incumbent)
    return nest(new, shares)
