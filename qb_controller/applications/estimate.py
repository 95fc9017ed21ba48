"""From noisy measurements to the demands that a plan is made for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from qb_controller.model.telemetry import Demand

LEAST_WEIGHT = 0.1
"""Weight of the newest measurement in a long running average: the noise of a steady demand falls
to 0.23 of that of one measurement. Younger averages weigh all their measurements equally."""

JUMP_SIGMAS = 4.0
LEAST_JUMP = 0.1
FIRST_JUMP = 0.25
"""A measurement this far (relative) from its average is a change of the traffic, not noise, and
replaces the average at once: four times the noise, not below a tenth; a quarter while the noise is
not known yet."""

SHIFT_SIGMAS = 2.0
"""If the typical deviation of all pairs is that many times the noise, the whole matrix changed."""

MOST_NOISE = 0.25
"""Beyond this relative noise changes could no longer be told from it at all."""

NOISE_WEIGHT = 0.2
"""Weight of the newest measurement in the running estimate of the noise."""

STALE_S = 60.0
"""After a pause this long the averages say nothing any more."""

_SIGMA_PER_MEDIAN = 1.4826  # of absolute deviations, for normal noise


@dataclass(slots=True)
class _Average:
    rate: float
    count: int = 1


class DemandEstimate:
    """Running average of each pair's rate that follows a jump without delay.

    The noise, one figure for all pairs, is learnt from the median deviation.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], _Average] = {}
        self._noise: float | None = None
        self._at = float("-inf")

    @property
    def noise(self) -> float:
        """Typical relative deviation of one measurement from the average; 0 while not known."""
        return self._noise or 0.0

    def update(self, demands: Iterable[Demand], at: float) -> tuple[Demand, ...]:
        """Take one measurement of all demands; return the estimate, one for each pair.

        Parameters
        ----------
        demands : iterable of Demand
            Pairs that are missing are taken as silent.
        at : float
            Time of the measurement in seconds; one of an earlier time than the last starts anew.
        """
        if not 0 <= at - self._at <= STALE_S:
            self._known, self._noise = {}, None
        self._at = at
        measured: dict[tuple[int, int], float] = {}
        for demand in demands:
            pair = (demand.ingress, demand.egress)
            measured[pair] = measured.get(pair, 0.0) + demand.rate
        limit = self._limit(measured)
        known = {}
        for pair, rate in measured.items():
            average = self._known.get(pair)
            if average is None or abs(rate - average.rate) > limit * average.rate:
                average = _Average(rate)
            else:
                average.count += 1
                weight = max(1 / average.count, LEAST_WEIGHT)
                average.rate += weight * (rate - average.rate)
            known[pair] = average
        self._known = known
        return tuple(Demand(*pair, average.rate) for pair, average in known.items())

    def _limit(self, measured: dict[tuple[int, int], float]) -> float:
        """Relative deviation that counts as a jump; learns the noise on the way."""
        deviations = [
            abs(rate - self._known[pair].rate) / self._known[pair].rate
            for pair, rate in measured.items()
            if pair in self._known and self._known[pair].rate > 0
        ]
        if not deviations:
            return FIRST_JUMP
        typical = _SIGMA_PER_MEDIAN * median(deviations)
        if self._noise is None:
            if typical <= FIRST_JUMP:
                self._noise = typical
            return FIRST_JUMP
        if typical > max(SHIFT_SIGMAS * self._noise, LEAST_JUMP / JUMP_SIGMAS):
            # Were it noise after all, the estimate of the noise would grow until it fits.
            self._learn(min(typical, SHIFT_SIGMAS * self._noise + LEAST_JUMP / JUMP_SIGMAS))
            return 0.0
        self._learn(typical)
        return max(LEAST_JUMP, JUMP_SIGMAS * self._noise)

    def _learn(self, typical: float) -> None:
        assert self._noise is not None
        self._noise = min(MOST_NOISE, self._noise + NOISE_WEIGHT * (typical - self._noise))
