"""How well choices were made: utility, regret, and the share of the gap to the oracle closed.

As selectors of algorithms are judged (Lindauer, van Rijn and Kotthoff, "The algorithm selection
competitions 2015 and 2017", Artificial Intelligence 272, 2019): 0 is the single backend that is
best on the whole, 1 the oracle that calls the best one for each task.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from qb_controller.commands.policy_table import WORTH, Case
from qb_controller.orchestration.policy import NONE
from qb_controller.runtime.task import Worth
from quantum_backends.routing import Floats, Ints

RESAMPLES = 2000

Choices = Sequence[Sequence[str]]
"""The backend chosen, by seed of the learner and by task."""


@dataclass(frozen=True)
class Interval:
    """A mean with its 95 % interval."""

    mean: float
    low: float
    high: float

    def plain(self) -> list[float]:
        return [self.low, self.high]


class Table:
    """Utilities of every backend on every task.

    Parameters
    ----------
    cases : sequence of Case
    backends : sequence of str
    worth : Worth

    Attributes
    ----------
    utility : float array (tasks, backends)
    single : str
        The backend that is best on the whole, known only afterwards.
    best : float array (tasks,)
        The oracle's utility; it calls none where every backend costs more than it gains.
    """

    def __init__(
        self, cases: Sequence[Case], backends: Sequence[str], worth: Worth = WORTH
    ) -> None:
        self.cases, self.backends, self.worth = cases, tuple(backends), worth
        self.utility = np.array(
            [[case.utility(name, worth) for name in backends] for case in cases]
        )
        self.single = self.backends[int(np.argmax(self.utility.mean(axis=0)))]
        self.best: Floats = np.maximum(self.utility.max(axis=1), 0.0)

    def alone(self, backend: str) -> Floats:
        """Utility of one backend on each task (tasks,)."""
        return np.asarray(self.utility[:, self.backends.index(backend)])

    def of(self, choices: Choices) -> Floats:
        """Utility of choices (seeds, tasks)."""
        column = {name: i for i, name in enumerate(self.backends)}
        padded = np.column_stack((self.utility, np.zeros(len(self.cases))))
        index = [[column.get(name, -1) for name in row] for row in choices]
        return np.asarray(padded[np.arange(len(self.cases)), index])


def closed(mine: float, single: float, best: float) -> float:
    """Share of the gap between the single best and the oracle; NaN where there is none."""
    return float((mine - single) / (best - single)) if best > single else math.nan


def closed_interval(table: Table, choices: Choices, seed: int = 0) -> Interval:
    """Share of the gap closed, with its interval by resampling tasks and seeds together.

    All sides of the comparison are taken on the same resampled tasks (paired).
    """
    mine, single = table.of(choices), table.alone(table.single)
    mean = closed(mine.mean(), single.mean(), table.best.mean())
    if math.isnan(mean):
        return Interval(mean, mean, mean)
    found = [
        closed(mine[rows][:, tasks].mean(), single[tasks].mean(), table.best[tasks].mean())
        for rows, tasks in _samples(mine, seed)
    ]
    return Interval(mean, *np.nanpercentile(found, (2.5, 97.5)).tolist())


def ahead(table: Table, mine: Choices, other: Choices, seed: int = 0) -> Interval:
    """Utility by which one is ahead of another, paired by task."""
    difference = table.of(mine) - table.of(other)
    found = [difference[rows][:, tasks].mean() for rows, tasks in _samples(difference, seed)]
    return Interval(float(difference.mean()), *np.percentile(found, (2.5, 97.5)).tolist())


def _samples(of: Floats, seed: int) -> list[tuple[Ints, Ints]]:
    """Rows and columns drawn with replacement, for a table (seeds, tasks)."""
    rng, (seeds, tasks) = np.random.default_rng(seed), of.shape
    return [
        (rng.integers(seeds, size=(seeds,)), rng.integers(tasks, size=(tasks,)))
        for _ in range(RESAMPLES)
    ]


def missed(cases: Sequence[Case], choices: Choices) -> float:
    """Tasks on which the backend chosen had no answer in time, mean over seeds."""
    return float(
        np.mean(
            [sum(c.missed(name) for c, name in zip(cases, row, strict=True)) for row in choices]
        )
    )


def losses(table: Table, choices: Choices, count: int = 10) -> list[Mapping[str, object]]:
    """The tasks with the largest regret, by the first seed's choices."""
    mine = table.of(choices)[0]
    order = np.argsort(mine - table.best)[:count]
    return [
        {
            "task": table.cases[i].id,
            "form": table.cases[i].form,
            "size": table.cases[i].features["size"],
            "deadline_s": table.cases[i].deadline_s,
            "chosen": choices[0][i],
            "best": table.backends[int(np.argmax(table.utility[i]))] if table.best[i] > 0 else NONE,
            "regret": float(table.best[i] - mine[i]),
        }
        for i in order
        if mine[i] < table.best[i]
    ]
