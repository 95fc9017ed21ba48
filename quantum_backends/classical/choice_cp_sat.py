"""Choices by constraint programming (OR-Tools' CP-SAT).

One Boolean per option, exactly one of each group; for each two groups and each cost between them
a Boolean that is true where options coupled at that cost are taken. Costs as integers. It starts
from weighted DSATUR or the incumbent.
"""

from __future__ import annotations

import numpy as np
from ortools.sat.python import cp_model

from quantum_backends.choice_search import BestChoice
from quantum_backends.choices import ChoiceProblem
from quantum_backends.classical.cp_sat_run import run_cp_sat
from quantum_backends.classical.exact import ExactChoice, Info
from quantum_backends.solver import Budget

UNITS = 10**9
"""Integers that the starting cost is cut into."""


class ChoiceCpSat(ExactChoice):
    """Exact given time; the bound it proves is in ``info``."""

    name = "cp-sat"
    limit = 150_000
    margin_s = 0.03

    def search(self, problem: ChoiceProblem, budget: Budget, best: BestChoice, seed: int) -> Info:
        unit = best.value / UNITS
        model, taken = _model(problem, unit, best.flat)
        if budget.left() <= self.margin_s:
            return {"status": "no time after building"}

        def offer(found: cp_model.CpSolverSolutionCallback) -> None:
            best.offer(np.flatnonzero([found.boolean_value(x) for x in taken]))

        status, bound = run_cp_sat(model, offer, budget, seed, self.margin_s)
        rounding = len(problem.weight) / 4 + len(problem.unary) / 2
        return {"status": status, "proven_bound": max(problem.bound, (bound - rounding) * unit)}


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
