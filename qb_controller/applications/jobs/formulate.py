"""A state of the quantum cloud as a problem of the form ``schedule``, and its plan as orders."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qb_controller.applications.jobs.book import Book, Clock
from qb_controller.model.jobs import Dispatch, Progress, State
from quantum_backends.routing import Floats, Ints
from quantum_backends.schedules import Piece, Plan, ScheduleProblem

LONGEST_S = 1e9
"""Stands for no end of a machine's time."""


@dataclass(frozen=True, eq=False)
class Task:
    """A problem and what its numbers mean.

    Attributes
    ----------
    problem : ScheduleProblem
        Times from ``now``.
    state : State
    now : float
    requests : tuple of Progress
        By request of the problem.
    places : tuple of (str, int, int)
        Name of the request, variant and fragment, by fragment of the problem.
    """

    problem: ScheduleProblem
    state: State
    now: float
    requests: tuple[Progress, ...]
    places: tuple[tuple[str, int, int], ...]


class _Rows:
    """The arrays of the problem as they grow, request by request."""

    def __init__(self) -> None:
        self.first_variant, self.first_fragment, self.parent_start = [0], [0], [0]
        self.shots: list[int] = []
        self.parent: list[int] = []
        self.shot_s: list[Floats] = []
        self.ready: list[Floats] = []
        self.places: list[tuple[str, int, int]] = []


def formulate(
    state: State,
    now: float,
    book: Book,
    parts: int = 8,
    reserve: float = 0.0,
    price: Floats | None = None,
    ripens_s: float = 0.0,
    requests: Sequence[Progress] | None = None,
    begun: float = 1.0,
) -> Task:
    """Write down what may still be served, how, and by when.

    Parameters
    ----------
    parts : int
        Most QPUs that share a fragment.
    reserve : float
        By how much longer than expected sub-jobs are planned, as a share.
    price : float array (m,), optional
        Value of a second of each QPU to requests yet to come.
    ripens_s : float
        See :class:`ScheduleProblem`.
    requests : sequence of Progress, optional
        Those to plan for; all that wait by default.
    begun : float
        What the value of a request is multiplied by once some of its shots have been given: to
        drop it would waste them.
    """
    book.open(state)
    clock = Clock.of(state, now)
    m = len(state.qpus)
    at = {each.qpu.name: i for i, each in enumerate(state.qpus)}
    qpus = [each.qpu for each in state.qpus]
    rows, longer = _Rows(), 1.0 + reserve
    chosen = state.waiting if requests is None else requests
    kept = []
    for progress in chosen:
        ways = book.ways(progress.request, qpus, state.latency, now)
        if _add(rows, progress, ways.shot_s, now, longer, book.lag, at):
            kept.append(progress)
    up = np.isfinite(clock.start)
    release = np.where(up, clock.start - now, LONGEST_S)
    close = np.where(np.isfinite(clock.close) & up, clock.close - now, LONGEST_S)
    empty = np.empty((0, m))
    problem = ScheduleProblem(
        release=release,
        close=np.maximum(close, release),
        fixed=book.overhead * longer,
        value_of_request=np.array([_worth(p, begun) for p in kept]),
        deadline=np.array([p.request.deadline - now for p in kept]),
        first_variant=_ints(rows.first_variant),
        first_fragment=_ints(rows.first_fragment),
        shots=_ints(rows.shots),
        shot_s=np.array(rows.shot_s) if rows.shot_s else empty,
        ready=np.array(rows.ready) if rows.ready else empty,
        parent_start=_ints(rows.parent_start),
        parent=_ints(rows.parent),
        lag=book.lag,
        parts=parts,
        price=np.zeros(m) if price is None else price,
        ripens_s=ripens_s,
    )
    return Task(problem, state, now, tuple(kept), tuple(rows.places))


def _worth(progress: Progress, begun: float) -> float:
    return progress.request.value * (1.0 if progress.variant is None else begun)


def _add(
    rows: _Rows,
    progress: Progress,
    table: Sequence[Sequence[Floats]],
    now: float,
    longer: float,
    lag: Floats,
    at: dict[str, int],
) -> bool:
    """Add a request, with the shots that are left; False where nothing is left to be given."""
    request = progress.request
    begun = progress.variant is not None
    if begun and not any(progress.left):
        return False
    for v in [progress.variant] if progress.variant is not None else range(len(request.variants)):
        plan, numbers = request.variants[v], {}
        for i, part in enumerate(plan.fragments):
            shots = progress.left[i] if begun else part.shots
            if not shots:
                continue
            numbers[i] = len(rows.shots)
            rows.shots.append(shots)
            rows.shot_s.append(table[v][i] * longer)
            rows.ready.append(ready_at(progress, part.after, now, lag, at))
            rows.parent += [numbers[up] for up in part.after if up in numbers]
            rows.parent_start.append(len(rows.parent))
            rows.places.append((request.name, v, i))
        rows.first_fragment.append(len(rows.shots))
    rows.first_variant.append(len(rows.first_fragment) - 1)
    return True


def ready_at(
    progress: Progress, after: Sequence[int], now: float, lag: Floats, at: dict[str, int]
) -> Floats:
    """From when a fragment may start on each QPU, seconds from now, as far as it is known."""
    ready = np.zeros(len(at))
    for up in after:
        for job in progress.done:
            if job.fragment == up and job.qpu in at:
                ready = np.maximum(ready, job.end + lag[at[job.qpu]] - now)
        for job in progress.under_way:
            if job.fragment == up and job.qpu in at:
                ready = np.maximum(ready, max(job.end - now, 0.0) + lag[at[job.qpu]])
    return ready


def interpret(task: Task, plan: Plan, longest_s: float = np.inf) -> tuple[Dispatch, ...]:
    """The pieces of a plan that begin now, on QPUs that are free now.

    Parameters
    ----------
    longest_s : float
        A piece that takes longer is given in parts of about this length where there is time for
        their overhead, so that a QPU does not stay closed to what is more urgent.
    """
    free = Clock.of(task.state, task.now).free(task.now)
    orders = []
    for piece in sorted(plan, key=lambda each: each[3]):
        fragment, m, shots, start = piece
        if free[m] and start <= 1e-6 and not _waits(task, fragment):
            free[m] = False
            name, variant, part = task.places[fragment]
            shots = min(shots, _first_part(task.problem, piece, plan, longest_s))
            orders.append(Dispatch(name, variant, part, task.state.qpus[m].qpu.name, shots))
    return tuple(orders)


def _first_part(problem: ScheduleProblem, piece: Piece, plan: Plan, longest_s: float) -> int:
    """Shots of a piece to begin with: all of them unless it is long and nobody is in a hurry."""
    _, m, shots, start = piece
    work = problem.end(piece) - start
    count = math.ceil((work - problem.fixed[m]) / longest_s)
    if count < 2:
        return shots
    extra = (count - 1) * float(problem.fixed[m])
    for other in plan:
        if other[1] == m:
            deadline = problem.deadline[problem.request_of[problem.variant_of[other[0]]]]
            if deadline - problem.end(other) < extra:
                return shots
    return -(-shots // count)


def next_start(task: Task, plan: Plan) -> float:
    """When the first piece begins that does not begin now; infinite where there is none."""
    later = [task.now + piece[3] for piece in plan if piece[3] > 1e-6]
    return min(later, default=np.inf)


def _waits(task: Task, fragment: int) -> bool:
    start = task.problem.parent_start
    return bool(start[fragment + 1] > start[fragment])


def _ints(values: Sequence[int]) -> Ints:
    return np.asarray(values, dtype=np.int64)
