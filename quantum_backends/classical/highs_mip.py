"""Single paths by mixed-integer programming over the candidate paths (HiGHS).

One binary per choice, the MLU alone as the objective. It starts from the better of two plans: the
one installed, and what hot-link moves make of it.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from quantum_backends import kernels
from quantum_backends.highs import (
    INFINITY,
    QuietHighs,
    add_columns,
    add_rows,
    has_feasible_point,
    make_integer,
    quiet,
    run_within,
    start_from,
)
from quantum_backends.objective import SLACK
from quantum_backends.routing import Ints, RoutingProblem
from quantum_backends.search import Best, cooled_start, refuse_more_choices
from quantum_backends.solution import Solution
from quantum_backends.solver import Budget, check_accepted
from quantum_backends.testing import tiny_problem

LIMIT = 20_000
"""Choices above which building and presolving alone take longer than anybody waits."""

_MARGIN_S = 0.05
_START_MOVES = 50


class HighsMip:
    """Exact given time; answers split problems with single-path plans too."""

    name = "highs-mip"
    family = "classical"
    forms = ("routing",)

    def refusal(self, problem: RoutingProblem) -> str:
        return refuse_more_choices(problem, LIMIT)

    def warm(self) -> None:
        kernels.warm()
        self.solve(tiny_problem(), Budget(1.0), 0)

    def solve(self, problem: RoutingProblem, budget: Budget, seed: int) -> Solution:
        check_accepted(self.name, self.refusal(problem))
        best = Best(problem, budget, self.name)
        choice, _ = cooled_start(problem, best, _START_MOVES)
        started_at = best.score.mlu
        status, nodes = "not needed", 0.0
        if not best.at_floor and budget.left() > _MARGIN_S:
            solver = _model(problem)
            solver.setOptionValue("random_seed", seed % 2**31)
            status = _run(solver, problem, budget, best, choice)
            nodes = float(solver.getInfo().mip_node_count)
        return best.solution({"status": status, "nodes": nodes, "start_mlu": started_at})


def _model(problem: RoutingProblem) -> QuietHighs:
    """Columns: the MLU, then one per choice. Rows: links, then demands."""
    layout, m, k = problem.layout, problem.n_links, problem.n_demands
    q = len(layout.demand)
    solver = quiet()
    none = np.zeros(m + k + 1, np.int64)
    low = np.concatenate((np.full(m, -INFINITY), np.ones(k)))
    high = np.concatenate((np.zeros(m), np.ones(k)))
    add_rows(solver, low, high, none, none[:0], np.empty(0))
    use = sparse.diags_array(problem.choice_volume) @ problem.incidence
    use = use @ sparse.diags_array(1 / problem.capacity)
    pick = sparse.csr_array((np.ones(q), (np.arange(q), layout.demand)), shape=(q, k))
    matrix = sparse.hstack((use, pick)).tocsr()
    mlu = np.array([0, m]), np.arange(m), np.full(m, -1.0)
    add_columns(solver, np.ones(1), np.full(1, INFINITY), *mlu)
    solver.changeColBounds(0, problem.bound, INFINITY)
    add_columns(solver, np.zeros(q), np.ones(q), matrix.indptr, matrix.indices, matrix.data)
    make_integer(solver, np.arange(1, q + 1))
    return solver


def _run(
    solver: QuietHighs, problem: RoutingProblem, budget: Budget, best: Best, start: Ints
) -> str:
    values = np.zeros(len(problem.layout.demand) + 1)
    values[start + 1] = 1.0
    values[0] = best.score.mlu
    start_from(solver, values)
    solver.setOptionValue("mip_rel_gap", SLACK)
    status = run_within(solver, budget, _MARGIN_S)
    # A time-out can leave a valid objective value at an infeasible point: ask before reading.
    if has_feasible_point(solver):
        best.offer_choice(_chosen(problem, np.array(solver.getSolution().col_value)[1:]))
    return status


def _chosen(problem: RoutingProblem, values: np.ndarray) -> Ints:
    """The choice of each demand with the largest value (integers up to rounding)."""
    order = np.lexsort((values, problem.layout.demand))
    return order[problem.layout.first[1:] - 1]
