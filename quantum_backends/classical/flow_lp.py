"""Maximum flow by linear programming over the given paths (HiGHS, interior point).

One variable per path; one row per link and one per demand. Without crossover the point that comes
out is inside the optimal face rather than in a corner, which takes half the time at ten thousand
demands; rounding beyond a row is cut off afterwards.
"""

from __future__ import annotations

import highspy
import numpy as np
from scipy import sparse

from quantum_backends.flow import FlowProblem
from quantum_backends.flow_search import BestFlow, fitted, warm
from quantum_backends.highs import (
    INFINITY,
    QuietHighs,
    has_feasible_point,
    is_optimal,
    quiet,
    run_within,
)
from quantum_backends.solution import Solution
from quantum_backends.solver import Budget, check_accepted

_MARGIN_S = 0.02
"""HiGHS is told to stop this much before the budget ends."""


class FlowLp:
    """Optimal over the given paths, when its budget suffices."""

    name = "highs-lp"
    family = "classical"
    forms = ("flow",)

    def refusal(self, problem: FlowProblem) -> str:
        return ""

    def warm(self) -> None:
        warm(self.solve)

    def solve(self, problem: FlowProblem, budget: Budget, seed: int) -> Solution:
        check_accepted(self.name, self.refusal(problem))
        best = BestFlow(problem, budget, self.name)
        status = "not needed"
        if best.value > problem.bound and budget.left() > _MARGIN_S:
            solver = _model(problem)
            status = run_within(solver, budget, _MARGIN_S)
            if is_optimal(solver) or has_feasible_point(solver):
                values = np.array(solver.getSolution().col_value)
                flow = values[: len(problem.paths.demand)] * float(problem.capacity.mean())
                best.offer(fitted(problem, flow))
        return best.solution({"status": status})


def _model(problem: FlowProblem) -> QuietHighs:
    """Variables: the flow on each path, and for a concurrent flow the share served.

    Rows: links, then demands. Flows are in units of the mean capacity.
    """
    layout, m, k = problem.paths, problem.n_links, problem.size
    q, unit = len(layout.demand), float(problem.capacity.mean())
    volume = problem.volume / unit
    use = sparse.csr_array((np.ones(len(layout.link)), layout.link, layout.start), shape=(q, m))
    serve = sparse.csr_array((np.ones(q), layout.demand, np.arange(q + 1)), shape=(q, k))
    rows = sparse.hstack((use, serve)).tocsr()  # one row of this per column of the program
    cost, low = np.full(q, -1.0), np.full(m + k, -INFINITY)
    high = np.concatenate((problem.capacity / unit, volume))
    if problem.objective == "concurrent":
        share = sparse.csr_array(np.concatenate((np.zeros(m), -volume))[None, :])
        rows = sparse.vstack((rows, share)).tocsr()
        cost = np.append(np.zeros(q), -1.0)
        low[m:], high[m:] = 0.0, INFINITY
    solver = quiet(solver="ipm", run_crossover="off")
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = rows.shape
    lp.col_cost_ = cost
    lp.col_lower_, lp.col_upper_ = np.zeros(len(cost)), np.full(len(cost), INFINITY)
    lp.row_lower_, lp.row_upper_ = low, high
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_, lp.a_matrix_.index_ = rows.indptr, rows.indices
    lp.a_matrix_.value_ = rows.data
    solver.passModel(lp)
    return solver
