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
compiled pass: every decision waits for it.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

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

FAR = 64.0
"""Squared distance, in widths, at which an outcome counts for nothing. Up to there its weight is
``(1 - distance / FAR) ** 32``: a Gaussian to within a tenth where it matters, without the cost of
an exponential for each of the thousands of outcomes that a decision weighs."""

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
        return _read(
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


@njit(cache=True)
def _read(  # type: ignore[no-untyped-def]
    arms,
    count,
    at,
    high,
    age,
    hardness,
    has_gap,
    order,
    ranked,
    known,
    where,
    places,
    budgets,
    expected,
    incumbent,
    clip,
):
    n, b = len(arms), len(budgets)
    out = np.zeros((n, b, len(COLUMNS)))
    weights = np.empty((n, b, age.shape[1]))
    told = np.zeros((n, b, 2))
    distance, below = np.empty(age.shape[1]), np.empty((b, age.shape[1]))
    for k, arm in enumerate(arms):
        rows = count[arm]
        _apart(at[arm], where, rows, distance)
        for j in range(b):
            weight = weights[k, j]
            _near(distance, at[arm, 0], high[arm], age[arm], places[j], rows, weight)
            out[k, j, 9] = _total(weight, rows)
            told[k, j, 0] = _product(weight, has_gap[arm], rows)
            told[k, j, 1] = _product(weight, hardness[arm], rows)
    everybody = told.sum(axis=0)
    for k, arm in enumerate(arms):
        out[k, :, 0] = budgets
        for target in range(TARGETS):
            if target == 2:
                weights[k, :, :PRIOR_POINTS] *= GAP_CAUTION
            some, factors = known[arm, target], ranked[arm, target]
            _add_up(weights[k], order[arm, target], some, below)
            for j in range(b):
                scale, line = expected[k, j, target], out[k, j]
                if target == 0:
                    _first(below[j], factors, some, scale, budgets[j], line)
                elif target == 1:
                    line[3] = scale * _quantile(0.5, below[j], factors, some)
                else:
                    scale += GAP_FLOOR
                    scale *= _harder(everybody[j] - told[k, j], told[k, j, 0])
                    line[8] = _gain(below[j], factors, some, scale, incumbent, clip)
                    _gaps(below[j], factors, some, scale, line)
    return out


@njit(cache=True)
def _apart(at, where, rows, distance):  # type: ignore[no-untyped-def]
    """Squared distance of outcomes apart from their budget, written to ``distance``."""
    distance[:rows] = 0.0
    for d in range(1, len(where)):
        here, line = where[d], at[d]
        for i in range(rows):
            step = line[i] - here
            distance[i] += step * step


@njit(cache=True)
def _near(distance, low, high, age, budget, rows, weight):  # type: ignore[no-untyped-def]
    """Weights for one budget, written to ``weight``: how near an outcome is, and how recent."""
    for i in range(rows):
        short = max(0.0, max(low[i] - budget, budget - high[i]))
        share = max(0.0, 1.0 - (distance[i] + short * short) / FAR)
        share *= share
        share *= share
        share *= share
        share *= share
        weight[i] = age[i] * share * share
    weight[:PRIOR_POINTS] = age[:PRIOR_POINTS]


@njit(cache=True, fastmath={"reassoc"})
def _total(weight, rows):  # type: ignore[no-untyped-def]
    total = 0.0
    for i in range(PRIOR_POINTS, rows):
        total += weight[i]
    return total


@njit(cache=True, fastmath={"reassoc"})
def _product(weight, of, rows):  # type: ignore[no-untyped-def]
    total = 0.0
    for i in range(PRIOR_POINTS, rows):
        total += weight[i] * of[i]
    return total


@njit(cache=True)
def _harder(others, own):  # type: ignore[no-untyped-def]
    """Factor on the expected gap for what others found; the less, the more own outcomes there are.

    Believed as slowly as outcomes are of one's own: :data:`PRIOR_WEIGHT` times
    :data:`GAP_CAUTION` outcomes move it half of the way.
    """
    slow = PRIOR_WEIGHT * GAP_CAUTION
    return np.exp(others[1] / (others[0] + slow) * slow / (own + slow))


@njit(cache=True)
def _add_up(weights, order, some, below):  # type: ignore[no-untyped-def]
    """Weight of each outcome and those before it in the order, by budget, written to ``below``."""
    for j in range(len(weights)):
        total, weight = 0.0, weights[j]
        for r in range(some):
            total += weight[order[r]]
            below[j, r] = total


@njit(cache=True)
def _gain(below, factors, some, scale, incumbent, clip):  # type: ignore[no-untyped-def]
    """Expected fall of the gap; ``scale`` is what factors are on."""
    gain, before = 0.0, 0.0
    for r in range(some):
        fall = incumbent - max(0.0, factors[r] * scale - GAP_FLOOR)
        if clip and fall <= 0:
            break  # the further ones are no better
        gain += (below[r] - before) * fall
        before = below[r]
    return gain / below[some - 1]


@njit(cache=True)
def _first(below, factors, some, expected, budget, out):  # type: ignore[no-untyped-def]
    """Quantiles of the time to the first answer, and the probability of being late."""
    out[1] = expected * _quantile(0.5, below, factors, some)
    out[2] = expected * _quantile(0.9, below, factors, some)
    came = np.searchsorted(factors[:some], budget / expected, side="right")
    out[7] = 1 - below[came - 1] / below[some - 1] if came else 1.0


@njit(cache=True)
def _gaps(below, factors, some, scale, out):  # type: ignore[no-untyped-def]
    """Quantiles of the gap."""
    for column, share in ((4, 0.1), (5, 0.5), (6, 0.9)):
        gap = scale * _quantile(share, below, factors, some) - GAP_FLOOR
        out[column] = max(0.0, gap)


@njit(cache=True)
def _quantile(share, below, factors, some):  # type: ignore[no-untyped-def]
    """Factor on the expectation that this share of the weighted outcomes does not exceed.

    Each outcome stands for the middle of its weight, or small samples would read too high.
    """
    wanted = 2 * share * below[some - 1] * (1 - 1e-12)
    first, last = 0, some - 1  # the first whose middle is not below what is wanted
    while first < last:
        middle = (first + last) // 2
        before = below[middle - 1] if middle else 0.0
        if before + below[middle] >= wanted:
            last = middle
        else:
            first = middle + 1
    return factors[first]
