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
    """Tabu search; ``moves`` is the number of moves per bit that each read makes."""

    reads: int = 2
    moves: int = 10
    largest: int = 3_000

    simulated = "annealer in software (tabu search, dwave-samplers)"
    first_s = 0.0

    def refusal(self) -> str:
        return ""

    def sample(self, model: Coefficients, seed: int, budget: Budget) -> Samples:
        answer = TabuSampler().sample(
            model.bqm(),
            num_reads=self.reads,
            num_restarts=0,
            coefficient_z_first=self.moves,
            lower_bound_z=1,
            timeout=max(1, int(1000 * budget.left() / self.reads)),
            seed=seed % 2**31,
        )
        return Samples(ordered(answer), self.reads)


@dataclass(frozen=True)
class Descent:
    """Steepest descent from random bits."""

    reads: int = 16
    largest: int = 10_000

    simulated = "annealer in software (steepest descent, dwave-samplers)"
    first_s = 0.0

    def refusal(self) -> str:
        return ""

    def sample(self, model: Coefficients, seed: int, budget: Budget) -> Samples:
        sampler = SteepestDescentSampler()
        answer = sampler.sample(model.bqm(), num_reads=self.reads, seed=seed % 2**31)
        return Samples(ordered(answer), self.reads)


def ordered(answer: object) -> Bits:
    """Samples (s, n) of a sample set with the columns in the order of the variables' numbers."""
    order = np.argsort(np.asarray(answer.variables))  # type: ignore[attr-defined]
    return np.asarray(answer.record.sample[:, order], dtype=np.int8)  # type: ignore[attr-defined]


def beta_range(model: Coefficients, seed: int) -> tuple[float, float]:
    """Inverse temperatures, from hot to cold.

    Hot enough that the largest possible change is accepted half the time; so cold that of the
    changes around a local minimum only the easiest tenth is still accepted once in a hundred.
    """
    largest = float(model.reach.max(initial=0.0))
    if not largest:
        return 0.1, 1.0
    start = np.random.default_rng(seed).integers(0, 2, len(model))
    costs = flip_costs(model, descend(model, start)[0][0])
    costs = costs[costs > 1e-9 * largest]
    smallest = float(np.quantile(costs, 0.1)) if len(costs) else largest
    hot = np.log(2) / largest
    return float(hot), float(max(np.log(100) / smallest, 10 * hot))
