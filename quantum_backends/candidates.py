"""Candidate paths: split routing under link prices, completed by column generation.

Split routing under exponential prices (:mod:`quantum_backends.equilibrium`) comes within a
hundredth of a percent of its own bound, with the paths it used; a linear program over them, whose
dual values price further paths, closes what is left of the gap. The program starts at the feasible
point "everybody on the cheapest path", so the primal simplex needs no first phase.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from quantum_backends.bounds import dual_bound
from quantum_backends.columns import ColumnPool, ranges
from quantum_backends.equilibrium import GAP, cheapest, equilibrate
from quantum_backends.master import Master
from quantum_backends.routing import Floats, Fractions, RoutingProblem, flatten, nest
from quantum_backends.shortest import ShortestPaths

TOLERANCE = 1e-6
"""Relative distance between linear program and dual bound at which pricing ends."""

SMALL = 3000
"""Up to so many demands the linear program follows whenever there is time: it takes at most about
0.2 s and makes bound and paths exact. Above, it takes seconds, and only follows where the
equilibrium did not come within :data:`quantum_backends.equilibrium.GAP` of its bound."""


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
    mlu, bound, price = equilibrate(problem, finder, pool, deadline)
    rough = problem.n_demands <= SMALL or mlu > bound * (1 + GAP)
    if rough and time.monotonic() < deadline and problem.volume.any():
        bound = max(bound, _price(problem, finder, pool, price, deadline))
    return _with_pool(problem, pool, bound)


def _price(
    problem: RoutingProblem,
    finder: ShortestPaths,
    pool: ColumnPool,
    price: Floats,
    deadline: float,
) -> float:
    """Add the columns that the linear program's duals ask for; return the proven bound."""
    master = Master(problem, pool, cheapest(pool, price))
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
