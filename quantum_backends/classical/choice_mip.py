"""Choices by mixed-integer programming (HiGHS).

One binary per option, exactly one of each group; for each coupled pair of options a variable that
is at least the sum of the two binaries less one. It starts from weighted DSATUR or the incumbent.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from quantum_backends.choice_search import BestChoice
from quantum_backends.choices import ChoiceProblem
from quantum_backends.classical.exact import ExactChoice, Info
from quantum_backends.highs import (
    INFINITY,
    QuietHighs,
    add_columns,
    has_feasible_point,
    make_integer,
    quiet,
    run_within,
    start_from,
)
from quantum_backends.solver import Budget


class ChoiceMip(ExactChoice):
    """Exact given time, on small problems."""

    name = "highs-mip"
    limit = 30_000  # presolving alone takes longer above it
    margin_s = 0.05

    def search(self, problem: ChoiceProblem, budget: Budget, best: BestChoice, seed: int) -> Info:
        solver, q = _model(problem), len(problem.unary)
        solver.setOptionValue("random_seed", seed % 2**31)
        values = np.zeros(solver.getNumCol())
        values[best.flat] = 1.0
        taken = values[:q]
        row = np.repeat(np.arange(q), np.diff(problem.start))
        once = row < problem.partner
        values[q:] = taken[row[once]] * taken[problem.partner[once]]
        start_from(solver, values)
        status = run_within(solver, budget, self.margin_s)
        if has_feasible_point(solver):
            found = np.array(solver.getSolution().col_value)[:q]
            order = np.lexsort((found, problem.group))
            best.offer(order[problem.first[1:] - 1])
        return {"status": status}


def _model(problem: ChoiceProblem) -> QuietHighs:
    """Columns: options, then pairs. Rows: groups, then pairs."""
    g, q = problem.n_groups, len(problem.unary)
    row = np.repeat(np.arange(q), np.diff(problem.start))
    once = row < problem.partner
    one, other, cost = row[once], problem.partner[once], problem.weight[once]
    c = len(cost)
    pair = np.arange(c)
    ones, at = np.ones(q), np.arange(q)
    rows = np.concatenate((problem.group, g + pair, g + pair, g + pair))
    columns = np.concatenate((at, one, other, q + pair))
    values = np.concatenate((ones, np.ones(2 * c), np.full(c, -1.0)))
    matrix = sparse.coo_array((values, (rows, columns)), shape=(g + c, q + c)).tocsc()
    solver = quiet()
    low = np.concatenate((np.ones(g), np.full(c, -INFINITY)))
    nothing = np.zeros(g + c, np.int32)
    solver.addRows(g + c, low, np.ones(g + c), 0, nothing, np.empty(0, np.int32), np.empty(0))
    add_columns(
        solver,
        np.concatenate((problem.unary, cost)),
        np.concatenate((ones, np.full(c, INFINITY))),
        matrix.indptr,
        matrix.indices,
        matrix.data,
    )
    make_integer(solver, at)
    return solver
