"""What every search over packings shares: greedy answers, and the best answer so far."""

from __future__ import annotations

import numpy as np

from quantum_backends import packing_kernels as kernels
from quantum_backends.best import BestSoFar
from quantum_backends.packing import Chosen, PackingProblem
from quantum_backends.packing_lp import units
from quantum_backends.routing import Floats, Ints
from quantum_backends.solver import Budget


def movable(problem: PackingProblem) -> Ints:
    """The groups that have a choice."""
    return np.flatnonzero(np.diff(problem.first) > 1)


def density(problem: PackingProblem) -> Floats:
    """Worth gained over option 0 by unit of use, each resource in units of its capacity (q,)."""
    nothing = problem.first[:-1][problem.group]
    use = np.asarray(problem.use @ (1 / units(problem)))
    gain = problem.worth - problem.worth[nothing]
    return np.asarray(gain / np.maximum(use, 1e-12))


def priced_density(problem: PackingProblem) -> Floats:
    """Worth gained over option 0 by unit of what its use is worth at the prices (q,).

    A little of every resource's mean price is added, so that what costs nothing is not all alike.
    """
    nothing = problem.first[:-1][problem.group]
    mean = float(problem.price @ problem.capacity) / max(1, len(problem.capacity))
    price = problem.price + 0.05 * mean / units(problem)
    gain = problem.worth - problem.worth[nothing]
    cost = np.asarray(problem.use @ price)
    return np.asarray(gain / np.maximum(cost, 1e-12 * max(1.0, mean)))


def best_density(problem: PackingProblem) -> Floats:
    """By prices where they are known, else by value density (q,): the order to fill up in."""
    return priced_density(problem) if problem.price.any() else density(problem)


def greedy_by(problem: PackingProblem, score: Floats) -> Chosen:
    """Options in the order of a score, the highest first; each that gains and fits is taken."""
    return problem.chosen(_filled(problem, kernels.table_of(problem), score))


def _filled(problem: PackingProblem, table: kernels.Table, score: Floats) -> Ints:
    chosen = problem.first[:-1].copy()
    order = np.argsort(-score, kind="stable")
    kernels.fill(table, chosen, kernels.free_of(table, chosen), order)
    return chosen


def density_greedy(problem: PackingProblem) -> Chosen:
    """Greedy by value density: what a controller without an optimiser would do."""
    return greedy_by(problem, density(problem))


def first_packing(problem: PackingProblem) -> Chosen:
    """The better of greedy by density, and by density at the prices where there are any."""
    answers = [density_greedy(problem)]
    if problem.price.any():
        answers.append(greedy_by(problem, priced_density(problem)))
    return min(answers, key=problem.value)


def rounded_packing(
    problem: PackingProblem, share: Floats, draws: int = 10, seed: int = 0
) -> Chosen:
    """An answer out of a relaxation's shares of the options (q,).

    The largest share of each group, then options drawn with their shares as probabilities; each is
    made to fit and filled up, the best is kept.
    """
    table, rng = kernels.table_of(problem), np.random.default_rng(seed)
    score = best_density(problem)
    order = np.lexsort((share, problem.group))
    best = settled(problem, table, order[problem.first[1:] - 1], score)
    for _ in range(draws):
        found = settled(problem, table, drawn(problem, share, rng), score)
        if problem.worth[found].sum() > problem.worth[best].sum():
            best = found
    return problem.chosen(best)


def drawn(problem: PackingProblem, share: Floats, rng: np.random.Generator) -> Ints:
    """An option of each group with its share as the probability."""
    until = np.cumsum(share)
    before = np.concatenate(([0.0], until[problem.first[1:-1] - 1]))
    wanted = before + rng.random(problem.n_groups) * np.add.reduceat(share, problem.first[:-1])
    flat = np.searchsorted(until, wanted)
    return np.asarray(np.clip(flat, problem.first[:-1], problem.first[1:] - 1))


class BestPacking(BestSoFar):
    """The best answer so far of one call of ``solve``; reports each better one to the budget.

    Starts from the best of the incumbent and the greedy answers.

    Parameters
    ----------
    problem : PackingProblem
    budget : Budget
    name : str
        The backend's.
    """

    def __init__(self, problem: PackingProblem, budget: Budget, name: str) -> None:
        super().__init__(budget, name)
        self._problem = problem
        self.table = kernels.table_of(problem)
        self.movable = movable(problem)
        self.worth = -np.inf
        self.flat: Ints = problem.first[:-1].copy()
        if problem.incumbent is not None:
            self.offer(problem.flat(problem.incumbent))
        if budget.left() or problem.incumbent is None:
            self.offer(problem.flat(first_packing(problem)))

    @property
    def proven(self) -> bool:
        """Whether nothing can be better but for what the bound was lowered by."""
        problem = self._problem
        lost = problem.attainable - self.worth
        rounded = 2 * problem.slack + 1e-12 * max(1.0, abs(problem.attainable))
        return bool(lost <= problem.bound + rounded)

    def offer(self, flat: Ints) -> bool:
        """Keep options if they are better; tell whether they were. They have to fit."""
        worth = float(self._problem.worth[flat].sum())
        if not worth > self.worth + 1e-12 * max(1.0, abs(worth)):
            return False
        self.worth, self.flat = worth, flat.copy()
        self.found()
        return True

    def settle(self, flat: Ints, score: Floats) -> Ints:
        """Make options fit, fill what is left in the order of a score, and offer the result."""
        chosen = settled(self._problem, self.table, flat, score)
        self.offer(chosen)
        return chosen

    def answer(self) -> tuple[Chosen, float]:
        chosen = self._problem.chosen(self.flat)
        return chosen, self._problem.value(chosen)


def settled(problem: PackingProblem, table: kernels.Table, flat: Ints, score: Floats) -> Ints:
    """Options that fit out of any: groups of least score leave overused resources, then filling.

    Parameters
    ----------
    flat : int array (g,)
        May use too much.
    score : float array (q,)
    """
    chosen = flat.copy()
    free = kernels.free_of(table, chosen)
    if (free < 0).any():
        kernels.relieve(table, chosen, free, np.argsort(score[chosen], kind="stable"))
        if (free < 0).any():  # options 0 that use something may be in the way of one another
            chosen = problem.first[:-1].copy()
        free = kernels.free_of(table, chosen)
    kernels.fill(table, chosen, free, np.argsort(-score, kind="stable"))
    return chosen
