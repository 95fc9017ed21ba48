"""Small simulated clouds for tests."""

import itertools

import numpy as np

from qb_controller.applications.jobs.workload import Workload
from qb_controller.model.jobs import CutPlan, Fragment, JobRequest, Schedule
from qb_controller.model.qpus import Latency, Qpu

SHOT_S = 1e-3


def machine(number: int, overhead_s: float = 0.0, qubits: int = 5, **changed) -> Qpu:
    """A QPU whose shots take a millisecond."""
    values = {
        "gate_error": 0.01,
        "readout_error": 0.01,
        "one_qubit_s": 0.0,
        "two_qubit_s": 0.0,
        "readout_s": 0.0,
        "rep_delay_s": SHOT_S,
    }
    return Qpu(f"q{number}", "here", qubits, overhead_s=overhead_s, **{**values, **changed})


def request(number: int, arrival: float, deadline: float, shots: int = 1000, **changed):
    """One fragment of two qubits."""
    plan = CutPlan((Fragment(2, 1, 1, shots),))
    return JobRequest(f"r{number}", (plan,), shots, arrival, deadline, **changed)


def cloud(requests, qpus, outages=None, luck=None) -> Workload:
    """A workload without surprises unless they are given."""
    widest = max(len(plan.fragments) for r in requests for plan in r.variants)
    shape = (len(requests), widest, len(qpus))
    return Workload(
        tuple(qpus),
        Latency(),
        tuple(requests),
        outages or ((),) * len(qpus),
        np.ones(shape) if luck is None else luck,
    )


def check_rules(drawn: Workload, schedule: Schedule) -> None:
    """Nothing overlaps, nobody is served with shots missing or twice, too late or out of order."""
    assert set(schedule.refused) <= schedule.missed
    requests = {each.name: each for each in drawn.requests}
    qpus = {each.name: each for each in drawn.qpus}
    by_qpu: dict = {}
    by_request: dict = {}
    for job in schedule.sub_jobs:
        by_qpu.setdefault(job.qpu, []).append(job)
        by_request.setdefault(job.request, []).append(job)
        fragment = requests[job.request].variants[job.variant].fragments[job.fragment]
        assert fragment.qubits <= qpus[job.qpu].qubits
        assert job.start >= requests[job.request].arrival
    for jobs in by_qpu.values():
        ordered = sorted(jobs, key=lambda job: job.start)
        assert all(a.end <= b.start + 1e-9 for a, b in itertools.pairwise(ordered))
    for each, at in schedule.served.items():
        jobs = by_request[each]
        plan = requests[each].variants[jobs[0].variant]
        assert len({job.variant for job in jobs}) == 1
        assert at <= requests[each].deadline + 1e-6
        for i, fragment in enumerate(plan.fragments):
            own = [job for job in jobs if job.fragment == i]
            assert sum(job.shots for job in own) == fragment.shots
            for up in fragment.after:
                ended = max(job.end for job in jobs if job.fragment == up)
                assert min(job.start for job in own) >= ended
            floor = requests[each].floor(plan)
            assert all(
                qpus[job.qpu].fidelity(fragment, requests[each].arrival) >= floor - 1e-12
                for job in own
            )
