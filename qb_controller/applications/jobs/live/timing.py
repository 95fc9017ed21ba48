"""When a job could be done at the earliest, by modelled times."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from qb_controller.applications.jobs.book import spread
from qb_controller.applications.jobs.estimates import may_run
from qb_controller.model.jobs import CutPlan, JobRequest
from qb_controller.model.qpus import Qpu


def completion(
    request: JobRequest, qpus: Sequence[Qpu], free_at: Mapping[str, float], now: float
) -> float:
    """Earliest completion over the ways to serve a request, each fragment split over QPUs.

    Fragments are placed one after another by water filling, which is the earliest end of each
    fragment alone.

    Parameters
    ----------
    free_at : mapping of str to float
        When each QPU has done what it was given.

    Returns
    -------
    float
        Infinite where no way fits the QPUs.
    """
    return min(_end(plan, request.floor(plan), qpus, free_at, now) for plan in request.variants)


def _end(
    plan: CutPlan, floor: float, qpus: Sequence[Qpu], free_at: Mapping[str, float], now: float
) -> float:
    free = np.array([max(free_at[qpu.name], now) for qpu in qpus])
    overhead = np.array([qpu.overhead_s for qpu in qpus])
    ends: list[float] = []
    for part in plan.fragments:
        shot_s = np.array(
            [qpu.shot_s(part) if may_run(qpu, part, floor, now) else math.inf for qpu in qpus]
        )
        ready = max((ends[up] for up in part.after), default=now)
        start = np.maximum(free, ready)
        given = spread(start, overhead, shot_s, part.shots, len(qpus))
        if not given:
            return math.inf
        for m, shots in given:
            free[m] = start[m] + overhead[m] + shots * shot_s[m]
        ends.append(max(float(free[m]) for m, _ in given))
    return max(ends)
