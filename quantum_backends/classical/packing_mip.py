"""Packings by mixed-integer programming (HiGHS): one binary for each option.

It starts from the incumbent or a greedy answer. Resources are counted in units of their capacity;
HiGHS may exceed a row by 1e-6, so that what it finds is made to fit again before it is offered.
"""

from __future__ import annotations

import highspy
import numpy as np

from quantum_backends import packing_kernels as kernels
from quantum_backends.highs import QuietHighs, has_feasible_point
from quantum_backends.packing import PackingProblem, random_packing
from quantum_backends.packing_lp import master_of
from quantum_backends.packing_search import BestPacking, best_density
from quantum_backends.solution import Solution
from quantum_backends.solver import Budget, check_accepted

LIMIT = 400_000
"""Uses of resources above which building the model takes longer than anybody waits."""

_MARGIN_S = 0.05


class PackingMip:
    """Exact given time; the bound it proves is in ``info``."""

    name = "highs-mip"
    family = "classical"
    forms = ("packing",)

    def refusal(self, problem: PackingProblem) -> str:
        uses = len(problem.amount)
        return f"{uses} uses of resources, more than {LIMIT}" if uses > LIMIT else ""

    def warm(self) -> None:
        kernels.warm()
        self.solve(random_packing(4, 2, 3, 0), Budget(1.0), 0)

    def solve(self, problem: PackingProblem, budget: Budget, seed: int) -> Solution:
        check_accepted(self.name, self.refusal(problem))
        best = BestPacking(problem, budget, self.name)
        info: dict[str, float | str] = {"status": "not needed"}
        if problem.size and not best.proven and budget.left() > _MARGIN_S:
            solver = master_of(problem).solver
            q = len(problem.worth)
            integer = np.full(q, highspy.HighsVarType.kInteger)
            solver.changeColsIntegrality(q, np.arange(q, dtype=np.int32), integer)
            solver.setOptionValue("random_seed", seed % 2**31)
            solver.setOptionValue("mip_rel_gap", 1e-6)
            info = _run(solver, problem, budget, best)
        return best.solution(info)


def _run(
    solver: QuietHighs, problem: PackingProblem, budget: Budget, best: BestPacking
) -> dict[str, float | str]:
    score = best_density(problem)
    point = highspy.HighsSolution()
    values = np.zeros(len(problem.worth))
    values[best.flat] = 1.0
    point.col_value = values.tolist()
    solver.setSolution(point)
    solver.setOptionValue("time_limit", max(0.0, budget.left() - _MARGIN_S))
    solver.HandleUserInterrupt = True

    def stop_when_over(event: object) -> None:
        if not budget.left():
            solver.cancelSolve()

    solver.cbMipInterrupt += stop_when_over
    solver.cbSimplexInterrupt += stop_when_over
    solver.run()
    if has_feasible_point(solver):
        found = np.array(solver.getSolution().col_value)
        order = np.lexsort((found, problem.group))
        best.settle(order[problem.first[1:] - 1], score)
    most = -solver.getInfo().mip_dual_bound
    proven = max(problem.bound, problem.attainable - most) if np.isfinite(most) else problem.bound
    status = str(solver.modelStatusToString(solver.getModelStatus()))
    return {"status": status, "proven_bound": proven}
