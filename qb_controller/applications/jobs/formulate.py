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

OVERDUE_S = 1e-3
"""What is under way is not done before it says so, however long it was expected to have ended."""

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


@dataclass(frozen=True, eq=False)
class _Block:
    """The rows of one request.

    Attributes
    ----------
    sizes : tuple of int
        Fragments of each variant.
    shots : int array (f,)
    shot_s : float array (f, m)
    parents : tuple of tuple of int
        Of each fragment, counted within the block.
    ready : float array (f, m) or None
        None where all may start at once.
    places : tuple of (str, int, int)
    """

    sizes: tuple[int, ...]
    shots: Ints
    shot_s: Floats
    parents: tuple[tuple[int, ...], ...]
    ready: Floats | None
    places: tuple[tuple[str, int, int], ...]


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
    closing: bool = True,
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
    closing : bool
        Whether QPUs close for their next calibration; without, they are there from now on for
        good, which is more than the truth: what does not fit then fits nowhere.
    """
    book.open(state)
    clock = Clock.of(state, now)
    m = len(state.qpus)
    at = {each.qpu.name: i for i, each in enumerate(state.qpus)}
    qpus = [each.qpu for each in state.qpus]
    longer = 1.0 + reserve
    kept, blocks = [], []
    for progress in state.waiting if requests is None else requests:
        ways = book.ways(progress.request, qpus, state.latency, now)
        if progress.variant is None:
            block = book.blocks.get(progress.request.name)
            if block is None:
                block = _block(progress, ways.shot_s, now, book.lag, at)
                book.blocks[progress.request.name] = block
        elif any(progress.left):
            block = _block(progress, ways.shot_s, now, book.lag, at)
        else:
            continue
        kept.append(progress)
        blocks.append(block)
    up = np.isfinite(clock.start)
    release = np.where(up, clock.start - now, LONGEST_S)
    close = np.where(np.isfinite(clock.close) & up & closing, clock.close - now, LONGEST_S)
    variants = [size for block in blocks for size in block.sizes]
    offsets = _starts([len(block.shots) for block in blocks])
    parents = [
        tuple(int(offset) + up for up in after)
        for offset, block in zip(offsets[:-1], blocks, strict=True)
        for after in block.parents
    ]
    some = bool(blocks)
    zeros = np.zeros((offsets[-1], m))
    for offset, block in zip(offsets[:-1], blocks, strict=True):
        if block.ready is not None:
            zeros[offset : offset + len(block.shots)] = block.ready
    problem = ScheduleProblem(
        release=release,
        close=np.maximum(close, release),
        fixed=book.overhead * longer,
        value_of_request=np.array([_worth(p, begun) for p in kept], dtype=float),
        deadline=np.array([p.request.deadline - now for p in kept], dtype=float),
        first_variant=_starts([len(block.sizes) for block in blocks]),
        first_fragment=_starts(variants),
        shots=np.concatenate([block.shots for block in blocks]) if some else _ints([]),
        shot_s=longer * np.concatenate([b.shot_s for b in blocks]) if some else zeros,
        ready=zeros,
        parent_start=_starts([len(after) for after in parents]),
        parent=_ints([up for after in parents for up in after]),
        lag=book.lag,
        parts=parts,
        price=np.zeros(m) if price is None else price,
        ripens_s=ripens_s,
    )
    places = tuple(place for block in blocks for place in block.places)
    return Task(problem, state, now, tuple(kept), places)


def _worth(progress: Progress, begun: float) -> float:
    return progress.request.value * (1.0 if progress.variant is None else begun)


def _block(
    progress: Progress,
    table: Sequence[Sequence[Floats]],
    now: float,
    lag: Floats,
    at: dict[str, int],
) -> _Block:
    """The rows of a request, with the shots that are left."""
    request, begun = progress.request, progress.variant is not None
    sizes: list[int] = []
    shots: list[int] = []
    shot_s: list[Floats] = []
    ready: list[Floats] = []
    parents: list[tuple[int, ...]] = []
    places: list[tuple[str, int, int]] = []
    for v in [progress.variant] if progress.variant is not None else range(len(request.variants)):
        plan, numbers = request.variants[v], {}
        for i, part in enumerate(plan.fragments):
            left = progress.left[i] if begun else part.shots
            if not left:
                continue
            numbers[i] = len(shots)
            shots.append(left)
            shot_s.append(table[v][i])
            parents.append(tuple(numbers[up] for up in part.after if up in numbers))
            places.append((request.name, v, i))
            if begun:
                ready.append(ready_at(progress, part.after, now, lag, at))
        sizes.append(len(numbers))
    known = np.array(ready) if ready else None
    return _Block(
        tuple(sizes), _ints(shots), np.array(shot_s), tuple(parents), known, tuple(places)
    )


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
                ready = np.maximum(ready, max(job.end - now, OVERDUE_S) + lag[at[job.qpu]])
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


def _starts(sizes: Sequence[int]) -> Ints:
    """Where each of some groups begins, and where the last one ends."""
    return np.concatenate(([0], np.cumsum(_ints(sizes)))).astype(np.int64)


def _ints(values: Sequence[int]) -> Ints:
    return np.asarray(values, dtype=np.int64)
