"""Candidate paths and a lower bound: those of a nearly optimal split routing under link prices.

The shortest paths under the prices are added in each round, as column generation does with the dual
values of a linear program; a simplex would take a hundred times longer to get as close.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from quantum_backends.bounds import dual_bound, whole_bound
from quantum_backends.columns import ColumnPool
from quantum_backends.enrichment import FEW, add_detours
from quantum_backends.equilibrium import Equilibrium
from quantum_backends.equilibrium_kernels import cheapest_of
from quantum_backends.routing import Floats, Fractions, Layout, RoutingProblem, flatten, nest, tidy
from quantum_backends.shortest import ShortestPaths

TOLERANCE = 1e-6
"""Relative distance of the split routing's MLU to the proven bound at which the rounds end."""

_ROUNDS = 60
"""Five to twenty-five are enough; more means that rounding is what stands in the way."""

_DEARER = 1e-3
"""A new path is added where those in use are longer by this share."""

_NEAR = 0.02
"""Paths that carry nothing at the end are kept where they are longer by no more than this under the
last prices. Passing on all that ever looked short makes searches slow: on Interoute (45,000 paths
instead of 30,000) the best single-path plan of a second was 1.2 % above the bound instead of
0.03 %."""


def with_candidates(
    problem: RoutingProblem, seconds: float = 1.0, known: Layout | None = None
) -> RoutingProblem:
    """Fill in candidate paths and a proven lower bound on the MLU.

    Parameters
    ----------
    problem : RoutingProblem
        Paths it already has (such as the incumbent's) are kept and come first; with an incumbent
        it keeps its shares.
    seconds : float
        Time after which no further round is begun; the first is always finished, and the bound is
        then the best proven so far.
    known : Layout, optional
        Paths to try besides, such as those of a moment ago; kept where they are of use now.

    Returns
    -------
    RoutingProblem
        Every demand has at least its path of fewest hops; where demands may be split, the routing
        that the bound was proven with is its ``hint``.

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
    bound, useful, share = _fill(problem, pool, known, deadline)
    if not problem.split:
        bound = whole_bound(problem, bound)
    order = pool.order()
    kept = order[useful[order]]
    filled = _with_paths(problem, pool.layout(kept), bound)
    return replace(filled, hint=tidy(filled, share[kept])) if problem.split else filled


def _fill(
    problem: RoutingProblem, pool: ColumnPool, known: Layout | None, deadline: float
) -> tuple[float, npt.NDArray[np.bool_], Floats]:
    """Add the paths of a split routing to the pool.

    Returns
    -------
    float
        Proven bound.
    bool array, float array
        Which paths are of use; the routing's shares of them.
    """
    finder = ShortestPaths(
        problem.n_nodes, problem.tail, problem.head, problem.source, problem.target
    )
    inverse = 1 / problem.capacity
    price = 1 + 1e-6 * inverse / inverse.max()  # of equally many hops the widest
    distance = finder.distances(price)
    everybody = np.arange(problem.n_demands)
    pool.add(everybody, *finder.paths(everybody))
    wanted = len(pool)
    if known:
        pool.add(known.demand, known.start, known.link)
    share = np.zeros(len(pool))
    share[cheapest_of(pool.head, pool.after, pool.start, pool.link, price)] = 1.0
    routing = Equilibrium(problem, pool, share)
    bound, least = dual_bound(problem, price, distance), routing.mlu
    for _ in range(_ROUNDS):
        if not least or time.monotonic() > deadline:
            break
        price = routing.prices()
        distance = finder.distances(price)
        bound = max(bound, dual_bound(problem, price, distance))
        if least <= bound * (1 + TOLERANCE):
            break
        want = np.flatnonzero(routing.mean_lengths(price) > (1 + _DEARER) * distance)
        pool.add(want, *finder.paths(want))
        routing.steepen(price, distance)
        routing.follow()
        least = min(least, routing.mlu)
    useful = (routing.share > 0) | (pool.lengths(price) <= (1 + _NEAR) * distance[pool.demand])
    useful[:wanted] = True
    if not problem.split and problem.n_demands <= FEW:
        add_detours(problem, finder, pool, price, deadline)
    detours = len(pool) - len(useful)
    share = np.append(routing.share, np.zeros(detours))
    return bound, np.concatenate((useful, np.ones(detours, dtype=bool))), share


def _with_paths(problem: RoutingProblem, paths: Layout, bound: float) -> RoutingProblem:
    filled = replace(
        problem, paths=paths, incumbent=None, bound=max(bound, problem.bound), hint=None
    )
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
