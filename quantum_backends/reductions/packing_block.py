"""Packings as binary quadratic models: capacities without slack bits.

**What replaces slack bits.** A capacity is an inequality, and the usual way into a QUBO turns it
into an equation with slack bits, about ``log2(capacity / unit)`` for each resource, coupled to
everything that uses it: more bits than the problem has, and a landscape where no move of one bit
is any good. Unbalanced penalization (Montanez-Barrera, Willsch, Maldonado-Romero and Michielsen,
"Unbalanced penalization: a new approach to encode inequality constraints of combinatorial problems
for quantum optimization algorithms", Quantum Sci. Technol. 9, 025022, 2024; arXiv:2211.13914)
needs none. Of what is free of a resource, ``h >= 0`` where it is not overused, it adds

    lambda1 (-h) + lambda2 h^2,

the exponential ``exp(-h)`` to second order: steep below zero, flat above. It is no exact penalty:
a minimum may overuse a little, or leave a little. So answers are made to fit afterwards, and what
that costs is in the backend's figures, not hidden.

**The weights are not tuned but follow from prices** y of the linear relaxation. With lambda1 = y
the linear part is Lagrange's relaxation itself. The square puts its minimum at ``h* = lambda1 / (2
lambda2)``. By complementary slackness a resource with a price is full in the relaxation's optimum,
so there h* is half of what an option uses on average: the last one still fits. A resource without
a price has room left, so there h* is half of what is free, at a small lambda1. Resources that the
options in question cannot overuse get no penalty at all.

**A block.** One bit per group: 1 where it takes its alternative instead of what it has. Any bit
string is an answer once it is made to fit; 0 is staying.

**The whole.** One bit for each option but the first of each group; all zero means option 0.
Two bits of one group pay ``P_op``. In a minimiser no two are set: clearing bit o raises the rest by
at most its gain plus ``sum_r lambda2 (2 H_r a + a^2)``, H_r being the most that can be free; P_op
is above the lesser of that of o and p.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from quantum_backends.bqm import Coefficients
from quantum_backends.packing import PackingProblem
from quantum_backends.packing_lp import units
from quantum_backends.reductions.option_block import OptionBlock
from quantum_backends.routing import Floats, Ints

_ABOVE = 1.01
"""Penalties are this much above what is proven to suffice."""

_SMALL = 0.25
"""Price of a resource that has none, over the mean price of all."""


@dataclass(frozen=True, eq=False)
class WholePacking:
    """The whole problem with one bit per option but the first, and what inverts it."""

    problem: PackingProblem
    options: Ints
    model: Coefficients

    def broken(self, bits: npt.ArrayLike) -> Ints:
        """How many groups and resources of each sample (s, n) break their constraint."""
        x = np.atleast_2d(np.asarray(bits)).astype(np.int64)
        problem = self.problem
        out = np.zeros(len(x), np.int64)
        for i, row in enumerate(x):
            group = problem.group[self.options[row.astype(bool)]]
            twice = np.bincount(group, minlength=problem.n_groups) > 1
            flat = self._first_set(row)
            out[i] = twice.sum() + (problem.used(flat) > problem.capacity * (1 + 1e-9)).sum()
        return out

    def apply(self, bits: npt.ArrayLike) -> Ints:
        """The options of a bit string; of two of one group that of more worth less its price."""
        return self._first_set(np.asarray(bits))

    def _first_set(self, bits: npt.NDArray[np.integer]) -> Ints:
        problem = self.problem
        chosen = problem.first[:-1].copy()
        options = self.options[bits.astype(bool)]
        for o in options[np.argsort(problem.reduced[options], kind="stable")].tolist():
            chosen[problem.group[o]] = o
        return chosen

    def invert(self, chosen: Ints) -> npt.NDArray[np.int8]:
        """The bit string of options."""
        return np.isin(self.options, chosen).astype(np.int8)


def packing_block(problem: PackingProblem, chosen: Ints, groups: Ints, others: Ints) -> OptionBlock:
    """Build a block.

    Parameters
    ----------
    chosen : int array (g,)
        Present flat options; they fit.
    groups, others : int arrays (n,)
        Different groups, and the option each may take instead.
    """
    now = chosen[groups]
    change = (problem.use[others] - problem.use[now]).tocsr()
    free = problem.capacity - problem.used(chosen)
    gain = problem.worth[others] - problem.worth[now]
    linear, pair = _unbalanced(problem, change, free)
    row, column = np.nonzero(np.triu(pair, 1))
    model = Coefficients(linear - gain, row, column, pair[row, column], 0.0)
    return OptionBlock(chosen.copy(), groups, others, model)


def couplings(problem: PackingProblem) -> int:
    """Couplings of the whole model at most: pairs of options that share a resource or a group."""
    options = np.diff(problem.first) - 1
    users = np.bincount(problem.resource, minlength=len(problem.capacity))
    pairs = (users * (users - 1) // 2).sum() + (options * (options - 1) // 2).sum()
    bits = int(options.sum())
    return int(min(pairs, bits * (bits - 1) // 2))


def whole_packing(problem: PackingProblem) -> WholePacking:
    """Build the model of the whole problem."""
    is_first = np.zeros(len(problem.worth), bool)
    is_first[problem.first[:-1]] = True
    options = np.flatnonzero(~is_first)
    group = problem.group[options]
    nothing = problem.first[:-1]
    change = (problem.use[options] - problem.use[nothing[group]]).tocsr()
    free = problem.capacity - problem.used(nothing)
    gain = problem.worth[options] - problem.worth[nothing[group]]
    linear, pair = _unbalanced(problem, change, free)
    enough = _rise(problem, change, free, gain)
    same = group[:, None] == group[None, :]
    pair = pair + np.where(same, _ABOVE * np.minimum(enough[:, None], enough[None, :]), 0.0)
    row, column = np.nonzero(np.triu(pair, 1))
    model = Coefficients(linear - gain, row, column, pair[row, column], 0.0)
    return WholePacking(problem, options, model)


def _lambdas(
    problem: PackingProblem, change: sparse.csr_array, free: Floats
) -> tuple[Floats, Floats]:
    """Both weights of each resource (m,), zero where it cannot be overused."""
    more = np.asarray(change.maximum(0).sum(axis=0)).ravel()
    users = np.asarray((change != 0).sum(axis=0)).ravel()
    size = np.asarray(abs(change).sum(axis=0)).ravel() / np.maximum(users, 1)
    mean = (float(problem.price @ problem.capacity) or problem.attainable) / max(1, len(free))
    priced = problem.price > 0 if problem.price.any() else np.ones(len(free), bool)
    one = np.where(priced, problem.price, 0.0)
    one = np.maximum(one, _SMALL * mean / units(problem))
    centre = np.where(priced, size / 2, np.maximum(free, size) / 2)
    two = one / (2 * np.maximum(centre, 1e-300))
    binds = more > np.maximum(free, 0.0)
    return np.where(binds, one, 0.0), np.where(binds, two, 0.0)


def _unbalanced(
    problem: PackingProblem, change: sparse.csr_array, free: Floats
) -> tuple[Floats, Floats]:
    """Linear and pair coefficients of the penalties over bits that change the use (n,), (n, n)."""
    one, two = _lambdas(problem, change, free)
    square = change.multiply(change)
    linear = change @ (one - 2 * two * free) + square @ two
    pair = 2 * (change.multiply(two[None, :]).tocsr() @ change.T)
    return np.asarray(linear).ravel(), np.asarray(pair.toarray())


def _rise(problem: PackingProblem, change: sparse.csr_array, free: Floats, gain: Floats) -> Floats:
    """The most that clearing each bit can raise the energy apart from its pairs' penalty (n,)."""
    one, two = _lambdas(problem, change, free)
    less = np.asarray((-change).maximum(0).sum(axis=0)).ravel()
    most = np.maximum(free, 0.0) + less
    amount = abs(change)
    rise = gain + amount @ (one + 2 * two * most) + amount.multiply(amount) @ two
    return np.maximum(np.asarray(rise).ravel(), 1e-12)


def around(
    problem: PackingProblem, flat: Ints, movable: Ints, size: int, rng: np.random.Generator
) -> Ints:
    """Groups that compete for one dear resource, and for those that their options use.

    The resource is drawn by the worth of its whole capacity; groups with the most use of the
    resources of its users come first.
    """
    dear = problem.price * problem.capacity + 1e-9 * (1 + problem.capacity)
    centre = int(rng.choice(len(dear), p=dear / dear.sum())) if len(dear) else 0
    users = problem.use[:, [centre]].toarray().ravel() > 0 if len(dear) else np.zeros(0)
    near = np.asarray((problem.use[users] > 0).sum(axis=0)).ravel() * problem.price
    touch = np.asarray(problem.use @ near).ravel() if users.any() else np.zeros(len(problem.worth))
    by_group = np.maximum.reduceat(touch, problem.first[:-1])
    direct = np.bincount(problem.group, users, problem.n_groups) > 0
    key = by_group[movable] * rng.exponential(size=len(movable)) + 1e-12 * rng.random(len(movable))
    order = np.lexsort((-key, ~direct[movable]))
    return np.sort(movable[order[:size]])


def alternatives(
    problem: PackingProblem, flat: Ints, groups: Ints, rng: np.random.Generator
) -> Ints:
    """An option other than the present one for each group.

    Of half of those that have something, option 0; else one drawn with a preference for worth
    less the price of its use.
    """
    reduced = problem.reduced
    scale = max(1e-12, float(np.abs(problem.worth).mean()))
    noisy = reduced + 0.1 * scale * rng.gumbel(size=len(reduced))
    noisy[flat] = -np.inf
    out = np.empty(len(groups), np.int64)
    for i, g in enumerate(groups.tolist()):
        first, last = problem.first[g], problem.first[g + 1]
        out[i] = first + int(np.argmax(noisy[first:last]))
        if flat[g] != first and rng.random() < 0.5:
            out[i] = first
    return out
