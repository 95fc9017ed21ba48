"""Small networks and random traffic for the tests of orchestration and applications."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise

from hypothesis import strategies as st

from qb_controller.model.network import Link, Network, Path, Switch, path_of
from qb_controller.model.plan import WEIGHT_TOTAL, Route, Share
from qb_controller.model.telemetry import Demand, NetworkSnapshot

ABILENE = (
    (1, 2), (2, 3), (2, 4), (2, 5), (3, 6), (4, 7), (5, 8), (6, 7), (6, 9), (7, 10), (9, 10),
    (10, 11), (8, 11), (11, 12), (8, 12),
)  # fmt: skip
"""A backbone of 12 sites and 15 cables."""


def network(
    cables: Sequence[tuple[int, int]],
    capacity: float = 10e6,
    down: Sequence[tuple[int, int]] = (),
    version: int = 1,
) -> Network:
    """Cables between datapath ids; port p of a switch is its p-th cable, also of those down."""
    ports: dict[int, int] = {}
    links = []
    for a, b in cables:
        ports[a] = ports.get(a, 0) + 1
        ports[b] = ports.get(b, 0) + 1
        if (a, b) not in down:
            links.append(Link(a, ports[a], b, ports[b], capacity))
            links.append(Link(b, ports[b], a, ports[a], capacity))
    switches = tuple(Switch(dpid, f"s{dpid}") for dpid in sorted(ports))
    return Network(switches, tuple(links), (), version)


def diamond() -> Network:
    """1 - 2 - 4 and 1 - 3 - 4; the shortest path from 1 to 4 is over 2."""
    return network(((1, 2), (2, 4), (1, 3), (3, 4)))


def path(net: Network, *dpids: int) -> Path:
    """Path through the given switches."""
    return path_of(
        next(link for link in net.links_out[a] if link.dst == b) for a, b in pairwise(dpids)
    )


def route(net: Network, *dpids: int) -> Route:
    """Single-path route through the given switches."""
    return Route(dpids[0], dpids[-1], (Share(path(net, *dpids)),))


def gravity(net: Network, seed: int, total: float) -> tuple[Demand, ...]:
    """Random masses; demands proportional to their products and adding up to ``total`` bit/s."""
    rng = random.Random(seed)
    mass = {switch.dpid: rng.uniform(0.5, 2.0) for switch in net.switches}
    raw = {(a, b): mass[a] * mass[b] for a in mass for b in mass if a != b}
    scale = total / sum(raw.values())
    return tuple(Demand(a, b, rate * scale) for (a, b), rate in raw.items())


def noisy(demands: Sequence[Demand], rng: random.Random, share: float) -> tuple[Demand, ...]:
    """Each rate times one plus a normal error of the given standard deviation."""
    return tuple(
        Demand(d.ingress, d.egress, d.rate * max(0.0, rng.gauss(1.0, share))) for d in demands
    )


def snapshot(
    net: Network, demands: Sequence[Demand], installed: Sequence[Route] = (), at: float = 0.0
) -> NetworkSnapshot:
    return NetworkSnapshot(net, tuple(demands), tuple(installed), at)


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Connected networks of 2 to 7 switches with parallel cables, mixed capacities and delays."""
    n = draw(st.integers(2, 7))
    cables = [(draw(st.integers(1, i - 1)), i) for i in range(2, n + 1)]
    ends = st.tuples(st.integers(1, n), st.integers(1, n)).filter(lambda e: e[0] != e[1])
    cables += draw(st.lists(ends, max_size=7))
    ports: dict[int, int] = {}
    links = []
    for a, b in cables:
        ports[a] = ports.get(a, 0) + 1
        ports[b] = ports.get(b, 0) + 1
        capacity = draw(st.sampled_from((1e6, 2.5e6, 10e6)))
        delay = draw(st.sampled_from((0.0, 0.001, 0.002)))
        links.append(Link(a, ports[a], b, ports[b], capacity, delay))
        links.append(Link(b, ports[b], a, ports[a], capacity, delay))
    switches = tuple(Switch(dpid, f"s{dpid}") for dpid in range(1, n + 1))
    return Network(switches, tuple(draw(st.permutations(links))), (), draw(st.integers(0, 3)))


@st.composite
def random_paths(draw: st.DrawFn, net: Network, ingress: int, egress: int) -> Path:
    """A loop-free path found by walking at random and going back at dead ends."""
    rng = draw(st.randoms(use_true_random=False))

    def walk(here: int, links: list[Link], seen: set[int]) -> list[Link] | None:
        if here == egress:
            return links
        out = list(net.links_out[here])
        rng.shuffle(out)
        for link in out:
            if link.dst not in seen:
                found = walk(link.dst, [*links, link], seen | {link.dst})
                if found is not None:
                    return found
        return None

    found = walk(ingress, [], {ingress})
    assert found is not None
    return path_of(found)


@st.composite
def random_routes(draw: st.DrawFn, net: Network) -> tuple[Route, ...]:
    """Faultless routes for some of the pairs, split over up to three paths."""
    dpids = [switch.dpid for switch in net.switches]
    pairs = [(a, b) for a in dpids for b in dpids if a != b]
    routes = []
    for a, b in draw(st.lists(st.sampled_from(pairs), unique=True, max_size=6)):
        found = {draw(random_paths(net, a, b)) for _ in range(draw(st.integers(1, 3)))}
        ordered = sorted(found, key=lambda p: p.links)
        cuts = sorted(
            draw(
                st.lists(
                    st.integers(1, WEIGHT_TOTAL - 1),
                    unique=True,
                    min_size=len(ordered) - 1,
                    max_size=len(ordered) - 1,
                )
            )
        )
        weights = [y - x for x, y in zip([0, *cuts], [*cuts, WEIGHT_TOTAL], strict=True)]
        routes.append(Route(a, b, tuple(map(Share, ordered, weights))))
    return tuple(routes)


@st.composite
def random_demands(draw: st.DrawFn, net: Network) -> tuple[Demand, ...]:
    """Demands between some of the pairs."""
    dpids = [switch.dpid for switch in net.switches]
    pairs = [(a, b) for a in dpids for b in dpids if a != b]
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=12))
    rates = st.floats(0, 3e6, allow_subnormal=False)
    return tuple(Demand(a, b, draw(rates)) for a, b in chosen)


@st.composite
def snapshots(draw: st.DrawFn) -> NetworkSnapshot:
    net = draw(networks())
    return snapshot(net, draw(random_demands(net)), draw(random_routes(net)), 100.0)
