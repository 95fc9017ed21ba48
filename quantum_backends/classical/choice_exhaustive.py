"""Tries every combination of options, cluster by cluster: the oracle of small choices."""

from __future__ import annotations

import math

import numpy as np

from quantum_backends import choice_kernels as kernels
from quantum_backends.choice_search import BestChoice
from quantum_backends.choices import ChoiceProblem, Chosen
from quantum_backends.classical.exhaustive import LIMIT
from quantum_backends.reductions.clusters import cluster, members
from quantum_backends.routing import Ints
from quantum_backends.solution import Solution
from quantum_backends.solver import Budget, check_accepted

_AT_ONCE = 4096
"""Combinations evaluated together, after which cancellation is looked for."""


class ChoiceExhaustive:
    """Exact where the largest cluster is small, however many there are."""

    name = "exhaustive"
    family = "classical"
    forms = ("choices",)

    def refusal(self, problem: ChoiceProblem) -> str:
        exponents = np.log10(np.diff(problem.first))
        if exponents.sum() <= math.log10(LIMIT) + 1e-9:
            return ""
        if neighbours := _joined_with_one(problem):
            return f"{neighbours} groups are coupled with one: more than {LIMIT} combinations"
        worst = max(float(exponents[groups].sum()) for groups in members(problem))
        if worst > math.log10(LIMIT) + 1e-9:
            return f"10^{worst:.0f} combinations in one cluster, more than {LIMIT}"
        return ""

    def warm(self) -> None:
        kernels.warm()

    def solve(self, problem: ChoiceProblem, budget: Budget, seed: int) -> Solution:
        check_accepted(self.name, self.refusal(problem))
        best = BestChoice(problem, budget, self.name)
        answer, solved = problem.chosen(best.flat), 0
        clusters = members(problem)
        for groups in clusters:
            part = cluster(problem, groups)
            found = least(part.problem, budget)
            if found is None:
                break
            answer, solved = part.lift(found, answer), solved + 1
        best.offer(problem.flat(answer))
        complete = "yes" if solved == len(clusters) else "no"
        return best.solution({"clusters": len(clusters), "complete": complete})


def least(problem: ChoiceProblem, budget: Budget) -> Chosen | None:
    """The cheapest of all combinations; None where the time does not suffice to try them."""
    sizes = np.diff(problem.first)
    coupling = problem.coupling.toarray()
    best, at = np.inf, np.zeros(problem.n_groups, np.int64)
    count = math.prod(sizes.tolist())
    for start in range(0, count, _AT_ONCE):
        if not budget.left():
            return None
        numbers = np.arange(start, min(start + _AT_ONCE, count))
        flat = np.stack(np.unravel_index(numbers, sizes), axis=1) + problem.first[:-1]
        cost = problem.unary[flat].sum(axis=1)
        for g in range(1, problem.n_groups):
            cost += coupling[flat[:, :g], flat[:, g, None]].sum(axis=1)
        lowest = int(np.argmin(cost))
        if cost[lowest] < best:
            best, at = float(cost[lowest]), flat[lowest]
    return problem.chosen(at)


def _joined_with_one(problem: ChoiceProblem) -> int:
    """Groups coupled with the option that has most couplings, if too many to be enumerated.

    Tells in a moment what finding the clusters of a dense problem would take long to.
    """
    if not len(problem.partner):
        return 0
    most = int(np.argmax(np.diff(problem.start)))
    partners: Ints = problem.partner[problem.start[most] : problem.start[most + 1]]
    joined = np.unique(problem.group[partners])
    product = float(np.log10(np.diff(problem.first)[joined]).sum())
    return len(joined) if product > math.log10(LIMIT) else 0
