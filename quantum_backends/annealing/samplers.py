"""The samplers of dwave-samplers, without their surprises.

* Simulated annealing spends most of a short call choosing its temperatures, so it is given them;
  it polls for interruption only between reads, so reads are short.
* Tabu's time limit is per read, and by default half a million moves are made whatever the size.
* Steepest descent cannot be interrupted, but needs no more than a few moves per bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from dwave.samplers import SimulatedAnnealingSampler, SteepestDescentSampler, TabuSampler

from quantum_backends.bqm import Bits, Coefficients
from quantum_backends.descent import descend, flip_costs
from quantum_backends.sampling import Samples
from quantum_backends.solver import Budget

_LONGEST_MS = 10**9
"""What tabu's time limit can hold (32 bits of milliseconds)."""


@dataclass(frozen=True)
class Annealing:
    """Simulated annealing; ``sweeps`` is the number of times each read visits each bit."""

    reads: int = 4
    sweeps: int = 60
    largest: int = 10_000

    simulated = "annealer in software (simulated annealing, dwave-samplers)"
    first_s = 0.0

    def refusal(self) -> str:
        return ""

    def sample(self, model: Coefficients, seed: int, budget: Budget) -> Samples:
        answer = SimulatedAnnealingSampler().sample(
            model.bqm(),
            num_reads=self.reads,
            num_sweeps=self.sweeps,
            beta_range=beta_range(model, seed),
            seed=seed % 2**31,
            interrupt_function=lambda: not budget.left(),
        )
        return Samples(ordered(answer), len(answer))


@dataclass(frozen=True)
class Tabu:
    """Tabu search; each read makes at most ``moves`` moves per bit before each of its restarts.

    The first read starts at all zeros, the others at random.
    """

    reads: int = 2
    moves: int = 100
    restarts: int = 5
    largest: int = 1_000

    simulated = "annealer in software (tabu search, dwave-samplers)"
    first_s = 0.0

    def refusal(self) -> str:
        return ""

    def sample(self, model: Coefficients, seed: int, budget: Budget) -> Samples:
        answer = TabuSampler().sample(
            model.bqm(),
            num_reads=self.reads,
            num_restarts=self.restarts,
            coefficient_z_first=self.moves,
            lower_bound_z=1,
            timeout=int(np.clip(1000 * budget.left() / self.reads, 1, _LONGEST_MS)),
            initial_states=zeros(model),
            seed=seed % 2**31,
        )
        return Samples(ordered(answer), self.reads)


@dataclass(frozen=True)
class Descent:
    """Steepest descent from all zeros and from random bits."""

    reads: int = 16
    largest: int = 10_000

    simulated = "annealer in software (steepest descent, dwave-samplers)"
    first_s = 0.0

    def refusal(self) -> str:
        return ""

    def sample(self, model: Coefficients, seed: int, budget: Budget) -> Samples:
        answer = SteepestDescentSampler().sample(
            model.bqm(),
            num_reads=self.reads,
            initial_states=zeros(model),
            seed=seed % 2**31,
        )
        return Samples(ordered(answer), self.reads)


def zeros(model: Coefficients) -> tuple[Bits, list[int]]:
    """The start of the first read: of a swap block the plan there is."""
    return np.zeros((1, len(model)), np.int8), list(range(len(model)))


def ordered(answer: object) -> Bits:
    """Samples (s, n) of a sample set with the columns in the order of the variables' numbers."""
    order = np.argsort(np.asarray(answer.variables))  # type: ignore[attr-defined]
    return np.asarray(answer.record.sample[:, order], dtype=np.int8)  # type: ignore[attr-defined]


def beta_range(model: Coefficients, seed: int) -> tuple[float, float]:
    """Inverse temperatures, from hot to cold.

    Hot enough that the dearest flip of a random string is accepted half the time; so cold that of
    the flips around a local minimum only the easiest tenth is still accepted once in a hundred.
    """
    start = np.random.default_rng(seed).integers(0, 2, len(model), dtype=np.int8)
    dearest = float(np.abs(flip_costs(model, start)).max(initial=0.0))
    if not dearest:
        return 0.1, 1.0
    costs = flip_costs(model, descend(model, start)[0][0])
    costs = costs[costs > 1e-9 * dearest]
    smallest = float(np.quantile(costs, 0.1)) if len(costs) else dearest
    hot = np.log(2) / dearest
    return float(hot), float(max(np.log(100) / smallest, 10 * hot))
