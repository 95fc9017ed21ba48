"""Outcomes of one backend in one kind of task, read as weighted quantiles near a question.

An outcome is kept as a factor on a documented expectation ("took 1.3 times as long as expected").
A question is answered from outcomes in like situations: each counts by how near its situation is
(a Gaussian of the distance in a few scaled logarithms) and by how many newer ones there are of its
own neighbourhood, so that a drift is followed within a dozen outcomes and what was learnt about
other sizes stays. The expectation itself takes part as :data:`PRIOR_POINTS` imagined outcomes that
weigh as much as :data:`PRIOR_WEIGHT` real ones.

The factors make the one follow the other: where nothing like it was seen, sizes and budgets
extrapolate along the expectation; where much was seen, its error no longer matters.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float64]

TARGETS = 3
"""Seconds to the first valid answer, seconds until done, gap of the last answer."""

ROWS = 160
"""Outcomes kept of one backend and kind: five full situations, or many with a few outcomes.
All of them are weighed in each decision."""

CELL_ROWS = 32
"""Outcomes kept of one situation: with :data:`AGEING` older ones would weigh below a fifth."""

AGEING = 0.95
"""Weight of an outcome for each newer one of its situation: half of it after 13, which is how
fast a device that became slower is believed."""

PRIOR_WEIGHT = 1.0
GAP_CAUTION = 4.0
"""Real outcomes that the expectation counts for, of times; and how many times that of gaps. The
arm that looks best of many is the one that was lucky as well, so gaps are believed more slowly;
times decide about being late and are believed at once. Both were chosen by the regret on problems
left out of a calibration."""

PRIOR_Z = np.array([-1.282, -0.524, 0.0, 0.524, 1.282])
"""Standard normal deviates at 10, 30, 50, 70 and 90 percent: the imagined outcomes."""
PRIOR_POINTS = len(PRIOR_Z)

GAP_FLOOR = 1e-3
"""Gaps are told apart down to a tenth of a percent; nothing smaller moves traffic."""

FAR = 20.0
"""Squared distance, in widths, beyond which an outcome is left out: it weighs below 1/20,000."""

COLUMNS = ("time50", "time90", "busy50", "gap10", "gap50", "gap90", "late", "gain", "weight")
"""What :func:`read` returns for each budget; ``gain`` is the expected fall of the gap, ``weight``
how many outcomes it rests on."""


class Memory:
    """Outcomes of one backend in one kind of task.

    Parameters
    ----------
    dimensions : int
        Coordinates of a situation.
    spread : float array (3,)
        Standard deviation of the factors' logarithms that the expectation claims, by target.
    """

    def __init__(self, dimensions: int, spread: Floats) -> None:
        rows = PRIOR_POINTS + ROWS
        self.count = PRIOR_POINTS  # the first rows are the imagined outcomes
        self._at = np.zeros((rows, dimensions))
        self._high = np.zeros(rows)  # of the budget; its lower end is in _at
        self._age = np.zeros(rows)
        self._age[:PRIOR_POINTS] = PRIOR_WEIGHT / PRIOR_POINTS
        self._factor = np.full((TARGETS, rows), np.nan)  # actual over expected
        self._factor[:, :PRIOR_POINTS] = np.exp(spread[:, None] * PRIOR_Z)
        self._cell: list[tuple[int, ...]] = [()] * rows
        self._turn = np.zeros(rows, dtype=np.int64)
        self._turns = 0
        self._order = np.zeros((TARGETS, rows), dtype=np.int64)
        self._known = np.zeros(TARGETS, dtype=np.int64)
        self._sort()

    def __len__(self) -> int:
        return self.count - PRIOR_POINTS

    def add(self, at: Floats, factor: Floats, least: float | None = None) -> None:
        """Remember an outcome.

        Parameters
        ----------
        at : float array (d,)
            Situation, in units of the kernel's width; the first coordinate is the budget.
        factor : float array (3,)
            Actual over expected; NaN where it is not known.
        least : float, optional
            For a backend that was done before its time was over: the smallest budget with which
            the same would have come, as a coordinate. The outcome counts for every larger one.
        """
        cell = tuple(np.rint(at).astype(int).tolist())
        rows = [i for i in range(PRIOR_POINTS, self.count) if self._cell[i] == cell]
        self._age[rows] *= AGEING
        row = self._place(rows)
        self._turns += 1
        self._at[row], self._age[row], self._factor[:, row] = at, 1.0, factor
        self._high[row] = at[0] if least is None else np.inf
        self._at[row, 0] = at[0] if least is None else least
        self._cell[row], self._turn[row] = cell, self._turns
        self._sort()

    def _place(self, same: list[int]) -> int:
        """Row for a new outcome: the oldest of a full situation, a free one, or of the largest."""
        if len(same) >= CELL_ROWS:
            return min(same, key=self._turn.__getitem__)
        if self.count < len(self._age):
            self.count += 1
            return self.count - 1
        crowd: dict[tuple[int, ...], list[int]] = {}
        for i in range(PRIOR_POINTS, self.count):
            crowd.setdefault(self._cell[i], []).append(i)
        largest = max(crowd.values(), key=len)
        return min(largest, key=self._turn.__getitem__)

    def _sort(self) -> None:
        for target in range(TARGETS):
            known = np.flatnonzero(~np.isnan(self._factor[target, : self.count]))
            order = known[np.argsort(self._factor[target, known], kind="stable")]
            self._order[target, : len(order)] = order
            self._known[target] = len(order)

    def read(
        self, at: Floats, budgets: Floats, expected: Floats, incumbent: float, clip: bool
    ) -> Floats:
        """Expectation in one situation for several budgets.

        Parameters
        ----------
        at : float array (b, d)
        budgets : float array (b,)
            Seconds.
        expected : float array (b, 3)
            Documented expectation of each target.
        incumbent : float
            Gap of what is there now, from which ``gain`` counts.
        clip : bool
            Whether an answer worse than the incumbent counts as no gain, because the incumbent
            stays then.

        Returns
        -------
        float array (b, len(COLUMNS))
        """
        return _read(
            self._at[: self.count],
            self._high,
            self._age,
            self._factor,
            self._order,
            self._known,
            at,
            budgets,
            expected,
            incumbent,
            clip,
        )


@njit(cache=True)
def _read(at, high, age, factor, order, known, where, budgets, expected, incumbent, clip):  # type: ignore[no-untyped-def]
    n, dimensions = at.shape
    out = np.zeros((len(budgets), 9))
    alike = np.zeros(n)  # weight apart from the budget
    for i in range(PRIOR_POINTS, n):
        distance = 0.0
        for d in range(1, dimensions):
            distance += (at[i, d] - where[0, d]) ** 2
        if distance < FAR:
            alike[i] = age[i] * np.exp(-0.5 * distance)
    weight = np.empty(n)
    for b in range(len(budgets)):
        weight[:PRIOR_POINTS] = age[:PRIOR_POINTS]
        for i in range(PRIOR_POINTS, n):
            short = max(at[i, 0] - where[b, 0], where[b, 0] - high[i], 0.0)
            weight[i] = alike[i]
            if short > 0 and alike[i] > 0:
                weight[i] *= np.exp(-0.5 * short * short)
            out[b, 8] += weight[i]
        limit = budgets[b] / expected[b, 0]
        late, total = 0.0, 0.0
        for k in range(known[0]):
            i = order[0, k]
            total += weight[i]
            if factor[0, i] > limit:
                late += weight[i]
        out[b, 6] = late / total
        _shares((0.5, 0.9), weight, factor[0], order[0, : known[0]], out[b, 0:2])
        _shares((0.5, 0.9), weight, factor[1], order[1, : known[1]], out[b, 2:4])
        out[b, 0] *= expected[b, 0]
        out[b, 1] *= expected[b, 0]
        out[b, 2] *= expected[b, 1]
        weight[:PRIOR_POINTS] *= GAP_CAUTION
        _shares((0.1, 0.5, 0.9), weight, factor[2], order[2, : known[2]], out[b, 3:6])
        scale = expected[b, 2] + GAP_FLOOR
        for column in range(3, 6):
            out[b, column] = max(0.0, out[b, column] * scale - GAP_FLOOR)
        gain, total = 0.0, 0.0
        for k in range(known[2]):
            i = order[2, k]
            fall = incumbent - max(0.0, factor[2, i] * scale - GAP_FLOOR)
            gain += weight[i] * (max(0.0, fall) if clip else fall)
            total += weight[i]
        out[b, 7] = gain / total
    return out


@njit(cache=True)
def _shares(shares, weight, factor, order, out):  # type: ignore[no-untyped-def]
    """Factors on the expectation that these shares of the weighted outcomes do not exceed.

    Each outcome stands for the middle of its weight, or small samples would read too high.
    """
    total = 0.0
    for i in order:
        total += weight[i]
    below, found = 0.0, 0
    for i in order:
        middle = below + 0.5 * weight[i]
        while found < len(shares) and middle >= shares[found] * total * (1 - 1e-12):
            out[found] = factor[i]
            found += 1
        if found == len(shares):
            return
        below += weight[i]
    out[found:] = factor[order[-1]]
