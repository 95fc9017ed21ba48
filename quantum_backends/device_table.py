"""The device behind each backend: figures, and where each comes from.

Energy counts the processor while it works, not the machine around it that runs anyhow, and of a
quantum computer the whole system, because nobody else uses it meanwhile.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

from quantum_backends.devices import (
    NOT_CONFIGURED,
    PROCESSOR,
    QPU,
    READY,
    SERVICE,
    SIMULATOR,
    UNKNOWN,
    AnnealerTimes,
    Device,
    GateTimes,
    Power,
    Price,
    ServiceTimes,
    Status,
)

PACKAGE_W, PACKAGE_CORES = 360.0, 96
"""A server processor of today (AMD EPYC 9654: 360 W, 96 cores, by its data sheet)."""

CORE = Power(
    PACKAGE_W / PACKAGE_CORES,
    f"one busy core of a {PACKAGE_W:.0f} W package of {PACKAGE_CORES} (AMD EPYC 9654, data sheet)",
    assumed=True,
)
DWAVE_POWER = Power(
    25_000.0, "whole system, slightly less than 25 kW (D-Wave, IEEE Spectrum 2015-09)", False
)
IBM_POWER = Power(25_000.0, "taken as D-Wave's: the same class of refrigerator", True)
IBM_PRICE = Price(96.0 / 60, "USD", "IBM Quantum pay-as-you-go, 96 USD a minute", "2025-06")

ROUND_TRIP_S = 0.1
"""Assumed way to a cloud device and back, with encoding; a device on site has less."""

FRESH_S = 60.0
"""Age beyond which the status of a device in the cloud says nothing."""

_DWAVE = "D-Wave, QPU solver datasheets: typical timing, system "


def dwave_times(
    system: str,
    programming_ms: float,
    delay_us: float,
    readout_us: tuple[float, float],
    qubits: int,
    clique: int,
) -> AnnealerTimes:
    """Timing of a D-Wave system; the readout is published for one qubit and for all of them."""
    readout = ((1, readout_us[0] * 1e-6), (qubits, readout_us[1] * 1e-6))
    programming_s, delay_s = programming_ms * 1e-3, delay_us * 1e-6
    source = _DWAVE + system
    return AnnealerTimes(
        programming_s, 0.015, 20e-6, delay_s, readout, clique, ROUND_TRIP_S, source
    )


DWAVE_TIMES: Mapping[str, AnnealerTimes] = {
    "Advantage_system4.1": dwave_times("Advantage 4.1", 14.1, 20.5, (17, 235), 5600, 12),
    "Advantage_system6.4": dwave_times("Advantage 6.4", 14.2, 20.5, (18, 173), 5600, 12),
    "Advantage2_system1.7": dwave_times("Advantage2 1.7", 33.6, 60.6, (17, 101), 4500, 16),
    "Advantage2_system4.1": dwave_times("Advantage2 4.1", 8.0, 20.6, (17, 45), 4500, 16),
}
"""By system, qubits rounded; 20 us an anneal; 10 to 20 ms around each access (15 here)."""

HYBRID_TIMES = ServiceTimes(
    ((1, 3.0), (1024, 3.0), (4096, 10.0), (10_000, 40.0), (30_000, 200.0), (100_000, 600.0)),
    ROUND_TRIP_S,
    "D-Wave, hybrid BQM solver, property minimum_time_limit",
)
IBM_TIMES = GateTimes(
    2.0, 250e-6, 75e-6, ROUND_TRIP_S, "IBM Quantum: 2 s a sub-job, 250 us delay, 50-100 us circuit"
)

IBM_QUEUE_S = {"median": 11.5 * 60, "p90": 886.0 * 60}
"""Public queues, from published traces: what a shared device adds to each call."""

NO_STATUS: Mapping[str, Status] = {}


def devices(names: Iterable[str], statuses: Mapping[str, Status] = NO_STATUS) -> tuple[Device, ...]:
    """Look up the devices behind some backends.

    Parameters
    ----------
    names : iterable of str
        Registry names; a third party's that are not in the table count as run by this processor.
    statuses : mapping
        What the devices answered when last asked, by backend (:func:`ask`).
    """
    found = [device(name) for name in names]
    return tuple(d.with_status(statuses[d.backend]) if d.backend in statuses else d for d in found)


def device(name: str) -> Device:
    """Look up the device behind one backend, its status as far as can be told without asking."""
    return _TABLE.get(name, processor)(name)


def register(name: str, maker: Callable[[str], Device]) -> None:
    """Say what stands behind a third party's backend."""
    _TABLE[name] = maker


def ask(name: str, now: float) -> Status:
    """Ask the device behind a backend for its status, over the network where it is a remote one.

    Parameters
    ----------
    now : float
        Seconds since the epoch.

    Returns
    -------
    Status
        That it cannot be reached or is not configured is an answer too; nothing is sent to where
        no token is configured.
    """
    found = device(name)
    if found.local or found.status.state == NOT_CONFIGURED or name not in _ASK:
        return found.status
    return _ASK[name](now)


def processor(name: str) -> Device:
    """Nothing but this processor."""
    return Device(name, "this processor", PROCESSOR, Status(READY), CORE)


def statevector(name: str) -> Device:
    """A gate device without noise, played by this processor."""
    return Device(
        backend=name,
        name="Aer statevector on this processor",
        kind=SIMULATOR,
        status=Status(READY),
        power=CORE,
        stands_for="a gate QPU without noise, timed as IBM's",
        limit=16,
        samples=256,
        times=IBM_TIMES,
    )


def noisy(name: str) -> Device:
    """A gate device with the noise of a calibration, played by this processor."""
    return replace(
        statevector(name),
        name="Aer with a calibration's noise on this processor",
        stands_for="an IBM Heron QPU (calibration fake_kingston), timed as IBM's",
        limit=8,
    )


def mock_dwave(name: str) -> Device:
    """D-Wave's own stand-in, with the real graph and embedding."""
    return Device(
        backend=name,
        name="MockDWaveSampler on this processor",
        kind=SIMULATOR,
        status=Status(READY),
        power=CORE,
        stands_for="D-Wave Advantage_system4.1",
        limit=150,
        samples=100,
        times=DWAVE_TIMES["Advantage_system4.1"],
    )


def dwave(name: str) -> Device:
    """A D-Wave QPU in the cloud."""
    return Device(
        backend=name,
        name="D-Wave QPU",
        kind=QPU,
        status=_unless(dwave_unconfigured()),
        power=DWAVE_POWER,
        limit=150,
        samples=100,
        fresh_s=FRESH_S,
        times=DWAVE_TIMES["Advantage2_system4.1"],
    )


def dwave_hybrid(name: str) -> Device:
    """D-Wave's hybrid service."""
    return replace(
        dwave(name),
        name="D-Wave hybrid service",
        kind=SERVICE,
        limit=None,
        samples=1,
        times=HYBRID_TIMES,
    )


def ibm(name: str) -> Device:
    """An IBM gate QPU in the cloud."""
    return Device(
        backend=name,
        name="IBM QPU",
        kind=QPU,
        status=_unless(ibm_unconfigured()),
        power=IBM_POWER,
        limit=16,
        samples=256,
        fresh_s=FRESH_S,
        times=IBM_TIMES,
        price=IBM_PRICE,
    )


def _unless(unconfigured: str) -> Status:
    if unconfigured:
        return Status(NOT_CONFIGURED, unconfigured)
    return Status(UNKNOWN, "not asked yet")


def dwave_unconfigured() -> str:
    """Say so where no D-Wave token is in the environment or in a configuration file."""
    if os.environ.get("DWAVE_API_TOKEN") or _dwave_file_has_token():
        return ""
    return "no token in DWAVE_API_TOKEN or a D-Wave configuration file"


@cache
def _dwave_file_has_token() -> bool:
    from dwave.cloud.config import load_config
    from dwave.cloud.exceptions import ConfigFileError

    try:
        return bool(load_config().get("token"))
    except (ConfigFileError, ValueError):
        return False


def ibm_unconfigured() -> str:
    """Say so where no IBM token is in the environment or in qiskit-ibm-runtime's account file."""
    if os.environ.get("QISKIT_IBM_TOKEN") or _ibm_account_saved():
        return ""
    return "no token in QISKIT_IBM_TOKEN or a saved account"


@cache
def _ibm_account_saved() -> bool:
    return (Path.home() / ".qiskit" / "qiskit-ibm.json").exists()


def _ask_dwave(now: float) -> Status:
    from quantum_backends.annealing.dwave import status

    return status(now)


_TABLE: dict[str, Callable[[str], Device]] = {
    "qaoa-blocks": statevector,
    "qaoa-noisy-blocks": noisy,
    "ibm-blocks": ibm,
    "mock-dwave-blocks": mock_dwave,
    "dwave-blocks": dwave,
    "dwave-hybrid": dwave_hybrid,
}
_ASK: dict[str, Callable[[float], Status]] = {
    "dwave-blocks": _ask_dwave,
    "dwave-hybrid": _ask_dwave,
}
