"""What no scheduler can exceed, and the optimum of small instances.

The bound lets everything be divided and interrupted: a request is served in shares, each in any of
its variants, each fragment in shares on all QPUs that may run it, its fixed time in proportion.
What remains is that for every QPU and every stretch of time the work of requests that lie wholly
within it (arrival and deadline) cannot exceed the time that the QPU answers in it. Each condition
holds for every schedule, so whatever subset of them is imposed gives a proven bound; those that an
answer breaks are added until none is left or it has been asked often enough. The true luck and the
true outages are known to it, order and latency are ignored.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import highspy
import numpy as np
from scipy import sparse

from qb_controller.applications.jobs.book import Book
from qb_controller.applications.jobs.formulate import Task, formulate
from qb_controller.applications.jobs.workload import Workload
from qb_controller.model.jobs import Progress, QpuState, State
from quantum_backends.highs import INFINITY, add_columns, quiet
from quantum_backends.routing import Floats, Ints

ROUNDS = 7
"""Linear programs solved at most."""

PER_ROUND = 40
"""Conditions added on each QPU and round at most."""


def upper_bound(workload: Workload) -> float:
    """Most requests (their value) that could be served in time, known beforehand; proven.

    Returns
    -------
    float
        Rounded down where all requests are worth 1.
    """
    lp = _Divisible(workload)
    best = math.inf
    for _ in range(ROUNDS):
        best = min(best, lp.solve())
        if not lp.tighten():
            break
    values = [request.value for request in workload.requests]
    return math.floor(best + 1e-6) if set(values) <= {1.0} else best


class _Divisible:
    """The linear program. Columns: shares of variants, then shares of fragments on QPUs."""

    def __init__(self, workload: Workload) -> None:
        self._workload = workload
        self._arrival = np.array([r.arrival for r in workload.requests])
        self._deadline = np.array([r.deadline for r in workload.requests])
        self._request: list[int] = []
        self._qpu: list[int] = []
        self._work: list[float] = []
        self._rows: list[tuple[list[int], list[float], float, float]] = []
        self._value: list[float] = []
        self._build()
        self._on = np.array(self._qpu)
        self._of = np.array(self._request)
        self._load = np.array(self._work)
        self._solver = self._loaded()

    def _build(self) -> None:
        qpus = self._workload.qpus
        for i, request in enumerate(self._workload.requests):
            shares = []
            for plan in request.variants:
                share = self._column(i, -1, 0.0, request.value)
                shares.append(share)
                floor = request.floor(plan)
                for k, part in enumerate(plan.fragments):
                    places = []
                    for m, qpu in enumerate(qpus):
                        # Drift only ever lowers fidelity: who may not at its best may never.
                        good = part.qubits <= qpu.qubits and qpu.fidelity(part, 0.0) >= floor
                        if good:
                            work = qpu.busy_s(part, part.shots) * self._workload.luck[i, k, m]
                            places.append(self._column(i, m, float(work), 0.0))
                    row = [share, *places]
                    self._rows.append((row, [-1.0, *[1.0] * len(places)], 0.0, 0.0))
            self._rows.append((shares, [1.0] * len(shares), -INFINITY, 1.0))

    def _column(self, request: int, qpu: int, work: float, value: float) -> int:
        self._request.append(request)
        self._qpu.append(qpu)
        self._work.append(work)
        self._value.append(value)
        return len(self._value) - 1

    def _loaded(self) -> highspy.Highs:
        n, solver = len(self._value), quiet()
        matrix = sparse.coo_array(
            (
                [v for row in self._rows for v in row[1]],
                (
                    [i for i, row in enumerate(self._rows) for _ in row[0]],
                    [c for row in self._rows for c in row[0]],
                ),
            ),
            shape=(len(self._rows), n),
        ).tocsc()
        low = np.array([row[2] for row in self._rows])
        high = np.array([row[3] for row in self._rows])
        none = np.zeros(len(self._rows), np.int32)
        solver.addRows(len(low), low, high, 0, none, np.empty(0, np.int32), np.empty(0))
        cost = -np.array(self._value)
        add_columns(solver, cost, np.ones(n), matrix.indptr, matrix.indices, matrix.data)
        return solver

    def solve(self) -> float:
        self._solver.run()
        if self._solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return math.inf
        return -float(self._solver.getInfo().objective_function_value)

    def tighten(self) -> bool:
        """Add conditions that the answer breaks; tell whether there were any."""
        share = np.array(self._solver.getSolution().col_value)
        rows: list[tuple[float, Ints]] = []
        begins, ends = np.unique(self._arrival), np.unique(self._deadline)
        at = np.searchsorted(begins, self._arrival)
        until = np.searchsorted(ends, self._deadline)
        for m, outages in enumerate(self._workload.outages):
            here = np.flatnonzero(self._on == m)
            work = np.zeros((len(begins), len(ends)))
            np.add.at(
                work, (at[self._of[here]], until[self._of[here]]), self._load[here] * share[here]
            )
            # Work of all that begins no earlier and ends no later.
            inside = np.cumsum(np.cumsum(work[::-1], axis=0)[::-1], axis=1)
            room = _answering(outages, ends)[None, :] - _answering(outages, begins)[:, None]
            over = np.where(room > 0, inside - room, -np.inf)
            worst = np.argsort(-over, axis=None)[:PER_ROUND]
            for a, b in zip(*np.unravel_index(worst, over.shape), strict=True):
                if over[a, b] <= 1e-4 * max(room[a, b], 1.0):
                    break
                cols = here[(at[self._of[here]] >= a) & (until[self._of[here]] <= b)]
                rows.append((float(room[a, b]), cols))
        if rows:  # in one call: each moves all that the solver holds
            most, columns = np.array([row[0] for row in rows]), np.concatenate([r[1] for r in rows])
            begin = np.cumsum([0, *(len(row[1]) for row in rows[:-1])], dtype=np.int32)
            self._solver.addRows(
                len(rows),
                np.full(len(rows), -INFINITY),
                most,
                len(columns),
                begin,
                columns.astype(np.int32),
                self._load[columns],
            )
        return bool(rows)


def _answering(outages: Sequence[tuple[float, float]], times: Floats) -> Floats:
    """How long a QPU has answered by each time."""
    away = sum(
        (np.clip(times - begin, 0, end - begin) for begin, end in outages), np.zeros(len(times))
    )
    return np.asarray(times - away)


def clairvoyant(workload: Workload, parts: int) -> Task:
    """The whole run as one problem with known arrivals: for small ones without trouble.

    Raises
    ------
    ValueError
        There are outages or calibrations: the form knows one stretch of time for each machine.
    """
    horizon = workload.horizon
    calibrated = any(qpu.drift.first_s < horizon for qpu in workload.qpus)
    if calibrated or any(workload.outages):
        raise ValueError("outages and calibrations must be off")
    states = tuple(QpuState(qpu, 0.0) for qpu in workload.qpus)
    waiting = tuple(Progress(request) for request in workload.requests)
    task = formulate(State(states, waiting, workload.latency), 0.0, Book(), parts)
    arrival = np.array([r.arrival for r in workload.requests])
    problem = task.problem
    ready = problem.ready + arrival[problem.request_of[problem.variant_of]][:, None]
    object.__setattr__(problem, "ready", ready)
    return task
