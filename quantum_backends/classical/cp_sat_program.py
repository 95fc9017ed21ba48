"""Programs of bounded whole numbers by OR-Tools' CP-SAT, through its model builder.

CP-SAT reckons with whole numbers: the builder scales the coefficients, and what comes out is
checked against the program itself.
"""

from __future__ import annotations

import numpy as np
from ortools.linear_solver.python import model_builder

from quantum_backends.program import BestPoint, Program
from quantum_backends.solution import Solution
from quantum_backends.solver import Budget, check_accepted

_MARGIN_S = 0.02


class CpSatProgram:
    """Exact given time; cannot be interrupted but by its time limit."""

    name = "cp-sat"
    family = "classical"
    forms = ("program",)

    def refusal(self, problem: Program) -> str:
        loose = np.flatnonzero(~problem.integral)
        if len(loose):
            return f"variable {loose[0]} may be a fraction"
        endless = np.flatnonzero(~np.isfinite(problem.low) | ~np.isfinite(problem.high))
        return f"variable {endless[0]} has no bound" if len(endless) else ""

    def warm(self) -> None:
        model_builder.Solver("sat")

    def solve(self, problem: Program, budget: Budget, seed: int) -> Solution:
        check_accepted(self.name, self.refusal(problem))
        best = BestPoint(problem, budget, self.name)
        if budget.left() <= _MARGIN_S:
            return best.solution({"status": "no time"})
        model, variables = _model(problem)
        solver = model_builder.Solver("sat")
        solver.set_time_limit_in_seconds(max(budget.left() - _MARGIN_S, 0.001))
        solver.set_solver_specific_parameters(f"num_workers:1 random_seed:{seed % 2**31}")
        status = solver.solve(model)
        if status in (model_builder.SolveStatus.OPTIMAL, model_builder.SolveStatus.FEASIBLE):
            best.offer([solver.value(variable) for variable in variables])
        return best.solution({"status": status.name.lower()})


def _model(problem: Program) -> tuple[model_builder.Model, list[model_builder.Variable]]:
    model = model_builder.Model()
    bounds = zip(problem.low.tolist(), problem.high.tolist(), strict=True)
    variables = [model.new_int_var(low, high, f"x{i}") for i, (low, high) in enumerate(bounds)]
    rows = problem.matrix
    for i in range(rows.shape[0]):
        part = slice(rows.indptr[i], rows.indptr[i + 1])
        terms = [variables[j] for j in rows.indices[part]]
        row = model_builder.LinearExpr.weighted_sum(terms, rows.data[part].tolist())
        model.add_linear_constraint(row, problem.row_low[i], problem.row_high[i])
    model.minimize(model_builder.LinearExpr.weighted_sum(variables, problem.cost.tolist()))
    if problem.incumbent is not None:
        for variable, value in zip(variables, problem.incumbent, strict=True):
            model.add_hint(variable, value)
    return model, variables
