"""The base layer when links come and go: which trees stay as they are, and who follows them.

A link that comes back makes other paths the shortest. While a plan is in force the rest of the
traffic must not jump onto them: nobody has worked out yet whether it fits there. So the trees keep
every path that is still whole, and follow with the next plan, in one update with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from qb_controller.model.network import LinkId, Network
from qb_controller.model.plan import WEIGHT_TOTAL, Route, Share
from qb_controller.model.shortest import Tree as ShortestTree
from qb_controller.model.shortest import on_tree, shortest_trees
from qb_controller.southbound.intent import Intent, Pair


def next_links(
    old: Mapping[int, LinkId], shortest: ShortestTree, egress: int, network: Network
) -> dict[int, LinkId]:
    """A tree that keeps what is whole of an old one and is the shortest elsewhere.

    It has no loop: whoever keeps its link leads to others that keep theirs, all the way to the
    egress, and whoever does not comes closer to the egress until it meets one that does.

    Parameters
    ----------
    old : mapping of int to LinkId
        Next links up to now.
    shortest : mapping of int to Link
        Next links of the shortest tree of ``network``.
    egress : int
    network : Network

    Returns
    -------
    dict of int to LinkId
        For the switches of ``shortest``, in order.
    """
    whole: dict[int, bool] = {egress: True}
    for start in old:
        here, walked = start, []
        while here not in whole:
            whole[here] = False  # until the end of the way is known; ends a loop as well
            walked.append(here)
            link = network.link_by_id.get(old[here]) if here in old else None
            if link is None or here not in shortest:
                break
            here = link.dst
        whole.update(dict.fromkeys(walked, whole[here]))
    return {
        dpid: old[dpid] if dpid in old and whole[dpid] else link.id
        for dpid, link in sorted(shortest.items())
    }


def off_the_shortest(intent: Intent, network: Network, pairs: Iterable[Pair]) -> Iterator[Route]:
    """Routes of the pairs that no plan steers and whose tree is not the shortest at present.

    Whoever works out the next plan takes a pair without a route to be on its shortest path.
    """
    trees = shortest_trees(network)
    for ingress, egress in pairs:
        tree = intent.trees.get(egress)
        if tree is None or (ingress, egress) in intent.pairs:
            continue
        path = tree.path(ingress, network)
        if path is not None and not on_tree(trees[egress], path):
            yield Route(ingress, egress, (Share(path, WEIGHT_TOTAL),))
