"""Choices as binary quadratic models: a few groups with one alternative each, or all options.

**A block.** With bit b_g = 1 where group g takes its alternative a_g instead of its present c_g,

    E(b) = sum_g b_g (f(a_g) - f(c_g)) + sum_{g<h} b_g b_h (w(a_g,a_h) - w(a_g,c_h) - w(c_g,a_h)
           + w(c_g,c_h))

with f the cost of an option against all present choices. No penalty; every bit string is an
answer, and 0 is staying.

**The whole**, one bit per option with penalties P_g (1 - sum_o x_o)^2. All costs are at least 0,
so they never fall when a bit is set. In a minimiser no group has two bits set (clearing one saves
P_g and no cost rises), and none is empty if P_g exceeds what some option can cost at most: its own
cost plus, for each other group, the dearest of its couplings there, since that group has one bit
at most. So every minimiser takes one option of each group.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import dimod
import numpy as np
import numpy.typing as npt

from quantum_backends.bqm import Coefficients, coefficients_of
from quantum_backends.choices import ChoiceProblem
from quantum_backends.reductions.option_block import OptionBlock
from quantum_backends.routing import Floats, Ints

_ABOVE = 1.01
"""Penalties are this much above what is proven to suffice."""


def choice_block(
    problem: ChoiceProblem, chosen: Ints, field: Floats, groups: Ints, others: Ints
) -> OptionBlock:
    """Build a block.

    Parameters
    ----------
    chosen : int array (g,)
        Present flat options.
    field : float array (q,)
        :func:`quantum_backends.choice_kernels.field_of` of them.
    groups, others : int arrays (n,)
        Different groups, and the option each may take instead.
    """
    now, coupling = chosen[groups], problem.coupling
    at_others, at_now = coupling[others], coupling[now]
    pair = at_others[:, others] - at_others[:, now] - at_now[:, others] + at_now[:, now]
    upper = np.triu(pair.toarray(), 1)
    row, column = np.nonzero(upper)
    linear = field[others] - field[now]
    model = Coefficients(linear, row, column, upper[row, column], 0.0)
    return OptionBlock(chosen.copy(), groups, others, model)


@dataclass(frozen=True, eq=False)
class OneHotChoices:
    """The whole problem with one bit per option, and what inverts it."""

    problem: ChoiceProblem
    penalty: Floats
    model: Coefficients

    def broken(self, bits: npt.ArrayLike) -> Ints:
        """How many groups of each sample (s, q) have not exactly one option."""
        x = np.atleast_2d(np.asarray(bits)).astype(np.int64)
        counts = np.add.reduceat(x, self.problem.first[:-1], axis=1)
        return np.asarray((counts != 1).sum(axis=1))

    def apply(self, bits: npt.ArrayLike) -> Ints:
        """The choices of a bit string; broken groups get the option that costs least then.

        Out of the options set, or of all where none is; in the order of the groups.
        """
        problem = self.problem
        x = np.asarray(bits, dtype=bool)
        counts = np.add.reduceat(x.astype(np.int64), problem.first[:-1])
        flat = np.flatnonzero(x & (counts == 1)[problem.group])
        chosen = np.full(problem.n_groups, -1)
        chosen[problem.group[flat]] = flat
        field = problem.unary + problem.coupling[flat].sum(axis=0)
        for g in np.flatnonzero(counts != 1).tolist():
            options = np.arange(problem.first[g], problem.first[g + 1])
            some = options[x[options]] if counts[g] else options
            chosen[g] = some[np.argmin(field[some])]
            field = field + problem.coupling[[chosen[g]]].toarray()[0]
        return chosen

    def invert(self, chosen: Ints) -> npt.NDArray[np.int8]:
        """The bit string of choices."""
        bits = np.zeros(len(self.problem.unary), np.int8)
        bits[chosen] = 1
        return bits


def one_hot_choices(problem: ChoiceProblem) -> OneHotChoices:
    """Build the model of the whole problem, with the least proven penalties (times 1.01)."""
    penalty = _penalties(problem)
    row = np.repeat(np.arange(len(problem.unary)), np.diff(problem.start))
    once = row < problem.partner
    groups = _one_of_each(problem, penalty)
    model = Coefficients(
        problem.unary + groups.linear,
        np.concatenate((row[once], groups.row)),
        np.concatenate((problem.partner[once], groups.column)),
        np.concatenate((problem.weight[once], groups.value)),
        groups.offset,
    )
    return OneHotChoices(problem, penalty, model)


def _one_of_each(problem: ChoiceProblem, penalty: Floats) -> Coefficients:
    """The penalties alone, one bit per option."""
    q = len(problem.unary)
    model = dimod.BinaryQuadraticModel.from_numpy_vectors(
        np.zeros(q), (np.empty(0, int), np.empty(0, int), np.empty(0)), 0.0, "BINARY"
    )
    for (first, last), each in zip(pairwise(problem.first.tolist()), penalty, strict=True):
        terms = [(option, 1.0) for option in range(first, last)]
        model.add_linear_equality_constraint(terms, float(each), -1.0)
    return coefficients_of(model)


def _penalties(problem: ChoiceProblem) -> Floats:
    """Least over a group's options of the most that each can cost."""
    row = np.repeat(np.arange(len(problem.unary)), np.diff(problem.start))
    key = row * problem.n_groups + problem.group[problem.partner]
    order = np.lexsort((problem.weight, key))
    last = np.append(key[order][1:] != key[order][:-1], True) if len(order) else order
    dearest = order[last.astype(bool)]
    most = problem.unary + np.bincount(row[dearest], problem.weight[dearest], len(problem.unary))
    enough = np.minimum.reduceat(most, problem.first[:-1]) * _ABOVE
    # A group that costs nothing wants a penalty that can be told from zero all the same.
    return np.asarray(np.maximum(enough, 0.01 * (enough.max() or 1.0)))


def alternatives(
    problem: ChoiceProblem, chosen: Ints, field: Floats, groups: Ints, rng: np.random.Generator
) -> Ints:
    """An option other than the present one for each group, cheap ones likelier.

    The cheapest by ``field`` after each cost is multiplied by a random factor, so that blocks
    drawn again differ.
    """
    noise = rng.exponential(size=len(field))
    price = (field + 1e-12) * noise
    price[chosen] = np.inf
    return np.array(
        [
            problem.first[g] + int(np.argmin(price[problem.first[g] : problem.first[g + 1]]))
            for g in groups.tolist()
        ],
        dtype=np.int64,
    )
