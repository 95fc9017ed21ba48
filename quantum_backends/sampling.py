"""Samplers of binary quadratic models, and who found what.

A sampler takes arrays and gives bits. Whoever has a device writes one;
:mod:`quantum_backends.annealing.qubo` and :mod:`quantum_backends.annealing.swap_blocks` make
backends of it. Beside every call runs a control: steepest descent from all zeros (for a swap
block: from the plan there is) and from random bits, as many starts as the sampler had. Beside
every eighth runs descent for as long as the call took. What controls find is counted and thrown
away, so that nobody credits a device with what plain descent would have done.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from quantum_backends.bqm import Bits, Coefficients
from quantum_backends.descent import control, timed_control
from quantum_backends.solver import Budget

TIMED_EVERY = 8
"""Of so many calls one is compared with descent for as long as it took, the first included."""


@dataclass(frozen=True, eq=False)
class Samples:
    """What one call of a sampler gave.

    Attributes
    ----------
    bits : int array (s, n)
        Repeated samples may be given once.
    starts : int
        Reads or shots behind them.
    broken : float or None
        Share of the chains that were broken, of embedded calls.
    device_s : float or None
        Seconds the device says it was in use, where it says so.
    modelled_s : float or None
        Seconds that the device a simulator stands for would have been in use, by its time model.
    """

    bits: Bits
    starts: int
    broken: float | None = None
    device_s: float | None = None
    modelled_s: float | None = None


class Sampler(Protocol):
    """Whatever draws low-energy samples.

    Attributes
    ----------
    simulated : str
        What stands in for a device, in words; empty for a real one.
    first_s : float
        Seconds that a first call is expected to take; none is begun in less.
    """

    @property
    def first_s(self) -> float: ...

    @property
    def simulated(self) -> str: ...

    @property
    def largest(self) -> int:
        """Most bits it takes."""
        ...

    def refusal(self) -> str:
        """Say why it cannot be used at all (no token ...); empty where it can."""
        ...

    def sample(self, model: Coefficients, seed: int, budget: Budget) -> Samples: ...


@dataclass
class Tally:
    """How often the samples were lower than a control's, as low, and higher."""

    wins: int = 0
    ties: int = 0
    losses: int = 0

    def add(self, raw: float, other: float, scale: float) -> None:
        tie = abs(raw - other) <= 1e-9 * scale
        self.ties += tie
        self.wins += not tie and raw < other
        self.losses += not tie and raw > other


@dataclass
class Attribution:
    """Sums over the calls of one solve.

    Energies are without the model's offset (of a swap block: relative to staying) and in units of
    it, so that lower is better and calls can be added up.

    Parameters
    ----------
    seed : int
        Of the controls' random starts, which never touch the search's own.
    """

    seed: int = 0
    calls: int = 0
    raw: float = 0.0
    control: float = 0.0
    starts: Tally = field(default_factory=Tally)
    times: Tally = field(default_factory=Tally)
    sizes: int = 0
    broken: list[float] = field(default_factory=list)
    device_s: float = 0.0
    modelled_s: float = 0.0

    def call(self, model: Coefficients, samples: Samples, took_s: float, budget: Budget) -> None:
        """Record one call and run its controls.

        Parameters
        ----------
        took_s : float
            Seconds of the call.
        budget : Budget
            The control of equal time is left out where less than twice its time remains.
        """
        rng = np.random.default_rng((self.seed, self.calls))
        raw = float((model.energies(samples.bits) - model.offset).min())
        scale = abs(model.offset) or float(model.reach.max(initial=0.0)) or 1.0
        found = control(model, samples.starts, rng)
        self.starts.add(raw, found, scale)
        if self.calls % TIMED_EVERY == 0 and budget.left() > 2 * took_s:
            self.times.add(raw, timed_control(model, took_s, rng), scale)
        self.calls += 1
        self.sizes += len(model)
        self.raw += raw / scale
        self.control += found / scale
        self.broken += [] if samples.broken is None else [samples.broken]
        self.device_s += samples.device_s or 0.0
        self.modelled_s += samples.modelled_s or 0.0

    def info(self) -> dict[str, float | str]:
        """The figures as a backend reports them."""
        figures: dict[str, float | str] = {
            "calls": self.calls,
            "block": self.sizes / self.calls if self.calls else 0.0,
            "raw_energy": self.raw,
            "control_energy": self.control,
            "raw_beats_control": self.starts.wins,
            "raw_equals_control": self.starts.ties,
            "control_beats_raw": self.starts.losses,
            "raw_beats_timed": self.times.wins,
            "raw_equals_timed": self.times.ties,
            "timed_beats_raw": self.times.losses,
        }
        if self.broken:
            figures["broken_chains"] = float(np.mean(self.broken))
        if self.device_s:
            figures["device_s"] = self.device_s
        if self.modelled_s:
            figures["modelled_device_s"] = self.modelled_s
        return figures
