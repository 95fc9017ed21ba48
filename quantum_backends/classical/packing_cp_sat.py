"""Packings by constraint programming (OR-Tools' CP-SAT): one Boolean for each option.

CP-SAT wants whole numbers. Where a resource's amounts and capacity are whole they are divided by
their greatest common divisor, which changes nothing; otherwise amounts are rounded up to 2^-30 of
the capacity, so that whatever it finds fits. ``proven_bound`` is given in the first case only.
"""

from __future__ import annotations

import numpy as np
from ortools.sat.python import cp_model

from quantum_backends.classical.cp_sat_run import run_cp_sat
from quantum_backends.classical.exact import ExactPacking, Info
from quantum_backends.packing import PackingProblem
from quantum_backends.packing_search import BestPacking, density
from quantum_backends.routing import Floats, Ints
from quantum_backends.solver import Budget

UNITS = 2**30
"""Steps that a capacity, and the largest worth, are cut into where they are not whole."""

_WHOLE = 2.0**50


class PackingCpSat(ExactPacking):
    """Exact given time."""

    name = "cp-sat"
    limit = 400_000
    margin_s = 0.03

    def search(self, problem: PackingProblem, budget: Budget, best: BestPacking, seed: int) -> Info:
        unit = max(float(np.abs(problem.worth).max(initial=0.0)), 1e-300) / UNITS
        model, taken, exact = _model(problem, unit, best.flat)
        if budget.left() <= self.margin_s:
            return {"status": "no time after building"}
        score = density(problem)

        def offer(found: cp_model.CpSolverSolutionCallback) -> None:
            best.settle(np.flatnonzero([found.boolean_value(x) for x in taken]), score)

        status, most = run_cp_sat(model, offer, budget, seed, self.margin_s)
        if not exact:
            return {"status": status}
        lost = problem.attainable - (most + problem.size) * unit
        return {"status": status, "proven_bound": max(problem.bound, lost)}


def whole(amount: Floats, capacity: float) -> tuple[Ints, int, bool]:
    """Amounts and capacity of one resource as whole numbers; True where nothing was rounded."""
    both = np.append(amount, capacity)
    if (both == np.floor(both)).all() and both.sum() < _WHOLE:
        numbers = both.astype(np.int64)
        divisor = max(1, int(np.gcd.reduce(numbers)))
        return numbers[:-1] // divisor, int(numbers[-1] // divisor), True
    # What exceeds the capacity by itself needs no finer telling; a huge number would overflow.
    cut = np.ceil(np.minimum(amount / max(capacity, 1e-300), 2.0) * UNITS).astype(np.int64)
    return cut, UNITS if capacity > 0 else 0, False


def _model(
    problem: PackingProblem, unit: float, start: Ints
) -> tuple[cp_model.CpModel, list[cp_model.IntVar], bool]:
    model = cp_model.CpModel()
    taken = [model.new_bool_var("") for _ in problem.worth]
    for a, b in zip(problem.first[:-1].tolist(), problem.first[1:].tolist(), strict=True):
        model.add_exactly_one(taken[a:b])
    by_resource, exact = problem.use.tocsc(), True
    for r, capacity in enumerate(problem.capacity.tolist()):
        part = slice(by_resource.indptr[r], by_resource.indptr[r + 1])
        if part.start == part.stop:
            continue
        numbers, most, same = whole(by_resource.data[part], capacity)
        exact &= same
        users = [taken[o] for o in by_resource.indices[part].tolist()]
        model.add(cp_model.LinearExpr.weighted_sum(users, numbers.tolist()) <= most)
    worth = np.rint(problem.worth / unit).astype(np.int64)
    model.maximize(cp_model.LinearExpr.weighted_sum(taken, worth.tolist()))
    hint = np.zeros(len(taken), bool)
    hint[start] = True
    for variable, value in zip(taken, hint.tolist(), strict=True):
        model.add_hint(variable, value)
    return model, taken, exact
