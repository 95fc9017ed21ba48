"""When a request could be done at the earliest, by modelled times."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from qb_controller.applications.jobs.book import spread
from qb_controller.applications.jobs.estimates import may_run
from qb_controller.model.jobs import CutPlan, Progress
from qb_controller.model.qpus import Qpu


def completion(
    progress: Progress, qpus: Sequence[Qpu], free_at: Mapping[str, float], now: float
) -> float:
    """Earliest completion found over the ways to serve a request, each fragment split over QPUs.

    Fragments are placed one after another by water filling, which is the earliest end of each
    fragment alone: as they are listed, and the widest first, because narrow ones go anywhere.

    Parameters
    ----------
    progress : Progress
        Where it has begun, the shots that are left in the way taken.
    free_at : mapping of str to float
        When each QPU has done what it was given; infinite where it is not to be used.

    Returns
    -------
    float
        Infinite where no way fits the QPUs.
    """
    request, taken = progress.request, progress.variant
    plans = request.variants if taken is None else (request.variants[taken],)
    free = np.array([max(free_at[qpu.name], now) for qpu in qpus])
    return min(
        _end(progress, plan, order, qpus, free.copy(), now)
        for plan in plans
        for order in dict.fromkeys((tuple(range(len(plan.fragments))), _widest_first(plan)))
    )


def _widest_first(plan: CutPlan) -> tuple[int, ...]:
    stage: list[int] = []
    for part in plan.fragments:
        stage.append(max((stage[up] + 1 for up in part.after), default=0))
    at = range(len(plan.fragments))
    return tuple(sorted(at, key=lambda i: (stage[i], -plan.fragments[i].qubits)))


def _end(
    progress: Progress,
    plan: CutPlan,
    order: Sequence[int],
    qpus: Sequence[Qpu],
    free: np.ndarray,
    now: float,
) -> float:
    floor = progress.request.floor(plan)
    overhead = np.array([qpu.overhead_s for qpu in qpus])
    ends = [
        max((job.end for job in progress.under_way if job.fragment == i), default=now)
        for i in range(len(plan.fragments))
    ]
    for i in order:
        part = plan.fragments[i]
        shots = progress.left[i] if progress.left else part.shots
        if not shots:
            continue
        shot_s = np.array(
            [qpu.shot_s(part) if may_run(qpu, part, floor, now) else math.inf for qpu in qpus]
        )
        start = np.maximum(free, max((ends[up] for up in part.after), default=now))
        given = spread(start, overhead, shot_s, shots, len(qpus))
        if not given:
            return math.inf
        for m, share in given:
            free[m] = start[m] + overhead[m] + share * shot_s[m]
        ends[i] = max(ends[i], *(float(free[m]) for m, _ in given))
    return max(ends)
