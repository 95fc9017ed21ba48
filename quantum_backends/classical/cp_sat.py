"""Single paths by constraint programming over the candidate paths (OR-Tools' CP-SAT, one worker).

One Boolean per choice, the MLU alone as the objective, utilisations as whole numbers. It starts
from the better of two plans: the one installed, and what hot-link moves make of it.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from ortools.sat.python import cp_model

from quantum_backends import kernels
from quantum_backends.classical.cp_sat_run import run_cp_sat
from quantum_backends.objective import SLACK
from quantum_backends.routing import Ints, RoutingProblem
from quantum_backends.search import Best, cooled_start, refuse_more_choices
from quantum_backends.solution import Solution
from quantum_backends.solver import Budget, check_accepted
from quantum_backends.testing import tiny_problem

LIMIT = 40_000
"""Choices above which building and presolving alone take longer than a second."""

_UNITS = 10**7
"""Whole numbers per unit of the starting plan's MLU: rounding of 1,000 demands on a link adds up
to less than half of :data:`SLACK`. Answers are scored without it."""

_MARGIN_S = 0.02
_START_MOVES = 100


class CpSat:
    """Exact given time; answers split problems with single-path plans too."""

    name = "cp-sat"
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
        choice, mlu = cooled_start(problem, best, _START_MOVES)
        status, built_s = "not needed", 0.0
        if not best.at_floor and budget.left() > _MARGIN_S:
            began = budget.elapsed()
            model, variables = _model(problem, choice, mlu)
            built_s = budget.elapsed() - began
            status = "no time after building"
            if budget.left() > _MARGIN_S:

                def offer(found: cp_model.CpSolverSolutionCallback) -> None:
                    best.offer_choice(np.flatnonzero([found.boolean_value(x) for x in variables]))

                status, _ = run_cp_sat(model, offer, budget, seed, _MARGIN_S, SLACK)
                status = status.lower()
        return best.solution({"status": status, "built_s": built_s})


def _model(
    problem: RoutingProblem, start: Ints, unit: float
) -> tuple[cp_model.CpModel, list[cp_model.IntVar]]:
    """Booleans for the choices; each link's load at most the MLU, which is minimised."""
    layout, model = problem.layout, cp_model.CpModel()
    taken = [model.new_bool_var("") for _ in range(len(layout.demand))]
    for a, b in pairwise(layout.first.tolist()):
        model.add_exactly_one(taken[a:b])
    low = int(problem.bound / unit * _UNITS)
    mlu = model.new_int_var(low, _UNITS + problem.n_demands, "mlu")
    users = problem.incidence.T.tocsr()
    for e in range(problem.n_links):
        on = users.indices[users.indptr[e] : users.indptr[e + 1]]
        size = problem.choice_volume[on] / (problem.capacity[e] * unit) * _UNITS
        terms = [taken[j] for j in on.tolist()]
        load = cp_model.LinearExpr.weighted_sum(terms, np.rint(size).astype(int).tolist())
        model.add(load <= mlu)
    model.minimize(mlu)
    for j in start.tolist():
        model.add_hint(taken[j], 1)
    return model, taken
