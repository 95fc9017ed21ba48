"""What comes before a decision, for each form of problem: candidate paths, and a first plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from quantum_backends.candidates import with_candidates
from quantum_backends.flow import FlowProblem
from quantum_backends.flow_search import first_flow
from quantum_backends.routing import Fractions, RoutingProblem, one_hot


@dataclass(frozen=True)
class Steps:
    """The way to a first plan.

    Attributes
    ----------
    refine : callable
        (problem, seconds) -> the problem with candidate paths and a proven bound.
    first : callable
        Refined problem -> an answer that is there at once.
    """

    refine: Callable[[Any, float], Any]
    first: Callable[[Any], Any]


def _first_paths(problem: RoutingProblem) -> Fractions:
    return one_hot(problem, problem.layout.first[:-1].astype(np.int64))


def _as_it_is(problem: FlowProblem, seconds: float) -> FlowProblem:
    return problem  # a flow problem is made with its paths


STEPS: Mapping[str, Steps] = {
    "routing": Steps(with_candidates, _first_paths),
    "flow": Steps(_as_it_is, first_flow),
}
"""By form of problem."""
