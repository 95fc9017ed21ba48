"""What is expected of each backend before it has been measured here.

Figures of one machine (two cores at 2 to 3 GHz, both busy), from trial runs on REPETITA's
networks and dense random ones; `qb calibrate` and every outcome correct them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

SPREAD = np.array([0.5, 0.5, 0.8])
"""Standard deviation of the logarithm that the expectations claim for the time to the first
answer, the time until done and the gap: factors 1.6, 1.6 and 2.2 either way."""

LEAST_BUDGET_S = 1e-3
"""Below a millisecond budgets are not told apart."""


@dataclass(frozen=True, slots=True)
class Prior:
    """Expectation as a function of size and time.

    A first answer comes after ``base_s + each_s * size``. An answer after t seconds lies
    ``gap + rough / (1 + t / (settle_s * size))`` above the bound: roughly at first, better with
    time, and no better than ``gap`` in the end.

    Attributes
    ----------
    base_s, each_s : float
        Seconds, and seconds per decision.
    fills : bool
        Whether it goes on improving until its time is over.
    gap, rough : float
        Above the bound; 0.01 is one percent.
    settle_s : float
        Seconds per decision after which half of ``rough`` is gone.
    """

    base_s: float
    each_s: float
    fills: bool
    gap: float
    rough: float
    settle_s: float

    def expect(self, size: float, budget: float) -> tuple[float, float, float]:
        """Seconds to the first answer, seconds until done, gap."""
        first = self.base_s + self.each_s * size
        budget = max(budget, LEAST_BUDGET_S)
        gap = self.gap + self.rough / (1 + budget / (self.settle_s * max(size, 1.0)))
        return first, max(first, budget) if self.fills else first, gap


SINGLE: Mapping[str, Prior] = {
    "highs-mip": Prior(0.02, 5e-5, False, 0.01, 0.08, 3e-3),
    "local-search": Prior(0.005, 1e-5, True, 0.012, 0.02, 1e-4),
    "exhaustive": Prior(0.01, 1e-4, False, 0.01, 0.05, 1e-2),
    "cp-sat": Prior(0.02, 1e-4, True, 0.008, 0.08, 3e-3),
    "path-switch": Prior(0.01, 1e-5, True, 0.01, 0.02, 1e-4),
    "lp-rounding": Prior(0.02, 1e-4, True, 0.01, 0.02, 3e-4),
    "sa-blocks": Prior(0.05, 1e-4, True, 0.015, 0.03, 3e-4),
    "qaoa-blocks": Prior(0.1, 1e-4, True, 0.02, 0.05, 1e-3),
}
"""Of routing on single paths, by backend."""

SPLIT: Mapping[str, Prior] = {
    "highs-lp": Prior(0.005, 3e-5, False, 0.0005, 0.0, 1e-5),
}
"""Of routing with split plans. Backends that give single paths have the gap of single paths."""

FLOW: Mapping[str, Prior] = {
    "highs-lp": Prior(0.05, 1.5e-4, False, 1e-6, 0.0, 1e-5),
    "flow-mwu": Prior(0.005, 7e-6, False, 0.001, 0.0, 1e-5),
}
"""Of maximum flows, whose gap is that of the flow."""

CHOICES: Mapping[str, Prior] = {
    "path-switch": Prior(0.005, 2e-6, True, 0.75, 0.25, 1e-4),
    "local-search": Prior(0.005, 2e-6, True, 0.79, 0.21, 1e-4),
    "cp-sat": Prior(0.02, 1e-4, True, 0.75, 0.25, 0.3),
    "highs-mip": Prior(0.05, 1e-3, True, 0.75, 0.25, 1.0),
    "exhaustive": Prior(0.01, 1e-3, False, 0.75, 0.25, 0.1),
    "sa-blocks": Prior(0.02, 1e-5, True, 0.85, 0.15, 1e-3),
    "descent-blocks": Prior(0.01, 1e-5, True, 0.85, 0.15, 1e-3),
    "tabu-blocks": Prior(0.02, 1e-5, True, 0.92, 0.08, 1e-3),
    "sa-qubo": Prior(0.05, 1e-4, True, 0.95, 0.05, 1e-2),
    "qaoa-blocks": Prior(0.2, 1e-5, True, 0.9, 0.1, 1e-2),
}
"""Of choices, as a share of the greedy answer's cost, since no bound is known: channels of 10 to
1,000 access points in 0.4 to 1.5 s."""

FAMILIES: Mapping[str, Prior] = {
    "classical": Prior(0.02, 1e-4, True, 0.02, 0.04, 3e-4),
    "annealer": Prior(0.08, 1e-4, True, 0.025, 0.05, 5e-4),
    "gate": Prior(0.15, 1e-4, True, 0.04, 0.08, 1e-3),
}
"""Where a backend is not named above, and for other forms of problem."""


def prior(kind: str, backend: str, family: str) -> Prior:
    """Look up the expectation for a backend in a kind of task.

    Parameters
    ----------
    kind : str
        As :func:`qb_controller.orchestration.performance.kind_of` names it.
    backend, family : str
    """
    by_name: Mapping[str, Prior] = {}
    if kind.startswith("flow"):
        by_name = FLOW
    if kind.startswith("choices"):
        by_name = CHOICES
    if kind.startswith("routing"):
        by_name = {**SINGLE, **SPLIT} if kind.startswith("routing/split") else SINGLE
    return by_name.get(backend) or FAMILIES[family]
