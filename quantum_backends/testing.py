"""Problems and checks with which any backend, also a third party's, can be tested.

Use :func:`check_backend` in a test of your own::

    from quantum_backends.testing import check_backend
    def test_mine():
        check_backend(MyBackend())
"""

from __future__ import annotations

import numpy as np

from quantum_backends.routing import RoutingProblem


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
