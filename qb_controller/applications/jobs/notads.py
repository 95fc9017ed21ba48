"""Fidelity first under a time limit, as NoTaDS does it, request by request.

Bhoumik et al., "Distributed Scheduling of Quantum Circuits with Noise and Time Optimization"
(2023): an integer program places the fragments of a request so that the product of their
fidelities is greatest while each QPU ends in time. Here the limit is the deadline. Where nothing
meets it the fragments go where they end first.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from qb_controller.applications.jobs.book import Book, Clock, Task, spread
from qb_controller.applications.jobs.rules import order
from qb_controller.model.jobs import Decision, Dispatch, Scheduler, State
from quantum_backends.routing import Floats


def notads(split: bool, parts: int) -> Scheduler:
    """Place fragments as soon as they are ready, into the QPUs' queues."""
    book = Book()

    def decide(state: State, now: float) -> Decision:
        book.open(state)
        clock = Clock.of(state, now)
        orders: list[Dispatch] = []
        groups: dict[str, list[Task]] = {}
        for task in book.ready(state, now):
            groups.setdefault(task.progress.request.name, []).append(task)
        for tasks in groups.values():
            chosen = place(tasks, state, clock, book, now)
            for task, m in zip(tasks, chosen, strict=True):
                if m < 0:
                    continue
                given = [(m, task.shots)]
                if split:
                    given = spread(clock.start, book.overhead, task.shot_s, task.shots, parts)
                for q, shots in given:
                    orders.append(order(task, state, q, shots))
                    clock.start[q] += book.overhead[q] + shots * task.shot_s[q]
        return Decision(tuple(orders))

    return decide


def place(tasks: list[Task], state: State, clock: Clock, book: Book, now: float) -> list[int]:
    """A QPU for each fragment of one request; -1 where none may run it."""
    limit = tasks[0].progress.request.deadline
    work = np.array([book.overhead + task.shots * task.shot_s for task in tasks])
    able = np.isfinite(work) & np.isfinite(clock.start)
    loss = np.zeros_like(work)
    for i, task in enumerate(tasks):
        part = task.progress.request.variants[task.variant].fragments[task.fragment]
        for m in np.flatnonzero(able[i]).tolist():
            loss[i, m] = -np.log(max(state.qpus[m].qpu.fidelity(part, now), 1e-300))
    if len(tasks) == 1:  # the program's answer without the program
        fits = able[0] & (clock.start + work[0] <= limit)
        found = [int(np.argmin(np.where(fits, loss[0], np.inf)))] if fits.any() else None
    else:
        found = _program(loss, work, able, limit - clock.start)
    if found is None:
        ends = np.where(able, clock.start + work, np.inf)
        found = [int(np.argmin(row)) if np.isfinite(row).any() else -1 for row in ends]
    return found


def _program(loss: Floats, work: Floats, able: np.ndarray, room: Floats) -> list[int] | None:
    """The integer program; None where nothing fits."""
    rows, cols = np.nonzero(able)
    if not able.any(axis=1).all():
        return None
    n, (f, m) = len(rows), loss.shape
    once, load = np.zeros((f, n)), np.zeros((m, n))
    once[rows, np.arange(n)] = 1
    load[cols, np.arange(n)] = work[rows, cols]
    limit = np.where(np.isfinite(room), np.maximum(room, 0), 0)
    answer = milp(
        loss[rows, cols],
        constraints=[LinearConstraint(once, 1, 1), LinearConstraint(load, -np.inf, limit)],
        integrality=np.ones(n),
        bounds=Bounds(0, 1),
    )
    if answer.x is None:
        return None
    taken = np.flatnonzero(answer.x > 0.5)
    found = [0] * f
    for k in taken.tolist():
        found[rows[k]] = int(cols[k])
    return found
