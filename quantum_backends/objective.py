"""The objective of traffic engineering, written down once.

Plans are compared lexicographically by

1. the maximum link utilisation, where everything below ``(1 + SLACK) * bound`` counts as equal:
   nobody moves traffic for the last hundredth of a percent,
2. the sum over links of (load/capacity)^2, plus ``move_cost`` times the share of the traffic
   that leaves its present path,
3. that share itself.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from quantum_backends.routing import Floats, Fractions, RoutingProblem, flatten

SLACK = 1e-4
"""Relative distance to the bound below which the MLU counts as optimal."""

_DIGITS = 10
"""Scores are rounded so that the order of additions decides nothing."""


class Score(NamedTuple):
    """Smaller is better; compare with ``<``."""

    mlu: float
    smoothness: float
    moved: float


def score(problem: RoutingProblem, fractions: Fractions | Floats) -> Score:
    """Score a plan, flat or nested, by the module's objective."""
    flat = fractions if isinstance(fractions, np.ndarray) else flatten(fractions)
    utilisation = problem.loads(flat) / problem.capacity
    gone = moved(problem, flat)
    highest = float(utilisation.max(initial=0.0))
    return Score(
        round(max(highest, floor(problem)), _DIGITS),
        round(float(utilisation @ utilisation) + problem.move_cost * gone, _DIGITS),
        round(gone, _DIGITS),
    )


def floor(problem: RoutingProblem) -> float:
    """The MLU at or below which a plan counts as optimal (0 where no bound is known).

    Rounded as scores are, so that a score can reach it.
    """
    return round((1 + SLACK) * problem.bound, _DIGITS)


def moved(problem: RoutingProblem, fractions: Fractions | Floats) -> float:
    """Share of the whole volume that leaves its present path, 0..1 (0 without an incumbent)."""
    total = float(problem.volume.sum())
    if problem.incumbent is None or total == 0:
        return 0.0
    flat = fractions if isinstance(fractions, np.ndarray) else flatten(fractions)
    change = np.abs(flat - flatten(problem.incumbent)) @ problem.choice_volume
    return float(change) / (2 * total)
