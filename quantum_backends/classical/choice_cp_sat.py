"""Choices by constraint programming (OR-Tools' CP-SAT).

One Boolean per option, exactly one of each group; for each two groups and each cost between them
a Boolean that is true where options coupled at that cost are taken. Costs as integers. It starts
from weighted DSATUR or the incumbent.
"""

from __future__ import annotations

import numpy as np
from ortools.sat.python import cp_model

from quantum_backends import choice_kernels as kernels
from quantum_backends.choice_search import BestChoice
from quantum_backends.choices import ChoiceProblem, colouring
from quantum_backends.solution import Solution
from quantum_backends.solver import Budget, check_accepted

LIMIT = 150_000
"""Coupled pairs above which building the model takes more than a second."""

UNITS = 10**9
"""Integers that the starting cost is cut into."""

_MARGIN_S = 0.03


class ChoiceCpSat:
    """Exact given time; the bound it proves is in ``info``."""

    name = "cp-sat"
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
        status, bound = "not needed", problem.bound
        if best.value > problem.bound and budget.left() > _MARGIN_S:
            unit = best.value / UNITS
            model, taken = _model(problem, unit, best.flat)
            if budget.left() > _MARGIN_S:
                status, bound = _run(model, taken, unit, problem, budget, best, seed)
        return best.solution({"status": status, "proven_bound": bound})


def _model(
    problem: ChoiceProblem, unit: float, start: np.ndarray
) -> tuple[cp_model.CpModel, list[cp_model.IntVar]]:
    model = cp_model.CpModel()
    taken = [model.new_bool_var("") for _ in problem.unary]
    for a, b in zip(problem.first[:-1].tolist(), problem.first[1:].tolist(), strict=True):
        model.add_exactly_one(taken[a:b])
    row = np.repeat(np.arange(len(problem.unary)), np.diff(problem.start))
    once = row < problem.partner
    one, other = row[once], problem.partner[once]
    cost = np.rint(problem.weight[once] / unit).astype(np.int64)
    # Couplings of two groups at one cost exclude one another, so they share a Boolean.
    keys = np.stack((problem.group[one], problem.group[other], cost), 1)
    keys, which = np.unique(keys, axis=0, return_inverse=True)
    both = [model.new_bool_var("") for _ in keys]
    for o, p, w in zip(one.tolist(), other.tolist(), which.ravel().tolist(), strict=True):
        model.add_bool_or(taken[o].negated(), taken[p].negated(), both[w])
    alone = np.rint(problem.unary / unit).astype(np.int64)
    model.minimize(
        cp_model.LinearExpr.weighted_sum([*taken, *both], [*alone.tolist(), *keys[:, 2].tolist()])
    )
    for option in range(len(taken)):
        model.add_hint(taken[option], bool(start[problem.group[option]] == option))
    return model, taken


class _Report(cp_model.CpSolverSolutionCallback):
    """Offers each better answer as it is found, and stops when the budget does."""

    def __init__(self, taken: list[cp_model.IntVar], budget: Budget, best: BestChoice) -> None:
        super().__init__()
        self._taken, self._budget, self._best = taken, budget, best

    def on_solution_callback(self) -> None:
        flat = np.flatnonzero([self.boolean_value(x) for x in self._taken])
        self._best.offer(flat)
        if not self._budget.left():
            self.stop_search()


def _run(
    model: cp_model.CpModel,
    taken: list[cp_model.IntVar],
    unit: float,
    problem: ChoiceProblem,
    budget: Budget,
    best: BestChoice,
    seed: int,
) -> tuple[str, float]:
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = seed % 2**31
    solver.parameters.max_time_in_seconds = max(0.0, budget.left() - _MARGIN_S)
    status = solver.solve(model, _Report(taken, budget, best))
    rounding = len(problem.weight) / 4 + len(problem.unary) / 2
    bound = (solver.best_objective_bound - rounding) * unit
    return solver.status_name(status), max(problem.bound, bound)
