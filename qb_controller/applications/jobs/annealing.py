"""Simulated annealing of whole schedules, as arXiv 2512.06157 describes it, and its ablations.

"Deadline-Aware Scheduling of Distributed Quantum Circuits in Near-Term Quantum Cloud": subcircuits
are scheduled so that most requests end by their deadlines; dependencies between subcircuits count,
and the shots of each are distributed over QPUs. The paper publishes neither its moves nor its
parameters: those here are our own. *Shot-agnostic*: all shots of a fragment on one QPU.
*Dependency-agnostic*: plans as if fragments did not wait for each other; where one has to wait, the
QPU takes the next ready one of the plan, so that it never blocks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qb_controller.applications.jobs import annealing_kernels as kernels
from qb_controller.applications.jobs.book import Book, Clock, Task
from qb_controller.applications.jobs.formulate import ready_at
from qb_controller.applications.jobs.rules import in_order, order
from qb_controller.model.jobs import Decision, Dispatch, Scheduler, State
from quantum_backends.routing import Ints

HOT, COLD = 1.0, 0.01
"""First and last temperature, in requests late."""

MAKESPAN = 0.1
"""Weight of the makespan, once it is as long as the latest deadline, in requests late."""


def annealed(shots: bool, dependencies: bool, split: bool, parts: int, rounds: int) -> Scheduler:
    """Make the scheduler.

    Parameters
    ----------
    shots, dependencies : bool
        Whether shots are distributed, and whether dependencies are planned with.
    split : bool
        Shots of what begins now are split greedily over all free QPUs, in the annealed order.
    parts : int
        Grid of the shares of shots.
    rounds : int
        Moves per decision.
    """
    book, grid = Book(), parts if shots else 1

    def decide(state: State, now: float) -> Decision:
        book.open(state)
        clock = Clock.of(state, now)
        wake = clock.next_free(now)
        if not clock.free(now).any():
            return Decision(wake_at=wake)
        ready = {(t.progress.request.name, t.fragment): t for t in book.ready(state, now)}
        if not ready:
            return Decision(wake_at=wake)
        backlog, places = _backlog(state, now, book, clock, dependencies)
        if not places:  # whoever may run them does not answer
            return Decision(wake_at=wake)
        n = len(backlog.deadline)
        line = np.argsort(backlog.deadline, kind="stable")
        units = np.zeros((len(places), len(clock.start)), np.int64)
        kernels.begin(backlog, line, units, grid)
        weight = MAKESPAN / max(float(backlog.deadline.max(initial=0.0)), 1.0)
        if n > 1 or grid > 1:
            kernels.anneal(backlog, line, units, grid, rounds, weight, HOT, COLD, n)
        planned = [f for r in line for f in range(backlog.first[r], backlog.first[r + 1])]
        if split:
            tasks = [ready[places[f]] for f in planned if places[f] in ready]
            return Decision(in_order(tasks, state, clock, book, now, True, parts), wake_at=wake)
        orders = _starting(planned, places, ready, units, grid, state, clock.free(now))
        return Decision(orders, wake_at=wake)

    return decide


def _backlog(
    state: State, now: float, book: Book, clock: Clock, dependencies: bool
) -> tuple[kernels.Backlog, list[tuple[str, int]]]:
    """All fragments with shots to give, of the usual variant of each request."""
    qpus = [each.qpu for each in state.qpus]
    at = {qpu.name: i for i, qpu in enumerate(qpus)}
    first, deadline, parent_start = [0], [], [0]
    shots: list[int] = []
    parent: list[int] = []
    shot_s, ready, places = [], [], []
    for progress in state.waiting:
        ways = book.ways(progress.request, qpus, state.latency, now)
        v = ways.usual if progress.variant is None else progress.variant
        plan, numbers = progress.request.variants[v], {}
        for i, part in enumerate(plan.fragments):
            left = progress.left[i] if progress.left else part.shots
            able = np.isfinite(ways.shot_s[v][i]) & np.isfinite(clock.start)
            if not left or not able.any():
                continue
            numbers[i] = len(shots)
            shots.append(left)
            shot_s.append(ways.shot_s[v][i])
            after = part.after if dependencies else ()
            ready.append(ready_at(progress, after, now, book.lag, at))
            parent += [numbers[up] for up in after if up in numbers]
            parent_start.append(len(parent))
            places.append((progress.request.name, i))
        if len(shots) > first[-1]:
            first.append(len(shots))
            deadline.append(progress.request.deadline - now)
    backlog = kernels.Backlog(
        np.array(first),
        np.array(deadline),
        np.array(shots, dtype=float),
        np.array(shot_s),
        np.array(ready),
        np.array(parent_start),
        np.array(parent, dtype=np.int64),
        clock.start - now,
        book.overhead,
        book.lag,
    )
    return backlog, places


def _starting(
    planned: Sequence[int],
    places: Sequence[tuple[str, int]],
    ready: dict[tuple[str, int], Task],
    units: Ints,
    grid: int,
    state: State,
    free: np.ndarray,
) -> tuple[Dispatch, ...]:
    """For each free QPU its first planned piece that may begin."""
    orders = []
    for f in planned:
        task = ready.get(places[f])
        if task is None:
            continue
        given = np.diff(np.concatenate(([0], np.cumsum(units[f]) * task.shots // grid)))
        for m in np.flatnonzero((given > 0) & free).tolist():
            free[m] = False
            orders.append(order(task, state, m, int(given[m])))
    return tuple(orders)
