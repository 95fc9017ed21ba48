"""Samplers on problems of one option per group: blocks of a device's size, or one whole QUBO.

What choices and packings do alike is here; a :class:`Search` says what is theirs, and belongs to
one call of ``solve``.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from quantum_backends.bqm import Bits, Coefficients
from quantum_backends.reductions.option_block import OptionBlock
from quantum_backends.routing import Ints
from quantum_backends.sampling import Attribution, Sampler
from quantum_backends.solution import Solution
from quantum_backends.solver import Budget, check_accepted

MOST_PAIRS = 60_000
"""Most couplings of a whole problem that is written out as one QUBO. Samplers look for
cancellation between reads only; one read of more takes longer than anybody waits."""


class Whole(Protocol):
    """A whole problem as bits; of most bit strings the answer is only made of them by repair."""

    @property
    def model(self) -> Coefficients: ...

    def apply(self, bits: Any) -> Ints: ...

    def broken(self, bits: Bits) -> Any:
        """Constraints that each sample breaks."""
        ...


class Best(Protocol):
    """The best answer so far of a form."""

    @property
    def movable(self) -> Ints: ...

    @property
    def proven(self) -> bool: ...

    def solution(self, info: Any) -> Solution: ...


class Search(Protocol):
    """What is peculiar to a form of problem."""

    @property
    def best(self) -> Best: ...

    @property
    def tried(self) -> int:
        """Samples of a block that are answered with: the lowest."""
        ...

    def block(self, size: int, rng: np.random.Generator) -> OptionBlock:
        """A few groups to be decided anew, with an alternative for each."""
        ...

    def whole(self) -> Whole: ...

    def take(self, answers: Iterable[Ints]) -> None:
        """Keep the best of a call's answers, repaired where that is needed."""
        ...

    def figures(self) -> dict[str, float]:
        """What is to be told of the answers besides how good they were."""
        ...


class Form(Protocol):
    """A form of problem.

    Attributes
    ----------
    name : str
    block : int
        Groups of a block for a sampler that takes that many bits.
    most_bits : int
        Largest whole problem.
    """

    name: str
    block: int
    most_bits: int

    def warm(self) -> Any:
        """Compile the loops; return a small problem."""
        ...

    def size(self, problem: Any) -> tuple[int, int]:
        """Bits and couplings of the whole problem, without writing it out."""
        ...

    def search(self, problem: Any, budget: Budget, name: str) -> Search: ...


class _Sampled(ABC):
    """A backend made of a sampler and a form."""

    name: str
    sampler: Sampler
    form: Form

    @property
    def forms(self) -> tuple[str, ...]:
        return (self.form.name,)

    def refusal(self, problem: Any) -> str:
        return self.sampler.refusal()

    def warm(self) -> None:
        problem = self.form.warm()
        if not self.sampler.refusal():
            self.solve(problem, Budget(0.05), 0)

    @abstractmethod
    def solve(self, problem: Any, budget: Budget, seed: int) -> Solution: ...


@dataclass
class OptionBlocks(_Sampled):
    """Backend by blocks: groups that belong together, each with one alternative.

    Attributes
    ----------
    size : int
        Largest block, where the sampler takes that many bits; 0 for the form's own.
    """

    name: str
    sampler: Sampler
    form: Form
    family: str = "annealer"
    size: int = 0

    def solve(self, problem: Any, budget: Budget, seed: int) -> Solution:
        check_accepted(self.name, self.refusal(problem))
        search = self.form.search(problem, budget, self.name)
        rng, record, best = np.random.default_rng(seed), Attribution(seed), search.best
        size = min(self.size or self.form.block, self.sampler.largest, len(best.movable))
        last = 0.0
        while size and not best.proven and budget.left() > 1.5 * last:
            began = time.monotonic()
            block = search.block(size, rng)
            built = time.monotonic()
            samples = self.sampler.sample(block.model, int(rng.integers(2**31)), budget)
            if not len(samples.bits):
                break
            sampled = time.monotonic() - built
            search.take(map(block.apply, _lowest(block.model, samples.bits, search.tried)))
            last = time.monotonic() - began
            record.call(block.model, samples, sampled, budget)
        simulated = {"simulated": self.sampler.simulated}
        return best.solution({**simulated, **record.info(), **search.figures()})


@dataclass
class WholeOptions(_Sampled):
    """Backend over one model of the whole problem.

    Its ``info`` adds ``bits``, ``couplings``, ``build_s`` and ``broken`` (constraints that are
    broken, mean per sample, before repair).
    """

    name: str
    sampler: Sampler
    form: Form
    family: str = "annealer"

    def refusal(self, problem: Any) -> str:
        bits, pairs = self.form.size(problem)
        if bits > (most := min(self.form.most_bits, self.sampler.largest)):
            return f"{bits} bits, more than {most}"
        if pairs > MOST_PAIRS:
            return f"{pairs} couplings, more than {MOST_PAIRS}"
        return self.sampler.refusal()

    def solve(self, problem: Any, budget: Budget, seed: int) -> Solution:
        check_accepted(self.name, self.refusal(problem))
        search = self.form.search(problem, budget, self.name)
        rng, record, best = np.random.default_rng(seed), Attribution(seed), search.best
        figures: dict[str, float] = {}
        broken: list[float] = []
        began = time.monotonic()
        if len(best.movable) and budget.left() and not best.proven:
            reduced, last = search.whole(), 0.0
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
                search.take(map(reduced.apply, samples.bits))
                last = time.monotonic() - began
                record.call(reduced.model, samples, last, budget)
        if broken:
            figures["broken"] = float(np.mean(broken))
        simulated = {"simulated": self.sampler.simulated}
        return best.solution({**simulated, **record.info(), **figures, **search.figures()})


def _lowest(model: Coefficients, bits: Bits, count: int) -> Bits:
    """The lowest different samples."""
    different = np.unique(bits, axis=0)
    order = np.argsort(model.energies(different), kind="stable")
    return np.asarray(different[order[:count]])
