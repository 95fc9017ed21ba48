"""Samplers on packings: blocks of a device's size, or the whole problem as one QUBO.

Bit strings are made to fit and filled up before they count; ``raw_fits`` says how many were
answers as they came.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from quantum_backends import packing_kernels as kernels
from quantum_backends.annealing.option_samplers import OptionBlocks, WholeOptions
from quantum_backends.annealing.samplers import Annealing, Descent, Tabu
from quantum_backends.packing import PackingProblem, random_packing
from quantum_backends.packing_search import BestPacking, best_density
from quantum_backends.reductions.option_block import OptionBlock
from quantum_backends.reductions.packing_block import (
    WholePacking,
    alternatives,
    around,
    couplings,
    packing_block,
    whole_packing,
)
from quantum_backends.routing import Ints
from quantum_backends.solver import Budget


class PackingForm:
    """Groups around a dear resource; whole problems of two thousand bits."""

    name = "packing"
    block = 100
    most_bits = 2_000

    def warm(self) -> PackingProblem:
        kernels.warm()
        return random_packing(4, 2, 3, 0)

    def size(self, problem: PackingProblem) -> tuple[int, int]:
        return len(problem.worth) - problem.n_groups, couplings(problem)

    def search(self, problem: PackingProblem, budget: Budget, name: str) -> PackingSearch:
        return PackingSearch(problem, BestPacking(problem, budget, name))


class PackingSearch:
    """One search over packings."""

    tried = 4

    def __init__(self, problem: PackingProblem, best: BestPacking) -> None:
        self.problem, self.best = problem, best
        self._score = best_density(problem)
        self._fits: list[float] = []

    def block(self, size: int, rng: np.random.Generator) -> OptionBlock:
        groups = around(self.problem, self.best.flat, self.best.movable, size, rng)
        others = alternatives(self.problem, self.best.flat, groups, rng)
        return packing_block(self.problem, self.best.flat, groups, others)

    def whole(self) -> WholePacking:
        return whole_packing(self.problem)

    def take(self, answers: Iterable[Ints]) -> None:
        fits = []
        for flat in answers:
            fits.append(bool((kernels.free_of(self.best.table, flat) >= 0).all()))
            self.best.settle(flat, self._score)
        self._fits.append(float(np.mean(fits)))

    def figures(self) -> dict[str, float]:
        return {"raw_fits": float(np.mean(self._fits))} if self._fits else {}


_LONG = Annealing(reads=8, sweeps=200)
"""Whole models need longer reads than blocks: the penalties keep single flips from helping."""


def sa_blocks() -> OptionBlocks:
    return OptionBlocks("sa-blocks", Annealing(), PackingForm())


def tabu_blocks() -> OptionBlocks:
    return OptionBlocks("tabu-blocks", Tabu(), PackingForm())


def descent_blocks() -> OptionBlocks:
    return OptionBlocks("descent-blocks", Descent(), PackingForm())


def sa_qubo() -> WholeOptions:
    return WholeOptions("sa-qubo", _LONG, PackingForm())


def tabu_qubo() -> WholeOptions:
    return WholeOptions("tabu-qubo", Tabu(), PackingForm())


def descent_qubo() -> WholeOptions:
    return WholeOptions("descent-qubo", Descent(), PackingForm())
