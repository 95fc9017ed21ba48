"""Shortest paths for many pairs at once under changing link weights (SciPy's Dijkstra)."""

from __future__ import annotations

import numpy as np
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

    Raises
    ------
    ValueError
        A pair has no path between its ends (from :meth:`find`).
    """

    def __init__(self, n_nodes: int, tail: Ints, head: Ints, source: Ints, target: Ints) -> None:
        self._n = n_nodes
        self._link_key = tail * n_nodes + head
        self._order = np.argsort(self._link_key, kind="stable")
        self._keys, self._group = np.unique(self._link_key[self._order], return_index=True)
        self._parallel = len(self._keys) < len(tail)
        self._roots, self._root_of = np.unique(source, return_inverse=True)
        self._source, self._target = source, target
        self._columns = self._keys % n_nodes
        counts = np.bincount(self._keys // n_nodes, minlength=n_nodes)
        self._indptr = np.concatenate(([0], np.cumsum(counts)))

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
        """
        data, best = self._lightest(weight)
        graph = sparse.csr_array((data, self._columns, self._indptr), shape=(self._n, self._n))
        tree, before = csgraph.dijkstra(
            graph, directed=True, indices=self._roots, return_predecessors=True
        )
        distance = tree[self._root_of, self._target]
        if not np.isfinite(distance).all():
            i = int(np.argmax(~np.isfinite(distance)))
            raise ValueError(
                f"demand {i}: no path from node {self._source[i]} to node {self._target[i]}"
            )
        return distance, *self._walk(before, best)

    def _lightest(self, weight: Floats) -> tuple[Floats, Ints]:
        """Weight and index of the lightest link of each connected ordered pair of nodes."""
        if not self._parallel:
            return weight[self._order], self._order
        order = np.lexsort((weight, self._link_key))
        best = order[self._group]
        return weight[best], best

    def _walk(self, before: Ints, best: Ints) -> tuple[Ints, Ints]:
        """Follow predecessors from all targets at once; links come out last first."""
        here = self._target
        alive = np.arange(len(here))
        pairs, links = [], []
        while len(alive):
            previous = before[self._root_of[alive], here].astype(np.int64)
            entry = np.searchsorted(self._keys, previous * self._n + here)
            pairs.append(alive)
            links.append(best[entry])
            going = previous != self._source[alive]
            alive, here = alive[going], previous[going]
        owner = np.concatenate(pairs)[::-1]
        link = np.concatenate(links)[::-1]
        order = np.argsort(owner, kind="stable")
        length = np.bincount(owner, minlength=len(self._source))
        return np.concatenate(([0], np.cumsum(length))), link[order]
