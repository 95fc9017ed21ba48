"""The earliest end of a request, and what is refused by it."""

import numpy as np
import pytest

from qb_controller.applications.jobs.admission import too_late
from qb_controller.applications.jobs.book import Book
from qb_controller.applications.jobs.timing import completion
from qb_controller.model.jobs import (
    INDEPENDENT,
    CutPlan,
    Fragment,
    JobRequest,
    Progress,
    QpuState,
    State,
    SubJob,
)
from tests.applications.jobs.clouds import machine

WIDE, NARROW = machine(0, qubits=8), machine(1, qubits=2)
FREE = {"q0": 0.0, "q1": 0.0}


def cut(*qubits: int, shots: int = 1000, deadline: float = 60.0) -> JobRequest:
    """A request whose fragments have so many qubits."""
    parts = tuple(Fragment(n, 1, 1, shots) for n in qubits)
    plan = CutPlan(parts, INDEPENDENT, gate_cuts=1)
    return JobRequest("r", (plan,), shots, 0.0, deadline)


def test_narrow_fragments_leave_the_wide_qpu_to_wide_ones():
    for listed in ((2, 8), (8, 2)):
        assert completion(Progress(cut(*listed)), (WIDE, NARROW), FREE, 0.0) == pytest.approx(1.0)


def test_of_what_has_begun_only_the_rest_counts():
    request = cut(2, 8)
    running = SubJob("r", 0, 0, "q1", 1000, 0.0, 1.5)
    begun = Progress(request, 0, (0, 400), under_way=(running,))
    assert completion(begun, (WIDE, NARROW), FREE, 0.0) == pytest.approx(1.5)
    assert completion(begun, (WIDE, NARROW), {**FREE, "q0": 2.0}, 0.0) == pytest.approx(2.4)
    nowhere = {**FREE, "q0": float("inf")}
    assert np.isinf(completion(begun, (WIDE, NARROW), nowhere, 0.0))


def test_nothing_that_can_still_be_in_time_is_refused():
    rng = np.random.default_rng(3)
    qpus = [machine(i, rng.uniform(0, 1), int(rng.integers(2, 9))) for i in range(5)]
    for _ in range(40):
        qubits = rng.integers(1, 1 + max(q.qubits for q in qpus), 2)
        shots = int(rng.integers(500, 20_000))
        free = {qpu.name: float(rng.uniform(0, 10)) for qpu in qpus}
        end = completion(Progress(cut(*map(int, qubits), shots=shots)), qpus, free, 0.0)
        states = tuple(QpuState(qpu, free[qpu.name]) for qpu in qpus)
        for deadline, late in ((end * 1.001, ()), (end * 0.5, ("r",))):
            waiting = Progress(cut(*map(int, qubits), shots=shots, deadline=deadline))
            assert too_late(State(states, (waiting,)), 0.0, Book(), 8) == late
