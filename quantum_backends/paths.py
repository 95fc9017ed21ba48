"""Candidate paths of many demands in flat arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any, overload

import numpy as np
import numpy.typing as npt
from numba import njit, types

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Choices = tuple[tuple[int, ...], ...]
"""Candidate paths of one demand, each a tuple of link indexes in order."""
PathSet = Sequence[Choices]
"""Candidate paths of each demand: nested tuples, or a :class:`Layout`."""


@dataclass(frozen=True, eq=False)
class Layout(Sequence[Choices]):
    """All candidate paths of a problem in flat arrays; a *choice* is one of them.

    It reads like nested tuples too: ``layout[i][j]`` are the links of the j-th path of demand i.

    Attributes
    ----------
    first : int array (k + 1,)
        Choices of demand i are ``first[i] .. first[i + 1] - 1``.
    demand : int array (q,)
        The demand each choice belongs to.
    start : int array (q + 1,)
        Links of choice j are ``link[start[j]:start[j + 1]]``.
    link : int array (sum of path lengths,)
    """

    first: Ints
    demand: Ints
    start: Ints
    link: Ints

    @staticmethod
    def of(paths: PathSet) -> Layout:
        """Flatten nested paths."""
        if isinstance(paths, Layout):
            return paths
        counts = np.fromiter((len(p) for p in paths), np.int64, len(paths))
        flat = list(chain.from_iterable(paths))
        lengths = np.fromiter((len(p) for p in flat), np.int64, len(flat))
        link = np.fromiter(chain.from_iterable(flat), np.int64, int(lengths.sum()))
        return Layout.counted(counts, lengths, link)

    @staticmethod
    def counted(counts: npt.NDArray[Any], lengths: npt.NDArray[Any], link: Ints) -> Layout:
        """From the number of choices of each demand (k,) and of links on each path (q,)."""
        demand = np.repeat(np.arange(len(counts)), counts)
        return Layout(_ends(counts), demand, _ends(lengths), link)

    def nested(self) -> tuple[Choices, ...]:
        """The inverse of :meth:`of`."""
        return tuple(self)

    def __len__(self) -> int:
        return len(self.first) - 1

    def __iter__(self) -> Iterator[Choices]:
        links = self.link.tolist()
        flat = [tuple(links[a:b]) for a, b in pairwise(self.start.tolist())]
        return (tuple(flat[a:b]) for a, b in pairwise(self.first.tolist()))

    @overload
    def __getitem__(self, index: int) -> Choices: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Choices, ...]: ...
    def __getitem__(self, index: int | slice) -> Choices | tuple[Choices, ...]:
        if isinstance(index, slice):
            return tuple(self[i] for i in range(len(self))[index])
        i = range(len(self))[index]
        bounds = self.start[self.first[i] : self.first[i + 1] + 1].tolist()
        return tuple(tuple(self.link[a:b].tolist()) for a, b in pairwise(bounds))

    def __reduce__(self) -> tuple[Any, ...]:
        """Between processes in the smallest integers that hold the values."""
        parts = (np.diff(self.first), np.diff(self.start), self.link)
        return _restored, tuple(a.astype(np.min_scalar_type(a.max(initial=0))) for a in parts)


def _restored(
    counts: npt.NDArray[Any], lengths: npt.NDArray[Any], link: npt.NDArray[Any]
) -> Layout:
    return Layout.counted(counts, lengths, link.astype(np.int64))


def _ends(counts: npt.NDArray[Any]) -> Ints:
    """0, then the running sums."""
    return np.concatenate(([0], np.cumsum(counts, dtype=np.int64)))


_FAULTS = (
    "",
    "has no link",
    "names a link that is not there",
    "does not lead from source to target",
    "has links that do not follow one another",
    "visits a node twice",
)


def check_paths(
    n_nodes: int, tail: Ints, head: Ints, source: Ints, target: Ints, paths: Layout
) -> None:
    """Check that each path leads from its demand's source to its target without a loop.

    Raises
    ------
    ValueError
        One does not; the text names it.
    """
    where = (paths.demand, paths.start, paths.link)
    choice, fault = _broken(n_nodes, tail, head, source, target, *where)
    if fault:
        i = int(paths.demand[choice])
        j = int(choice - paths.first[i])
        raise ValueError(f"paths[{i}][{j}]: {paths[i][j]} {_FAULTS[fault]}")


_INTS = types.Array(types.int64, 1, "A", readonly=True)


# With its types named it is compiled (or read from the cache) on import, outside any deadline.
@njit(types.UniTuple(types.int64, 2)(types.int64, *(_INTS,) * 7), cache=True)
def _broken(n, tail, head, source, target, demand, start, link):  # type: ignore[no-untyped-def]
    """The first path that is none (-1 if all are well) and the index of its fault."""
    seen = np.full(n, -1, np.int64)
    for j in range(len(demand)):
        if start[j] == start[j + 1]:
            return j, 1
        here = source[demand[j]]
        seen[here] = j
        for t in range(start[j], start[j + 1]):
            e = link[t]
            if not 0 <= e < len(tail):
                return j, 2
            if tail[e] != here:
                return j, 3 if t == start[j] else 4
            here = head[e]
            if seen[here] == j:
                return j, 5
            seen[here] = j
        if here != target[demand[j]]:
            return j, 3
    return -1, 0
