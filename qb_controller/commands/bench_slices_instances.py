"""Networks and requests for ``qb bench slices``, made from seeds."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import cast

import numpy as np

from qb_controller.applications.slices import RESERVABLE, formulate
from qb_controller.model.network import Host, Link, Network, Switch
from qb_controller.model.slices import Ends, Isolation, Protection, SliceRequest
from topologies import load
from topologies.graph import Topology

OFFERED = 2.0
"""Worth asked for over the relaxation's optimum."""

LARGEST = 0.6
"""Share of what the widest way could give that no rate is above."""

BUILT_IN = ("abilene", "nsfnet", "b4", "geant", "ring:20")
"""Topologies where no data are at hand."""

FILES = (
    *("Abilene", "Nsfnet", "AttMpls", "Geant2012", "Tinet", "rf1755_real_hard", "Interoute"),
    "UsCarrier",
)
"""REPETITA's, of 11 to 158 nodes."""


def network_of(topology: Topology) -> Network:
    """A network with a host behind every switch, ``h1`` behind the first."""
    ports = [0] * len(topology.nodes)
    port: dict[tuple[int, int], int] = {}
    for edge in topology.edges:
        for a, b in ((edge.src, edge.dst), (edge.dst, edge.src)):
            if (a, b) not in port:
                ports[a] += 1
                port[a, b] = ports[a]
    links = tuple(
        Link(
            *(edge.src + 1, port[edge.src, edge.dst], edge.dst + 1, port[edge.dst, edge.src]),
            edge.capacity,
            edge.delay_s,
        )
        for edge in topology.edges
    )
    switches = tuple(Switch(i + 1, node.name) for i, node in enumerate(topology.nodes))
    hosts = tuple(
        Host(f"h{i + 1}", f"00:00:00:00:{i // 256:02x}:{i % 256:02x}", _ip(i), i + 1, ports[i] + 1)
        for i in range(len(topology.nodes))
    )
    return Network(switches, links, hosts, 1)


def _ip(i: int) -> str:
    return f"10.{i // 65536}.{i // 256 % 256}.{i % 256 + 1}"


def networks(data: str | None, names: Sequence[str] | None = None) -> list[tuple[str, Network]]:
    """Names and networks: REPETITA's out of a folder, or those that are built in."""
    if data is None:
        return [(name, network_of(load(name))) for name in names or BUILT_IN]
    folder = Path(data) / "repetita"
    return [
        (name, network_of(load(os.fspath(folder / f"{name}.graph")))) for name in names or FILES
    ]


def requests_for(network: Network, count: int, seed: int) -> tuple[SliceRequest, ...]:
    """Requests of all kinds, worth :data:`OFFERED` times what fits by the relaxation.

    Three quarters want one pair, a tenth several, the rest are hoses of three or four hosts; half
    have a latency bound of 1.1 to 2.5 times the least possible, a fifth a backup, one in thirty
    links of its own. Hosts are drawn by lognormal weights, rates and worth per bit likewise.
    """
    rng = np.random.default_rng(seed)
    drawn = [drawn_request(network, f"r{i + 1}", rng) for i in range(count)]
    return scaled(drawn, contended(network, drawn), network)


def contended(network: Network, drawn: Sequence[SliceRequest]) -> float:
    """Bit/s that a rate of 1 must stand for, so that worth asked for is so many times what fits."""
    typical = float(np.median([link.capacity for link in network.links]))
    offered = sum(request.worth for request in drawn)
    low, high = 1e-4, 1e2
    for _ in range(10):
        middle = (low * high) ** 0.5
        task = formulate(network, scaled(drawn, middle * typical, network), rounds=1)
        fits = task.problem.attainable - task.problem.bound
        if offered > OFFERED * fits:
            high = middle
        else:
            low = middle
    return high * typical


def scaled(
    drawn: Sequence[SliceRequest], unit: float, network: Network
) -> tuple[SliceRequest, ...]:
    """With rates in bit/s, whole kilobits; none above :data:`LARGEST` of its widest way."""
    wide = widest(network)
    at = {host.name: host.dpid for host in network.hosts}

    def fit(each: SliceRequest) -> SliceRequest:
        ends = {(at[a], at[b]) for a, b in each.pipes() if at[a] != at[b]}
        most = LARGEST * RESERVABLE * min((wide[pair] for pair in ends), default=np.inf)
        most /= max(1, len(each.pairs))

        def rate(share: float) -> float:
            return max(1e3, round(min(share * unit, most) / 1e3) * 1e3) if share else 0.0

        return replace(each, rate=rate(each.rate), rate_back=rate(each.rate_back))

    return tuple(map(fit, drawn))


@lru_cache(maxsize=4)
def widest(network: Network) -> Mapping[tuple[int, int], float]:
    """Capacity of the widest path between each two switches: that of a widest spanning tree."""
    import networkx as nx

    graph = nx.Graph()
    graph.add_nodes_from(switch.dpid for switch in network.switches)
    for link in network.links:
        there = graph.get_edge_data(link.src, link.dst, {"weight": np.inf})["weight"]
        graph.add_edge(link.src, link.dst, weight=min(link.capacity, there))
    tree = nx.maximum_spanning_tree(graph)
    found: dict[tuple[int, int], float] = {}
    for source in tree:
        narrow = {source: np.inf}
        for a, b in nx.bfs_edges(tree, source):
            narrow[b] = min(narrow[a], tree[a][b]["weight"])
            found[source, b] = narrow[b]
    return found


def drawn_request(
    network: Network, name: str, rng: np.random.Generator, hoses: bool = True
) -> SliceRequest:
    """One request with rates around 1, to be scaled."""
    hosts = [host.name for host in network.hosts]
    mass = np.random.default_rng(7).lognormal(0, 0.8, len(hosts))
    kind = rng.random() if hoses else 0.0
    wanted = 2 if kind < 0.75 else int(rng.integers(3, 5))
    who = rng.choice(len(hosts), min(wanted, len(hosts)), replace=False, p=mass / mass.sum())
    chosen = [hosts[i] for i in who.tolist()]
    rate = float(rng.lognormal(0, 0.8))
    back = rate * float(rng.choice([0.0, 0.5, 1.0])) if kind < 0.85 else rate
    pairs = tuple(Ends(chosen[0], other) for other in chosen[1:]) if kind < 0.85 else ()
    latency = least_delay(network, chosen) * float(rng.uniform(1.1, 2.5))
    isolation = "links" if rng.random() < 1 / 30 else "shared"
    protection = "disjoint" if rng.random() < 0.2 else "none"
    worth = (rate + back) * max(1, len(chosen) - 1) * float(rng.lognormal(0, 0.5))
    return SliceRequest(
        name,
        pairs,
        () if pairs else tuple(chosen),
        rate,
        back,
        latency if latency > 0 and rng.random() < 0.5 else None,
        cast(Isolation, isolation),
        cast(Protection, protection),
        int(rng.integers(1, 4)),
        round(worth, 4),
    )


def least_delay(network: Network, hosts: Sequence[str]) -> float:
    """Largest of the least delays between the hosts, seconds; 0 where delays are not known."""
    from qb_controller.model.shortest import shortest_trees, tree_path

    at = {host.name: host.dpid for host in network.hosts}
    trees, longest = shortest_trees(network), 0.0
    for a in hosts:
        for b in hosts:
            path = tree_path(trees[at[b]], at[a]) if at[a] != at[b] else None
            if path is not None:
                longest = max(longest, sum(network.link_by_id[e].delay for e in path.links))
    return longest
