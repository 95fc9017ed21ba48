"""Samplers on choices: neighbourhoods of a device's size, or the whole problem as one QUBO."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from quantum_backends import choice_kernels as kernels
from quantum_backends.annealing.option_samplers import OptionBlocks, WholeOptions
from quantum_backends.annealing.samplers import Annealing, Descent, Tabu
from quantum_backends.choice_search import BestChoice
from quantum_backends.choices import ChoiceProblem, colouring
from quantum_backends.reductions.choice_block import (
    OneHotChoices,
    alternatives,
    choice_block,
    one_hot_choices,
)
from quantum_backends.reductions.option_block import OptionBlock
from quantum_backends.routing import Floats, Ints
from quantum_backends.solver import Budget


class ChoiceForm:
    """Groups around one that costs much; whole problems of twenty thousand bits."""

    name = "choices"
    block = 150
    most_bits = 20_000

    def warm(self) -> ChoiceProblem:
        kernels.warm()
        return colouring(np.array([[0, 1], [1, 2]]), 3, 3)

    def size(self, problem: ChoiceProblem) -> tuple[int, int]:
        return len(problem.unary), len(problem.weight) // 2

    def search(self, problem: ChoiceProblem, budget: Budget, name: str) -> ChoiceSearch:
        return ChoiceSearch(problem, BestChoice(problem, budget, name))


class ChoiceSearch:
    """One search over choices."""

    tried = 1

    def __init__(self, problem: ChoiceProblem, best: BestChoice) -> None:
        self.problem, self.best = problem, best

    def block(self, size: int, rng: np.random.Generator) -> OptionBlock:
        flat = self.best.flat
        field = kernels.field_of(self.best.table, flat)
        groups = _around(self.problem, self.best, field, size, rng)
        others = alternatives(self.problem, flat, field, groups, rng)
        return choice_block(self.problem, flat, field, groups, others)

    def whole(self) -> OneHotChoices:
        return one_hot_choices(self.problem)

    def take(self, answers: Iterable[Ints]) -> None:
        for flat in answers:
            self.best.offer(flat)

    def figures(self) -> dict[str, float]:
        return {}


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


def sa_blocks() -> OptionBlocks:
    return OptionBlocks("sa-blocks", Annealing(), ChoiceForm())


def tabu_blocks() -> OptionBlocks:
    return OptionBlocks("tabu-blocks", Tabu(), ChoiceForm())


def descent_blocks() -> OptionBlocks:
    return OptionBlocks("descent-blocks", Descent(), ChoiceForm())


def sa_qubo() -> WholeOptions:
    return WholeOptions("sa-qubo", Annealing(reads=8, sweeps=200), ChoiceForm())
