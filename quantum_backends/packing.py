"""One option out of each group, so that what they use together fits: worth as much as possible.

The multidimensional multiple-choice knapsack (Kellerer, Pferschy and Pisinger, Knapsack Problems,
2004, chapter 11.3): requests of which each may be met in several ways or not at all, out of shared
capacities. Network slices are such requests, links such capacities.

**What is minimised.** Every form of this package minimises a value that is never below zero. Here
it is *the worth lost*: the sum of each group's dearest option, as if everything fitted, less the
worth of what is chosen. Least loss is most worth; :meth:`PackingProblem.admitted` turns it back.

**The bound** is not claimed by the maker but follows from prices of the resources: for any prices
y >= 0 no answer is worth more than ``y . capacity + sum_g max_o (worth_o - y . use_o)`` (Lagrange).
With the dual prices of the linear relaxation that is its optimum.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from scipy import sparse

from quantum_backends.routing import Floats, Ints

Chosen = tuple[int, ...]
"""For each group the number of the option taken, counted within the group from 0."""

TOLERANCE = 1e-9
"""Relative excess over a capacity that counts as rounding."""


@dataclass(frozen=True, eq=False)
class PackingProblem:
    """Choose one option per group within capacities so that the sum of worths is highest.

    Attributes
    ----------
    first : int array (g + 1,)
        Options of group i are ``first[i] .. first[i + 1] - 1``; every group has at least one.
        Option 0 is what becomes of a group that nothing else fits for: as a rule it is worth 0 and
        uses nothing. It may be otherwise (a running slice that must stay), but the options 0 of
        all groups together have to fit.
    worth : float array (q,)
        Of each option, finite; what changing over to it costs is already taken off.
    start : int array (q + 1,)
    resource : int array (n,)
    amount : float array (n,)
        Option o uses ``amount[t]`` (above zero) of ``resource[t]`` for t in
        ``start[o]:start[o + 1]``, each resource once.
    capacity : float array (m,)
        Of each resource, not below zero.
    price : float array (m,)
        Worth of a unit of each resource, not below zero, as a relaxation found it; all zero (the
        default) where none is known. Any prices are right; good ones make :attr:`bound` sharp.
    incumbent : tuple (g,) of int, or None
        What is in force now; it has to fit.

    Raises
    ------
    ValueError
        Anything above does not hold; the text names the array, the index and the value.
    """

    first: Ints
    worth: Floats
    start: Ints
    resource: Ints
    amount: Floats
    capacity: Floats
    price: Floats = field(default_factory=lambda: np.zeros(0))
    incumbent: Chosen | None = None

    form: ClassVar[str] = "packing"

    def __post_init__(self) -> None:
        for name in ("first", "start", "resource"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=np.int64))
        for name in ("worth", "amount", "capacity", "price"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=np.float64))
        if not len(self.price):
            object.__setattr__(self, "price", np.zeros(len(self.capacity)))
        _check_groups(self)
        _check_use(self)
        self.check((0,) * self.n_groups)
        if self.incumbent is not None:
            self.check(self.incumbent)

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel as plain arrays; checked once is enough."""
        return _restored, tuple(getattr(self, each.name) for each in fields(self))

    def with_incumbent(self, answer: Chosen) -> PackingProblem:
        """The same problem with something in force; nothing else is checked again."""
        self.check(answer)
        return self._with(incumbent=answer)

    def with_price(self, price: Floats) -> PackingProblem:
        """The same problem with other prices, those below zero taken as zero."""
        return self._with(price=np.maximum(price, 0.0))

    def _with(self, **changes: Any) -> PackingProblem:
        return _restored(*(changes.get(f.name, getattr(self, f.name)) for f in fields(self)))

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
    def use(self) -> sparse.csr_array:
        """Amounts as a sparse matrix (q, m)."""
        shape = (len(self.worth), len(self.capacity))
        return sparse.csr_array((self.amount, self.resource, self.start), shape=shape)

    @cached_property
    def attainable(self) -> float:
        """Worth of each group's dearest option, summed: what would be had if everything fitted."""
        return float(np.maximum.reduceat(self.worth, self.first[:-1]).sum() if self.size else 0.0)

    @cached_property
    def reduced(self) -> Floats:
        """Worth of each option less the price of what it uses (q,)."""
        return np.asarray(self.worth - self.use @ self.price)

    @cached_property
    def slack(self) -> float:
        """What the bound is lowered by: the tolerance lets an answer exceed the capacities a
        little, and sums are rounded.
        """
        return float(TOLERANCE * (self.price @ self.capacity + np.abs(self.worth).sum()))

    @cached_property
    def bound(self) -> float:
        """Proven lower bound on the worth lost, out of the prices."""
        if not self.size:
            return 0.0
        most = self.price @ self.capacity
        most += np.maximum.reduceat(self.reduced, self.first[:-1]).sum()
        return max(0.0, self.attainable - float(most) - self.slack)

    def check(self, answer: Chosen) -> None:
        """Check that an answer names an option of each group and that they fit together.

        Raises
        ------
        ValueError
            It does not; the text names the group or the resource.
        """
        if len(answer) != self.n_groups:
            raise ValueError(f"answer: {len(answer)} options for {self.n_groups} groups")
        counts, taken = np.diff(self.first), np.asarray(answer)
        wrong = np.flatnonzero((taken < 0) | (taken >= counts) | (taken != np.floor(taken)))
        if len(wrong):
            i = int(wrong[0])
            raise ValueError(f"answer[{i}]: {answer[i]} is not one of {counts[i]} options")
        used = self.used(self.flat(answer))
        over = np.flatnonzero(used > self.capacity * (1 + TOLERANCE))
        if len(over):
            r = int(over[0])
            raise ValueError(
                f"answer: uses {used[r]:.9g} of resource {r}, its capacity is "
                f"{self.capacity[r]:.9g}"
            )

    def used(self, flat: Ints) -> Floats:
        """What options taken together use of each resource (m,)."""
        return np.asarray(self.use[flat].sum(axis=0)).ravel()

    def flat(self, answer: Chosen) -> Ints:
        """Flat indexes of the options taken (g,)."""
        return self.first[:-1] + np.asarray(answer, dtype=np.int64)

    def chosen(self, flat: npt.NDArray[Any]) -> Chosen:
        """The inverse of :meth:`flat`."""
        return tuple((np.asarray(flat) - self.first[:-1]).tolist())

    def admitted(self, answer: Chosen) -> float:
        """Worth of an answer; the higher the better."""
        return float(self.worth[self.flat(answer)].sum())

    def value(self, answer: Chosen) -> float:
        """The worth lost against everything fitting; lower is better."""
        return max(0.0, self.attainable - self.admitted(answer))


def _restored(*values: Any) -> PackingProblem:
    """A problem out of parts that have been checked."""
    problem = object.__new__(PackingProblem)
    for each, value in zip(fields(PackingProblem), values, strict=True):
        object.__setattr__(problem, each.name, value)
    return problem


def _check_groups(problem: PackingProblem) -> None:
    first, worth = problem.first, problem.worth
    if len(first) < 1 or first[0] != 0 or first[-1] != len(worth):
        raise ValueError(f"first: must run from 0 to {len(worth)}, the number of options")
    empty = np.flatnonzero(np.diff(first) < 1)
    if len(empty):
        raise ValueError(f"first[{empty[0]}]: group {empty[0]} has no option")
    _check_each("worth", worth, np.isfinite(worth), "must be finite")


def _check_use(problem: PackingProblem) -> None:
    start, resource, amount = problem.start, problem.resource, problem.amount
    q, n, m = len(problem.worth), len(resource), len(problem.capacity)
    if len(start) != q + 1 or start[0] != 0 or start[-1] != n or (np.diff(start) < 0).any():
        raise ValueError(f"start: must have {q + 1} entries rising from 0 to {n}")
    if len(amount) != n:
        raise ValueError(f"amount: {len(amount)} entries for {n} resources used")
    _check_each("resource", resource, (resource >= 0) & (resource < m), f"is not below {m}")
    _check_each("amount", amount, np.isfinite(amount) & (amount > 0), "must be above zero")
    for name in ("capacity", "price"):
        values = getattr(problem, name)
        fit = np.isfinite(values) & (values >= 0)
        _check_each(name, values, fit, "must be finite and not below zero")
    if len(problem.price) != m:
        raise ValueError(f"price: {len(problem.price)} entries for {m} resources")
    key = np.sort(np.repeat(np.arange(q), np.diff(start)) * max(m, 1) + resource)
    twice = np.flatnonzero(key[1:] == key[:-1])
    if len(twice):
        option, r = divmod(int(key[twice[0]]), m)
        raise ValueError(f"resource: option {option} lists resource {r} twice")


def _check_each(name: str, values: npt.NDArray[Any], fit: npt.NDArray[np.bool_], what: str) -> None:
    bad = np.flatnonzero(~fit)
    if len(bad):
        raise ValueError(f"{name}[{bad[0]}]: {values[bad[0]]} {what}")


def random_packing(
    groups: int, options: int, resources: int, seed: int, load: float = 2.0, hops: int = 3
) -> PackingProblem:
    """Groups of options that use a few random resources each; option 0 is nothing.

    Parameters
    ----------
    options : int
        Besides option 0.
    load : float
        Demand over capacity, were everybody to get the first option.
    hops : int
        Mean number of resources of an option.
    """
    rng = np.random.default_rng(seed)
    rate = rng.lognormal(0, 0.7, groups)
    worth = rate * rng.lognormal(0, 0.5, groups)
    lists = [np.zeros(0, np.int64)] * (groups * (options + 1))
    for o in range(len(lists)):
        if o % (options + 1):
            count = min(resources, 1 + int(rng.poisson(hops - 1)))
            lists[o] = rng.choice(resources, count, replace=False)
    counts = np.array([len(each) for each in lists])
    resource = np.concatenate(lists)
    amount = np.repeat(np.repeat(rate, options + 1), counts)
    worths = np.repeat(worth, options + 1) * (1 - 0.02 * rng.random(len(lists)))
    worths[:: options + 1] = 0.0
    demand = np.bincount(resource, amount, resources) / options
    capacity = np.full(resources, demand.mean() / load)
    first = np.arange(groups + 1) * (options + 1)
    start = np.concatenate(([0], np.cumsum(counts)))
    return PackingProblem(first, worths, start, resource, amount, capacity)
