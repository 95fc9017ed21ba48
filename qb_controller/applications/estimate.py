"""From noisy measurements to the demands that a plan is made for."""

from __future__ import annotations

from collections.abc import Iterable

from qb_controller.model.telemetry import Demand

WEIGHT = 0.25
"""Weight of the newest measurement in the running average: the noise of a steady demand falls to
0.38 of that of one measurement, and a slow change is followed within four measurements."""

JUMP = 0.25
"""A measurement this far (relative) from the average is a change of the traffic, not noise, and
replaces the average at once. Five times the noise of a one-second measurement of 5 %."""

STALE_S = 60.0
"""After a pause this long the averages say nothing any more."""


class DemandEstimate:
    """Running average of each pair's rate that follows a jump without delay."""

    def __init__(self) -> None:
        self._average: dict[tuple[int, int], float] = {}
        self._at = float("-inf")

    def update(self, demands: Iterable[Demand], at: float) -> tuple[Demand, ...]:
        """Take one measurement of all demands; return the estimate, one for each pair.

        Parameters
        ----------
        demands : iterable of Demand
            Pairs that are missing are taken as silent.
        at : float
            Time of the measurement in seconds; one of an earlier time than the last starts anew.
        """
        known = self._average if 0 <= at - self._at <= STALE_S else {}
        self._at = at
        measured: dict[tuple[int, int], float] = {}
        for demand in demands:
            pair = (demand.ingress, demand.egress)
            measured[pair] = measured.get(pair, 0.0) + demand.rate
        self._average = {}
        for pair, rate in measured.items():
            before = known.get(pair, 0.0)
            step = rate - before
            jump = abs(step) > JUMP * before
            self._average[pair] = rate if jump else before + WEIGHT * step
        return tuple(Demand(*pair, rate) for pair, rate in self._average.items())
