"""One option out of each group, with costs of options and of pairs of options.

The Potts model in its general form, held sparse: colouring a graph, channels of access points,
places of jobs. The one-hot QUBO of it has one bit per option and a penalty per group; here neither
is needed, and changing one group's option costs two rows of couplings.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from scipy import sparse

from quantum_backends.routing import Floats, Ints

Chosen = tuple[int, ...]
"""For each group the number of the option taken, counted within the group from 0."""


@dataclass(frozen=True, eq=False)
class ChoiceProblem:
    """Choose one option per group so that the sum of costs is least.

    The cost of a choice is ``sum_g unary[o_g] + sum_{g<h} coupling[o_g, o_h]``, where ``o_g`` is
    the flat index of the option that group g takes.

    Attributes
    ----------
    first : int array (g + 1,)
        Options of group i are ``first[i] .. first[i + 1] - 1``; every group has at least one.
    unary : float array (q,)
        Cost of each option, finite and not below zero (subtract a group's least cost from all of
        its options where it is: the choice stays the same).
    start : int array (q + 1,)
    partner : int array (c,)
    weight : float array (c,)
        Couplings of option o: with option ``partner[t]`` at cost ``weight[t]`` (finite, not below
        zero) for t in ``start[o]:start[o + 1]``. Symmetric: each pair is listed from both sides;
        never within a group. :meth:`of` builds these from pairs listed once.
    incumbent : tuple (g,) of int, or None
        What is in force now. What leaving it costs belongs into ``unary``.
    bound : float
        Proven lower bound on the cost, 0 where unknown.

    Raises
    ------
    ValueError
        Anything above does not hold; the text names the array, the index and the value.
    """

    first: Ints
    unary: Floats
    start: Ints
    partner: Ints
    weight: Floats
    incumbent: Chosen | None = None
    bound: float = 0.0

    form: ClassVar[str] = "choices"

    def __post_init__(self) -> None:
        for name in ("first", "start", "partner"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=np.int64))
        for name in ("unary", "weight"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=np.float64))
        _check_groups(self)
        _check_couplings(self)
        if self.incumbent is not None:
            self.check(self.incumbent)

    @staticmethod
    def of(
        first: Ints,
        unary: Floats,
        one: Ints,
        other: Ints,
        cost: Floats,
        incumbent: Chosen | None = None,
        bound: float = 0.0,
    ) -> ChoiceProblem:
        """Build from pairs of options listed once, in either order; a pair listed twice adds up.

        Parameters
        ----------
        one, other : int arrays (p,)
            Flat indexes of the two options of each pair.
        cost : float array (p,)
        """
        q = len(unary)
        rows, columns = np.concatenate((one, other)), np.concatenate((other, one))
        matrix = sparse.coo_array((np.tile(cost, 2), (rows, columns)), shape=(q, q)).tocsr()
        return ChoiceProblem(
            first, unary, matrix.indptr, matrix.indices, matrix.data, incumbent, bound
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel without what can be made again, options in four bytes; checked once is enough."""
        arrays = (self.first, self.unary, self.start, self.partner.astype(np.int32), self.weight)
        return _restored, (*arrays, self.incumbent, self.bound)

    def with_incumbent(self, answer: Chosen) -> ChoiceProblem:
        """The same problem with something in force; nothing else is checked again."""
        self.check(answer)
        arrays = (self.first, self.unary, self.start, self.partner, self.weight)
        return _restored(*arrays, answer, self.bound)

    @property
    def n_groups(self) -> int:
        return len(self.first) - 1

    @property
    def size(self) -> int:
        """Groups to choose for."""
        return self.n_groups

    @cached_property
    def group(self) -> Ints:
        """The group of each option (q,)."""
        return np.repeat(np.arange(self.n_groups), np.diff(self.first))

    @cached_property
    def coupling(self) -> sparse.csr_array:
        """The couplings as a symmetric sparse matrix (q, q)."""
        q = len(self.unary)
        return sparse.csr_array((self.weight, self.partner, self.start), shape=(q, q))

    def check(self, answer: Chosen) -> None:
        """Check that an answer names an option of each group.

        Raises
        ------
        ValueError
            It does not; the text names the group.
        """
        if len(answer) != self.n_groups:
            raise ValueError(f"answer: {len(answer)} options for {self.n_groups} groups")
        counts = np.diff(self.first)
        for i, option in enumerate(answer):
            if not 0 <= option < counts[i]:
                raise ValueError(f"answer[{i}]: {option} is not one of {counts[i]} options")

    def flat(self, answer: Chosen) -> Ints:
        """Flat indexes of the options taken (g,)."""
        return self.first[:-1] + np.asarray(answer, dtype=np.int64)

    def chosen(self, flat: npt.NDArray[Any]) -> Chosen:
        """The inverse of :meth:`flat`."""
        return tuple((np.asarray(flat) - self.first[:-1]).tolist())

    def value(self, answer: Chosen) -> float:
        """The cost of an answer."""
        flat = self.flat(answer)
        among = self.coupling[flat][:, flat]
        return float(self.unary[flat].sum() + among.sum() / 2)


def _restored(
    first: Ints,
    unary: Floats,
    start: Ints,
    partner: npt.NDArray[np.integer],
    weight: Floats,
    incumbent: Chosen | None,
    bound: float,
) -> ChoiceProblem:
    """A problem out of parts that have been checked."""
    problem = object.__new__(ChoiceProblem)
    partner = np.asarray(partner, dtype=np.int64)
    values = (first, unary, start, partner, weight, incumbent, bound)
    for field, value in zip(fields(ChoiceProblem), values, strict=True):
        object.__setattr__(problem, field.name, value)
    return problem


def _check_groups(problem: ChoiceProblem) -> None:
    first, unary = problem.first, problem.unary
    if len(first) < 1 or first[0] != 0 or first[-1] != len(unary):
        raise ValueError(f"first: must run from 0 to {len(unary)}, the number of options")
    empty = np.flatnonzero(np.diff(first) < 1)
    if len(empty):
        raise ValueError(f"first[{empty[0]}]: group {empty[0]} has no option")
    bad = np.flatnonzero(~(np.isfinite(unary) & (unary >= 0)))
    if len(bad):
        raise ValueError(f"unary[{bad[0]}]: {unary[bad[0]]} must be finite and not below zero")
    if not (np.isfinite(problem.bound) and problem.bound >= 0):
        raise ValueError(f"bound: {problem.bound} must be finite and not below zero")


def _check_couplings(problem: ChoiceProblem) -> None:
    q, partner, weight = len(problem.unary), problem.partner, problem.weight
    start = problem.start
    if len(start) != q + 1 or start[0] != 0 or start[-1] != len(partner):
        raise ValueError(f"start: must have {q + 1} entries from 0 to {len(partner)} couplings")
    if (np.diff(start) < 0).any():
        raise ValueError("start: must not fall")
    if len(weight) != len(partner):
        raise ValueError(f"weight: {len(weight)} entries for {len(partner)} couplings")
    bad = np.flatnonzero(~(np.isfinite(weight) & (weight >= 0)))
    if len(bad):
        raise ValueError(f"weight[{bad[0]}]: {weight[bad[0]]} must be finite and not below zero")
    outside = np.flatnonzero((partner < 0) | (partner >= q))
    if len(outside):
        raise ValueError(f"partner[{outside[0]}]: {partner[outside[0]]} is not an option")
    owner = np.repeat(np.arange(q), np.diff(start))
    inside = np.flatnonzero(problem.group[owner] == problem.group[partner])
    if len(inside):
        raise ValueError(f"partner[{inside[0]}]: couples two options of one group")
    # Applied to random numbers a matrix and its transpose differ unless they are the same; that
    # takes a tenth of the time of subtracting them.
    probe = np.random.default_rng(0).random(q)
    one, other = problem.coupling @ probe, probe @ problem.coupling
    if not np.allclose(one, other, rtol=1e-9, atol=1e-12 * (weight.max(initial=0.0) + 1e-300)):
        raise ValueError("weight: the couplings are not symmetric")


def colouring(edges: Ints, n_nodes: int, colours: int) -> ChoiceProblem:
    """Colour a graph so that as few edges as possible have two ends of one colour.

    Parameters
    ----------
    edges : int array (e, 2)
    n_nodes, colours : int
    """
    shades = np.arange(colours)
    one = (edges[:, 0, None] * colours + shades).ravel()
    other = (edges[:, 1, None] * colours + shades).ravel()
    first = np.arange(n_nodes + 1) * colours
    return ChoiceProblem.of(first, np.zeros(n_nodes * colours), one, other, np.ones(len(one)))


def queen_graph(rows: int, columns: int) -> Ints:
    """Edges of the DIMACS family ``queen``: squares of a board that a queen's move joins."""
    squares = [(r, c) for r in range(rows) for c in range(columns)]
    return np.array(
        [
            (i, j)
            for i, (r, c) in enumerate(squares)
            for j, (s, d) in enumerate(squares[:i])
            if r == s or c == d or abs(r - s) == abs(c - d)
        ]
    )


def mycielski_graph(order: int) -> Ints:
    """Edges of the DIMACS family ``myciel``: no triangle, ``order + 1`` colours needed.

    ``myciel3`` is order 3 (11 nodes); networkx counts one higher.
    """
    import networkx as nx

    return np.array(sorted(nx.mycielski_graph(order + 1).edges()))
