"""The QPUs that live jobs run on, with their time models."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from qb_controller.applications.jobs.fleet import calibrated
from qb_controller.model.qpus import Qpu
from quantum_backends.device_table import IBM_TIMES
from quantum_backends.gate.qpus import IBM_DEVICE, IbmQpu, SimulatedQpu

SITE = "here"

_log = logging.getLogger("qb.jobs")


@dataclass(frozen=True)
class Fleet:
    """QPU workers and what is modelled of them.

    Attributes
    ----------
    spec : str
        Where workers find their backends, as ``module:attribute``.
    backends : mapping
        By name.
    qpus : tuple of Qpu
    """

    spec: str
    backends: Mapping[str, Any]
    qpus: tuple[Qpu, ...]

    def simulated(self, name: str) -> str:
        """What stands in for a device, in words; empty for a real one."""
        return str(self.backends[name].simulated)


def fleet(overhead_s: float = IBM_TIMES.job_s) -> Fleet:
    """The default fleet: simulated QPUs out of calibrations, and IBM's where a token is there.

    Errors and durations are means over the calibrated device, of which a simulated QPU has the
    best qubits only.

    Parameters
    ----------
    overhead_s : float
        Modelled fixed time of a sub-job.
    """
    from quantum_backends.gate.qpus import QPUS

    known = {qpu.name: qpu for qpu in calibrated()}
    backends, qpus = {}, []
    for name, backend in QPUS.items():
        try:
            qpus.append(modelled(backend, known, overhead_s))
            if isinstance(backend, IbmQpu):
                os.environ[IBM_DEVICE] = backend.backend.name
        except Exception as error:  # whatever IBM's client raises where nobody answers
            if not isinstance(backend, IbmQpu):
                raise
            _log.warning("IBM's devices are left out: %s: %s", type(error).__name__, error)
            continue
        backends[name] = backend
    return Fleet("quantum_backends.gate.qpus:QPUS", backends, tuple(qpus))


def modelled(backend: SimulatedQpu | IbmQpu, known: Mapping[str, Qpu], overhead_s: float) -> Qpu:
    """The time and error model of one QPU."""
    if isinstance(backend, IbmQpu):
        return _ibm(backend)
    base = known[backend.name]
    source = f"{base.source}; {backend.qubits} of its {base.qubits} qubits, simulated"
    return replace(base, site=SITE, qubits=backend.qubits, overhead_s=overhead_s, source=source)


def _ibm(backend: IbmQpu) -> Qpu:
    """A real device, by its own calibration; what it does not say is IBM's usual."""
    target = backend.backend.target
    pair = next(gate for gate in ("cz", "ecr", "cx") if gate in target)

    def mean(gate: str, what: str) -> float:
        values = [getattr(p, what) for p in target[gate].values() if p is not None]
        there = [v for v in values if v is not None and (what != "error" or v < 0.5)]
        return sum(there) / len(there) if there else 0.0

    return Qpu(
        backend.name,
        SITE,
        backend.qubits,
        mean(pair, "error"),
        mean("measure", "error"),
        mean("sx", "duration"),
        mean(pair, "duration"),
        mean("measure", "duration"),
        IBM_TIMES.repetition_s,
        IBM_TIMES.job_s,
        source=f"IBM device {backend.backend.name}; {IBM_TIMES.source}",
    )
