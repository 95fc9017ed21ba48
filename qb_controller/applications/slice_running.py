"""What runs already: which placements still fit the network, and their entry into a catalogue."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from qb_controller.applications.slice_graph import Ground
from qb_controller.model.network import LinkId, Network, Path
from qb_controller.model.slices import Placement
from quantum_backends.packing import TOLERANCE


def standing(
    ground: Ground, running: Sequence[Placement]
) -> tuple[tuple[Placement, ...], tuple[Placement, ...]]:
    """Placements that stand, and those that are lost.

    Lost is one with a link or a host that is not there or not where it was, and of those that
    together hold more of a link than may be set aside, or whose links of their own would cut the
    rest of the network apart, the ones of least worth.
    """
    parts, private = pieces(ground.network, frozenset()), frozenset[LinkId]()
    free = ground.capacity * (1 + TOLERANCE / 2)
    stay: list[Placement] = []
    lost: list[Placement] = []
    for placement in sorted(running, key=lambda each: (-each.request.worth, each.number)):
        whole = is_whole(ground, placement)
        if whole:
            at = np.array([ground.index[link] for link in placement.held], dtype=np.int64)
            held = np.array(list(placement.held.values()))
            whole = bool((held <= free[at]).all())
        if whole and placement.private:
            whole = pieces(ground.network, private | placement.private) == parts
            private |= placement.private if whole else frozenset()
        if whole:
            free[at] -= held
        (stay if whole else lost).append(placement)
    stay.sort(key=lambda each: each.number)
    return tuple(stay), tuple(lost)


def pieces(network: Network, without: frozenset[LinkId]) -> int:
    """Strongly connected parts of the network without some links."""
    node = {switch.dpid: i for i, switch in enumerate(network.switches)}
    ends = [
        (node[link.src], node[link.dst])
        for link in network.links
        if link.id not in without and link.src in node and link.dst in node
    ]
    tail, head = np.array(ends, dtype=np.int64).reshape(-1, 2).T
    graph = sparse.csr_array((np.ones(len(ends)), (tail, head)), shape=(len(node), len(node)))
    return int(csgraph.connected_components(graph, connection="strong")[0])


def is_whole(ground: Ground, placement: Placement) -> bool:
    """Whether every path of a placement is there and leads from host to host."""
    for pipe in placement.pipes:
        a, b = ground.host.get(pipe.ends.src), ground.host.get(pipe.ends.dst)
        if a is None or b is None or (pipe.path is None) != (a == b):
            return False
        for path in (pipe.path, pipe.backup):
            if path is not None and not _leads(ground, path, a, b):
                return False
    return all(link in ground.index for link in placement.held)


def _leads(ground: Ground, path: Path, a: int, b: int) -> bool:
    if not all(link in ground.index for link in path.links):
        return False
    steps = [ground.index[link] for link in path.links]
    tail, head = ground.arcs.tail, ground.arcs.head
    here = a
    for step in steps:
        if tail[step] != here:
            return False
        here = int(head[step])
    return here == b
