"""Samplers on choices: neighbourhoods of a device's size, or the whole problem as one QUBO."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from quantum_backends import choice_kernels as kernels
from quantum_backends.annealing.samplers import Annealing, Descent, Tabu
from quantum_backends.choice_search import BestChoice
from quantum_backends.choices import ChoiceProblem, colouring
from quantum_backends.reductions.choice_block import alternatives, choice_block, one_hot_choices
from quantum_backends.routing import Floats, Ints
from quantum_backends.sampling import Attribution, Sampler
from quantum_backends.solution import Solution
from quantum_backends.solver import Budget, check_accepted

BLOCK = 150
"""Groups of a block for a sampler that takes that many bits."""

MOST_BITS = 20_000
MOST_PAIRS = 60_000
"""Largest whole problem that is written out as one QUBO. Samplers look for cancellation between
reads only; one read of more couplings takes longer than anybody waits."""


def _warm_with(sampler: Sampler, backend: SampledChoices | SampledChoiceQubo) -> None:
    kernels.warm()
    if not sampler.refusal():
        backend.solve(colouring(np.array([[0, 1], [1, 2]]), 3, 3), Budget(0.05), 0)


@dataclass
class SampledChoices:
    """Backend for choices by blocks: groups around one that costs much, each with one alternative.

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
    forms: tuple[str, ...] = ("choices",)

    def refusal(self, problem: ChoiceProblem) -> str:
        return self.sampler.refusal()

    def warm(self) -> None:
        _warm_with(self.sampler, self)

    def solve(self, problem: ChoiceProblem, budget: Budget, seed: int) -> Solution:
        check_accepted(self.name, self.refusal(problem))
        best = BestChoice(problem, budget, self.name)
        rng, record = np.random.default_rng(seed), Attribution(seed)
        size = min(self.size, self.sampler.largest, len(best.movable))
        last = 0.0
        while size and not best.proven and budget.left() > 1.5 * last:
            began = time.monotonic()
            field = kernels.field_of(best.table, best.flat)
            groups = _around(problem, best, field, size, rng)
            others = alternatives(problem, best.flat, field, groups, rng)
            block = choice_block(problem, best.flat, field, groups, others)
            built = time.monotonic()
            samples = self.sampler.sample(block.model, int(rng.integers(2**31)), budget)
            if not len(samples.bits):
                break
            last = time.monotonic() - began
            record.call(block.model, samples, time.monotonic() - built, budget)
            lowest = samples.bits[int(np.argmin(block.model.energies(samples.bits)))]
            best.offer(block.apply(lowest))
        return best.solution({"simulated": self.sampler.simulated, **record.info()})


def _around(
    problem: ChoiceProblem, best: BestChoice, field: Floats, size: int, rng: np.random.Generator
) -> Ints:
    """A costly group drawn at random and those it is coupled with most strongly."""
    cost = field[best.flat][best.movable]
    keys = np.log(cost + 1e-12) + rng.gumbel(size=len(cost))
    centre = best.movable[int(np.argmax(keys))]
    options = slice(problem.first[centre], problem.first[centre + 1])
    strength = problem.coupling[options].sum(axis=0)
    by_group = np.bincount(problem.group, strength, problem.n_groups)
    by_group[centre] = np.inf
    near = by_group[best.movable] + 1e-9 * rng.random(len(best.movable))
    return np.sort(best.movable[np.argsort(-near)[:size]])


@dataclass
class SampledChoiceQubo:
    """Backend for choices over the one-hot model of the whole problem.

    Its ``info`` adds ``bits``, ``couplings``, ``build_s`` and ``broken`` (groups without exactly
    one option, mean per sample, before repair).
    """

    name: str
    sampler: Sampler
    family: str = "annealer"
    forms: tuple[str, ...] = ("choices",)

    def refusal(self, problem: ChoiceProblem) -> str:
        bits, pairs = len(problem.unary), len(problem.weight) // 2
        if bits > min(MOST_BITS, self.sampler.largest):
            return f"{bits} bits, more than {min(MOST_BITS, self.sampler.largest)}"
        if pairs > MOST_PAIRS:
            return f"{pairs} couplings, more than {MOST_PAIRS}"
        return self.sampler.refusal()

    def warm(self) -> None:
        _warm_with(self.sampler, self)

    def solve(self, problem: ChoiceProblem, budget: Budget, seed: int) -> Solution:
        check_accepted(self.name, self.refusal(problem))
        best = BestChoice(problem, budget, self.name)
        rng, record = np.random.default_rng(seed), Attribution(seed)
        began = time.monotonic()
        figures: dict[str, float | str] = {}
        broken: list[float] = []
        if len(best.movable) and budget.left() and not best.proven:
            reduced = one_hot_choices(problem)
            last = 0.0
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
                for row in samples.bits:
                    best.offer(reduced.apply(row))
                last = time.monotonic() - began
                record.call(reduced.model, samples, last, budget)
        if broken:
            figures["broken"] = float(np.mean(broken))
        return best.solution({"simulated": self.sampler.simulated, **record.info(), **figures})


def sa_blocks() -> SampledChoices:
    return SampledChoices("sa-blocks", Annealing())


def tabu_blocks() -> SampledChoices:
    return SampledChoices("tabu-blocks", Tabu())


def descent_blocks() -> SampledChoices:
    return SampledChoices("descent-blocks", Descent())


def sa_qubo() -> SampledChoiceQubo:
    return SampledChoiceQubo("sa-qubo", Annealing(reads=8, sweeps=200))
