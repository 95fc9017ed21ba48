"""Schedules by constraint programming (OR-Tools' CP-SAT): optional intervals on machines.

For every fragment and machine the number of shots there, and an interval of the length that they
take. Times are whole multiples of a unit that is small beside a shot; rounded up, so that every
plan is one, or down, so that the bound holds for the true times. A price of time is taken as flat:
what ripens is found only as far as the true value of the plans tells.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
from ortools.sat.python import cp_model

from quantum_backends.classical.cp_sat_run import run_cp_sat
from quantum_backends.schedule_instances import random_schedule
from quantum_backends.schedule_search import BestSchedule
from quantum_backends.schedules import Plan, ScheduleProblem
from quantum_backends.solution import Solution
from quantum_backends.solver import Budget, check_accepted

LIMIT = 4000
"""Pairs of fragments and machines above which building the model takes more than a second."""

FINE = 1e-3
"""Unit of time over the shortest shot or fixed time."""

SPANS = 150
"""Possible pieces on a machine up to which each stretch of time is counted up for the bound."""

VALUES = 10**6
"""Integers that the greatest value is cut into."""

_MARGIN_S = 0.03


@dataclass
class Model:
    """The variables that an answer is read from.

    Attributes
    ----------
    model : CpModel
    unit : float
        Seconds.
    scale : float
        Value of one step of the objective, which is maximised.
    pieces : dict of (int, int) to tuple
        By fragment and machine: shots, start, whether there is one.
    """

    model: cp_model.CpModel
    unit: float
    scale: float
    pieces: dict[tuple[int, int], tuple[cp_model.IntVar, cp_model.IntVar, cp_model.IntVar]]


class ScheduleCpSat:
    """Exact given time where time has no price; the bound it proves is in ``info``."""

    name = "cp-sat"
    family = "classical"
    forms = ("schedule",)

    def refusal(self, problem: ScheduleProblem) -> str:
        pairs = int(np.isfinite(problem.shot_s).sum())
        return f"{pairs} places for fragments, more than {LIMIT}" if pairs > LIMIT else ""

    def warm(self) -> None:
        self.solve(random_schedule(2, 2, 0), Budget(1.0), 0)

    def solve(self, problem: ScheduleProblem, budget: Budget, seed: int) -> Solution:
        check_accepted(self.name, self.refusal(problem))
        best = BestSchedule(problem, budget, self.name)
        status, bound = "not needed", problem.bound
        if not best.proven and problem.n_requests and budget.left() > _MARGIN_S:
            built = build(problem, optimistic=False)
            hint(built, best.plan)
            if budget.left() > _MARGIN_S:
                offer = partial(_offer, built, best)
                status, top = run_cp_sat(built.model, offer, budget, seed, _MARGIN_S)
                bound = max(bound, float(problem.value_of_request.sum()) - top * built.scale)
        return best.solution({"status": status, "proven_bound": bound})


def _offer(built: Model, best: BestSchedule, found: cp_model.CpSolverSolutionCallback) -> None:
    pieces = []
    for (f, m), (shots, start, _) in built.pieces.items():
        if number := found.value(shots):
            pieces.append((f, m, int(number), found.value(start) * built.unit))
    best.offer(tuple(pieces))


def build(problem: ScheduleProblem, optimistic: bool) -> Model:
    """Write the problem down for CP-SAT.

    Parameters
    ----------
    optimistic : bool
        Round every length down and every deadline up: what is then proven to be the most that can
        be served is so for the true times too.
    """
    p, model = problem, cp_model.CpModel()
    finite = p.shot_s[np.isfinite(p.shot_s) & (p.shot_s > 0)]
    unit = FINE * float(min(finite.min(initial=1.0), p.fixed[p.fixed > 0].min(initial=1.0)))
    longer, shorter = (math.floor, math.ceil) if optimistic else (math.ceil, math.floor)
    scale = float(p.value_of_request.max(initial=1.0)) / VALUES
    pieces: dict[tuple[int, int], tuple[cp_model.IntVar, cp_model.IntVar, cp_model.IntVar]] = {}
    ends: dict[tuple[int, int], cp_model.IntVar] = {}
    spans: list[list[tuple[int, int, cp_model.IntVar]]] = [[] for _ in p.release]
    on: list[list[cp_model.IntervalVar]] = [[] for _ in p.release]
    objective = []
    taken = [model.new_bool_var("") for _ in range(len(p.first_fragment) - 1)]
    for r in range(p.n_requests):
        model.add_at_most_one(taken[p.first_variant[r] : p.first_variant[r + 1]])
    for v, whether in enumerate(taken):
        r = int(p.request_of[v])
        objective.append(whether * round(float(p.value_of_request[r]) / scale))
        for f in range(p.first_fragment[v], p.first_fragment[v + 1]):
            shots, there = [], []
            for m in np.flatnonzero(np.isfinite(p.shot_s[f])).tolist():
                begin = longer(max(p.release[m], p.ready[f, m]) / unit)
                close = shorter(min(p.deadline[r], p.close[m]) / unit)
                fixed, each = longer(p.fixed[m] / unit), longer(p.shot_s[f, m] / unit)
                if close < begin + fixed + each:
                    continue
                number = model.new_int_var(0, int(p.shots[f]), "")
                is_there = model.new_bool_var("")
                start, end = (model.new_int_var(begin, close, "") for _ in range(2))
                size = model.new_int_var(0, close - begin, "")
                model.add(size == fixed * is_there + each * number)
                model.add(number == 0).only_enforce_if(is_there.negated())
                model.add(number >= 1).only_enforce_if(is_there)
                model.add_implication(is_there, whether)
                on[m].append(model.new_optional_interval_var(start, size, end, is_there, ""))
                spans[m].append((begin, close, size))
                pieces[f, m], ends[f, m] = (number, start, is_there), end
                shots.append(number)
                there.append(is_there)
                if p.price[m] > 0:
                    objective.append(-size * float(p.price[m] * unit / scale))
            model.add(sum(shots) == int(p.shots[f]) * whether)
            model.add(sum(there) <= p.parts)
            for up in p.parent[p.parent_start[f] : p.parent_start[f + 1]].tolist():
                _order(model, p, f, up, pieces, ends, unit, longer)
    for intervals in on:
        model.add_no_overlap(intervals)
    if optimistic:
        for span in spans:
            _within(model, span)
    model.maximize(sum(objective))
    return Model(model, unit, scale, pieces)


def _within(model: cp_model.CpModel, spans: list[tuple[int, int, cp_model.IntVar]]) -> None:
    """What must lie within a stretch of time fits into it: redundant, but linear, so it bounds."""
    if len(spans) > SPANS:
        return
    for a in {begin for begin, _, _ in spans}:
        for b in {close for _, close, _ in spans}:
            inside = [size for begin, close, size in spans if begin >= a and close <= b]
            if len(inside) > 1:
                model.add(sum(inside) <= b - a)


def _order(model, p, f, up, pieces, ends, unit, longer):  # type: ignore[no-untyped-def]
    for m in range(len(p.release)):
        for q in range(len(p.release)):
            if (f, m) in pieces and (up, q) in pieces:
                lag = longer(p.lag[q, m] / unit)
                both = [pieces[f, m][2], pieces[up, q][2]]
                model.add(pieces[f, m][1] >= ends[up, q] + lag).only_enforce_if(both)


def hint(built: Model, plan: Plan) -> None:
    """Begin from a plan."""
    at = {(f, m): (shots, start) for f, m, shots, start in plan}
    for key, (number, begin, is_there) in built.pieces.items():
        shots, start = at.get(key, (0, 0.0))
        built.model.add_hint(number, shots)
        built.model.add_hint(is_there, bool(shots))
        if shots:
            built.model.add_hint(begin, math.ceil(start / built.unit))


def most_served(problem: ScheduleProblem, seconds: float, seed: int = 0) -> tuple[float, bool]:
    """Greatest value that can be served at all: an upper bound, proven for the true times.

    Returns
    -------
    float, bool
        The bound, and whether the search ended (then only rounding lies between it and the truth).
    """
    built = build(problem, optimistic=True)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = seed
    solver.parameters.max_time_in_seconds = seconds
    # With presolve, OR-Tools 9.15 proved a bound of 7 on an instance of which 8 are served.
    solver.parameters.cp_model_presolve = False
    status = solver.solve(built.model)
    return float(solver.best_objective_bound * built.scale), status == cp_model.OPTIMAL
