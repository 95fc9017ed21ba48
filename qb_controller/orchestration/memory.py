"""Outcomes of backends in one kind of task, read as weighted quantiles near a question.

An outcome is kept as a factor on a documented expectation ("took 1.3 times as long as expected").
A question is answered from outcomes in like situations: each counts by how near its situation is
(a Gaussian, very nearly, of the distance in a few scaled logarithms) and by how many newer ones
there are of its own neighbourhood, so that a drift is followed within a dozen outcomes and what was
learnt about other sizes stays. The expectation itself takes part as :data:`PRIOR_POINTS` imagined
outcomes that weigh as much as :data:`PRIOR_WEIGHT` real ones.

The factors make the one follow the other: where nothing like it was seen, sizes and budgets
extrapolate along the expectation; where much was seen, its error no longer matters.

Backends find the same tasks hard. What the others' gaps were, relative to what was expected of
them, moves what is expected of one that has not been seen there: or whoever was never asked would
look better than the one that did best on hard tasks.

Outcomes are kept in arrays, sorted by each target, so that all arms and budgets are read in one
compiled pass (:mod:`qb_controller.orchestration.memory_kernels`).
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from qb_controller.orchestration.memory_kernels import PRIOR_POINTS, PRIOR_WEIGHT, TARGETS, read

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

Name = TypeVar("Name", bound=Hashable)

ROWS = 160
"""Outcomes kept of one backend and kind: five full situations, or many with a few outcomes.
All of them are weighed in each decision."""

CELL_ROWS = 32
"""Outcomes kept of one situation: with :data:`AGEING` older ones would weigh below a fifth."""

AGEING = 0.95
"""Weight of an outcome for each newer one of its situation: half of it after 13, which is how
fast a device that became slower is believed."""

PRIOR_Z = np.array([-1.282, -0.524, 0.0, 0.524, 1.282])
"""Standard normal deviates at 10, 30, 50, 70 and 90 percent: the imagined outcomes."""


class Memory(Generic[Name]):
    """Outcomes of all backends in one kind of task.

    Parameters
    ----------
    dimensions : int
        Coordinates of a situation.
    spread : float array (3,)
        Standard deviation of the factors' logarithms that the expectation claims, by target.
    """

    def __init__(self, dimensions: int, spread: Floats) -> None:
        self._arms: dict[Name, int] = {}
        self._imagined = np.exp(spread[:, None] * PRIOR_Z)
        # The first axis of all of these are the arms; the first rows are the imagined outcomes.
        rows = PRIOR_POINTS + ROWS
        self._count = np.zeros(0, dtype=np.int64)
        self._at = np.zeros((0, dimensions, rows))
        self._high = np.zeros((0, rows))  # of the budget; its lower end is in _at
        self._age = np.zeros((0, rows))
        self._factor = np.zeros((0, TARGETS, rows))  # actual over expected
        self._hardness = np.zeros((0, rows))  # logarithm of the gap's factor; 0 where unknown
        self._has_gap = np.zeros((0, rows))  # 1 where the gap is known
        self._order = np.zeros((0, TARGETS, rows), dtype=np.int64)  # of the known ones, by factor
        self._sorted = np.zeros((0, TARGETS, rows))  # their factors
        self._known = np.zeros((0, TARGETS), dtype=np.int64)
        self._turn = np.zeros((0, rows), dtype=np.int64)
        self._cell: list[list[tuple[int, ...]]] = []
        self._turns = 0

    def counts(self) -> dict[Name, int]:
        """Outcomes remembered of each arm that has any."""
        counts = (self._count - PRIOR_POINTS).tolist()
        return {name: counts[arm] for name, arm in self._arms.items() if counts[arm]}

    def arm(self, name: Name) -> int:
        """Where an arm is kept; a new one starts with the imagined outcomes alone."""
        found = self._arms.get(name)
        return self._new(name) if found is None else found

    def add(self, arm: int, at: Floats, factor: Floats, least: float | None = None) -> None:
        """Remember an outcome.

        Parameters
        ----------
        arm : int
            As :meth:`arm` gives it.
        at : float array (d,)
            Situation, in units of the kernel's width; the first coordinate is the budget.
        factor : float array (3,)
            Actual over expected; NaN where it is not known.
        least : float, optional
            For a backend that was done before its time was over: the smallest budget with which
            the same would have come, as a coordinate. The outcome counts for every larger one.
        """
        cell = tuple(np.rint(at).astype(int).tolist())
        cells = self._cell[arm]
        same = [i for i in range(PRIOR_POINTS, int(self._count[arm])) if cells[i] == cell]
        self._age[arm, same] *= AGEING
        row = self._place(arm, same)
        self._turns += 1
        self._at[arm, :, row], self._age[arm, row] = at, 1.0
        self._factor[arm, :, row] = factor
        self._has_gap[arm, row] = not np.isnan(factor[2])
        self._hardness[arm, row] = np.log(factor[2]) if self._has_gap[arm, row] else 0.0
        self._high[arm, row] = at[0] if least is None else np.inf
        self._at[arm, 0, row] = at[0] if least is None else least
        cells[row], self._turn[arm, row] = cell, self._turns
        self._sort(arm)

    def _new(self, name: Name) -> int:
        arm = self._arms[name] = len(self._arms)
        for each in _PER_ARM:
            old = getattr(self, each)
            setattr(self, each, np.concatenate((old, np.zeros((1, *old.shape[1:]), old.dtype))))
        self._count[arm] = PRIOR_POINTS
        self._age[arm, :PRIOR_POINTS] = PRIOR_WEIGHT / PRIOR_POINTS
        self._factor[arm, :, :PRIOR_POINTS] = self._imagined
        self._cell.append([()] * self._at.shape[2])
        self._sort(arm)
        return arm

    def _place(self, arm: int, same: list[int]) -> int:
        """Row for a new outcome: the oldest of a full situation, a free one, or of the largest."""
        turn, count = self._turn[arm], int(self._count[arm])
        if len(same) >= CELL_ROWS:
            return min(same, key=turn.__getitem__)
        if count < len(turn):
            self._count[arm] += 1
            return count
        crowd: dict[tuple[int, ...], list[int]] = {}
        for i in range(PRIOR_POINTS, count):
            crowd.setdefault(self._cell[arm][i], []).append(i)
        largest = max(crowd.values(), key=len)
        return min(largest, key=turn.__getitem__)

    def _sort(self, arm: int) -> None:
        for target in range(TARGETS):
            factor = self._factor[arm, target, : self._count[arm]]
            known = np.flatnonzero(~np.isnan(factor))
            order = known[np.argsort(factor[known], kind="stable")]
            self._order[arm, target, : len(order)] = order
            self._sorted[arm, target, : len(order)] = factor[order]
            self._known[arm, target] = len(order)

    def read(
        self,
        arms: Ints,
        at: Floats,
        places: Floats,
        budgets: Floats,
        expected: Floats,
        incumbent: float,
        clip: bool,
    ) -> Floats:
        """Expectation in one situation for several arms and budgets.

        Parameters
        ----------
        arms : int array (a,)
            As :meth:`arm` gives them.
        at : float array (d,)
            The situation; its first coordinate is not looked at.
        places : float array (b,)
            The budgets as coordinates.
        budgets : float array (b,)
            Seconds.
        expected : float array (a, b, 3)
            Documented expectation of each target.
        incumbent : float
            Gap of what is there now, from which ``gain`` counts.
        clip : bool
            Whether an answer worse than the incumbent counts as no gain, because the incumbent
            stays then.

        Returns
        -------
        float array (a, b, len(COLUMNS))
        """
        return read(
            arms,
            self._count,
            self._at,
            self._high,
            self._age,
            self._hardness,
            self._has_gap,
            self._order,
            self._sorted,
            self._known,
            at,
            places,
            budgets,
            expected,
            incumbent,
            clip,
        )


_PER_ARM = (
    "_count", "_at", "_high", "_age", "_factor", "_hardness", "_has_gap", "_order", "_sorted",
    "_known", "_turn",
)  # fmt: skip
