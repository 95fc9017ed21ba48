"""Shortest-path trees: what carries a pair that no plan names.

The rule compiler installs these trees as the base layer, and the verifier counts the load of
unnamed pairs on them, so both must get the same answer from the same network: everything here
is deterministic and independent of the order in which links are listed.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from functools import lru_cache

from qb_controller.model.network import Link, Network, Path, path_of

UNKNOWN_DELAY_US = 1000
"""Cost in microseconds of a link whose delay is unknown. Where none is known all links cost the
same and the metric is the number of hops; one unknown link among known ones counts as a
regional one (200 km), so that it neither attracts nor repels every path."""

Tree = Mapping[int, Link]
"""Next link towards one egress, by datapath id."""


def link_cost(link: Link) -> int:
    """Cost of a link in whole microseconds, at least 1 (whole numbers make ties exact)."""
    return max(1, round(link.delay * 1e6)) if link.delay > 0 else UNKNOWN_DELAY_US


def shortest_tree(network: Network, egress: int) -> dict[int, Link]:
    """Next link towards ``egress`` for every switch that can reach it.

    Dijkstra from the egress over reversed links. The metric is the delay, then the number of
    hops; equal paths are decided by the datapath id of the next switch, then by the port.
    Costs are positive, so following the tree always ends at the egress.

    Parameters
    ----------
    network : Network
    egress : int
        Datapath id of the root.

    Returns
    -------
    dict of int to Link
        No entry for the egress itself nor for switches that cannot reach it.
    """
    return dict(shortest_trees(network).get(egress, {}))


def shortest_trees(network: Network) -> Mapping[int, Tree]:
    """Every switch's tree, by egress; worked out once for equal switches and links.

    The result is shared between callers: read it only.
    """
    return _trees(frozenset(s.dpid for s in network.switches), frozenset(network.links))


def tree_path(tree: Tree, ingress: int) -> Path | None:
    """Path from ``ingress`` along a tree, None where the tree does not reach it."""
    links: list[Link] = []
    here = ingress
    while here in tree:
        links.append(tree[here])
        here = tree[here].dst
    return path_of(links) if links else None


def on_tree(tree: Tree, path: Path) -> bool:
    """Whether a path is the one that the tree of its egress gives."""
    return all(step.dpid in tree and tree[step.dpid].id == step for step in path.links)


@lru_cache(maxsize=16)
def _trees(dpids: frozenset[int], links: frozenset[Link]) -> dict[int, dict[int, Link]]:
    incoming: dict[int, list[Link]] = {dpid: [] for dpid in dpids}
    outgoing: dict[int, list[Link]] = {dpid: [] for dpid in dpids}
    for link in sorted(links, key=lambda link: (link.dst, link.src_port)):
        if link.src in dpids and link.dst in dpids and link.src != link.dst:
            incoming[link.dst].append(link)
            outgoing[link.src].append(link)
    return {egress: _tree(egress, incoming, outgoing) for egress in sorted(dpids)}


def _tree(
    egress: int, incoming: Mapping[int, list[Link]], outgoing: Mapping[int, list[Link]]
) -> dict[int, Link]:
    distance: dict[int, tuple[int, int]] = {egress: (0, 0)}
    queue = [((0, 0), egress)]
    while queue:
        reached, here = heapq.heappop(queue)
        if reached != distance[here]:
            continue
        for link in incoming[here]:
            through = (reached[0] + link_cost(link), reached[1] + 1)
            if link.src not in distance or through < distance[link.src]:
                distance[link.src] = through
                heapq.heappush(queue, (through, link.src))
    tree: dict[int, Link] = {}
    for here, best in distance.items():
        if here == egress:
            continue
        for link in outgoing[here]:  # in the order of (next switch, port): the first tie wins
            onward = distance.get(link.dst)
            if onward and (onward[0] + link_cost(link), onward[1] + 1) == best:
                tree[here] = link
                break
    return tree
