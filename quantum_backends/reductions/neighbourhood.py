"""A part of a routing problem: a few demands are free, the others stay where they are.

A device or an exact method that cannot hold the whole problem may still better the plan in force
by moving the largest demands on the busiest links, which is where the maximum is made (large
neighbourhood search, Shaw 1998, with one neighbourhood).
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np

from quantum_backends.columns import ranges
from quantum_backends.routing import (
    Floats,
    Fractions,
    Ints,
    Layout,
    RoutingProblem,
    flatten,
    nest,
)

_STEEPNESS = 8.0
"""Power of a link's share of the maximum in a demand's rank: a link at 90 % of it counts for 0.43
of one at the maximum, one at half of it for nothing."""


def hot_demands(problem: RoutingProblem, choice: Ints, count: int) -> Ints:
    """The demands whose moves matter most: much volume on links near the maximum.

    Parameters
    ----------
    problem : RoutingProblem
    choice : int array (k,)
        Flat index of the path that each demand is on.
    count : int
        How many at most; demands with a single candidate path are never among them.

    Returns
    -------
    int array
        Ascending.
    """
    layout = problem.layout
    flat = np.zeros(len(layout.demand))
    flat[choice] = 1.0
    used = problem.loads(flat) / problem.capacity
    length = layout.start[choice + 1] - layout.start[choice]
    link = layout.link[ranges(layout.start[choice], length)]
    first = np.concatenate(([0], np.cumsum(length)[:-1]))
    hottest = np.maximum.reduceat(used[link], first) if len(link) else np.zeros(0)
    pressure = problem.volume * (hottest / (used.max(initial=0.0) or 1.0)) ** _STEEPNESS
    pressure[np.diff(layout.first) < 2] = 0.0
    order = np.argsort(-pressure, kind="stable")[:count]
    return np.sort(order[pressure[order] > 0])


class Neighbourhood:
    """A problem in which only some demands are free, and the way back to the whole.

    Parameters
    ----------
    whole : RoutingProblem
        For single paths, with candidate paths and a single-path incumbent or none (then
        everybody is on the first path).
    count : int
        Demands to leave free (:func:`hot_demands`).

    Attributes
    ----------
    problem : RoutingProblem
        The same demands; those that are not free have the path they are on as their only one.

    Raises
    ------
    ValueError
        The problem asks for split plans, or has no demands.
    """

    def __init__(self, whole: RoutingProblem, count: int) -> None:
        if whole.split or not whole.n_demands:
            raise ValueError("a neighbourhood is made of a problem for single paths, with demands")
        self._whole = whole
        layout = whole.layout
        choice = layout.first[:-1].copy()
        if whole.incumbent is not None:
            choice = _largest(flatten(whole.incumbent), layout)
        keep = np.zeros(len(layout.demand), dtype=bool)
        keep[choice] = True
        self.free = hot_demands(whole, choice, count)
        length = np.diff(layout.first)[self.free]
        keep[ranges(layout.first[self.free], length)] = True
        self._kept = np.flatnonzero(keep)
        part = _part(layout, self._kept)
        flat = np.zeros(len(self._kept))
        flat[(np.cumsum(keep) - 1)[choice]] = 1.0
        incumbent = tuple(tuple(flat[a:b].tolist()) for a, b in pairwise(part.first.tolist()))
        self.problem = replace(whole, paths=part, incumbent=incumbent, hint=None)

    def lift(self, answer: Fractions) -> Fractions:
        """An answer to the part as an answer to the whole."""
        flat: Floats = np.zeros(len(self._whole.layout.demand))
        flat[self._kept] = flatten(answer)
        return nest(self._whole, flat)


def _largest(flat: Floats, layout: Layout) -> Ints:
    """Flat index of each demand's largest share, the first of equals."""
    order = np.lexsort((-flat, layout.demand))
    return order[layout.first[:-1]]


def _part(layout: Layout, kept: Ints) -> Layout:
    """The layout of some of the choices, every demand keeping at least one."""
    length = np.diff(layout.start)[kept]
    count = np.bincount(layout.demand[kept], minlength=len(layout.first) - 1)
    return Layout(
        np.concatenate(([0], np.cumsum(count))),
        layout.demand[kept],
        np.concatenate(([0], np.cumsum(length))),
        layout.link[ranges(layout.start[kept], length)],
    )
