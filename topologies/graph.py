"""Topology as data: nodes, directed edges with capacity and delay, nothing of any network.

Standard library only, so that the same data serve the controller, the solvers and the Mininet
scripts that run under the system's own Python.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

MAX_SWITCHES = 4094
"""Switch numbers travel in 12 bits of a label; 0 and 0xfff are taken."""

EARTH_RADIUS_M = 6_371_008.8
FIBRE_SPEED_M_S = 2.0e8
"""Light in fibre: c divided by a refractive index of about 1.5."""


@dataclass(frozen=True)
class Node:
    """A site.

    Attributes
    ----------
    name : str
        Unique within a topology.
    x, y : float
        Longitude and latitude in degrees; 0, 0 where nothing is known.
    """

    name: str
    x: float = 0.0
    y: float = 0.0


@dataclass(frozen=True)
class Edge:
    """A directed link.

    Attributes
    ----------
    src, dst : int
        Indexes into the nodes of the topology.
    capacity : float
        Bit/s, positive.
    delay_s : float
        Propagation delay in seconds, 0 where nothing is known.
    """

    src: int
    dst: int
    capacity: float
    delay_s: float = 0.0


@dataclass(frozen=True)
class Topology:
    """A named network; at most one edge per ordered pair of nodes.

    Attributes
    ----------
    name : str
    nodes : tuple of Node
        Node i is switch ``s{i+1}`` with datapath id i+1.
    edges : tuple of Edge
        Directed; a cable is two of them.

    Raises
    ------
    ValueError
        No node, more than :data:`MAX_SWITCHES`, two nodes of one name, an edge from a node to
        itself or to a node that is not there, a second edge between the same two nodes, a
        capacity that is not positive, a negative delay.
    """

    name: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    def __post_init__(self) -> None:
        n = len(self.nodes)
        if not 1 <= n <= MAX_SWITCHES:
            raise ValueError(
                f"topology {self.name}: {n} switches, possible are 1 to {MAX_SWITCHES}"
            )
        names: set[str] = set()
        for node in self.nodes:
            if node.name in names:
                raise ValueError(f"topology {self.name}: two nodes are named {node.name!r}")
            names.add(node.name)
        seen: set[tuple[int, int]] = set()
        for edge in self.edges:
            self._check(edge, seen)
            seen.add((edge.src, edge.dst))

    def _check(self, edge: Edge, seen: set[tuple[int, int]]) -> None:
        where = f"topology {self.name}: edge {edge.src} -> {edge.dst}"
        n = len(self.nodes)
        if not (0 <= edge.src < n and 0 <= edge.dst < n):
            raise ValueError(f"{where} names a node outside 0..{n - 1}")
        if edge.src == edge.dst:
            raise ValueError(f"{where} begins and ends at the same node")
        if (edge.src, edge.dst) in seen:
            raise ValueError(f"{where} is there twice; merge_parallel adds their capacities")
        if not (edge.capacity > 0 and math.isfinite(edge.capacity)):
            raise ValueError(f"{where} has capacity {edge.capacity}; it must be positive")
        if not (edge.delay_s >= 0 and math.isfinite(edge.delay_s)):
            raise ValueError(f"{where} has delay {edge.delay_s} s; it must not be negative")

    @property
    def capacities(self) -> dict[tuple[int, int], float]:
        """Bit/s by (source node, destination node)."""
        return {(edge.src, edge.dst): edge.capacity for edge in self.edges}


@dataclass(frozen=True)
class Cable:
    """The two directions between a pair of nodes, as one veth pair or one fibre carries them.

    Attributes
    ----------
    a, b : int
        Node indexes, a < b.
    ab, ba : float
        Capacity from a to b and from b to a, bit/s.
    delay_s : float
        The larger delay of the two directions, seconds.
    """

    a: int
    b: int
    ab: float
    ba: float
    delay_s: float


def scaled(topology: Topology, largest: float = 10e6) -> Topology:
    """Multiply all capacities so that the largest becomes ``largest`` bit/s; keep the ratios."""
    if not topology.edges:
        return topology
    if not (largest > 0 and math.isfinite(largest)):
        raise ValueError(f"largest capacity {largest} bit/s; it must be positive")
    factor = largest / max(edge.capacity for edge in topology.edges)
    edges = tuple(replace(edge, capacity=edge.capacity * factor) for edge in topology.edges)
    return replace(topology, edges=edges)


def merge_parallel(edges: Iterable[Edge]) -> tuple[Edge, ...]:
    """Make one edge of all that join the same ordered pair: capacities add, least delay stays."""
    merged: dict[tuple[int, int], Edge] = {}
    for edge in edges:
        key = (edge.src, edge.dst)
        old = merged.get(key)
        if old is not None:
            delay = min(edge.delay_s, old.delay_s)
            edge = replace(edge, capacity=edge.capacity + old.capacity, delay_s=delay)
        merged[key] = edge
    return tuple(merged.values())


def both_ways(links: Iterable[tuple[int, int, float, float]]) -> tuple[Edge, ...]:
    """Directed edges of undirected links ``(a, b, capacity, delay_s)``, parallel ones merged."""
    edges: list[Edge] = []
    for a, b, capacity, delay_s in links:
        edges += [Edge(a, b, capacity, delay_s), Edge(b, a, capacity, delay_s)]
    return merge_parallel(edges)


def cables(topology: Topology) -> tuple[Cable, ...]:
    """Pairs of opposite edges in order of (a, b): what a live network is built of.

    Raises
    ------
    ValueError
        An edge without its opposite: Ethernet links carry both ways.
    """
    edges = {(edge.src, edge.dst): edge for edge in topology.edges}
    result = []
    for (src, dst), edge in sorted(edges.items()):
        back = edges.get((dst, src))
        if back is None:
            raise ValueError(
                f"topology {topology.name}: the edge {topology.nodes[src].name} -> "
                f"{topology.nodes[dst].name} has no opposite; a live link carries both ways"
            )
        if src < dst:
            delay = max(edge.delay_s, back.delay_s)
            result.append(Cable(src, dst, edge.capacity, back.capacity, delay))
    return tuple(result)


def reachable(topology: Topology, start: int = 0) -> set[int]:
    """Nodes that paths from ``start`` lead to, itself included."""
    out: dict[int, list[int]] = {}
    for edge in topology.edges:
        out.setdefault(edge.src, []).append(edge.dst)
    seen, todo = {start}, [start]
    while todo:
        for node in out.get(todo.pop(), ()):
            if node not in seen:
                seen.add(node)
                todo.append(node)
    return seen


def fibre_delay(a: Node, b: Node) -> float:
    """Seconds that light in fibre takes along the great circle between two sites (haversine)."""
    lat1, lat2 = math.radians(a.y), math.radians(b.y)
    half_lat = (lat2 - lat1) / 2
    half_lon = math.radians(b.x - a.x) / 2
    h = math.sin(half_lat) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin(half_lon) ** 2
    return 2 * EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(h))) / FIBRE_SPEED_M_S


def unique_names(names: Sequence[str]) -> list[str]:
    """Give later bearers of a name already taken a number: A, A_2, A_3."""
    taken: set[str] = set()
    result = []
    for name in names:
        number, candidate = 1, name
        while candidate in taken:
            number += 1
            candidate = f"{name}_{number}"
        taken.add(candidate)
        result.append(candidate)
    return result
