"""Shortest paths for many pairs at once under changing link weights.

SciPy's Dijkstra grows the trees (a hundredth of a second for a thousand nodes and their links);
walking them is what takes long where there are many pairs, and is compiled.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from scipy import sparse
from scipy.sparse import csgraph

from quantum_backends.routing import Floats, Ints


class ShortestPaths:
    """Shortest paths between fixed pairs of one graph.

    Parameters
    ----------
    n_nodes : int
    tail, head : int array (m,)
        Directed links; of parallel ones the lightest is used.
    source, target : int array (k,)
        The pairs.
    """

    def __init__(self, n_nodes: int, tail: Ints, head: Ints, source: Ints, target: Ints) -> None:
        self._n = n_nodes
        self._link_key = tail * n_nodes + head
        self._order = np.argsort(self._link_key, kind="stable")
        keys, self._group = np.unique(self._link_key[self._order], return_index=True)
        self._parallel = len(keys) < len(tail)
        self._roots, self._root_of = np.unique(source, return_inverse=True)
        self._source, self._target = source, target
        self._columns = keys % n_nodes
        counts = np.bincount(keys // n_nodes, minlength=n_nodes)
        self._indptr = np.concatenate(([0], np.cumsum(counts)))
        self._before = np.empty((len(self._roots), n_nodes), np.int32)
        self._best: Ints = np.empty(0, np.int64)

    def find(self, weight: Floats) -> tuple[Floats, Ints, Ints]:
        """Find one shortest path for each pair.

        Parameters
        ----------
        weight : float array (m,)
            Above zero.

        Returns
        -------
        distance : float array (k,)
        start : int array (k + 1,)
        link : int array
            Links of pair i, in order, are ``link[start[i]:start[i + 1]]``.

        Raises
        ------
        ValueError
            A pair has no path between its ends.
        """
        return self.distances(weight), *self.paths(np.arange(len(self._source)))

    def distances(self, weight: Floats) -> Floats:
        """The distances alone (k,); the paths can then be had by :meth:`paths`.

        Raises
        ------
        ValueError
            A pair has no path between its ends.
        """
        data, self._best = self._lightest(weight)
        graph = sparse.csr_array((data, self._columns, self._indptr), shape=(self._n, self._n))
        tree, self._before = csgraph.dijkstra(
            graph, directed=True, indices=self._roots, return_predecessors=True
        )
        distance = tree[self._root_of, self._target]
        if not np.isfinite(distance).all():
            i = int(np.argmax(~np.isfinite(distance)))
            raise ValueError(
                f"demand {i}: no path from node {self._source[i]} to node {self._target[i]}"
            )
        return distance

    def paths(self, pairs: Ints) -> tuple[Ints, Ints]:
        """Shortest paths of some pairs under the last weights.

        Returns
        -------
        start : int array (p + 1,)
        link : int array
            Links of the i-th of them are ``link[start[i]:start[i + 1]]``.
        """
        roots, targets = self._root_of[pairs], self._target[pairs]
        start = np.concatenate(([0], np.cumsum(_hops(self._before, roots, targets))))
        link = np.empty(start[-1], np.int64)
        _walk(
            self._before,
            self._indptr,
            self._columns,
            self._best,
            roots,
            targets,
            start,
            link,
        )
        return start, link

    def _lightest(self, weight: Floats) -> tuple[Floats, Ints]:
        """Weight and index of the lightest link of each connected ordered pair of nodes."""
        if not self._parallel:
            return weight[self._order], self._order
        order = np.lexsort((weight, self._link_key))
        best = order[self._group]
        return weight[best], best


@njit("int64[::1](int32[:, ::1], int64[::1], int64[::1])", cache=True)
def _hops(before, roots, targets):  # type: ignore[no-untyped-def]
    """Number of links of each path; a root has no predecessor, which reads as below zero."""
    hops = np.zeros(len(roots), np.int64)
    for i in range(len(roots)):
        node = before[roots[i], targets[i]]
        while node >= 0:
            hops[i] += 1
            node = before[roots[i], node]
    return hops


@njit(
    "void(int32[:, ::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1],"
    " int64[::1], int64[::1])",
    cache=True,
)
def _walk(before, indptr, columns, best, roots, targets, start, link) -> None:  # type: ignore[no-untyped-def]
    """Write the links of each path from the last to the first."""
    for i in range(len(roots)):
        here = targets[i]
        for t in range(start[i + 1] - 1, start[i] - 1, -1):
            previous = before[roots[i], here]
            entry = indptr[previous]
            while columns[entry] != here:
                entry += 1
            link[t] = best[entry]
            here = previous
