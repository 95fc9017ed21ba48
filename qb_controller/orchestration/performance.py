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
MIDDLE_QUANTILE = 0.5


class Situation(NamedTuple):
    """What outcomes are grouped by: backend, size class, split or not, class of allowed time."""

    backend: str
    size: int
    split: bool
    budget: int


class Observed(NamedTuple):
    """One outcome: seconds to the first valid answer and to the last, and the final gap."""

    first_s: float
    elapsed_s: float
    gap: float


class Prior(NamedTuple):
    """Expectation before anything was measured.

    Attributes
    ----------
    base_s, per_demand_s : float
        Seconds to the first answer: ``base_s + per_demand_s * demands``.
    fills : bool
        Whether it goes on improving until its time is over.
    gap, gap_split : float
        Gap to the bound of single-path and of split plans.
    """

    base_s: float
    per_demand_s: float
    fills: bool
    gap: float
    gap_split: float


PRIORS: Mapping[str, Prior] = {
    "highs-lp": Prior(0.01, 1e-4, False, 0.03, 0.0005),
    "highs-mip": Prior(0.02, 3e-5, False, 0.01, 0.01),
    "local-search": Prior(0.02, 3e-5, True, 0.01, 0.01),
    "exhaustive": Prior(0.05, 0.0, False, 0.01, 0.03),
    "sa-blocks": Prior(0.05, 1.5e-4, True, 0.015, 0.02),
    "qaoa-blocks": Prior(0.15, 2e-4, True, 0.03, 0.03),
    "classical": Prior(0.05, 2e-4, True, 0.02, 0.02),
    "annealer": Prior(0.1, 2e-4, True, 0.03, 0.05),
    "gate": Prior(0.2, 2e-4, True, 0.05, 0.05),
}
"""By backend, else by family. From trial runs at 11 and 53 nodes (110 and 2,756 demands of
REPETITA's Abilene and Tinet, two busy cores), rounded up; their gaps there were below 0.1 % (QAOA
0.5 %), which is too good for dense networks, where 1 to 3 % were seen. They take part until
:data:`TRUST` outcomes are known."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What is expected of one backend in one situation.

    Attributes
    ----------
    backend, family : str
    time_s : float
        Seconds to the first valid answer, 90th percentile.
    busy_s : float
        Seconds until it is done, median.
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
    busy_s: float
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
        self, backend: str, demands: int, split: bool, budget_s: float, outcome: Observed
    ) -> None:
        """Add an outcome. An answer that never came has an infinite ``first_s`` and gap."""
        if backend in self._families and not np.isnan(outcome.gap):
            key = situation(backend, demands, split, budget_s)
            self._seen.setdefault(key, deque(maxlen=MEMORY)).append(outcome)

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
            prior = PRIORS.get(backend) or PRIORS[family]
            first_s = prior.base_s + prior.per_demand_s * demands
            busy_s = max(first_s, budget_s) if prior.fills else first_s
            expected = Observed(first_s, busy_s, prior.gap_split if split else prior.gap)
            sample = [*seen, *[expected] * (TRUST - len(seen))]
            out.append(
                Prediction(
                    backend,
                    family,
                    quantile([o.first_s for o in sample], LATE_QUANTILE),
                    quantile([o.elapsed_s for o in sample], MIDDLE_QUANTILE),
                    quantile([o.gap for o in sample], MIDDLE_QUANTILE),
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
