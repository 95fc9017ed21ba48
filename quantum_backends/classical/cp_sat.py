"""Single paths by constraint programming over the candidate paths (OR-Tools' CP-SAT, one worker).

One Boolean per choice, the MLU alone as the objective, utilisations as whole numbers. It starts
from the better of two plans: the one installed, and what hot-link moves make of it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import numpy as np
from ortools.sat.python import cp_model

from quantum_backends import kernels
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
_POLL_S = 0.01
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
            status = _run(model, variables, budget, best, seed)
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


def _run(
    model: cp_model.CpModel,
    taken: list[cp_model.IntVar],
    budget: Budget,
    best: Best,
    seed: int,
) -> str:
    left = budget.left() - _MARGIN_S
    if left <= 0:
        return "no time after building"
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = seed % 2**31
    solver.parameters.relative_gap_limit = SLACK
    solver.parameters.max_time_in_seconds = left
    with _watched(solver, budget):
        status = solver.solve(model, _Offer(taken, best))
    return str(solver.status_name(status)).lower()


class _Offer(cp_model.CpSolverSolutionCallback):
    """Hands each plan found to the best so far."""

    def __init__(self, taken: list[cp_model.IntVar], best: Best) -> None:
        super().__init__()
        self._taken, self._best = taken, best

    def on_solution_callback(self) -> None:
        values = np.fromiter((self.boolean_value(x) for x in self._taken), bool)
        self._best.offer_choice(np.flatnonzero(values))


@contextmanager
def _watched(solver: cp_model.CpSolver, budget: Budget) -> Iterator[None]:
    """Stop the solver soon after the budget is cancelled."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(_POLL_S):
            if not budget.left():
                solver.stop_search()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
