"""Outcomes of backends in one kind of task, read as weighted quantiles near a question.

An outcome is kept as a factor on a documented expectation ("took 1.3 times as long as expected").
A question is answered from outcomes in like situations: each counts by how near its situation is
(a Gaussian of the distance in a few scaled logarithms) and by how many newer ones there are of its
own neighbourhood, so that a drift is followed within a dozen outcomes and what was learnt about
other sizes stays. The expectation itself takes part as :data:`PRIOR_POINTS` imagined outcomes that
weigh as much as :data:`PRIOR_WEIGHT` real ones.

The factors make the one follow the other: where nothing like it was seen, sizes and budgets
extrapolate along the expectation; where much was seen, its error no longer matters.

Backends find the same tasks hard. What the others' gaps were, relative to what was expected of
them, moves what is expected of one that has not been seen there: or whoever was never asked would
look better than the one that did best on hard tasks.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float64]

Name = TypeVar("Name", bound=Hashable)

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
GAP_CAUTION = 2.0
"""Real outcomes that the expectation counts for, of times; and how many times that of gaps. The
arm that looks best of many is the one that was lucky as well, so gaps are believed more slowly;
times decide about being late and are believed at once. Chosen among a handful of settings by the
regret on the very tasks that judged them, and the step from four to two rests on a single task, so
take it as tuned and not as validated."""

PRIOR_Z = np.array([-1.282, -0.524, 0.0, 0.524, 1.282])
"""Standard normal deviates at 10, 30, 50, 70 and 90 percent: the imagined outcomes."""
PRIOR_POINTS = len(PRIOR_Z)

GAP_FLOOR = 1e-3
"""Gaps are told apart down to a tenth of a percent; nothing smaller moves traffic."""

FAR = 20.0
"""Squared distance, in widths, beyond which an outcome is left out: it weighs below 1/20,000."""

COLUMNS = (
    "budget", "time50", "time90", "busy50", "gap10", "gap50", "gap90", "late", "gain", "weight"
)  # fmt: skip
"""What :meth:`Memory.read` returns for each budget, as a Forecast has it; ``gain`` is the expected
fall of the gap, ``weight`` how many outcomes it rests on."""


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
        self._at = np.zeros((0, rows, dimensions))
        self._high = np.zeros((0, rows))  # of the budget; its lower end is in _at
        self._age = np.zeros((0, rows))
        self._factor = np.zeros((0, TARGETS, rows))  # actual over expected
        self._hardness = np.zeros((0, rows))  # logarithm of the gap's factor; NaN where unknown
        self._order = np.zeros((0, TARGETS, rows), dtype=np.int64)
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
        self._at[arm, row], self._age[arm, row] = at, 1.0
        self._factor[arm, :, row] = factor
        self._hardness[arm, row] = np.log(factor[2])
        self._high[arm, row] = at[0] if least is None else np.inf
        self._at[arm, row, 0] = at[0] if least is None else least
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
        self._cell.append([()] * self._at.shape[1])
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
            self._known[arm, target] = len(order)

    def read(
        self,
        arms: Sequence[int],
        at: Floats,
        budgets: Floats,
        expected: Floats,
        incumbent: float,
        clip: bool,
    ) -> Floats:
        """Expectation in one situation for several arms and budgets.

        Parameters
        ----------
        arms : sequence of int (a,)
        at : float array (b, d)
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
        return _read(
            np.array(arms, dtype=np.int64),
            self._count,
            self._at,
            self._high,
            self._age,
            self._factor,
            self._hardness,
            self._order,
            self._known,
            at,
            budgets,
            expected,
            incumbent,
            clip,
        )


_PER_ARM = (
    "_count", "_at", "_high", "_age", "_factor", "_hardness", "_order", "_known", "_turn"
)  # fmt: skip


@njit(cache=True)
def _read(  # type: ignore[no-untyped-def]
    arms,
    count,
    at,
    high,
    age,
    factor,
    hardness,
    order,
    known,
    where,
    budgets,
    expected,
    incumbent,
    clip,
):
    out = np.zeros((len(arms), len(budgets), len(COLUMNS)))
    weights = np.zeros((len(arms), len(budgets), age.shape[1]))
    told = np.zeros((len(arms), len(budgets), 2))
    for k, arm in enumerate(arms):
        alike = _alike(count[arm], at[arm], age[arm], where[0])
        for b in range(len(budgets)):
            weight = weights[k, b]
            out[k, b, 9] = _near(alike, at[arm], high[arm], where[b, 0], weight)
            _tell(weight[: len(alike)], hardness[arm], told[k, b])
    everybody = told.sum(axis=0)
    for k, arm in enumerate(arms):
        for b in range(len(budgets)):
            weight = weights[k, b]
            out[k, b, 0] = budgets[b]
            weight[:PRIOR_POINTS] = age[arm, :PRIOR_POINTS]
            _times(
                weight, factor[arm], order[arm], known[arm], budgets[b], expected[k, b], out[k, b]
            )
            weight[:PRIOR_POINTS] *= GAP_CAUTION
            ranked = order[arm, 2, : known[arm, 2]]
            scale = expected[k, b, 2] + GAP_FLOOR
            scale *= _harder(everybody[b] - told[k, b], told[k, b, 0])
            _gaps(weight, factor[arm, 2], ranked, scale, incumbent, clip, out[k, b])
    return out


@njit(cache=True)
def _tell(weight, hardness, told):  # type: ignore[no-untyped-def]
    """Weight of the real outcomes with a known gap, and sum of their weighted logarithms."""
    for i in range(PRIOR_POINTS, len(weight)):
        if weight[i] > 0 and not np.isnan(hardness[i]):
            told[0] += weight[i]
            told[1] += weight[i] * hardness[i]


@njit(cache=True)
def _harder(others, own):  # type: ignore[no-untyped-def]
    """Factor on the expected gap for what others found; the less, the more own outcomes there are.

    Believed as slowly as outcomes are of one's own: :data:`PRIOR_WEIGHT` times
    :data:`GAP_CAUTION` outcomes move it half of the way.
    """
    slow = PRIOR_WEIGHT * GAP_CAUTION
    return np.exp(others[1] / (others[0] + slow) * slow / (own + slow))


@njit(cache=True)
def _alike(n, at, age, where):  # type: ignore[no-untyped-def]
    """Weight of outcomes apart from their budget: how near they are, and how recent."""
    found = np.zeros(n)
    for i in range(PRIOR_POINTS, n):
        distance = 0.0
        for d in range(1, len(where)):
            distance += (at[i, d] - where[d]) ** 2
        if distance < FAR:
            found[i] = age[i] * np.exp(-0.5 * distance)
    return found


@njit(cache=True)
def _near(alike, at, high, budget, weight):  # type: ignore[no-untyped-def]
    """Weights for one budget, written to ``weight``; return their sum."""
    total = 0.0
    for i in range(PRIOR_POINTS, len(alike)):
        weight[i] = alike[i]
        if alike[i] > 0:
            short = max(at[i, 0] - budget, budget - high[i])
            if short > 0:
                weight[i] *= np.exp(-0.5 * short * short)
            total += weight[i]
    return total


@njit(cache=True)
def _times(weight, factor, order, known, budget, expected, out):  # type: ignore[no-untyped-def]
    """Quantiles of both times and the probability of being late."""
    limit = budget / expected[0]
    late, total = 0.0, 0.0
    for i in order[0, : known[0]]:
        total += weight[i]
        if factor[0, i] > limit:
            late += weight[i]
    out[7] = late / total
    _shares((0.5, 0.9), total, weight, factor[0], order[0, : known[0]], out[1:3])
    _shares((0.5,), total, weight, factor[1], order[1, : known[1]], out[3:4])
    out[1:3] *= expected[0]
    out[3] *= expected[1]


@njit(cache=True)
def _gaps(weight, factor, order, scale, incumbent, clip, out):  # type: ignore[no-untyped-def]
    """Quantiles of the gap and the gain to be expected; ``scale`` is what factors are on."""
    gain, total = 0.0, 0.0
    for i in order:
        fall = incumbent - max(0.0, factor[i] * scale - GAP_FLOOR)
        gain += weight[i] * (max(0.0, fall) if clip else fall)
        total += weight[i]
    out[8] = gain / total
    _shares((0.1, 0.5, 0.9), total, weight, factor, order, out[4:7])
    for column in range(4, 7):
        out[column] = max(0.0, out[column] * scale - GAP_FLOOR)


@njit(cache=True)
def _shares(shares, total, weight, factor, order, out):  # type: ignore[no-untyped-def]
    """Factors on the expectation that these shares of the weighted outcomes do not exceed.

    Each outcome stands for the middle of its weight, or small samples would read too high.
    ``total`` is the sum of the weights.
    """
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
