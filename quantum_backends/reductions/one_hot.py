"""The whole routing problem as one binary quadratic model: one bit per candidate path.

    E(x) = sum_e w_e u_e(x)^2 + sum_j c_j x_j + sum_i P_i (1 - sum_{j in i} x_j)^2

with u_e(x) = sum_j a_je x_j, where a_je is the utilisation that choice j alone puts on link e, and
c_j the cost of moving there. No slack bits are needed. It has a coupling for each two paths that
share a link: thousands of demands make tens of millions, so large problems are refused. For those
there is :mod:`quantum_backends.reductions.swap_block`.

**The penalties are proven.** Let f be E without the penalties. All w, a and c are at least 0, so
f never falls when a bit is set. Let x be a minimiser of E.

* No group has two bits set: clearing one lowers the penalty by at least P_i > 0, and f not at all
  upward.
* No group i is empty. Let F be f of any plan; the plan pays no penalty, so f(x) <= E(x) <= F. With
  the norm |v| = (sum_e w_e v_e^2)^(1/2), setting bit j changes f by 2 <u, a_j> + |a_j|^2 + c_j,
  which by Cauchy and Schwarz is at most 2 F^(1/2) |a_j| + |a_j|^2 + c_j, and saves P_i. So an
  empty group contradicts minimality as soon as

      P_i > min_{j in i} 2 F^(1/2) |a_j| + |a_j|^2 + c_j.

So every minimiser is one-hot, and among one-hot strings E is f.

The penalties fall on pairs of paths that mostly share links too, so they are summed in the same
sparse product as these. dimod's ``add_linear_equality_constraint``, which makes them where they
stand alone (:mod:`quantum_backends.reductions.choice_block`), would want the millions of other
couplings carried into a model of its own and back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy import sparse

from quantum_backends import kernels
from quantum_backends.bqm import BinaryProblem, Bits, Coefficients
from quantum_backends.routing import Floats, Ints, RoutingProblem, flatten

LIMIT = 2_000_000
"""Most couplings that are written out (about a second)."""

_ABOVE = 1.01
"""Penalties are this much above what is proven to suffice."""


@dataclass(frozen=True, eq=False)
class OneHot:
    """The reduced problem and what inverts it.

    Attributes
    ----------
    problem : RoutingProblem
    weight : float array (m,)
        w above.
    penalty : float array (k,)
        P above, one per demand.
    model : Coefficients
        Bit j is choice j of the problem's layout.
    """

    problem: RoutingProblem
    weight: Floats
    penalty: Floats
    model: Coefficients

    def binary_problem(self) -> BinaryProblem:
        """The same as a problem of form ``bqm``; energies are proven not to be below zero."""
        return BinaryProblem(self.model.bqm(), least=0.0)

    def broken(self, bits: npt.ArrayLike) -> Ints:
        """How many demands of each sample (s, q) have not exactly one path."""
        x = np.atleast_2d(np.asarray(bits)).astype(np.int64)
        counts = np.add.reduceat(x, self.problem.layout.first[:-1], axis=1)
        return np.asarray((counts != 1).sum(axis=1))

    def apply(self, bits: npt.ArrayLike) -> Ints:
        """The plan of a bit string; demands without exactly one path get one by repair.

        See :func:`repair_one_hot`; :meth:`broken` tells how many there are.
        """
        return repair_one_hot(self.problem, self.weight, np.asarray(bits, dtype=np.int8))

    def invert(self, choice: Ints) -> Bits:
        """The bit string of a plan."""
        bits = np.zeros(len(self.model), dtype=np.int8)
        bits[choice] = 1
        return bits


def refuse_large(problem: RoutingProblem) -> str:
    """Say so where the model would be too large to write out; empty where it is not.

    Counts, without building it, the pairs of choices on each link and within each demand; first
    as if all links had equally many, which is the least it can be and takes microseconds.
    """
    layout = problem.layout
    most = len(layout.demand) * (len(layout.demand) - 1) // 2
    mean = len(layout.link) / max(problem.n_links, 1)
    least = int(len(layout.link) * (mean - 1)) // 2
    if min(least, most) > LIMIT:
        return _too_many(min(least, most), problem)
    if most <= LIMIT or problem.pairs <= LIMIT:
        return ""
    return _too_many(min(problem.pairs, most), problem)


def _too_many(couplings: int, problem: RoutingProblem) -> str:
    bits = len(problem.layout.demand)
    return f"some {couplings} couplings of {bits} bits, more than {LIMIT}"


def one_hot_model(problem: RoutingProblem, weight: Floats, plan: Ints) -> OneHot:
    """Reduce a problem with paths.

    Parameters
    ----------
    weight : float array (m,)
        Weight of each link's squared utilisation, not below zero.
    plan : int array (k,)
        Any plan; the better, the smaller the penalties that are proven to suffice.

    Raises
    ------
    ValueError
        :func:`refuse_large`.
    """
    if reason := refuse_large(problem):
        raise ValueError(reason)
    layout = problem.layout
    use = sparse.csr_array(problem.incidence.multiply(problem.choice_volume[:, None]))
    use = sparse.csr_array(use.multiply(1 / problem.capacity))
    gram = sparse.csr_array(use * weight) @ use.T
    squares = gram.diagonal()
    price = _move_price(problem, weight)
    value = weight @ (use.T @ _bits(plan, len(squares))) ** 2 + price[plan].sum()
    suffices = 2 * np.sqrt(value * squares) + squares + price
    penalty = _ABOVE * np.minimum.reduceat(suffices, layout.first[:-1])
    penalty = np.maximum(penalty, 1e-9 * (penalty.max(initial=0.0) or 1.0))
    demand = layout.demand
    same = sparse.csr_array(
        (np.ones(len(demand)), (np.arange(len(demand)), demand)),
        shape=(len(demand), problem.n_demands),
    )
    pairs = sparse.coo_array(sparse.triu(2 * gram + (same * (2 * penalty)) @ same.T, 1))
    model = Coefficients(
        squares + price - penalty[demand], pairs.row, pairs.col, pairs.data, float(penalty.sum())
    )
    return OneHot(problem, weight, penalty, model)


def _bits(plan: Ints, size: int) -> Floats:
    flat = np.zeros(size)
    flat[plan] = 1.0
    return flat


def _move_price(problem: RoutingProblem, weight: Floats) -> Floats:
    """Cost of each choice by the traffic it moves, as :func:`objective.moved` counts it (q,).

    A demand wholly on choice j moves the share (1 - s_j) of it, s being the incumbent's.
    """
    if not problem.move_cost or problem.incumbent is None or not problem.volume.any():
        return np.zeros(len(problem.layout.demand))
    share = problem.choice_volume / problem.volume.sum()
    cost = problem.move_cost * float(weight.mean())
    return np.asarray(cost * share * np.maximum(1 - flatten(problem.incumbent), 0.0))


def repair_one_hot(problem: RoutingProblem, weight: Floats, bits: Bits) -> Ints:
    """Make a plan of any bit string.

    Demands with exactly one path keep it. The others, the largest first, take that path, out of
    those set or out of all where none is, which raises the weighted squares least.
    """
    arrays = kernels.arrays_of(problem)
    order = np.argsort(-problem.volume, kind="stable")
    return np.asarray(_repair(arrays, weight, bits, order))


@njit(cache=True)
def _repair(a: kernels.Arrays, weight: Floats, bits: Bits, order: Ints) -> Ints:
    choice = np.full(len(order), -1)
    load = np.zeros(len(weight))
    for k in range(len(order)):
        count, last = 0, -1
        for j in range(a.first[k], a.first[k + 1]):
            if bits[j]:
                count, last = count + 1, j
        if count == 1:
            choice[k] = last
            kernels.shift(a, load, last, a.volume[k])
        elif count > 1:
            choice[k] = -2
    for k in order:
        if choice[k] >= 0:
            continue
        some, best, least = choice[k] == -2, -1, np.inf
        for j in range(a.first[k], a.first[k + 1]):
            if some and not bits[j]:
                continue
            cost = 0.0
            for t in range(a.start[j], a.start[j + 1]):
                e = a.link[t]
                step = a.volume[k] * a.inverse[e]
                cost += weight[e] * (2 * load[e] * a.inverse[e] + step) * step
            if cost < least:
                best, least = j, cost
        choice[k] = best
        kernels.shift(a, load, best, a.volume[k])
    return choice
