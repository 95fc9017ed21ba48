"""Schedules of quantum jobs for the stream of tasks that the policy is measured on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from quantum_backends.schedules import Plan, ScheduleProblem

Rng = np.random.Generator

FAMILIES = ("ghz", "hea", "qaoa", "adder")
"""Kinds of circuits that are asked for; they are cut at once, the others take seconds."""


def drawn_schedule(rng: Rng) -> ScheduleProblem:
    """Requests that have nothing of circuits or QPUs."""
    from quantum_backends.schedule_instances import random_schedule

    return random_schedule(
        requests=_log_uniform(rng, 4, 80),
        machines=int(rng.integers(2, 17)),
        seed=int(rng.integers(2**31)),
        parts=int(rng.choice((1, 2, 8))),
        tightness=float(rng.uniform(1.2, 4)),
        price=float(rng.choice((0.0, 0.02, 0.1))),
        spread_s=float(rng.choice((0.0, 5.0, 20.0))),
    )


def waiting_jobs(rng: Rng) -> ScheduleProblem:
    """What waits at one moment of a simulated quantum cloud that is asked for more than it can do.

    A moment at which the insertion heuristic leaves something to gain, where there is one.
    """
    from qb_controller.applications.jobs import settings as parameters
    from qb_controller.applications.jobs.formulate import Task
    from qb_controller.applications.jobs.ours import ours
    from qb_controller.applications.jobs.simulator import simulate
    from qb_controller.applications.jobs.workload import BURSTY, POISSON, Cell, draw
    from quantum_backends.schedule_search import contested, quick

    settings = dict(parameters.defaults())
    weights = settings["workload"]["families"]
    settings["workload"] = {
        **settings["workload"],
        "families": {name: weights[name] for name in FAMILIES},
    }
    met: list[ScheduleProblem] = []

    def solve(task: Task, plan: Plan) -> Plan:
        problem = task.problem
        if len(problem.shots) and len(plan) and problem.size > 1:
            met.append(problem)
        return plan

    cell = Cell(
        load=float(rng.uniform(1.0, 3.0)),
        tightness=float(rng.uniform(1.5, 5.0)),
        qpus=_log_uniform(rng, 4, 24),
        arrivals=str(rng.choice((POISSON, BURSTY))),
    )
    simulate(draw(cell, settings, int(rng.integers(2**31)), 100), ours(settings, solve))
    scarce = [each for each in met if contested(each, quick(each, 0)[0])]
    some = scarce or met
    return some[int(rng.integers(len(some)))]


def _log_uniform(rng: Rng, least: float, most: float) -> int:
    return round(math.exp(rng.uniform(math.log(least), math.log(most))))
