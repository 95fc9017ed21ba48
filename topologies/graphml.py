"""Topology Zoo GraphML (Knight et al., IEEE JSAC 2011), read with the standard library."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ET
from dataclasses import replace

from topologies.graph import Edge, Node, Topology, both_ways, fibre_delay, unique_names
from topologies.graph import merge_parallel as merge

UNITS = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}


def read_graphml(path: str, text: str, default_capacity: float) -> Topology:
    """Topology of a Topology Zoo file.

    The capacity is ``LinkSpeedRaw`` (bit/s), else ``LinkSpeed`` with ``LinkSpeedUnits``, else
    ``default_capacity``. A node with no coordinates gets the mean of its located neighbours.
    Links from a node to itself are left out, parallel ones merged.

    Raises
    ------
    ValueError
        Not XML, no graph, an edge to a node that is not there, a number that is none.
    """
    try:
        root = ET.fromstring(text)
    except ET.ParseError as error:
        line, column = error.position
        raise ValueError(f"{path}:{line}: not well-formed XML (column {column}): {error}") from None
    keys = {key.get("id", ""): key.get("attr.name", "") for key in _all(root, "key")}
    graph = next(iter(_all(root, "graph")), None)
    if graph is None:
        raise ValueError(f"{path}: no <graph> in the file")
    elements = _all(graph, "node")
    index: dict[str, int] = {}
    places: list[tuple[float, float] | None] = []
    labels = []
    for element in elements:
        ident = element.get("id", "")
        if not ident or ident in index:
            raise ValueError(f"{path}: a node has no id or one that is taken: {ident!r}")
        data = _data(element, keys)
        index[ident] = len(index)
        labels.append("_".join(data.get("label", "").split()) or ident)
        places.append(_place(f"{path}: node {ident}", data))
    links = _links(path, graph, keys, index, default_capacity)
    _fill(places, links)
    nodes = [
        Node(name, *(place or (0.0, 0.0)))
        for name, place in zip(unique_names(labels), places, strict=True)
    ]
    timed = [replace(link, delay_s=fibre_delay(nodes[link.src], nodes[link.dst])) for link in links]
    directed = graph.get("edgedefault") == "directed"
    edges = merge(timed) if directed else both_ways((e.src, e.dst, e.capacity, e.delay_s)
                                                    for e in timed)  # fmt: skip
    name = os.path.splitext(os.path.basename(path))[0]
    try:
        return Topology(name, tuple(nodes), edges)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _links(
    path: str, graph: ET.Element, keys: dict[str, str], index: dict[str, int], default: float
) -> list[Edge]:
    links = []
    for element in _all(graph, "edge"):
        ends = []
        for side in ("source", "target"):
            ident = element.get(side, "")
            if ident not in index:
                raise ValueError(f"{path}: an edge has the {side} {ident!r}, which no node is")
            ends.append(index[ident])
        if ends[0] != ends[1]:
            where = f"{path}: edge {element.get('source')} - {element.get('target')}"
            capacity = _capacity(where, _data(element, keys), default)
            links.append(Edge(ends[0], ends[1], capacity))
    return links


def _capacity(where: str, data: dict[str, str], default: float) -> float:
    raw, speed = data.get("LinkSpeedRaw", ""), data.get("LinkSpeed", "")
    try:
        if raw:
            value = float(raw)
        elif speed:
            value = float(speed) * UNITS[data.get("LinkSpeedUnits", "")[:1]]
        else:
            return default
    except ValueError:
        raise ValueError(f"{where}: the speed {raw or speed!r} is not a number") from None
    except KeyError as error:
        raise ValueError(f"{where}: unknown unit of speed {error}") from None
    if not value > 0:
        raise ValueError(f"{where}: the speed {raw or speed} is not positive")
    return value


def _place(where: str, data: dict[str, str]) -> tuple[float, float] | None:
    """Longitude and latitude, None where the file gives none."""
    longitude, latitude = data.get("Longitude", ""), data.get("Latitude", "")
    if not longitude or not latitude:
        return None
    try:
        return float(longitude), float(latitude)
    except ValueError:
        raise ValueError(f"{where}: coordinates {longitude!r}, {latitude!r}") from None


def _fill(places: list[tuple[float, float] | None], links: list[Edge]) -> None:
    """Give nodes with no place the mean place of their neighbours, from the located ones out."""
    neighbours: list[set[int]] = [set() for _ in places]
    for link in links:
        neighbours[link.src].add(link.dst)
        neighbours[link.dst].add(link.src)
    changed = True
    while changed:
        changed = False
        for node, place in enumerate(places):
            known = [where for n in neighbours[node] if (where := places[n]) is not None]
            if place is None and known:
                x = sum(where[0] for where in known) / len(known)
                y = sum(where[1] for where in known) / len(known)
                places[node] = (x, y)
                changed = True


def _all(parent: ET.Element, tag: str) -> list[ET.Element]:
    """Children of a tag whatever the namespace of the file."""
    return [child for child in parent if child.tag.rpartition("}")[2] == tag]


def _data(element: ET.Element, keys: dict[str, str]) -> dict[str, str]:
    """``<data>`` of a node or an edge by the name of its key."""
    return {
        keys.get(child.get("key", ""), ""): (child.text or "").strip()
        for child in _all(element, "data")
    }
