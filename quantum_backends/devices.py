"""What computes behind a backend: its status, its time, its energy and its price.

Nothing here asks a device anything: all is frozen data and pure functions with the time passed
in. Which device stands behind which backend, with the figures and their sources, is in
:mod:`quantum_backends.device_table`.

A modelled time is what a vendor's formula says a device would take. It is never mixed with a
measured one: backends that run on this processor have no time model, they are timed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

READY = "ready"
NOT_CONFIGURED = "not configured"
UNREACHABLE = "unreachable"
OFFLINE = "offline"
UNKNOWN = "unknown"
STATES = (READY, NOT_CONFIGURED, UNREACHABLE, OFFLINE, UNKNOWN)

PROCESSOR = "processor"
SIMULATOR = "simulator"
QPU = "qpu"
SERVICE = "service"
KINDS = (PROCESSOR, SIMULATOR, QPU, SERVICE)
"""This processor doing what it is; this processor standing in for a device; a real quantum
processor; a vendor's service that uses one somewhere within."""


@dataclass(frozen=True)
class Status:
    """Whether a device takes work, and when that was learnt.

    Attributes
    ----------
    state : str
        One of :data:`STATES`.
    reason : str
        Why it is not ready, in words; empty where it is.
    asked_at : float or None
        Time of the answer, seconds since the epoch; None where nobody was asked.
    queue_s : float or None
        Expected wait before a job starts, seconds; None where not known.
    """

    state: str
    reason: str = ""
    asked_at: float | None = None
    queue_s: float | None = None

    def __post_init__(self) -> None:
        if self.state not in STATES:
            raise ValueError(f"state: {self.state!r} is none of {', '.join(STATES)}")

    def age_s(self, now: float) -> float | None:
        """Seconds since the device was asked; None where nobody was."""
        return None if self.asked_at is None else max(0.0, now - self.asked_at)


class Times(Protocol):
    """A model of the time that one call of a device takes, without its queue."""

    @property
    def source(self) -> str: ...

    def busy_s(self, size: int, samples: int) -> float:
        """Seconds for which the device itself is occupied (what energy and price count)."""
        ...

    def call_s(self, size: int, samples: int) -> float:
        """Seconds from sending a call to its answer.

        Parameters
        ----------
        size : int
            Bits of the problem.
        samples : int
            Reads or shots.
        """
        ...


@dataclass(frozen=True)
class AnnealerTimes:
    """D-Wave's timing model for a fully coupled problem.

    access = programming + reads x (anneal + readout + delay), where the readout depends on the
    number of qubits in use; a call adds overhead and the way to the device and back. A clique of
    n bits needs chains of ceil(n/c) + 1 qubits, c = 12 on Pegasus and 16 on Zephyr (Boothby et
    al., arXiv:2003.00133 and D-Wave report 14-1056A-A).

    Attributes
    ----------
    programming_s, overhead_s, anneal_s, delay_s : float
    readout : tuple of (int, float)
        Qubits and seconds, ascending; between them log seconds goes linearly with log qubits.
    clique : int
        c above.
    round_trip_s : float
    source : str
    """

    programming_s: float
    overhead_s: float
    anneal_s: float
    delay_s: float
    readout: tuple[tuple[int, float], ...]
    clique: int
    round_trip_s: float
    source: str

    def qubits(self, size: int) -> int:
        """Physical qubits of a clique."""
        return size * (math.ceil(size / self.clique) + 1)

    def readout_s(self, qubits: int) -> float:
        """Seconds to read so many qubits once."""
        known, seconds = np.log(self.readout).T
        return float(np.exp(np.interp(math.log(max(qubits, 1)), known, seconds)))

    def busy_s(self, size: int, samples: int) -> float:
        read = self.anneal_s + self.readout_s(self.qubits(size)) + self.delay_s
        return self.programming_s + samples * read

    def call_s(self, size: int, samples: int) -> float:
        return self.busy_s(size, samples) + self.overhead_s + self.round_trip_s


@dataclass(frozen=True)
class GateTimes:
    """IBM's timing model: about two seconds per sub-job, then (delay + circuit) per shot.

    Attributes
    ----------
    job_s : float
        Preparation of a sub-job.
    repetition_s : float
        Delay before each shot (``rep_delay``).
    circuit_s : float
        One circuit with its measurement.
    round_trip_s : float
    source : str
    """

    job_s: float
    repetition_s: float
    circuit_s: float
    round_trip_s: float
    source: str

    def busy_s(self, size: int, samples: int) -> float:
        return self.job_s + samples * (self.repetition_s + self.circuit_s)

    def call_s(self, size: int, samples: int) -> float:
        return self.busy_s(size, samples) + self.round_trip_s


@dataclass(frozen=True)
class ServiceTimes:
    """A hybrid service works for as long as it is told to, and at least its minimum.

    Attributes
    ----------
    minimum : tuple of (int, float)
        Bits and seconds, ascending, linear between them.
    round_trip_s : float
    source : str
    """

    minimum: tuple[tuple[int, float], ...]
    round_trip_s: float
    source: str

    def busy_s(self, size: int, samples: int) -> float:
        bits, seconds = zip(*self.minimum, strict=True)
        return float(np.interp(size, bits, seconds))

    def call_s(self, size: int, samples: int) -> float:
        return self.busy_s(size, samples) + self.round_trip_s


@dataclass(frozen=True)
class Power:
    """What a device draws while it works.

    Attributes
    ----------
    watts : float
    source : str
        Who says so.
    assumed : bool
        True where it is this project's assumption rather than the maker's figure.
    """

    watts: float
    source: str
    assumed: bool


@dataclass(frozen=True)
class Price:
    """List price of a second of a device.

    Attributes
    ----------
    per_s : float
    currency : str
    source : str
    date : str
        When the source said so, ``YYYY-MM``.
    """

    per_s: float
    currency: str
    source: str
    date: str


@dataclass(frozen=True)
class Device:
    """What computes behind a backend.

    Attributes
    ----------
    backend : str
        Registry name.
    name : str
        The device's own, such as ``Advantage_system4.1`` or ``this processor``.
    kind : str
        One of :data:`KINDS`.
    stands_for : str
        The device that a simulator plays; empty for the others.
    limit : int or None
        Most bits of one call; None where there is no limit but time.
    samples : int
        Reads or shots of a usual call.
    status : Status
    fresh_s : float
        Age beyond which the status says nothing any more, seconds.
    times : Times or None
        Of a simulator: of the device it stands for. None: measured by running it.
    power : Power
    price : Price or None
        None where nothing is charged, or where no list price is published.
    """

    backend: str
    name: str
    kind: str
    status: Status
    power: Power
    stands_for: str = ""
    limit: int | None = None
    samples: int = 1
    fresh_s: float = math.inf
    times: Times | None = None
    price: Price | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind: {self.kind!r} is none of {', '.join(KINDS)}")

    @property
    def simulated(self) -> bool:
        """Whether this processor stands in for another device."""
        return self.kind == SIMULATOR

    @property
    def local(self) -> bool:
        """Whether it is this processor that computes."""
        return self.kind in (PROCESSOR, SIMULATOR)

    def abstain(self, now: float) -> str:
        """Say why the device should not be used now; empty where it may be.

        Parameters
        ----------
        now : float
            Seconds since the epoch.
        """
        status = self.status
        if status.state != READY:
            return f"{self.name} is {status.state}" + (
                f": {status.reason}" if status.reason else ""
            )
        if math.isinf(self.fresh_s):
            return ""
        age = status.age_s(now)
        if age is None:
            return f"{self.name} was never asked for its status"
        if age > self.fresh_s:
            return f"the status of {self.name} is {age:.0f} s old, more than {self.fresh_s:.0f} s"
        return ""

    def modelled_s(self, size: int, samples: int = 0) -> float | None:
        """Seconds of one call by the time model, queue included where it is known.

        Parameters
        ----------
        size : int
            Bits of the problem.
        samples : int
            Reads or shots; the usual number where 0.

        Returns
        -------
        float or None
            None where there is no model: the device is this processor, and is timed.
        """
        if self.times is None:
            return None
        return self.times.call_s(size, samples or self.samples) + (self.status.queue_s or 0.0)

    def modelled_busy_s(self, size: int, samples: int = 0) -> float | None:
        """Seconds of one call for which the device is occupied; None as above."""
        return None if self.times is None else self.times.busy_s(size, samples or self.samples)

    def energy_j(self, busy_s: float) -> float:
        """Joules for so many seconds of work."""
        return self.power.watts * busy_s

    def cost(self, busy_s: float) -> float:
        """Money for so many seconds of work, in the price's currency; 0 where there is none."""
        return self.price.per_s * busy_s if self.price else 0.0

    def with_status(self, status: Status) -> Device:
        """The same device with another status."""
        return replace(self, status=status)
