"""Whether a second backend should race the first one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from qb_controller.model.decision import Candidate, Forecast
from qb_controller.runtime.task import Worth

CORE_WORTH = 0.1
"""Utility, in percent of gap, that a race must bring for the second core: shadow runs and the next
task could use it."""

COMMON_FATE = 0.5
"""Share of the uncertainty that both backends have in common, because a hard instance is hard for
either. Racing pays only in the rest."""

LOOKED_AT = 3
"""Partners that are considered, the best first: those further back are rarely the better one, and
weighing a pair takes as long as predicting a backend."""

SHARES = (0.3, 0.4, 0.3)
"""Probabilities that stand for the 10th, 50th and 90th percentile: Swanson's rule for the mean of a
skewed quantity (Keefer and Bodily, Management Science 29(5), 1983)."""


def hedge_for(best: Candidate, others: Sequence[Candidate], worth: Worth, incumbent: float) -> str:
    """Name the backend that is worth racing the best one; empty where none is.

    Parameters
    ----------
    best : Candidate
    others : sequence of Candidate
        Open ones, the best first; those of the family of the best are passed over, it has one
        worker.
    worth : Worth
    incumbent : float
        Gap of what is there now.
    """
    alone = worth.quality * 100 * _gain(best.forecast, None, incumbent)
    found, most = "", CORE_WORTH
    fit = (c for c in others if c.family != best.family and c.formulation == best.formulation)
    for other in islice(fit, LOOKED_AT):
        both = worth.quality * 100 * _gain(best.forecast, other.forecast, incumbent)
        pays = both - alone - worth.energy * other.energy_j - worth.price * other.price
        if pays > most:
            found, most = other.backend, pays
    return found


def _gain(one: Forecast, two: Forecast | None, incumbent: float) -> float:
    """Expected fall of the gap by the better of two, half in common and half on their own."""
    ones = _falls(one, incumbent)
    only_one = _mean(*ones)
    if two is None:
        return (1 - one.late) * only_one
    low, middle, high = twos = _falls(two, incumbent)
    together = _mean(*map(max, ones, twos))
    # Written out, because every decision waits for it: the mean over all pairs of shares.
    each = [
        _mean(a if a > low else low, a if a > middle else middle, a if a > high else high)
        for a in ones
    ]
    both = COMMON_FATE * together + (1 - COMMON_FATE) * _mean(*each)
    only_two = _mean(*twos)
    return (
        (1 - one.late) * (1 - two.late) * both
        + (1 - one.late) * two.late * only_one
        + one.late * (1 - two.late) * only_two
    )


def _mean(low: float, middle: float, high: float) -> float:
    """Mean of a quantity, by :data:`SHARES`."""
    return SHARES[0] * low + SHARES[1] * middle + SHARES[2] * high


def _falls(forecast: Forecast, incumbent: float) -> tuple[float, float, float]:
    return (
        max(0.0, incumbent - forecast.gap10),
        max(0.0, incumbent - forecast.gap50),
        max(0.0, incumbent - forecast.gap90),
    )
