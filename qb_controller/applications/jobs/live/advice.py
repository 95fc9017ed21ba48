"""A plan made for an earlier state of the quantum cloud, brought up to date with the present one.

Between a question and its answer QPUs go on: shots are given out and lost, jobs come, end and are
cancelled. So advice names jobs and QPUs instead of numbering them, tells times by the clock, and
says where shots shall run, not that they shall: orders are always made from what is left now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from qb_controller.applications.jobs.formulate import Task
from quantum_backends import schedule_places as kernels
from quantum_backends.routing import Floats
from quantum_backends.schedule_kernels import plan_of
from quantum_backends.schedule_lines import empty_lines, table_of
from quantum_backends.schedule_search import Inserter, orders
from quantum_backends.schedules import Plan, ScheduleProblem


@dataclass(frozen=True, slots=True)
class Share:
    """Shots of a fragment for a QPU.

    Attributes
    ----------
    variant, fragment : int
    qpu : str
    shots : int
    start : float
        Unix time.
    """

    variant: int
    fragment: int
    qpu: str
    shots: int
    start: float


Advice = Mapping[str, tuple[Share, ...]]
"""By name of the job, in the order of the starts."""

_Rows = list[tuple[int, int, int, float, float]]
"""Fragment, machine, shots, ready and due of pieces, as :mod:`~quantum_backends.schedule_places`
has them."""


def advice_of(task: Task, plan: Plan) -> Advice:
    """What a plan says, in words that stay true when the state changes."""
    found: dict[str, list[Share]] = {}
    for fragment, machine, shots, start in sorted(plan, key=lambda piece: piece[3]):
        name, variant, part = task.places[fragment]
        qpu = task.state.qpus[machine].qpu.name
        found.setdefault(name, []).append(Share(variant, part, qpu, shots, task.now + start))
    return {name: tuple(shares) for name, shares in found.items()}


def adapted(advice: Advice, task: Task) -> Plan:
    """A plan for the state of a task that follows advice as far as that still fits.

    A job stays on the QPUs that were advised, with the shots that are left of it. Whoever would be
    late there, has begun otherwise, or is new, is inserted where it is cheapest, if it is worth it.
    """
    problem = task.problem
    if not problem.n_requests:
        return ()
    table, lines = table_of(problem), empty_lines(len(problem.release))
    left: dict[tuple[str, int], list[int]] = {}
    for f, (name, variant, _) in enumerate(task.places):
        left.setdefault((name, variant), []).append(f)
    machines = {each.qpu.name: m for m, each in enumerate(task.state.qpus)}
    for name, shares in advice.items():
        rows = _rows(shares, task, left.get((name, shares[0].variant), ()), machines)
        if rows:
            kernels.put(table, lines, np.array(rows, dtype=np.float64))
    kernels.fill(table, lines, orders(problem, Inserter(problem).alone())[0])
    return plan_of(lines)


def _rows(
    shares: Sequence[Share], task: Task, fragments: Sequence[int], machines: Mapping[str, int]
) -> _Rows:
    """Rows of a job for what is left of it; none where the advice does not cover that."""
    found: _Rows = []
    for f in fragments:
        part = task.places[f][2]
        own = [share for share in shares if share.fragment == part and share.qpu in machines]
        if not own:
            return []
        left = _left(own, int(task.problem.shots[f]))
        found += [
            (f, machines[one.qpu], shots, one.start - task.now, 0.0)
            for one, shots in zip(own, left, strict=True)
            if shots
        ]
    return _timed(task.problem, found)


def _left(shares: Sequence[Share], shots: int) -> list[int]:
    """Shots of each share so that they are as many as are left in all.

    What was given meanwhile is what was to begin first; what was lost goes with the last share.
    """
    given = sum(share.shots for share in shares) - shots
    found = []
    for share in shares:
        less = min(max(given, 0), share.shots)
        found.append(share.shots - less)
        given -= less
    found[-1] -= given
    return found


def _timed(problem: ScheduleProblem, rows: _Rows) -> _Rows:
    """The same with times: what others wait for is due when the first of them was to start."""
    due: Floats = problem.deadline[problem.request_of[problem.variant_of]].copy()
    waits = np.diff(problem.parent_start) > 0
    for f, m, _, start, _ in rows:
        for up in problem.parent[problem.parent_start[f] : problem.parent_start[f + 1]].tolist():
            lag = max(float(problem.lag[one[1], m]) for one in rows if one[0] == up)
            due[up] = min(due[up], start - lag)
    return [
        (f, m, shots, max(float(problem.ready[f, m]), start if waits[f] else 0.0), float(due[f]))
        for f, m, shots, start, _ in rows
    ]
