"""The network as arrays, and many paths at once under changing weights of links.

Slices ask for thousands of paths under a dozen weightings: by delay, by hops, by what the links'
capacity is worth. Shortest-path trees are grown by label correction (a queue of nodes), which on
networks of this size takes microseconds, and pairs of paths without a common cable by Suurballe's
method as Bhandari words it (Survivable Networks, 1999): a second path in the graph where the
first one's links may only be given back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from qb_controller.model.network import Link, LinkId, Network
from quantum_backends.routing import Floats, Ints

Bools = npt.NDArray[np.bool_]


class Arcs(NamedTuple):
    """Directed links for the compiled loops.

    Attributes
    ----------
    tail, head, opposite : int arrays (m,)
        ``opposite`` is the other direction of the same cable, -1 where there is none.
    out_start, out_link : int arrays
        Links that leave node v are ``out_link[out_start[v]:out_start[v + 1]]``.
    """

    tail: Ints
    head: Ints
    opposite: Ints
    out_start: Ints
    out_link: Ints


@dataclass(frozen=True, eq=False)
class Ground:
    """What slices are placed on.

    Attributes
    ----------
    network : Network
    links : tuple of Link
        In the order of their identities; link i of all arrays.
    index : dict of LinkId to int
    node : dict of int to int
        Number of each switch by datapath id.
    host : dict of str to int
        Number of the switch that each host is behind, by the host's name.
    arcs : Arcs
    capacity : float array (m,)
        Bit/s that slices may set aside on each link.
    delay : float array (m,)
        Seconds.
    """

    network: Network
    links: tuple[Link, ...]
    index: dict[LinkId, int]
    node: dict[int, int]
    host: dict[str, int]
    arcs: Arcs
    capacity: Floats
    delay: Floats


def ground_of(network: Network, share: float = 1.0) -> Ground:
    """Arrays of a network; ``share`` of each link's capacity may be set aside for slices."""
    node = {switch.dpid: i for i, switch in enumerate(network.switches)}
    fit = [link for link in network.links if link.src in node and link.dst in node]
    links = tuple(sorted(fit, key=lambda link: link.id))
    index = {link.id: i for i, link in enumerate(links)}
    tail = np.array([node[link.src] for link in links], dtype=np.int64)
    head = np.array([node[link.dst] for link in links], dtype=np.int64)
    opposite = [index.get(LinkId(link.dst, link.dst_port), -1) for link in links]
    order = np.argsort(tail, kind="stable")
    counts = np.bincount(tail, minlength=len(node))
    out_start = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    return Ground(
        network,
        links,
        index,
        node,
        {host.name: node[host.dpid] for host in network.hosts if host.dpid in node},
        Arcs(tail, head, np.array(opposite, dtype=np.int64), out_start, order),
        share * np.array([link.capacity for link in links], dtype=np.float64),
        np.array([link.delay for link in links], dtype=np.float64),
    )


GRAIN = 1e-9
"""What pairs of paths are weighed in, as a share of the largest weight."""


class Found(NamedTuple):
    """Paths of many pairs of nodes in flat arrays.

    Attributes
    ----------
    start : int array (k + 1,)
    link : int array
        Links of pair i in order are ``link[start[i]:start[i + 1]]``; none where there is no path.
    """

    start: Ints
    link: Ints

    def sums(self, weight: Floats) -> Floats:
        """Sum of a weight over each path (k,); infinite where there is none."""
        total = np.concatenate(([0.0], np.cumsum(weight[self.link])))
        sums = total[self.start[1:]] - total[self.start[:-1]]
        return np.where(np.diff(self.start) > 0, sums, np.inf)


def shortest(arcs: Arcs, weight: Floats, closed: Bools, source: Ints, target: Ints) -> Found:
    """A shortest path for each pair of different nodes.

    Parameters
    ----------
    weight : float array (m,)
        Above zero.
    closed : bool array (m,)
        Links that must not be used.
    """
    order = np.argsort(source, kind="stable")
    return Found(*_shortest(arcs, weight, closed, source, target, order))


def disjoint(
    arcs: Arcs, weight: Floats, closed: Bools, source: Ints, target: Ints
) -> tuple[Found, Found]:
    """Two paths without a common cable for each pair, of least total weight; the shorter first.

    Weights are rounded to :data:`GRAIN` of the largest, so that sums of them are exact: giving back
    subtracts, and in rounded sums a cycle of no weight could look like one below zero for ever.
    """
    whole = np.rint(weight / (GRAIN * weight.max(initial=1e-300))) + 1
    one_start, one, two_start, two = _disjoint(arcs, whole, closed, source, target)
    return Found(one_start, one), Found(two_start, two)


@njit(cache=True)
def _tree(arcs, weight, closed, root, distance, into):  # type: ignore[no-untyped-def]
    """Distances from a root and the link into each node (-1 where none)."""
    n = len(distance)
    distance[:] = np.inf
    into[:] = -1
    distance[root] = 0.0
    queue, inside = np.empty(n + 1, np.int64), np.zeros(n, np.bool_)
    first, last = 0, 1
    queue[0] = root
    while first != last:
        here = queue[first]
        first = (first + 1) % (n + 1)
        inside[here] = False
        for k in range(arcs.out_start[here], arcs.out_start[here + 1]):
            link = arcs.out_link[k]
            there = arcs.head[link]
            through = distance[here] + weight[link]
            if not closed[link] and through < distance[there] - 1e-15 * through:
                distance[there] = through
                into[there] = link
                if not inside[there]:
                    inside[there] = True
                    queue[last] = there
                    last = (last + 1) % (n + 1)


@njit(cache=True)
def _shortest(arcs, weight, closed, source, target, order):  # type: ignore[no-untyped-def]
    n = len(arcs.out_start) - 1
    distance, into = np.empty(n), np.empty(n, np.int64)
    found = np.empty(len(source) * max(n, 1), np.int64)
    length, at = np.zeros(len(source), np.int64), np.zeros(len(source), np.int64)
    used, root = 0, -1
    for i in order:
        if source[i] != root:
            root = source[i]
            _tree(arcs, weight, closed, root, distance, into)
        at[i] = used
        here = target[i]
        if distance[here] == np.inf:
            continue
        while here != root:
            found[used] = into[here]
            used += 1
            here = arcs.tail[into[here]]
        length[i] = used - at[i]
    start = np.zeros(len(source) + 1, np.int64)
    for i in range(len(source)):
        start[i + 1] = start[i] + length[i]
    link = np.empty(start[-1], np.int64)
    for i in range(len(source)):
        for k in range(length[i]):
            link[start[i + 1] - 1 - k] = found[at[i] + k]
    return start, link


@njit(cache=True)
def _disjoint(arcs, weight, closed, source, target):  # type: ignore[no-untyped-def]
    n, m, count = len(arcs.out_start) - 1, len(arcs.tail), len(source)
    distance, into = np.empty(n), np.empty(n, np.int64)
    onto, taken = np.zeros(m, np.bool_), np.zeros(m, np.bool_)
    start = np.zeros((2, count + 1), np.int64)
    link = np.empty((2, count * max(n, 1)), np.int64)
    for i in range(count):
        s, t = source[i], target[i]
        start[0, i + 1], start[1, i + 1] = start[0, i], start[1, i]
        _tree(arcs, weight, closed, s, distance, into)
        if distance[t] == np.inf:
            continue
        taken[:] = False
        here = t
        while here != s:
            taken[into[here]] = True
            here = arcs.tail[into[here]]
        if not _second(arcs, weight, closed, taken, s, t, distance, into):
            continue
        # What both use, each in its direction, falls out; the rest are two paths.
        onto[:] = taken
        here = t
        while here != s:
            step = into[here]
            if step >= m:
                onto[step - m] = False
                here = arcs.head[step - m]
            else:
                onto[step] = True
                here = arcs.tail[step]
        length = np.zeros(2)
        for which in range(2):
            here = s
            at = start[which, i]
            while here != t:
                for k in range(arcs.out_start[here], arcs.out_start[here + 1]):
                    step = arcs.out_link[k]
                    if onto[step]:
                        break
                onto[step] = False
                link[which, at] = step
                length[which] += weight[step]
                at += 1
                here = arcs.head[step]
            start[which, i + 1] = at
        if length[1] < length[0]:
            a, b = start[0, i], start[1, i]
            c, d = start[0, i + 1], start[1, i + 1]
            kept = link[0, a:c].copy()
            link[0, a : a + d - b] = link[1, b:d]
            link[1, b : b + c - a] = kept
            start[0, i + 1], start[1, i + 1] = a + d - b, b + c - a
    return (
        start[0].copy(),
        link[0, : start[0, count]].copy(),
        start[1].copy(),
        link[1, : start[1, count]].copy(),
    )


@njit(cache=True)
def _second(arcs, weight, closed, taken, s, t, distance, into):  # type: ignore[no-untyped-def]
    """A path that may give back links of the first (numbered from m on); False if none is.

    Cables of the first path are closed but for that, so that no cable is shared, in either
    direction. Giving back has a negative weight, no cycle is negative, and label correction ends.
    """
    n, m = len(distance), len(arcs.tail)
    back = np.full(n, -1, np.int64)  # the link of the first path into each node
    for link in range(m):
        if taken[link]:
            back[arcs.head[link]] = link
    distance[:] = np.inf
    into[:] = -1
    distance[s] = 0.0
    queue, inside = np.empty(n + 1, np.int64), np.zeros(n, np.bool_)
    first, last = 0, 1
    queue[0] = s
    while first != last:
        here = queue[first]
        first = (first + 1) % (n + 1)
        inside[here] = False
        begin, end = arcs.out_start[here], arcs.out_start[here + 1]
        for k in range(begin, end + 1):
            if k < end:
                link = arcs.out_link[k]
                other = arcs.opposite[link]
                if closed[link] or taken[link] or (other >= 0 and taken[other]):
                    continue
                there, through, step = arcs.head[link], distance[here] + weight[link], link
            else:
                link = back[here]
                if link < 0:
                    continue
                there, through, step = arcs.tail[link], distance[here] - weight[link], link + m
            if there != s and through < distance[there]:
                distance[there] = through
                into[there] = step
                if not inside[there]:
                    inside[there] = True
                    queue[last] = there
                    last = (last + 1) % (n + 1)
    return distance[t] < np.inf


def warm(ground: Ground) -> None:
    """Compile the loops (or load them from disk)."""
    none = np.zeros(len(ground.links), bool)
    ends = np.zeros(0, np.int64)
    shortest(ground.arcs, np.ones(len(ground.links)), none, ends, ends)
    disjoint(ground.arcs, np.ones(len(ground.links)), none, ends, ends)
