"""The cables that slices with links of their own leave to everybody else.

A spanning tree of cables, both directions of each, stays open whatever is admitted: then no set of
slices can cut the rest of the network apart, which no capacity could express. Of all spanning trees
it is one that costs the slices that ask for links of their own least: cables on their shortest
paths, weighted by worth, are taken into the tree last.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse import csgraph

from qb_controller.applications.slice_options import Catalogue
from qb_controller.model.slices import Placement
from quantum_backends.routing import Floats


def kept_links(catalogue: Catalogue, running: Sequence[Placement]) -> npt.NDArray[np.bool_]:
    """Links that slices with links of their own must leave open (m,); none where nobody asks."""
    ground, asked = catalogue.ground, catalogue.asked
    kept = np.zeros(len(ground.links), bool)
    if not asked.own.any():
        return kept
    private = np.zeros(len(ground.links), bool)
    for placement in running:
        for link in placement.private:
            private[ground.index[link]] = True
    wanted = _wanted(catalogue)
    tail, head, opposite = ground.arcs.tail, ground.arcs.head, ground.arcs.opposite
    both = opposite >= 0
    both[both] &= ~private[opposite[both]] & ~private[both]
    n = len(ground.node)
    cables = np.flatnonzero(both & (tail < head))
    cost = 1.0 + wanted[cables] + wanted[opposite[cables]]
    # Of parallel cables the least wanted; a sparse matrix would add them up.
    order = np.lexsort((cost, head[cables], tail[cables]))
    cables, cost = cables[order], cost[order]
    _, once = np.unique(tail[cables] * n + head[cables], return_index=True)
    cables, cost = cables[once], cost[once]
    graph = sparse.csr_array((cost, (tail[cables], head[cables])), shape=(n, n))
    tree = csgraph.minimum_spanning_tree(graph).tocoo()
    inside = np.isin(tail[cables] * n + head[cables], tree.row.astype(np.int64) * n + tree.col)
    kept[cables[inside]] = True
    kept[opposite[cables[inside]]] = True
    kept[opposite < 0] = True  # what leads one way only may be the only way
    return kept


def _wanted(catalogue: Catalogue) -> Floats:
    """How much worth would like to have each link for its own (m,), relative to the largest."""
    ground, asked = catalogue.ground, catalogue.asked
    hops = np.ones(len(ground.links))
    begin, end, other, last, link, _ = catalogue.find(hops, hops)
    wanted = np.zeros(len(ground.links))
    for p in np.flatnonzero(asked.own[asked.request]).tolist():
        worth = asked.requests[int(asked.request[p])].worth
        for a, b in ((begin[p], end[p]), (other[p], last[p])):
            wanted[link[a:b]] += worth
    return np.asarray(1e3 * wanted / max(wanted.max(initial=0.0), 1e-300))
