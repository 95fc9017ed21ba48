"""Edge-disjoint paths between many pairs, compiled by numba.

For each pair a maximum set of edge-disjoint paths (Edmonds and Karp 1972 with capacities of one),
of which the shortest few are kept: the path sets of NCFlow's benchmark (Abuzaid et al., NSDI 2021).
Not the same as removing a shortest path and searching again, which finds fewer or longer paths
where the shortest one stands in the way of two others.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from quantum_backends.routing import Ints, Layout


class Moves(NamedTuple):
    """Steps from node to node in a residual network.

    Attributes
    ----------
    first : int array (n + 1,)
        Steps out of node u are ``first[u] .. first[u + 1] - 1``.
    to : int array
        Where each step leads.
    along, against : int array
        The link in its direction and the link in the opposite one, -1 where there is none.
    """

    first: Ints
    to: Ints
    along: Ints
    against: Ints


def edge_disjoint(
    n_nodes: int, tail: Ints, head: Ints, source: Ints, target: Ints, k: int = 4
) -> Layout:
    """Shortest k of a maximum set of edge-disjoint paths, by number of links.

    Parameters
    ----------
    n_nodes : int
    tail, head : int array (m,)
        Directed links; of parallel ones the first is used.
    source, target : int array (p,)
        Pairs, best sorted by source: the search for first paths is shared within a run of one.
    k : int
        At least 1.

    Returns
    -------
    Layout
        At least one path per pair, in order of length.

    Raises
    ------
    ValueError
        A pair with no path.
    """
    moves = _moves(n_nodes, tail, head)
    bad, counts, length, link = _all_pairs(moves, head, source, target, k)
    if bad >= 0:
        raise ValueError(f"demand {bad}: no path from node {source[bad]} to node {target[bad]}")
    first = np.concatenate((np.zeros(1, np.int64), np.cumsum(counts)))
    start = np.concatenate((np.zeros(1, np.int64), np.cumsum(length)))
    return Layout(first, np.repeat(np.arange(len(source)), counts), start, link)


def _moves(n: int, tail: Ints, head: Ints) -> Moves:
    order = np.argsort(tail, kind="stable")
    order = order[tail[order] != head[order]]
    key, once = np.unique(tail[order] * n + head[order], return_index=True)
    # Steps leave a node in the order in which links first name its neighbours.
    ahead, back = tail[order] * n + head[order], head[order] * n + tail[order]
    steps, seen = np.unique(np.stack((ahead, back), 1).ravel(), return_index=True)
    steps = steps[np.lexsort((seen, steps // n))]
    along = np.full(n * n, -1)
    along[key] = order[once]
    first = np.searchsorted(steps // n, np.arange(n + 1))
    opposite = steps % n * n + steps // n
    return Moves(first.astype(np.int64), steps % n, along[steps], along[opposite])


@njit(cache=True)
def _search(moves: Moves, s: int, t: int, flow: Ints, via: Ints, queue: Ints) -> int:
    """Breadth first from both ends through the residual network of a flow of zeros and ones.

    ``via[0]`` and ``via[1]`` receive the step into each node from the side of s and the step out
    of it towards t (-1 where the search did not come; an end itself is marked by -2).

    Returns
    -------
    int
        The node where the two sides met, -1 where they did not.
    """
    via[:] = -1
    via[0, s] = via[1, t] = -2
    queue[0, 0], queue[1, 0] = s, t
    low, high = np.zeros(2, np.int64), np.ones(2, np.int64)  # each side's outermost nodes
    while True:
        side = 0 if high[0] - low[0] <= high[1] - low[1] else 1
        end = high[side]
        for at in range(low[side], end):
            u = queue[side, at]
            for i in range(moves.first[u], moves.first[u + 1]):
                v = moves.to[i]
                if via[side, v] != -1:
                    continue
                along, against = moves.along[i], moves.against[i]
                if side:
                    along, against = against, along
                if not ((along >= 0 and flow[along] == 0) or (against >= 0 and flow[against] == 1)):
                    continue
                via[side, v] = i
                if via[1 - side, v] != -1:
                    return v
                queue[side, high[side]] = v
                high[side] += 1
        if high[side] == end:
            return -1
        low[side] = end


@njit(cache=True)
def _step(flow: Ints, along: int, against: int) -> None:
    """Use a link, or free the opposite one where that is in use."""
    if against >= 0 and flow[against] == 1:
        flow[against] = 0
    else:
        flow[along] = 1


@njit(cache=True)
def _augment(moves: Moves, begins: Ints, meeting: int, flow: Ints, via: Ints) -> None:
    """Send one unit along the steps found on both sides of a meeting."""
    v = meeting
    while via[0, v] >= 0:
        i = via[0, v]
        _step(flow, moves.along[i], moves.against[i])
        v = begins[i]
    v = meeting
    while via[1, v] >= 0:
        i = via[1, v]  # found from behind: the step's own direction is the opposite one
        _step(flow, moves.against[i], moves.along[i])
        v = begins[i]


@njit(cache=True)
def _decompose(
    moves: Moves, head: Ints, s: int, t: int, flow: Ints, at: Ints, room: Ints, ends: Ints
) -> int:
    """Take a flow apart into paths without cycles; ``flow`` is zero afterwards.

    ``room`` receives the links of path j at ``ends[j]:ends[j + 1]``; ``at`` is scratch (n,), all
    -1 before and after.
    """
    count, here = 0, 0
    for first in range(moves.first[s], moves.first[s + 1]):
        link = moves.along[first]
        if link < 0 or flow[link] == 0:
            continue
        begin = here
        at[s] = begin
        u = s
        while True:
            flow[link] = 0
            u = head[link]
            if at[u] >= 0:  # a cycle: forget the links since the last visit
                while here > at[u]:
                    here -= 1
                    if head[room[here]] != u:
                        at[head[room[here]]] = -1
            else:
                room[here] = link
                here += 1
                at[u] = here
            if u == t:
                break
            for i in range(moves.first[u], moves.first[u + 1]):
                if moves.along[i] >= 0 and flow[moves.along[i]] == 1:
                    link = moves.along[i]  # the last such
        at[s] = -1
        for j in range(begin, here):
            at[head[room[j]]] = -1
        count += 1
        ends[count] = here
    return count


@njit(cache=True)
def _grown(values: Ints, need: int) -> Ints:
    """The array itself, or a copy with room for ``need`` values."""
    if need <= len(values):
        return values
    more = np.empty(max(need, 2 * len(values)), np.int64)
    more[: len(values)] = values
    return more


@njit(cache=True)
def _shortest_left(ends: Ints, size: int, taken: Ints, pair: int) -> int:
    """The shortest path not yet taken for this pair, the first of equals."""
    best = -1
    for j in range(size):
        if taken[j] == pair:
            continue
        if best < 0 or ends[j + 1] - ends[j] < ends[best + 1] - ends[best]:
            best = j
    return best


@njit(cache=True)
def _degrees(moves: Moves) -> tuple[Ints, Ints, Ints]:
    """Links out of and into each node, and where each step begins."""
    n = len(moves.first) - 1
    out, into = np.zeros(n, np.int64), np.zeros(n, np.int64)
    begins = np.empty(len(moves.to), np.int64)
    for u in range(n):
        for i in range(moves.first[u], moves.first[u + 1]):
            begins[i] = u
            if moves.along[i] >= 0:
                out[u] += 1
                into[moves.to[i]] += 1
    return out, into, begins


@njit(cache=True)
def _all_pairs(
    moves: Moves, head: Ints, source: Ints, target: Ints, k: int
) -> tuple[int, Ints, Ints, Ints]:
    """The first pair without a path (-1), then paths per pair, links per path, and the links."""
    n, m, pairs = len(moves.first) - 1, len(head), len(source)
    out, into, begins = _degrees(moves)
    flow, at = np.zeros(m, np.int64), np.full(n, -1, np.int64)
    queue, via = np.empty((2, n), np.int64), np.empty((2, n), np.int64)
    room, ends = np.empty(m + 1, np.int64), np.zeros(m + 1, np.int64)
    taken = np.full(m + 1, -1, np.int64)
    counts = np.zeros(pairs, np.int64)
    length, link = np.empty(2 * pairs + 16, np.int64), np.empty(16 * pairs + 16, np.int64)
    n_paths, n_links = 0, 0
    for pair in range(pairs):
        s, t = source[pair], target[pair]
        for _ in range(min(out[s], into[t])):
            meeting = _search(moves, s, t, flow, via, queue)
            if meeting < 0:
                break
            _augment(moves, begins, meeting, flow, via)
        size = _decompose(moves, head, s, t, flow, at, room, ends)
        if not size:
            return pair, counts, length[:0], link[:0]
        counts[pair] = min(size, k)
        length = _grown(length, n_paths + counts[pair])
        link = _grown(link, n_links + ends[size])
        for _ in range(counts[pair]):
            best = _shortest_left(ends, size, taken, pair)
            taken[best] = pair
            for j in range(ends[best], ends[best + 1]):
                link[n_links] = room[j]
                n_links += 1
            length[n_paths] = ends[best + 1] - ends[best]
            n_paths += 1
    return -1, counts, length[:n_paths], link[:n_links]
