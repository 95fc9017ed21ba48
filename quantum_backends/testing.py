"""Problems and checks with which any backend, also a third party's, can be tested.

Use :func:`check_backend` in a test of your own::

    from quantum_backends.testing import check_backend
    def test_mine():
        check_backend(MyBackend())
"""

from __future__ import annotations

import numpy as np

from quantum_backends.routing import RoutingProblem
from quantum_backends.shortest import ShortestPaths


def tiny_problem(split: bool = False) -> RoutingProblem:
    """The diamond: two ways of equal capacity, three demands of 6, 4 and 4 over capacity 10.

    Best single-path MLU 0.8 (6 apart from 4 + 4), best split MLU 0.7.
    """
    up, down = (0, 1), (2, 3)
    return RoutingProblem(
        n_nodes=4,
        tail=np.array([0, 1, 0, 2]),
        head=np.array([1, 3, 2, 3]),
        capacity=np.full(4, 10.0),
        source=np.zeros(3, dtype=np.int64),
        target=np.full(3, 3),
        volume=np.array([6.0, 4.0, 4.0]),
        split=split,
        paths=((up, down),) * 3,
    )


def random_problem(
    n_nodes: int, chords: int, seed: int, split: bool = False, load: float = 1.2
) -> RoutingProblem:
    """A ring with random chords, two directions each, and gravity demands between all pairs.

    Parameters
    ----------
    n_nodes : int
        At least three.
    chords : int
        Chords per three nodes, roughly.
    load : float
        MLU when everybody takes a path of fewest hops.
    """
    rng = np.random.default_rng(seed)
    cables = {(i, (i + 1) % n_nodes) for i in range(n_nodes)}
    for _ in range(chords * n_nodes // 3):
        a, b = sorted(rng.choice(n_nodes, 2, replace=False).tolist())
        if b - a > 1 and (a, b) != (0, n_nodes - 1):
            cables.add((a, b))
    ends = np.array(sorted(cables))
    tail, head = np.concatenate((ends, ends[:, ::-1])).T
    capacity = np.tile(rng.choice([4.0, 10.0, 25.0], len(ends)), 2)
    source, target = np.divmod(np.arange(n_nodes**2), n_nodes)
    source, target = source[source != target], target[source != target]
    mass = rng.lognormal(0, 1, n_nodes)
    volume = mass[source] * mass[target] * rng.lognormal(0, 0.5, len(source))
    found = ShortestPaths(n_nodes, tail, head, source, target).find(np.ones(len(tail)))
    hops = np.bincount(found[2], np.repeat(volume, np.diff(found[1])), len(tail))
    volume *= load / np.max(hops / capacity)
    return RoutingProblem(n_nodes, tail, head, capacity, source, target, volume, split)
