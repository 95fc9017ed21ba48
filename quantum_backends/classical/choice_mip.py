"""Choices by mixed-integer programming (HiGHS).

One binary per option, exactly one of each group; for each coupled pair of options a variable that
is at least the sum of the two binaries less one. It starts from weighted DSATUR or the incumbent.
"""

from __future__ import annotations

import highspy
import numpy as np
from scipy import sparse

from quantum_backends import choice_kernels as kernels
from quantum_backends.choice_search import BestChoice
from quantum_backends.choices import ChoiceProblem, colouring
from quantum_backends.highs import INFINITY, QuietHighs, add_columns, has_feasible_point, quiet
from quantum_backends.solution import Solution
from quantum_backends.solver import Budget, check_accepted

LIMIT = 30_000
"""Coupled pairs above which presolving alone takes longer than anybody waits."""

_MARGIN_S = 0.05


class ChoiceMip:
    """Exact given time, on small problems."""

    name = "highs-mip"
    family = "classical"
    forms = ("choices",)

    def refusal(self, problem: ChoiceProblem) -> str:
        pairs = len(problem.weight) // 2
        return f"{pairs} coupled pairs, more than {LIMIT}" if pairs > LIMIT else ""

    def warm(self) -> None:
        kernels.warm()
        self.solve(colouring(np.array([[0, 1], [1, 2]]), 3, 2), Budget(1.0), 0)

    def solve(self, problem: ChoiceProblem, budget: Budget, seed: int) -> Solution:
        check_accepted(self.name, self.refusal(problem))
        best = BestChoice(problem, budget, self.name)
        status = "not needed"
        if best.value > problem.bound and budget.left() > _MARGIN_S:
            solver = _model(problem)
            solver.setOptionValue("random_seed", seed % 2**31)
            status = _run(solver, problem, budget, best)
        return best.solution({"status": status})


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
    integer = np.full(q, highspy.HighsVarType.kInteger)
    solver.changeColsIntegrality(q, at.astype(np.int32), integer)
    return solver


def _run(solver: QuietHighs, problem: ChoiceProblem, budget: Budget, best: BestChoice) -> str:
    q = len(problem.unary)
    point = highspy.HighsSolution()
    values = np.zeros(solver.getNumCol())
    values[best.flat] = 1.0
    taken = values[:q]
    row = np.repeat(np.arange(q), np.diff(problem.start))
    once = row < problem.partner
    values[q:] = taken[row[once]] * taken[problem.partner[once]]
    point.col_value = values.tolist()
    solver.setSolution(point)
    solver.setOptionValue("time_limit", budget.left() - _MARGIN_S)
    solver.HandleUserInterrupt = True

    def stop_when_over(event: object) -> None:
        if not budget.left():
            solver.cancelSolve()

    solver.cbMipInterrupt += stop_when_over
    solver.cbSimplexInterrupt += stop_when_over
    solver.run()
    if has_feasible_point(solver):
        found = np.array(solver.getSolution().col_value)[:q]
        order = np.lexsort((found, problem.group))
        best.offer(order[problem.first[1:] - 1])
    return str(solver.modelStatusToString(solver.getModelStatus()))
