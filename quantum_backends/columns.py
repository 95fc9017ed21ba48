"""A growing pool of distinct candidate paths in flat arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from quantum_backends.routing import Floats, Ints, Layout

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


class ColumnPool:
    """Paths of many demands, each kept once.

    Paths are told apart by the sum of random 64-bit numbers of their links: a simple path is the
    set of its links, and two sets collide with probability 2^-64.

    Parameters
    ----------
    n_links, n_demands : int
    """

    def __init__(self, n_links: int, n_demands: int) -> None:
        rng = np.random.default_rng(20240229)
        self._mark = rng.integers(1, 2**63, n_links, dtype=np.uint64)
        self._n_demands = n_demands
        self._keys: npt.NDArray[np.uint64] = np.empty(0, np.uint64)
        self.demand: Ints = np.empty(0, np.int64)
        self.start: Ints = np.zeros(1, np.int64)
        self.link: Ints = np.empty(0, np.int64)

    def __len__(self) -> int:
        return len(self.demand)

    def add(self, demand: Ints, start: Ints, link: Ints) -> int:
        """Add those of the given paths that are new; return how many were.

        Parameters
        ----------
        demand : int array (p,)
            The demand each path belongs to.
        start, link : int arrays
            Links of path j are ``link[start[j]:start[j + 1]]``.
        """
        sums = np.add.reduceat(self._mark[link], start[:-1]) if len(demand) else self._keys[:0]
        keys = sums ^ (demand.astype(np.uint64) * _GOLDEN)
        _, once = np.unique(keys, return_index=True)
        fresh = np.sort(once[~np.isin(keys[once], self._keys)])
        if len(fresh):
            length = np.diff(start)[fresh]
            self.link = np.concatenate((self.link, link[ranges(start[fresh], length)]))
            self.start = np.concatenate((self.start, self.start[-1] + np.cumsum(length)))
            self.demand = np.concatenate((self.demand, demand[fresh]))
            self._keys = np.concatenate((self._keys, keys[fresh]))
        return len(fresh)

    def layout(self, keep: Ints | None = None) -> Layout:
        """The pool (or the columns named) sorted by demand, in order of arrival within each."""
        column = np.arange(len(self)) if keep is None else keep
        column = column[np.argsort(self.demand[column], kind="stable")]
        length = np.diff(self.start)[column]
        demand = self.demand[column]
        counts = np.bincount(demand, minlength=self._n_demands)
        return Layout(
            np.concatenate(([0], np.cumsum(counts))),
            demand,
            np.concatenate(([0], np.cumsum(length))),
            self.link[ranges(self.start[column], length)],
        )

    def lengths(self, weight: Floats) -> Floats:
        """Length of each path under link weights."""
        return np.add.reduceat(weight[self.link], self.start[:-1])


def ranges(begin: Ints, length: Ints) -> Ints:
    """Concatenate ``arange(begin[i], begin[i] + length[i])`` for all i (lengths above zero)."""
    total = int(length.sum())
    offset = np.concatenate(([0], np.cumsum(length)[:-1])) if len(length) else length
    return np.arange(total) + np.repeat(begin - offset, length)
