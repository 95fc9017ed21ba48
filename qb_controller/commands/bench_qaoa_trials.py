"""One measurement of ``qb bench qaoa``: a block, a sampler, a depth, and what is compared with it.

The optimum of every block is known, because all bit strings are enumerated.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from quantum_backends.annealing.samplers import Annealing
from quantum_backends.bqm import Bits, Coefficients
from quantum_backends.device_table import IBM_TIMES
from quantum_backends.gate.processors import Noiseless, Noisy, Processor
from quantum_backends.gate.qaoa import (
    ANGLES,
    Angles,
    all_energies,
    circuit,
    ising_of,
    probabilities,
)
from quantum_backends.gate.reference import reference
from quantum_backends.gate.sampler import Qaoa
from quantum_backends.gate.train_angles import training_blocks
from quantum_backends.routing import Floats
from quantum_backends.solver import Budget

NOISELESS, NOISY, REFERENCE = "noiseless", "noisy", "qiskit-optimization"

_LONGEST_S = 600.0
"""More than any call takes; calls are not cut short here."""

_UNSEEN = 1000
"""Added to the seed of the blocks, so that the angles were trained on other networks."""


@dataclass(frozen=True)
class Trial:
    """What is run on one block.

    Attributes
    ----------
    sampler : str
    qubits, depth : int
    evaluations : int
        Circuits for optimising the angles; 0 for transferred angles.
    shots : int
        Of each circuit.
    scored : int
        Further shots at the final angles, which give the frequencies of the strings; 0 where
        their exact probabilities are computed.
    """

    sampler: str
    qubits: int
    depth: int
    evaluations: int
    shots: int
    scored: int = 0

    @property
    def angles(self) -> str:
        return f"optimised, {self.evaluations}" if self.evaluations else "transferred"


@dataclass(frozen=True, eq=False)
class Case:
    """A swap block whose energies are all known.

    Attributes
    ----------
    model : Coefficients
    energies : float array (2^n,)
        Without the offset, see :func:`quantum_backends.gate.qaoa.all_energies`.
    enumerated_s : float
        Seconds that the enumeration took.
    """

    model: Coefficients
    energies: Floats
    enumerated_s: float

    @staticmethod
    def of(model: Coefficients) -> Case:
        began = time.perf_counter()
        energies = all_energies(model)
        energies.argmin()
        return Case(model, energies, time.perf_counter() - began)

    @cached_property
    def least(self) -> float:
        return float(self.energies.min())

    @cached_property
    def mean(self) -> float:
        """What guessing finds on average."""
        return float(self.energies.mean())

    @cached_property
    def optimum(self) -> Floats:
        """1 at the strings of lowest energy, 0 elsewhere (2^n,)."""
        return (self.energies <= self._tolerated).astype(float)

    @property
    def _tolerated(self) -> float:
        return self.least + 1e-9 * (self.mean - self.least)

    @cached_property
    def digest(self) -> str:
        """Tells one block from another."""
        return hashlib.sha256(self.energies.tobytes()).hexdigest()[:8]

    def ratio(self, energy: float) -> float:
        """Approximation ratio: 1 for the optimum, 0 for the mean of random guessing."""
        return (self.mean - energy) / (self.mean - self.least)

    def found(self, energy: float) -> bool:
        return energy <= self._tolerated

    def lowest(self, bits: Bits) -> float:
        """Lowest energy of samples (s, n), without the offset."""
        return float(self.energies[numbers(bits)].min())


def cases(qubits: int, count: int, seed: int) -> list[Case]:
    """Blocks of as many demands as qubits, from seeded networks of 12 nodes."""
    return [Case.of(block.model) for block in training_blocks(count, qubits, _UNSEEN + seed)]


def numbers(bits: Bits) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Samples (s, n) as numbers, bit 0 lowest."""
    return np.asarray(bits.astype(np.int64) @ (1 << np.arange(bits.shape[1])))


@dataclass(frozen=True, eq=False)
class _Answer:
    """Samples of all circuits, and the final angles for energies of a scale."""

    bits: Bits
    angles: Angles
    scale: float
    circuits: int


class Samplers:
    """What is measured; each is made warm for a size before it is timed."""

    def __init__(self) -> None:
        self._processors: dict[str, Processor] = {NOISELESS: Noiseless(), NOISY: Noisy()}
        self._warm: set[tuple[str, int]] = set()

    def measure(self, trial: Trial, case: Case, seed: int) -> dict[str, Any]:
        """Run a trial; compare with guessing as often and with annealing as long."""
        if (key := (trial.sampler, trial.qubits)) not in self._warm:
            fewest = 2 * trial.depth + 2  # COBYLA asks for two more than it has angles
            few = replace(trial, shots=2, evaluations=min(trial.evaluations, fewest))
            self._run(few, case, seed)
            self._warm.add(key)
        began = time.perf_counter()
        answer = self._run(trial, case, seed)
        took = time.perf_counter() - began
        shots = answer.circuits * trial.shots
        outcome = self._outcome(trial, case, answer, seed)
        energy = float(outcome @ case.energies)
        best = case.lowest(answer.bits)
        return {
            "p_optimum": float(outcome @ case.optimum),
            "p_guessing": float(case.optimum.mean()),
            "ratio": case.ratio(energy),
            "cost_ratio": (energy + case.model.offset) / (case.least + case.model.offset),
            "best_ratio": case.ratio(best),
            "found": case.found(best),
            "circuits": answer.circuits,
            "shots": shots,
            "elapsed_s": took,
            "modelled_device_s": answer.circuits * IBM_TIMES.busy_s(trial.qubits, trial.shots),
            "enumerated_s": case.enumerated_s,
            "random": _guess(case, shots, seed),
            "annealing": _anneal(case, took, seed),
        }

    def seconds_per_shot(self, qubits: int, shots: int, case: Case) -> float:
        """What a noisy shot of depth one takes, from a few."""
        processor = self._processors[NOISY]
        run = processor.load(circuit(ising_of(case.model), 1), Budget(_LONGEST_S))
        began = time.perf_counter()
        run(ANGLES[1], shots, 0)
        return (time.perf_counter() - began) / shots

    def _run(self, trial: Trial, case: Case, seed: int) -> _Answer:
        if trial.sampler == REFERENCE:
            other = reference(case.model, trial.depth, trial.shots, trial.evaluations, seed)
            return _Answer(other.bits[None], other.angles, 1.0, other.circuits)
        processor = self._processors[trial.sampler]
        qaoa = Qaoa(processor, trial.depth, trial.shots, trial.evaluations, bits=trial.qubits)
        samples, angles = qaoa.search(case.model, seed, Budget(_LONGEST_S))
        circuits = len(samples.bits) // trial.shots
        return _Answer(samples.bits, angles, ising_of(case.model).scale, circuits)

    def _outcome(self, trial: Trial, case: Case, answer: _Answer, seed: int) -> Floats:
        """Probability of each string at the final angles: exact, or its frequency."""
        if not trial.scored:
            return probabilities(case.energies, answer.scale, answer.angles)
        qaoa = circuit(ising_of(case.model), trial.depth)
        run = self._processors[trial.sampler].load(qaoa, Budget(_LONGEST_S))
        drawn = numbers(run(answer.angles, trial.scored, seed))
        return np.bincount(drawn, minlength=len(case.energies)) / len(drawn)


def _guess(case: Case, shots: int, seed: int) -> dict[str, Any]:
    """Random strings, as many; ``chance`` is the probability that the optimum is among them."""
    drawn = np.random.default_rng(seed).integers(len(case.energies), size=shots)
    best = float(case.energies[drawn].min())
    chance = 1 - (1 - float(case.optimum.mean())) ** shots
    return {"best_ratio": case.ratio(best), "found": case.found(best), "chance": chance}


def _anneal(case: Case, seconds: float, seed: int) -> dict[str, Any]:
    """Simulated annealing until the optimum is found, as long at most."""
    annealing, budget = Annealing(), Budget(seconds)
    rng = np.random.default_rng(seed)
    best, reads = np.inf, 0
    while budget.left() and not case.found(best):
        samples = annealing.sample(case.model, int(rng.integers(2**31)), budget)
        if len(samples.bits):
            best, reads = min(best, case.lowest(samples.bits)), reads + len(samples.bits)
    found = case.found(best)
    return {
        "best_ratio": case.ratio(best) if reads else None,
        "found": found,
        "reads": reads,
        "found_s": budget.elapsed() if found else None,
    }
