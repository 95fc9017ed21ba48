"""Two small simulated QPUs with little overhead, so that jobs take moments."""

from __future__ import annotations

from qb_controller.applications.jobs.fleet import calibrated
from qb_controller.applications.jobs.live.devices import Fleet, modelled
from quantum_backends.gate.qpus import SimulatedQpu

QPUS = {
    "manila": SimulatedQpu("manila", "FakeManilaV2", 4),
    "jakarta": SimulatedQpu("jakarta", "FakeJakartaV2", 5),
}


def fleet(overhead_s: float = 0.05) -> Fleet:
    known = {qpu.name: qpu for qpu in calibrated()}
    qpus = tuple(modelled(qpu, known, overhead_s) for qpu in QPUS.values())
    return Fleet(f"{__name__}:QPUS", QPUS, qpus)
