"""Quantum computers as a scheduler sees them: time, errors, and when they are there.

See :mod:`qb_controller.model.jobs` for what runs on them, and for the units.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qb_controller.model.jobs import Fragment

Window = tuple[float, float]
"""From and to, seconds; the end is not included."""


@dataclass(frozen=True, slots=True)
class Drift:
    """How calibration ages, and when it is renewed.

    Attributes
    ----------
    per_hour : float
        Share by which errors grow in each hour since the last calibration, linearly.
    every_s : float
        Time between the beginnings of two calibrations; infinite where there are none.
    takes_s : float
        For how long the QPU is away at each.
    first_s : float
        When the first one begins; before it the QPU counts as calibrated at time 0.
    """

    per_hour: float = 0.0
    every_s: float = math.inf
    takes_s: float = 0.0
    first_s: float = math.inf

    def factor(self, now: float) -> float:
        """What errors are multiplied by at a time (1 right after a calibration)."""
        return 1.0 + self.per_hour * max(now - self._last(now), 0.0) / 3600

    def _last(self, now: float) -> float:
        if now < self.first_s + self.takes_s:
            return 0.0
        if math.isinf(self.every_s):
            return self.first_s + self.takes_s
        times = math.floor((now - self.first_s - self.takes_s) / self.every_s)
        return self.first_s + self.takes_s + times * self.every_s

    def away(self, now: float) -> Window:
        """The calibration under way at a time, or the next one; infinite where none comes."""
        if now < self.first_s + self.takes_s or math.isinf(self.every_s):
            later = now >= self.first_s + self.takes_s
            return (math.inf, math.inf) if later else (self.first_s, self.first_s + self.takes_s)
        begun = self.first_s + math.floor((now - self.first_s) / self.every_s) * self.every_s
        if now >= begun + self.takes_s:
            begun += self.every_s
        return begun, begun + self.takes_s


@dataclass(frozen=True, slots=True)
class Qpu:
    """A quantum computer that runs one sub-job at a time.

    Attributes
    ----------
    name : str
    site : str
        Where it stands; see :class:`Latency`.
    qubits : int
        Widest fragment it takes.
    gate_error : float
        Mean error of a two-qubit gate, right after calibration.
    readout_error : float
        Mean error of reading out one qubit, right after calibration.
    one_qubit_s, two_qubit_s, readout_s : float
        Duration of a layer of one-qubit gates, of a layer of two-qubit gates, of the readout.
    rep_delay_s : float
        Delay between two shots (IBM's ``rep_delay``: reset of the qubits).
    overhead_s : float
        Fixed time of a sub-job, whatever its shots: loading, compiling, programming.
    windows : tuple of Window
        When it may be used, ascending and apart; empty means always.
    drift : Drift
    source : str
        Where the figures come from.
    """

    name: str
    site: str
    qubits: int
    gate_error: float
    readout_error: float
    one_qubit_s: float
    two_qubit_s: float
    readout_s: float
    rep_delay_s: float
    overhead_s: float
    windows: tuple[Window, ...] = ()
    drift: Drift = Drift()
    source: str = ""

    def __post_init__(self) -> None:
        for name, least in (("qubits", 1), ("overhead_s", 0), ("rep_delay_s", 0), ("readout_s", 0)):
            if not getattr(self, name) >= least:
                raise ValueError(f"QPU {self.name}: {name} {getattr(self, name)}: want >= {least}")
        for name in ("gate_error", "readout_error"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"QPU {self.name}: {name} {getattr(self, name)}: want 0 to 1")

    def circuit_s(self, fragment: Fragment) -> float:
        """Duration of one execution of the circuit with its readout, seconds."""
        gates = fragment.layers * self.two_qubit_s + fragment.one_qubit_layers * self.one_qubit_s
        return gates + self.readout_s

    def shot_s(self, fragment: Fragment) -> float:
        """Time of one shot: the delay between shots and the circuit, seconds."""
        return self.rep_delay_s + self.circuit_s(fragment)

    def busy_s(self, fragment: Fragment, shots: int) -> float:
        """Expected time of a sub-job: overhead and shots, seconds."""
        return self.overhead_s + shots * self.shot_s(fragment)

    def fidelity(self, fragment: Fragment, now: float = 0.0) -> float:
        """Estimated success probability of one shot of a fragment at a time.

        ``(1 - e)^gates * (1 - r)^qubits`` with the errors of the time: the product of gate and
        readout successes that noise-aware schedulers use (ESP, Nishio et al. 2020).
        """
        grown = self.drift.factor(now)
        gate, readout = min(self.gate_error * grown, 1.0), min(self.readout_error * grown, 1.0)
        return float((1 - gate) ** fragment.two_qubit_gates * (1 - readout) ** fragment.qubits)

    def open(self, now: float) -> Window:
        """The first stretch from a time on in which it may be used, calibrations left out.

        Returns
        -------
        Window
            Both infinite where there is none any more.
        """
        for begin, end in self.windows or ((-math.inf, math.inf),):
            at = max(begin, now)
            while at < end:
                away, back = self.drift.away(at)
                if at < away:
                    return at, min(end, away)
                at = back
        return math.inf, math.inf


@dataclass(frozen=True)
class Latency:
    """Classical latency between sites.

    Attributes
    ----------
    seconds : mapping of (str, str) to float
        One way, by pair of sites; a pair listed one way only counts both ways. 0 within a site
        that is not listed with itself.
    """

    seconds: Mapping[tuple[str, str], float] = field(default_factory=dict)

    def between(self, one: str, other: str) -> float:
        """Seconds from a site to another.

        Raises
        ------
        KeyError
            The pair is not known.
        """
        if (one, other) in self.seconds:
            return self.seconds[one, other]
        if one == other:
            return 0.0
        return self.seconds[other, one]
