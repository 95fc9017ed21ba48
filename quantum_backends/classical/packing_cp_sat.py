"""Packings by constraint programming (OR-Tools' CP-SAT): one Boolean for each option.

CP-SAT wants whole numbers. Where a resource's amounts and capacity are whole they are divided by
their greatest common divisor, which changes nothing; otherwise amounts are rounded up to 2^-30 of
the capacity, so that whatever it finds fits. ``proven_bound`` is given in the first case only.
"""

from __future__ import annotations

import numpy as np
from ortools.sat.python import cp_model

from quantum_backends import packing_kernels as kernels
from quantum_backends.packing import PackingProblem, random_packing
from quantum_backends.packing_search import BestPacking, density
from quantum_backends.routing import Floats, Ints
from quantum_backends.solution import Solution
from quantum_backends.solver import Budget, check_accepted

LIMIT = 400_000
"""Uses of resources above which building the model takes more than two seconds."""

UNITS = 2**30
"""Steps that a capacity, and the largest worth, are cut into where they are not whole."""

_WHOLE = 2.0**50
_MARGIN_S = 0.03


class PackingCpSat:
    """Exact given time."""

    name = "cp-sat"
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
            unit = max(float(np.abs(problem.worth).max(initial=0.0)), 1e-300) / UNITS
            model, taken, exact = _model(problem, unit, best.flat)
            if budget.left() > _MARGIN_S:
                status, most = _run(model, taken, problem, budget, best, seed)
                info = {"status": status}
                if exact:
                    lost = problem.attainable - (most + problem.size) * unit
                    info["proven_bound"] = max(problem.bound, lost)
        return best.solution(info)


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


class _Report(cp_model.CpSolverSolutionCallback):
    """Offers each better answer as it is found, and stops when the budget does."""

    def __init__(
        self,
        taken: list[cp_model.IntVar],
        problem: PackingProblem,
        budget: Budget,
        best: BestPacking,
    ) -> None:
        super().__init__()
        self._taken, self._budget, self._best = taken, budget, best
        self._score = density(problem)

    def on_solution_callback(self) -> None:
        flat = np.flatnonzero([self.boolean_value(x) for x in self._taken])
        self._best.settle(flat, self._score)
        if not self._budget.left():
            self.stop_search()


def _run(
    model: cp_model.CpModel,
    taken: list[cp_model.IntVar],
    problem: PackingProblem,
    budget: Budget,
    best: BestPacking,
    seed: int,
) -> tuple[str, float]:
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = seed % 2**31
    solver.parameters.max_time_in_seconds = max(0.0, budget.left() - _MARGIN_S)
    status = solver.solve(model, _Report(taken, problem, budget, best))
    return solver.status_name(status), float(solver.best_objective_bound)
