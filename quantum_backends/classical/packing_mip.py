"""Packings by mixed-integer programming (HiGHS): one binary for each option.

It starts from the incumbent or a greedy answer. Resources are counted in units of their capacity;
HiGHS may exceed a row by 1e-6, so that what it finds is made to fit again before it is offered.
"""

from __future__ import annotations

import numpy as np

from quantum_backends.classical.exact import ExactPacking, Info
from quantum_backends.highs import has_feasible_point, make_integer, run_within, start_from
from quantum_backends.packing import PackingProblem
from quantum_backends.packing_lp import master_of
from quantum_backends.packing_search import BestPacking, best_density
from quantum_backends.solver import Budget


class PackingMip(ExactPacking):
    """Exact given time; the bound it proves is in ``info``."""

    name = "highs-mip"
    limit = 400_000
    margin_s = 0.05

    def search(self, problem: PackingProblem, budget: Budget, best: BestPacking, seed: int) -> Info:
        solver = master_of(problem).solver
        make_integer(solver, np.arange(len(problem.worth)))
        solver.setOptionValue("random_seed", seed % 2**31)
        solver.setOptionValue("mip_rel_gap", 1e-6)
        values = np.zeros(len(problem.worth))
        values[best.flat] = 1.0
        start_from(solver, values)
        score = best_density(problem)
        status = run_within(solver, budget, self.margin_s)
        if has_feasible_point(solver):
            found = np.array(solver.getSolution().col_value)
            order = np.lexsort((found, problem.group))
            best.settle(order[problem.first[1:] - 1], score)
        most = -solver.getInfo().mip_dual_bound
        lost = problem.attainable - most if np.isfinite(most) else problem.bound
        return {"status": status, "proven_bound": max(problem.bound, lost)}
