"""The linear relaxation of packings: prices of the resources, and shares of the options.

Each option may be taken in part, the parts of a group adding up to one. Its dual prices say what a
unit of each resource is worth at the margin; an option's worth less the price of what it uses
orders options far better than its worth alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from quantum_backends.highs import INFINITY, add_columns, is_optimal, limit_time, quiet
from quantum_backends.packing import PackingProblem
from quantum_backends.routing import Floats, Ints

_PRIMAL_SIMPLEX = 4


@dataclass(frozen=True, eq=False)
class Relaxed:
    """The optimum of the relaxation.

    Attributes
    ----------
    share : float array (q,)
        Of each option, those of a group adding up to one.
    price : float array (m,)
        Dual prices of the resources.
    """

    share: Floats
    price: Floats


def units(problem: PackingProblem) -> Floats:
    """What each resource is counted in (m,): its capacity, or 1 where that is zero."""
    return np.where(problem.capacity > 0, problem.capacity, 1.0)


class Master:
    """The relaxation of a packing whose options may still be being found (column generation).

    A row for each group says exactly one, a row for each resource at most the capacity, counted in
    units of it, so that rows are alike.

    Parameters
    ----------
    groups : int
    capacity : float array (m,)
    """

    def __init__(self, groups: int, capacity: Floats) -> None:
        self._groups, m = groups, len(capacity)
        self._unit = np.where(capacity > 0, capacity, 1.0)
        # Options that come later leave the present solution feasible: the primal simplex goes on.
        self.solver = quiet(simplex_strategy=_PRIMAL_SIMPLEX)
        low = np.concatenate((np.ones(groups), np.full(m, -INFINITY)))
        high = np.concatenate((np.ones(groups), capacity / self._unit))
        nothing = np.zeros(groups + m, np.int32)
        self.solver.addRows(groups + m, low, high, 0, nothing, np.empty(0, np.int32), np.empty(0))

    def add(self, group: Ints, worth: Floats, start: Ints, resource: Ints, amount: Floats) -> None:
        """Enter options; arrays as in a problem, each with its group."""
        q, m = len(group), len(self._unit)
        each = sparse.csr_array((np.ones(q), group, np.arange(q + 1)), shape=(q, self._groups))
        share = amount / self._unit[resource]
        use = sparse.csr_array((share, resource, start), shape=(q, m))
        columns = sparse.hstack((each, use), "csr")
        add_columns(
            self.solver,
            -worth,
            np.full(q, INFINITY),
            columns.indptr,
            columns.indices,
            columns.data,
        )

    def solve(self, seconds: float = INFINITY) -> Relaxed | None:
        """Solve from where it stood before; None where the time does not suffice."""
        limit_time(self.solver, seconds)
        self.solver.run()
        if not is_optimal(self.solver):
            return None
        point = self.solver.getSolution()
        dual = np.array(point.row_dual)[self._groups :]
        price = np.maximum(0.0, -dual) / self._unit
        return Relaxed(np.clip(np.array(point.col_value), 0.0, 1.0), price)


def master_of(problem: PackingProblem) -> Master:
    """The relaxation of a whole problem; column o is option o."""
    master = Master(problem.n_groups, problem.capacity)
    arrays = (problem.worth, problem.start, problem.resource, problem.amount)
    master.add(problem.group, *arrays)
    return master


def relaxed(problem: PackingProblem, seconds: float = INFINITY) -> Relaxed | None:
    """Solve the relaxation; None where the time does not suffice."""
    if not problem.size:
        return Relaxed(np.zeros(0), np.zeros(len(problem.capacity)))
    return master_of(problem).solve(seconds)


def priced(problem: PackingProblem, seconds: float = INFINITY) -> PackingProblem:
    """The problem with the relaxation's prices where they give a better bound."""
    found = relaxed(problem, seconds)
    if found is None:
        return problem
    better = problem.with_price(found.price)
    return better if better.bound > problem.bound else problem
