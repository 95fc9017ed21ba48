"""Small simulated clouds for tests."""

import numpy as np

from qb_controller.applications.jobs.workload import Workload
from qb_controller.model.jobs import CutPlan, Fragment, JobRequest
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
