"""Seeded problems of realistic size on which single-path plans are hard.

Real backbones often have a structural bottleneck, at which greedy placement is already optimal.
In a dense mesh of near-equal links there is none: at the optimum most links are full together,
and what decides is how well demands of very different sizes are packed.
"""

from __future__ import annotations

import numpy as np

from quantum_backends.routing import Floats, Ints, RoutingProblem
from quantum_backends.shortest import ShortestPaths


def dense_mesh(
    n_nodes: int,
    seed: int,
    *,
    degree: float = 6.0,
    load: float = 1.6,
    elephants: float = 0.01,
    split: bool = False,
) -> RoutingProblem:
    """A random mesh of near-equal links with gravity demands between all pairs.

    A ring through all nodes in random order makes it connected; random further cables bring the
    mean degree up. Capacities differ by up to 10 % either way. The demand from s to t is
    proportional to mass_s mass_t with log-normal masses and noise; a few pairs, the elephants,
    send ten times as much. No demand is above a quarter of the smallest capacity where links are
    filled once, so that single paths are not lost from the start.

    Parameters
    ----------
    n_nodes : int
        At least four.
    seed : int
        The same seed gives the same problem.
    degree : float
        Mean number of cables at a node, from 2 to ``n_nodes - 1``; each cable is two directed
        links of equal capacity.
    load : float
        MLU when every demand takes a path of fewest hops.
    elephants : float
        Share of the pairs, from 0 to 1.
    split : bool
        Whether demands may be split.

    Returns
    -------
    RoutingProblem
        Without candidate paths; volumes and capacities in the same unit, mean capacity about one.

    Raises
    ------
    ValueError
        A parameter outside its range.
    """
    if n_nodes < 4 or not 2 <= degree <= n_nodes - 1 or not 0 <= elephants <= 1 or load <= 0:
        raise ValueError(f"no mesh of {n_nodes} nodes, {degree=}, {load=}, {elephants=}")
    rng = np.random.default_rng(seed)
    ends = _cables(n_nodes, round(degree * n_nodes / 2), rng)
    tail, head = np.concatenate((ends, ends[:, ::-1])).T
    capacity = np.tile(rng.uniform(0.9, 1.1, len(ends)), 2)
    source, target = np.nonzero(~np.eye(n_nodes, dtype=bool))
    volume = _gravity(n_nodes, source, target, elephants, rng)
    finder = ShortestPaths(n_nodes, tail, head, source, target)
    _, start, link = finder.find(np.ones(len(tail)))
    for _ in range(20):  # cutting the largest changes the scale, which changes what is cut
        flow = np.bincount(link, np.repeat(volume, np.diff(start)), len(tail))
        volume *= load / np.max(flow / capacity)
        volume = np.minimum(volume, capacity.min() / 4)
    return RoutingProblem(n_nodes, tail, head, capacity, source, target, volume, split)


def _cables(n_nodes: int, count: int, rng: np.random.Generator) -> Ints:
    """Undirected edges (c, 2) of a ring in random order and further pairs drawn at random."""
    order = rng.permutation(n_nodes)
    ring = np.sort(np.stack((order, np.roll(order, 1)), 1), axis=1)
    low, high = np.triu_indices(n_nodes, 1)
    taken = np.isin(low * n_nodes + high, ring[:, 0] * n_nodes + ring[:, 1])
    more = rng.choice(np.flatnonzero(~taken), max(0, count - n_nodes), replace=False)
    return np.concatenate((ring, np.stack((low[more], high[more]), 1)))


def _gravity(
    n_nodes: int, source: Ints, target: Ints, elephants: float, rng: np.random.Generator
) -> Floats:
    mass = rng.lognormal(0, 0.7, n_nodes)
    volume = mass[source] * mass[target] * rng.lognormal(0, 0.7, len(source))
    large = rng.random(len(volume)) < elephants
    return np.where(large, 10 * volume, volume)
