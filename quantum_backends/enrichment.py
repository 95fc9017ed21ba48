"""More candidate paths for few demands, each of which must be placed as a whole.

A split plan uses about a path and a half of each demand. Where there are thousands of demands that
is choice enough for single paths too; where there are hundreds, what decides is how well the large
ones fit together, and the best plan uses paths that no split plan wants.
"""

from __future__ import annotations

import time

import numpy as np

from quantum_backends.columns import ColumnPool
from quantum_backends.routing import Floats, RoutingProblem
from quantum_backends.shortest import ShortestPaths

FEW = 1000
"""Up to so many demands it is worth while."""

_ROUNDS, _PATHS = 60, 20_000
"""Rounds at most, and paths found in all of them, of which about every other is new: more of them
only lengthen the search."""

_DISTURBANCE = 0.6
"""Standard deviation of the logarithm of a price."""

_FLOORS = (1e-3, 1.0)
"""Least price of a link as a share of the highest, drawn log-uniformly in each round."""


def add_detours(
    problem: RoutingProblem,
    finder: ShortestPaths,
    pool: ColumnPool,
    price: Floats,
    deadline: float,
) -> None:
    """Add the shortest paths under disturbed prices to the pool.

    With a low floor under the prices they avoid the links that are full whatever the way round,
    with a high one they are paths of nearly the fewest hops.

    Parameters
    ----------
    price : float array (m,)
        What one more unit on each link costs at the optimum of split plans.
    deadline : float
        On the monotonic clock; no round begins after it.
    """
    rng = np.random.default_rng(0)
    everybody = np.arange(problem.n_demands)
    relative = price * problem.capacity
    relative /= relative.max()
    for _ in range(min(_ROUNDS, _PATHS // problem.n_demands)):
        if time.monotonic() > deadline:
            return
        floor = np.exp(rng.uniform(*np.log(_FLOORS)))
        noise = rng.lognormal(0.0, _DISTURBANCE, len(price))
        finder.distances((relative + floor) * noise / problem.capacity)
        pool.add(everybody, *finder.paths(everybody))
