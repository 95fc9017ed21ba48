"""What a request takes on a fleet with nothing else to do."""

from __future__ import annotations

import math
from collections.abc import Sequence

from qb_controller.model.jobs import CutPlan, Fragment, JobRequest
from qb_controller.model.qpus import Latency, Qpu


def may_run(qpu: Qpu, fragment: Fragment, floor: float, now: float = 0.0) -> bool:
    """Whether a QPU is wide enough, and good enough at a time, for a fragment."""
    if fragment.qubits > qpu.qubits:
        return False
    return floor <= 0 or qpu.fidelity(fragment, now) >= floor


def plan_s(
    plan: CutPlan, qpus: Sequence[Qpu], latency: Latency, floor: float, now: float = 0.0
) -> float:
    """Time until all fragments of a plan have ended on an empty fleet, each whole on one QPU.

    Fragment by fragment where it ends first. Infinite where one may run nowhere.
    """
    free = [0.0] * len(qpus)
    ends: list[tuple[float, str]] = []
    for fragment in plan.fragments:
        best, where = math.inf, -1
        for i, qpu in enumerate(qpus):
            if not may_run(qpu, fragment, floor, now):
                continue
            begin = free[i]
            for up in fragment.after:
                begin = max(begin, ends[up][0] + latency.between(ends[up][1], qpu.site))
            end = begin + qpu.busy_s(fragment, fragment.shots)
            if end < best:
                best, where = end, i
        if where < 0:
            return math.inf
        free[where] = best
        ends.append((best, qpus[where].site))
    return max(end for end, _ in ends)


def fastest(
    request: JobRequest, qpus: Sequence[Qpu], latency: Latency, now: float = 0.0
) -> tuple[float, int]:
    """Least time until done on an empty fleet, shots not split, and the variant that has it.

    Returns
    -------
    float, int
        Infinite and the first variant where none can be served.
    """
    times = [plan_s(p, qpus, latency, request.floor(p), now) for p in request.variants]
    least = min(times)
    return least, times.index(least)


def work_s(request: JobRequest, qpus: Sequence[Qpu]) -> float:
    """QPU seconds of a request: of the variant with least, each fragment's mean over its QPUs."""
    best = math.inf
    for plan in request.variants:
        floor, total = request.floor(plan), 0.0
        for fragment in plan.fragments:
            able = [q.busy_s(fragment, fragment.shots) for q in qpus if may_run(q, fragment, floor)]
            total += sum(able) / len(able) if able else math.inf
        best = min(best, total)
    return best
