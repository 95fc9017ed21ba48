"""The compiled part of :mod:`qb_controller.orchestration.memory`: quantiles of weighted outcomes.

Of each arm (the first axis of every array) the rows of the imagined outcomes come first. Every
decision waits for this, hence one pass over all arms and budgets.
"""

from __future__ import annotations

import numpy as np
from numba import njit

TARGETS = 3
"""Seconds to the first valid answer, seconds until done, gap of the last answer."""

PRIOR_WEIGHT = 1.0
GAP_CAUTION = 2.0
"""Real outcomes that the expectation counts for, of times; and how many times that of gaps. The
arm that looks best of many is the one that was lucky as well, so gaps are believed more slowly;
times decide about being late and are believed at once. Chosen among a handful of settings by the
regret on the very tasks that judged them, and the step from four to two rests on a single task, so
take it as tuned and not as validated."""

PRIOR_POINTS = 5
"""Imagined outcomes that stand for the expectation."""

GAP_FLOOR = 1e-3
"""Gaps are told apart down to a tenth of a percent; nothing smaller moves traffic."""

FAR = 64.0
"""Squared distance, in widths, at which an outcome counts for nothing. Up to there its weight is
``(1 - distance / FAR) ** 32``: a Gaussian to within a tenth where it matters, without the cost of
an exponential for each of the thousands of outcomes that a decision weighs."""

COLUMNS = (
    "budget", "time50", "time90", "busy50", "gap10", "gap50", "gap90", "late", "gain", "weight"
)  # fmt: skip
"""What :func:`read` returns for each budget, as a Forecast has it; ``gain`` is the expected
fall of the gap, ``weight`` how many outcomes it rests on."""


@njit(cache=True)
def read(  # type: ignore[no-untyped-def]
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
