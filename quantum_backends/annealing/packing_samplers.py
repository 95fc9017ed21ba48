"""Samplers on packings: blocks of a device's size, or the whole problem as one QUBO.

Bit strings are made to fit and filled up before they count; ``raw_fits`` says how many were
answers as they came.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from quantum_backends import packing_kernels as kernels
from quantum_backends.annealing.samplers import Annealing, Descent, Tabu
from quantum_backends.bqm import Bits
from quantum_backends.packing import PackingProblem, random_packing
from quantum_backends.packing_search import BestPacking, best_density
from quantum_backends.reductions.option_block import OptionBlock
from quantum_backends.reductions.packing_block import (
    alternatives,
    around,
    couplings,
    packing_block,
    whole_packing,
)
from quantum_backends.routing import Floats, Ints
from quantum_backends.sampling import Attribution, Sampler
from quantum_backends.solution import Solution
from quantum_backends.solver import Budget, check_accepted

BLOCK = 100
"""Groups of a block for a sampler that takes that many bits."""

MOST_BITS = 2_000
MOST_PAIRS = 60_000
"""Largest whole problem that is written out as one QUBO. Samplers look for cancellation between
reads only; one read of more couplings takes longer than anybody waits."""


def _warm_with(sampler: Sampler, backend: SampledPacking | SampledPackingQubo) -> None:
    kernels.warm()
    if not sampler.refusal():
        backend.solve(random_packing(4, 2, 3, 0), Budget(0.05), 0)


@dataclass
class SampledPacking:
    """Backend for packings by blocks: groups around a dear resource, each with one alternative.

    Attributes
    ----------
    sampler : Sampler
    size : int
        Largest block, where the sampler takes that many bits.
    """

    name: str
    sampler: Sampler
    family: str = "annealer"
    size: int = BLOCK
    forms: tuple[str, ...] = ("packing",)

    def refusal(self, problem: PackingProblem) -> str:
        return self.sampler.refusal()

    def warm(self) -> None:
        _warm_with(self.sampler, self)

    def solve(self, problem: PackingProblem, budget: Budget, seed: int) -> Solution:
        check_accepted(self.name, self.refusal(problem))
        best = BestPacking(problem, budget, self.name)
        rng, record = np.random.default_rng(seed), Attribution(seed)
        score = best_density(problem)
        size = min(self.size, self.sampler.largest, len(best.movable))
        last, fits = 0.0, []
        while size and not best.proven and budget.left() > 1.5 * last:
            began = time.monotonic()
            groups = around(problem, best.flat, best.movable, size, rng)
            others = alternatives(problem, best.flat, groups, rng)
            block = packing_block(problem, best.flat, groups, others)
            built = time.monotonic()
            samples = self.sampler.sample(block.model, int(rng.integers(2**31)), budget)
            if not len(samples.bits):
                break
            sampled = time.monotonic() - built
            fits.append(_offer(best, map(block.apply, _lowest(block, samples.bits)), score))
            last = time.monotonic() - began
            record.call(block.model, samples, sampled, budget)
        figures = {"raw_fits": float(np.mean(fits))} if fits else {}
        return best.solution({"simulated": self.sampler.simulated, **record.info(), **figures})


@dataclass
class SampledPackingQubo:
    """Backend for packings over one model of the whole problem.

    Its ``info`` adds ``bits``, ``couplings``, ``build_s`` and ``broken`` (groups and resources
    whose constraint is broken, mean per sample, before repair).
    """

    name: str
    sampler: Sampler
    family: str = "annealer"
    forms: tuple[str, ...] = ("packing",)

    def refusal(self, problem: PackingProblem) -> str:
        bits, pairs = len(problem.worth) - problem.n_groups, couplings(problem)
        if bits > min(MOST_BITS, self.sampler.largest):
            return f"{bits} bits, more than {min(MOST_BITS, self.sampler.largest)}"
        if pairs > MOST_PAIRS:
            return f"{pairs} couplings, more than {MOST_PAIRS}"
        return self.sampler.refusal()

    def warm(self) -> None:
        _warm_with(self.sampler, self)

    def solve(self, problem: PackingProblem, budget: Budget, seed: int) -> Solution:
        check_accepted(self.name, self.refusal(problem))
        best = BestPacking(problem, budget, self.name)
        rng, record, score = np.random.default_rng(seed), Attribution(seed), best_density(problem)
        figures: dict[str, float | str] = {}
        broken: list[float] = []
        fits: list[float] = []
        began = time.monotonic()
        if len(best.movable) and budget.left() and not best.proven:
            reduced, last = whole_packing(problem), 0.0
            figures = {
                "bits": float(len(reduced.model)),
                "couplings": float(len(reduced.model.value)),
                "build_s": time.monotonic() - began,
            }
            while not best.proven and budget.left() > 1.5 * last:
                began = time.monotonic()
                samples = self.sampler.sample(reduced.model, int(rng.integers(2**31)), budget)
                if not len(samples.bits):
                    break
                broken.append(float(reduced.broken(samples.bits).mean()))
                fits.append(_offer(best, map(reduced.apply, samples.bits), score))
                last = time.monotonic() - began
                record.call(reduced.model, samples, last, budget)
        if broken:
            figures |= {"broken": float(np.mean(broken)), "raw_fits": float(np.mean(fits))}
        return best.solution({"simulated": self.sampler.simulated, **record.info(), **figures})


_TRIED = 4
"""Samples of a block that are made to fit: the lowest."""


def _lowest(block: OptionBlock, bits: Bits) -> Bits:
    different = np.unique(bits, axis=0)
    order = np.argsort(block.model.energies(different), kind="stable")
    return np.asarray(different[order[:_TRIED]])


def _offer(best: BestPacking, answers: Iterable[Ints], score: Floats) -> float:
    """Offer answers after repair; the share of them that needed none."""
    fits = []
    for flat in answers:
        fits.append(bool((kernels.free_of(best.table, flat) >= 0).all()))
        best.settle(flat, score)
    return float(np.mean(fits))


_LONG = Annealing(reads=8, sweeps=200)
"""Whole models need longer reads than blocks: the penalties keep single flips from helping."""


def sa_blocks() -> SampledPacking:
    return SampledPacking("sa-blocks", Annealing())


def tabu_blocks() -> SampledPacking:
    return SampledPacking("tabu-blocks", Tabu())


def descent_blocks() -> SampledPacking:
    return SampledPacking("descent-blocks", Descent())


def sa_qubo() -> SampledPackingQubo:
    return SampledPackingQubo("sa-qubo", _LONG)


def tabu_qubo() -> SampledPackingQubo:
    return SampledPackingQubo("tabu-qubo", Tabu())


def descent_qubo() -> SampledPackingQubo:
    return SampledPackingQubo("descent-qubo", Descent())
