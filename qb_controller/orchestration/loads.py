"""What a set of routes does to the links, worked out from the model alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from qb_controller.model.network import Link, LinkId, Network, Path
from qb_controller.model.plan import WEIGHT_TOTAL, Route
from qb_controller.model.shortest import shortest_trees, tree_path
from qb_controller.model.telemetry import Demand

Pair = tuple[int, int]

MAX_PATHS = 16
"""Paths of one route: a label has four bits for them."""


@dataclass(frozen=True)
class Loads:
    """Expected load of every link of a network.

    Attributes
    ----------
    rates : mapping of LinkId to float
        Bit/s; every link of the network has an entry.
    mlu : float
        Highest load/capacity; 0 where nothing flows.
    hottest : LinkId or None
        The link that has it.
    stranded : tuple of Demand
        Demands that no path carries: an end is gone or cut off. They load nothing.
    """

    rates: Mapping[LinkId, float]
    mlu: float
    hottest: LinkId | None
    stranded: tuple[Demand, ...]


def path_fault(network: Network, path: Path, ingress: int, egress: int) -> str:
    """Say what is wrong with a path in this network; empty where nothing is.

    A path must start at the ingress, follow links that exist one after the other, end at the
    egress, and visit no switch twice.
    """
    if not path.links:
        return "has no link"
    here, seen = ingress, {ingress}
    for step in path.links:
        link = network.link_by_id.get(step)
        if link is None:
            return f"uses port {step.port} of {network.name(step.dpid)}, where no link is"
        if step.dpid != here:
            return f"goes on at {network.name(step.dpid)} but had come to {network.name(here)}"
        here = link.dst
        if here in seen:
            return f"visits {network.name(here)} twice"
        seen.add(here)
    if here != egress or path.egress != egress:
        return f"ends at {network.name(here)}, not at {network.name(egress)}"
    return ""


def route_fault(network: Network, route: Route) -> str:
    """Say what is wrong with a route; empty where nothing is."""
    if not route.shares:
        return "has no path"
    if len(route.shares) > MAX_PATHS:
        return f"has {len(route.shares)} paths, at most {MAX_PATHS} fit a label"
    weights = [share.weight for share in route.shares]
    if min(weights) < 1 or sum(weights) != WEIGHT_TOTAL:
        return f"has weights {weights}, which must be at least 1 and add up to {WEIGHT_TOTAL}"
    if len({share.path for share in route.shares}) != len(route.shares):
        return "names a path twice"
    for number, share in enumerate(route.shares):
        fault = path_fault(network, share.path, route.ingress, route.egress)
        if fault:
            return f"path {number} {fault}"
    return ""


def loads(network: Network, demands: Iterable[Demand], routes: Mapping[Pair, Route]) -> Loads:
    """Load of every link when each pair follows its route, or the shortest-path tree without one.

    Parameters
    ----------
    network : Network
    demands : iterable of Demand
    routes : mapping of (ingress, egress) to Route
        Only faultless ones, see :func:`route_fault`.
    """
    rates = {link.id: 0.0 for link in network.links}
    trees = shortest_trees(network)
    stranded = []
    for demand in demands:
        if demand.ingress == demand.egress or demand.rate <= 0:
            continue
        route = routes.get((demand.ingress, demand.egress))
        if route is not None:
            for share in route.shares:
                part = demand.rate * share.weight / WEIGHT_TOTAL
                for step in share.path.links:
                    rates[step] += part
            continue
        tree = trees.get(demand.egress, {})
        here = demand.ingress
        if here not in tree:
            stranded.append(demand)
            continue
        while here != demand.egress:
            link: Link = tree[here]
            rates[link.id] += demand.rate
            here = link.dst
    mlu, hottest = 0.0, None
    for link in network.links:
        utilisation = rates[link.id] / link.capacity
        if utilisation > mlu:
            mlu, hottest = utilisation, link.id
    return Loads(rates, mlu, hottest, tuple(stranded))


def sound(network: Network, routes: Iterable[Route]) -> dict[Pair, Route]:
    """Index the routes that this network can still carry; pairs of the others are on the trees."""
    return {route.pair: route for route in routes if not route_fault(network, route)}


def split_of(network: Network, route: Route | None, pair: Pair) -> dict[Path, int]:
    """Weights by path of what really carries a pair: its route, or the shortest path."""
    if route is not None:
        return {share.path: share.weight for share in route.shares}
    path = tree_path(shortest_trees(network).get(pair[1], {}), pair[0])
    return {path: WEIGHT_TOTAL} if path else {}


def moved(network: Network, before: Mapping[Pair, Route], after: Mapping[Pair, Route]) -> int:
    """Count the pairs whose traffic takes other paths, or other shares of them, than before."""
    return sum(
        before.get(pair) != after.get(pair)
        and split_of(network, before.get(pair), pair) != split_of(network, after.get(pair), pair)
        for pair in before.keys() | after.keys()
    )
