"""Random small networks and random verified plans on them, from a seed."""

from __future__ import annotations

from random import Random

from hypothesis import strategies as st

from qb_controller.model.network import Link, Network, Path, path_of
from qb_controller.model.plan import WEIGHT_TOTAL, Plan, Route, Share, VerifiedPlan
from tests.support.fake_network import network_of

RING = ((1, 2), (2, 3), (3, 4), (4, 5), (5, 1))
DIAMOND = ((1, 2), (1, 3), (2, 4), (3, 4))
TRIANGLE_AND_TAIL = ((1, 2), (2, 3), (3, 1), (3, 4), (4, 5), (3, 5), (3, 4))


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Rings, diamonds and connected graphs of up to 7 switches, some with parallel cables."""
    fixed = draw(st.sampled_from([RING, DIAMOND, TRIANGLE_AND_TAIL, None, None, None]))
    if fixed is not None:
        return network_of(fixed)
    count = draw(st.integers(2, 7))
    random = Random(draw(st.integers(0, 1 << 30)))
    edges = [(random.randint(1, node - 1), node) for node in range(2, count + 1)]
    for _ in range(draw(st.integers(0, 6))):
        a, b = random.sample(range(1, count + 1), 2)
        edges.append((a, b))
    return network_of(edges)


def random_path(network: Network, ingress: int, egress: int, random: Random) -> Path | None:
    """A loop-free path: depth first in random order."""
    came_by: dict[int, Link] = {}
    todo = random.sample(*_out(network, ingress))
    while todo and egress not in came_by:
        link = todo.pop()
        if link.dst not in came_by and link.dst != ingress:
            came_by[link.dst] = link
            todo += random.sample(*_out(network, link.dst))
    links: list[Link] = []
    here = egress
    while here != ingress and here in came_by:
        links.append(came_by[here])
        here = came_by[here].src
    return path_of(links[::-1]) if links else None


def _out(network: Network, dpid: int) -> tuple[tuple[Link, ...], int]:
    links = network.links_out[dpid]
    return links, len(links)


def random_plan(network: Network, random: Random, decision: int = 1) -> VerifiedPlan:
    """Routes of one to three random paths for a random part of the pairs."""
    routes = []
    dpids = [switch.dpid for switch in network.switches]
    for ingress in dpids:
        for egress in dpids:
            if ingress == egress or random.random() < 0.3:
                continue
            found = (random_path(network, ingress, egress, random) for _ in range(3))
            paths = list({path.links: path for path in found if path}.values())
            if paths:
                paths = paths[: random.randint(1, len(paths))]
                routes.append(Route(ingress, egress, tuple(_shares(paths, random))))
    return VerifiedPlan(Plan("te", decision, tuple(routes)), network.version, 0.0)


def _shares(paths: list[Path], random: Random) -> list[Share]:
    cuts = sorted(random.sample(range(1, WEIGHT_TOTAL), len(paths) - 1))
    bounds = [0, *cuts, WEIGHT_TOTAL]
    return [
        Share(path, high - low) for path, low, high in zip(paths, bounds, bounds[1:], strict=False)
    ]
