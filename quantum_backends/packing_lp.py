"""The linear relaxation of packings: prices of the resources, and shares of the options.

Each option may be taken in part, the parts of a group adding up to one. Its dual prices say what a
unit of each resource is worth at the margin; an option's worth less the price of what it uses
orders options far better than its worth alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from quantum_backends.highs import INFINITY, QuietHighs, add_columns, is_optimal, quiet
from quantum_backends.packing import PackingProblem
from quantum_backends.routing import Floats


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


def packing_rows(problem: PackingProblem) -> QuietHighs:
    """A model with a row for each group and each resource and a column for each option.

    The groups' rows say exactly one, the resources' rows at most the capacity; each resource is
    counted in units of its capacity, so that rows are alike.
    """
    g, m = problem.n_groups, len(problem.capacity)
    unit = units(problem)
    solver = quiet()
    low = np.concatenate((np.ones(g), np.full(m, -INFINITY)))
    high = np.concatenate((np.ones(g), problem.capacity / unit))
    nothing = np.zeros(g + m, np.int32)
    solver.addRows(g + m, low, high, 0, nothing, np.empty(0, np.int32), np.empty(0))
    q = len(problem.worth)
    each = sparse.csr_array((np.ones(q), problem.group, np.arange(q + 1)), shape=(q, g))
    use = problem.use / unit[None, :] if m else problem.use
    columns = sparse.hstack((each, use), "csr")
    add_columns(
        solver,
        -problem.worth,
        np.full(q, 1.0),
        columns.indptr,
        columns.indices,
        columns.data,
    )
    return solver


def units(problem: PackingProblem) -> Floats:
    """What each resource is counted in (m,): its capacity, or 1 where that is zero."""
    return np.where(problem.capacity > 0, problem.capacity, 1.0)


def relaxed(problem: PackingProblem, seconds: float = INFINITY) -> Relaxed | None:
    """Solve the relaxation; None where the time does not suffice."""
    if not problem.size:
        return Relaxed(np.zeros(0), np.zeros(len(problem.capacity)))
    solver = packing_rows(problem)
    solver.setOptionValue("time_limit", seconds)
    solver.run()
    if not is_optimal(solver):
        return None
    point = solver.getSolution()
    dual = np.array(point.row_dual)[problem.n_groups :]
    price = np.maximum(0.0, -dual) / units(problem)
    return Relaxed(np.clip(np.array(point.col_value), 0.0, 1.0), price)


def priced(problem: PackingProblem, seconds: float = INFINITY) -> PackingProblem:
    """The problem with the relaxation's prices where they give a better bound."""
    found = relaxed(problem, seconds)
    if found is None:
        return problem
    better = problem.with_price(found.price)
    return better if better.bound > problem.bound else problem
