"""Programs by HiGHS: simplex or interior point for linear ones, branch and cut for the others."""

from __future__ import annotations

import highspy
import numpy as np

from quantum_backends.highs import has_feasible_point, quiet, run_within, start_from
from quantum_backends.program import BestPoint, Program
from quantum_backends.solution import Solution
from quantum_backends.solver import Budget, check_accepted

_MARGIN_S = 0.05
"""HiGHS overshoots its time limit by about so much."""


class LinearProgram:
    """Exact, for programs without whole numbers."""

    name = "highs-lp"
    family = "classical"
    forms = ("program",)

    def refusal(self, problem: Program) -> str:
        whole = int(problem.integral.sum())
        return f"{whole} variables must be whole numbers" if whole else ""

    def warm(self) -> None:
        quiet()

    def solve(self, problem: Program, budget: Budget, seed: int) -> Solution:
        check_accepted(self.name, self.refusal(problem))
        return run(problem, budget, seed, self.name)


class MixedProgram:
    """Exact given time, for programs with whole numbers."""

    name = "highs-mip"
    family = "classical"
    forms = ("program",)

    def refusal(self, problem: Program) -> str:
        return "" if problem.integral.any() else "it has no whole numbers: a linear program"

    def warm(self) -> None:
        quiet()

    def solve(self, problem: Program, budget: Budget, seed: int) -> Solution:
        check_accepted(self.name, self.refusal(problem))
        return run(problem, budget, seed, self.name)


def run(problem: Program, budget: Budget, seed: int, name: str) -> Solution:
    """Solve a program, from its incumbent where it has one.

    Raises
    ------
    NoFeasiblePoint
        None was found, and there is no incumbent.
    """
    best = BestPoint(problem, budget, name)
    if budget.left() <= _MARGIN_S:
        return best.solution({"status": "no time"})
    solver = quiet(random_seed=seed % 2**31)
    solver.passModel(_model(problem))
    if problem.incumbent is not None and problem.integral.any():
        start_from(solver, np.asarray(problem.incumbent))
    status = run_within(solver, budget, _MARGIN_S)
    # A time-out can leave a valid objective value at an infeasible point: ask before reading.
    if has_feasible_point(solver):
        best.offer(solver.getSolution().col_value)
    return best.solution({"status": status})


def _model(problem: Program) -> highspy.HighsLp:
    model = highspy.HighsLp()
    model.num_row_, model.num_col_ = problem.matrix.shape
    model.col_cost_ = problem.cost
    model.col_lower_, model.col_upper_ = problem.low, problem.high
    model.row_lower_, model.row_upper_ = problem.row_low, problem.row_high
    model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    model.a_matrix_.start_ = problem.matrix.indptr.astype(np.int32)
    model.a_matrix_.index_ = problem.matrix.indices.astype(np.int32)
    model.a_matrix_.value_ = problem.matrix.data
    kinds = highspy.HighsVarType
    if problem.integral.any():
        model.integrality_ = [kinds.kInteger if i else kinds.kContinuous for i in problem.integral]
    return model
