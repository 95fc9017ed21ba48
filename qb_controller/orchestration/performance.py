"""What each backend may be expected to need and to achieve, learnt from what it did.

Outcomes are kept per backend and situation (size, split or not, time allowed) and read as
quantiles. Where fewer than :data:`TRUST` were seen, a documented prior fills up the missing ones
and the prediction says so.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

TRUST = 3
"""Outcomes from which a prediction rests on measurements alone."""

MEMORY = 50
"""Outcomes remembered per situation: old ones make room, so that drift is forgotten."""

SIZES = (20, 150, 600, 2500)
"""Upper ends of the size classes, in demands: one block of a gate device; where exact solvers
stop; where descent catches up with annealing; the largest instances measured."""

BUDGETS = (0.1, 0.3, 1.0, 3.0, 10.0)
"""Upper ends of the classes of allowed time in seconds."""

LATE_QUANTILE = 0.9
GAP_QUANTILE = 0.5


class Situation(NamedTuple):
    """What outcomes are grouped by: backend, size class, split or not, class of allowed time."""

    backend: str
    size: int
    split: bool
    budget: int


class Observed(NamedTuple):
    """One outcome: seconds to the first valid answer, and the final gap to the bound."""

    first_s: float
    gap: float


class Prior(NamedTuple):
    """Expectation before anything was measured.

    Attributes
    ----------
    base_s, per_demand_s : float
        Seconds to the first answer: ``base_s + per_demand_s * demands``.
    gap, gap_split : float
        Gap to the bound of single-path and of split plans.
    """

    base_s: float
    per_demand_s: float
    gap: float
    gap_split: float


PRIORS: Mapping[str, Prior] = {
    "classical": Prior(0.02, 2e-4, 0.03, 0.001),
    "annealer": Prior(0.05, 2e-4, 0.04, 0.08),
    "gate": Prior(0.1, 2e-4, 0.06, 0.10),
}
"""By family, from trial runs on REPETITA networks (11 to 158 nodes, two cores): the linear
program meets the bound for split plans; rounding and local search stay within 3 %, path-switch
annealing on blocks within 4 %, blocks of 16 bits improve little in the same time. They decide
only until :data:`TRUST` outcomes are known."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What is expected of one backend in one situation.

    Attributes
    ----------
    backend, family : str
    time_s : float
        Seconds to the first valid answer, 90th percentile.
    gap : float
        Gap of the final answer to the bound, median.
    samples : int
        Measured outcomes behind it; below :data:`TRUST` a prior takes part.
    refusal : str
        Why it cannot be asked, empty where it can.
    """

    backend: str
    family: str
    time_s: float
    gap: float
    samples: int
    refusal: str = ""


class Performance:
    """The memory of outcomes.

    Parameters
    ----------
    families : mapping of str to str
        Family by backend name.
    """

    def __init__(self, families: Mapping[str, str]) -> None:
        self._families = dict(families)
        self._seen: dict[Situation, deque[Observed]] = {}

    def observe(
        self, backend: str, demands: int, split: bool, budget_s: float, first_s: float, gap: float
    ) -> None:
        """Add an outcome. An answer that never came has ``first_s`` infinite."""
        if backend in self._families and not np.isnan(gap):
            key = situation(backend, demands, split, budget_s)
            self._seen.setdefault(key, deque(maxlen=MEMORY)).append(Observed(first_s, gap))

    def predict(
        self, demands: int, split: bool, budget_s: float, refusals: Mapping[str, str]
    ) -> tuple[Prediction, ...]:
        """Expectation for every backend, in the order of the registry.

        Parameters
        ----------
        demands : int
        split : bool
        budget_s : float
            Seconds that a solver would get.
        refusals : mapping of str to str
            Why a backend cannot be asked.
        """
        out = []
        for backend, family in self._families.items():
            seen = self._seen.get(situation(backend, demands, split, budget_s), ())
            prior = PRIORS[family]
            expected = Observed(
                prior.base_s + prior.per_demand_s * demands,
                prior.gap_split if split else prior.gap,
            )
            sample = [*seen, *[expected] * (TRUST - len(seen))]
            out.append(
                Prediction(
                    backend,
                    family,
                    quantile([o.first_s for o in sample], LATE_QUANTILE),
                    quantile([o.gap for o in sample], GAP_QUANTILE),
                    len(seen),
                    refusals.get(backend, ""),
                )
            )
        return tuple(out)


def situation(backend: str, demands: int, split: bool, budget_s: float) -> Situation:
    """Class of situations that an outcome or a question belongs to."""
    size = sum(demands > limit for limit in SIZES)
    budget = sum(budget_s > limit for limit in BUDGETS)
    return Situation(backend, size, split, budget)


def quantile(values: Sequence[float], share: float) -> float:
    """Smallest value that at least ``share`` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, int(np.ceil(share * len(ordered))) - 1)]
