"""A modelled QPU: answers of simulated calls, times by a model.

The *answers* are real: swap blocks of a given size are solved by simulated annealing in place of
the device, every sample's bits are flipped with the error rate, and the plan goes on from the
lowest. How good the plan is after each call is recorded once. The *times* are modelled: so many
seconds for each call, so that for any device the number of calls that fit into a deadline, and the
plan they lead to, follow by arithmetic. Only the time between two calls, in which this processor
makes the next block, is measured.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import median

import numpy as np

from quantum_backends.annealing.samplers import Annealing
from quantum_backends.blocks import search_blocks
from quantum_backends.device_table import DWAVE_POWER
from quantum_backends.devices import QPU, READY, Device, Status
from quantum_backends.reductions.swap_block import SwapBlock
from quantum_backends.routing import RoutingProblem
from quantum_backends.sampling import Samples
from quantum_backends.search import Best
from quantum_backends.solver import Budget

NAME = "qpu"
"""What the policy knows the device as."""

SHOTS = 100
"""Samples of a call."""

READS = 10
"""Annealing runs behind them; each stands for several shots with errors of their own."""

CALLS = 200
"""Calls that are simulated at most; a device that could make more is taken to gain no more."""

CURVE_S = 2.0
"""Seconds after which a simulation makes no further call."""


@dataclass(frozen=True)
class Qpu:
    """What a device offers.

    Attributes
    ----------
    queue_s : float
        Wait before each call.
    round_trip_s : float
        Way to the device and back.
    programming_s : float
        Before the first shot of a call.
    shot_s : float
        Each shot, with readout and delay.
    error : float
        Probability that a bit of a sample is flipped.
    size : int
        Bits of a call, fully coupled.
    """

    queue_s: float = 0.0
    round_trip_s: float = 0.001
    programming_s: float = 0.008
    shot_s: float = 80e-6
    error: float = 0.01
    size: int = 150

    source = "modelled: programming + shots x time per shot + round trip"

    def busy_s(self, size: int, samples: int) -> float:
        return self.programming_s + samples * self.shot_s

    def call_s(self, size: int, samples: int) -> float:
        return self.busy_s(size, samples) + self.round_trip_s

    @property
    def device(self) -> Device:
        """As the policy sees it: ready, with this time model."""
        status = Status(READY, queue_s=self.queue_s)
        return Device(
            NAME, "modelled QPU", QPU, status, DWAVE_POWER, "", self.size, SHOTS, times=self
        )


@dataclass(frozen=True)
class Curve:
    """What the calls of a device lead to.

    Attributes
    ----------
    values : tuple of float
        MLU of the best plan after 0, 1, 2 ... calls.
    host_s : float
        Seconds of this processor between two calls, measured.
    ended : bool
        Whether the search was over by itself: the bound reached, or nothing left to swap.
    """

    values: tuple[float, ...]
    host_s: float
    ended: bool


@dataclass(frozen=True)
class Answer:
    """What a device would have by a deadline; ``value`` is None where it made no call in time."""

    value: float | None
    first_s: float
    elapsed_s: float
    device_s: float
    calls: int


def curve(problem: RoutingProblem, size: int, error: float, seed: int) -> Curve:
    """Simulate the calls of a device of that size and error rate on one problem."""
    annealer, rng = Annealing(reads=READS), np.random.default_rng(seed)
    ends = time.monotonic() + CURVE_S
    values: list[float] = []
    pauses: list[float] = []
    left_at = 0.0

    def over() -> bool:
        return len(values) >= CALLS or time.monotonic() > ends

    budget = Budget(CURVE_S + 1, cancelled=over)
    best = Best(problem, budget, NAME)

    def sample(block: SwapBlock, call_seed: int) -> Samples:
        nonlocal left_at
        if left_at:
            pauses.append(time.monotonic() - left_at)
        values.append(best.score.mlu)
        drawn = annealer.sample(block.model, call_seed, Budget(60.0)).bits
        bits = np.repeat(drawn, SHOTS // READS, axis=0)
        flipped = rng.random(bits.shape) < error
        left_at = time.monotonic()
        # One start: what is compared with it beside the call is no part of the device's way.
        return Samples(np.where(flipped, 1 - bits, bits).astype(np.int8), 1)

    search_blocks(problem, budget, best, sample, size, seed)
    ended = not over()
    values.append(best.score.mlu)
    return Curve(tuple(values), median(pauses) if pauses else 0.0, ended)


def answer(of: Curve, qpu: Qpu, allowed_s: float) -> Answer:
    """What a device would have after so many seconds."""
    call_s = of.host_s + qpu.call_s(qpu.size, SHOTS) + qpu.queue_s
    fit = int(allowed_s / call_s)
    calls = min(fit, len(of.values) - 1)
    elapsed = calls * call_s if of.ended and calls < fit else allowed_s
    value = of.values[calls] if fit else None
    return Answer(value, call_s, elapsed, calls * qpu.busy_s(qpu.size, SHOTS), calls)
