"""Lower bounds on the maximum link utilisation over all paths, not just the candidates."""

from __future__ import annotations

import highspy
import numpy as np
from scipy import sparse

from quantum_backends.highs import INFINITY, is_optimal, quiet
from quantum_backends.routing import Floats, RoutingProblem


def dual_bound(problem: RoutingProblem, weight: Floats, distance: Floats) -> float:
    """Bound from any link weights, by weak duality.

    For every routing, ``sum_k volume_k dist_k <= sum_e weight_e load_e <= MLU sum_e weight_e c_e``
    where ``dist_k`` is the length of a shortest path under ``weight``.

    Parameters
    ----------
    weight : float array (m,)
        Not below zero, not all zero.
    distance : float array (k,)
        Shortest distance of each demand under these weights.
    """
    return float(problem.volume @ distance / (weight @ problem.capacity))


def whole_bound(problem: RoutingProblem, least: float) -> float:
    """Bound on single-path plans from the demand that fits worst even if it is alone.

    A demand that is not split puts its whole volume on every link of its path, so the MLU is at
    least its volume over the bottleneck of its widest path.

    Parameters
    ----------
    least : float
        A bound already known: demands that cannot raise it are passed over, which are all of them
        where the smallest link carries each at this utilisation.

    Returns
    -------
    float
        The larger of the two bounds.
    """
    if not problem.n_links:
        return least
    large = np.flatnonzero(problem.volume > least * problem.capacity.min())
    roots, root = np.unique(problem.source[large], return_inverse=True)
    width = np.zeros((problem.n_nodes, len(roots)))  # of the widest path from each root
    width[roots, np.arange(len(roots))] = np.inf
    while True:
        wider = width.copy()
        through = np.minimum(width[problem.tail], problem.capacity[:, None])
        np.maximum.at(wider, problem.head, through)
        if np.array_equal(wider, width):
            break
        width = wider
    widest = width[problem.target[large], root]
    return float(np.max(problem.volume[large] / widest, initial=least))


def fractional_mlu(problem: RoutingProblem, seconds: float = float("inf")) -> float:
    """Least possible MLU of split plans over all paths: the exact linear program.

    One flow per destination and link (flows towards the same destination may be added up), a
    balance at every other node, and one variable for the MLU.

    Parameters
    ----------
    problem : RoutingProblem
        Its paths are not used.
    seconds : float
        Time limit.

    Raises
    ------
    ValueError
        No solution within the limit, or a demand whose ends are not connected.
    """
    n, m = problem.n_nodes, problem.n_links
    if not problem.volume.any():
        return 0.0
    # Units of their own, so that the program's numbers are near one whatever the MLU.
    unit, amount = float(problem.capacity.mean()), float(problem.volume.max())
    targets, which = np.unique(problem.target, return_inverse=True)
    t = len(targets)
    supply = np.zeros((t, n))
    np.add.at(supply, (which, problem.source), problem.volume / amount)
    supply[np.arange(t), targets] = -supply.sum(axis=1)
    link = np.arange(m)
    balance = sparse.coo_array(
        (
            np.tile([1.0, -1.0], m),
            (np.stack((problem.tail, problem.head), 1).ravel(), np.repeat(link, 2)),
        ),
        shape=(n, m),
    )
    nodes = sparse.kron(sparse.eye_array(t), balance)
    capacity = sparse.kron(np.ones((1, t)), sparse.eye_array(m))
    mlu = sparse.coo_array((problem.capacity / -unit, (link, np.zeros(m, int))), shape=(m, 1))
    rows = sparse.block_array([[nodes, None], [capacity, mlu]]).tocsr()
    low = np.concatenate((supply.ravel(), np.full(m, -INFINITY)))
    high = np.concatenate((supply.ravel(), np.zeros(m)))
    return _minimum(rows, low, high, seconds) * amount / unit


def _minimum(rows: sparse.csr_array, low: Floats, high: Floats, seconds: float) -> float:
    """Minimise the last variable, all variables at least zero."""
    solver = quiet(min(seconds, INFINITY), solver="ipm")
    lp = highspy.HighsLp()
    lp.num_row_, lp.num_col_ = rows.shape
    lp.col_cost_ = np.append(np.zeros(lp.num_col_ - 1), 1.0)
    lp.col_lower_ = np.zeros(lp.num_col_)
    lp.col_upper_ = np.full(lp.num_col_, INFINITY)
    lp.row_lower_, lp.row_upper_ = low, high
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_, lp.a_matrix_.index_ = rows.indptr, rows.indices
    lp.a_matrix_.value_ = rows.data
    solver.passModel(lp)
    solver.run()
    if not is_optimal(solver):
        status = solver.modelStatusToString(solver.getModelStatus())
        raise ValueError(f"fractional MLU: {status}")
    return float(solver.getInfo().objective_function_value)
