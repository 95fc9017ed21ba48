"""A growing pool of distinct candidate paths in flat arrays, with a chain through each demand's."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from quantum_backends.routing import Floats, Ints, Layout


class ColumnPool:
    """Paths of many demands, each kept once.

    Paths are told apart by the sum of random 64-bit numbers of their links: a simple path is the
    set of its links, and two sets collide with probability 2^-64.

    Parameters
    ----------
    n_links, n_demands : int

    Attributes
    ----------
    head : int array (k,)
        First column of each demand, -1 where it has none.
    """

    def __init__(self, n_links: int, n_demands: int) -> None:
        rng = np.random.default_rng(20240229)
        self._mark = rng.integers(-(2**63), 2**63, n_links, dtype=np.int64)
        self._count = 0
        self.head: Ints = np.full(n_demands, -1)
        self._last: Ints = np.full(n_demands, -1)
        # With room to spare: the first ``_count`` entries are in use.
        self._demand: Ints = np.empty(0, np.int64)
        self._after: Ints = np.empty(0, np.int64)
        self._key: Ints = np.empty(0, np.int64)
        self._start: Ints = np.zeros(1, np.int64)
        self._link: Ints = np.empty(0, np.int64)

    def __len__(self) -> int:
        return self._count

    @property
    def demand(self) -> Ints:
        """The demand of each column."""
        return self._demand[: self._count]

    @property
    def after(self) -> Ints:
        """The next column of the same demand, -1 at the last."""
        return self._after[: self._count]

    @property
    def start(self) -> Ints:
        """Links of column j are ``link[start[j]:start[j + 1]]``."""
        return self._start[: self._count + 1]

    @property
    def link(self) -> Ints:
        return self._link[: self._start[self._count]]

    def add(self, demand: Ints, start: Ints, link: Ints) -> int:
        """Add those of the given paths that are new; return how many were.

        Parameters
        ----------
        demand : int array (p,)
            The demand each path belongs to.
        start, link : int arrays
            Links of path j are ``link[start[j]:start[j + 1]]``.
        """
        before = self._count
        self._make_room(before + len(demand), int(self._start[before]) + len(link))
        self._count = _append(
            self._mark,
            demand,
            start,
            link,
            self.head,
            self._last,
            self._demand,
            self._after,
            self._key,
            self._start,
            self._link,
            before,
        )
        return self._count - before

    def _make_room(self, columns: int, links: int) -> None:
        if columns > len(self._demand):
            for name in ("_demand", "_after", "_key"):
                setattr(self, name, _longer(getattr(self, name), 2 * columns))
            self._start = _longer(self._start, 2 * columns + 1)
        if links > len(self._link):
            self._link = _longer(self._link, 2 * links)

    def order(self) -> Ints:
        """All columns sorted by demand, in order of arrival within each."""
        return _in_order(self.head, self.after)

    def layout(self, column: Ints) -> Layout:
        """The columns named, which come sorted by demand."""
        length = np.diff(self.start)[column]
        demand = self.demand[column]
        counts = np.bincount(demand, minlength=len(self.head))
        return Layout(
            np.concatenate(([0], np.cumsum(counts))),
            demand,
            np.concatenate(([0], np.cumsum(length))),
            self.link[ranges(self.start[column], length)],
        )

    def lengths(self, weight: Floats) -> Floats:
        """Length of each path under link weights."""
        return np.add.reduceat(weight[self.link], self.start[:-1])


class Chained(NamedTuple):
    """Fixed paths with a chain through each demand's; attributes as of :class:`ColumnPool`."""

    demand: Ints
    head: Ints
    after: Ints
    start: Ints
    link: Ints


def chained(layout: Layout) -> Chained:
    """The paths of a layout, of which every demand has one at least."""
    after = np.arange(1, len(layout.demand) + 1)
    after[layout.first[1:] - 1] = -1
    return Chained(layout.demand, layout.first[:-1], after, layout.start, layout.link)


def survivors(paths: Layout, link: Ints, demand: Ints, n_demands: int) -> Layout:
    """The paths that are still there in a network that has changed.

    Parameters
    ----------
    paths : Layout
        Of the network as it was.
    link : int array (links then,)
        Index now of each link, -1 where it is gone.
    demand : int array (demands then,)
        Index now of each demand, -1 where it is gone.
    n_demands : int
        Demands there are now; a demand may be left without paths.
    """
    length = np.diff(paths.start)
    if not len(length):
        return Layout.of(((),) * n_demands)
    links, owner = link[paths.link], demand[paths.demand]
    kept = np.flatnonzero((np.minimum.reduceat(links, paths.start[:-1]) >= 0) & (owner >= 0))
    kept = kept[np.argsort(owner[kept], kind="stable")]
    counts = np.bincount(owner[kept], minlength=n_demands)
    rest = links[ranges(paths.start[kept], length[kept])]
    return Layout.counted(counts, length[kept], rest)


def ranges(begin: Ints, length: Ints) -> Ints:
    """Concatenate ``arange(begin[i], begin[i] + length[i])`` for all i (lengths above zero)."""
    total = int(length.sum())
    offset = np.concatenate(([0], np.cumsum(length)[:-1])) if len(length) else length
    return np.arange(total) + np.repeat(begin - offset, length)


def _longer(values: Ints, size: int) -> Ints:
    longer = np.empty(size, np.int64)
    longer[: len(values)] = values
    return longer


# With its types named it is compiled (or read from the cache) on import, outside any deadline.
@njit(
    "int64(int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1],"
    " int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64)",
    cache=True,
)
def _append(  # type: ignore[no-untyped-def]
    mark, new_demand, new_start, new_link, head, last, demand, after, keys, start, link, count
):
    """Chain each new path behind its demand's last column; return the number of columns."""
    for i in range(len(new_demand)):
        k, key = new_demand[i], 0
        for t in range(new_start[i], new_start[i + 1]):
            key += mark[new_link[t]]
        j = head[k]
        while j >= 0 and keys[j] != key:
            j = after[j]
        if j >= 0:
            continue
        if head[k] < 0:
            head[k] = count
        else:
            after[last[k]] = count
        last[k] = count
        demand[count], after[count], keys[count] = k, -1, key
        end = start[count]
        for t in range(new_start[i], new_start[i + 1]):
            link[end] = new_link[t]
            end += 1
        count += 1
        start[count] = end
    return count


@njit("int64[::1](int64[::1], int64[::1])", cache=True)
def _in_order(head, after):  # type: ignore[no-untyped-def]
    order = np.empty(len(after), np.int64)
    n = 0
    for k in range(len(head)):
        j = head[k]
        while j >= 0:
            order[n] = j
            n += 1
            j = after[j]
    return order
