"""Candidate paths and link weights that last from cycle to cycle.

Finding good candidate paths and proving a lower bound takes a linear program; both stay useful
while the network stays the same. A path found for one traffic is a candidate for the next, and
link weights that proved a bound for one traffic prove one for any other (weak duality), in the
time of one multiplication.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from quantum_backends.candidates import with_candidates
from quantum_backends.routing import RoutingProblem

from qb_controller.model.network import Link

LinkPath = tuple[int, ...]
Pair = tuple[int, int]

PATHS_PER_PAIR = 12
"""Paths remembered for a pair; the ones met last stay."""


class ColumnCache:
    """What is known about the paths of one network."""

    def __init__(self) -> None:
        self._links: tuple[Link, ...] = ()
        self._paths: dict[Pair, dict[LinkPath, None]] = {}

    def reset_unless(self, links: tuple[Link, ...]) -> None:
        """Forget everything if the network is not the one that it is about."""
        if links != self._links:
            self._links = links
            self._paths = {}

    def paths(self, pair: Pair) -> Sequence[LinkPath]:
        """Known paths of a pair."""
        return tuple(self._paths.get(pair, ()))

    def bound(self, problem: RoutingProblem) -> float:
        """Best lower bound on the MLU that is known without solving anything; 0 for none."""
        if not self._weights or not problem.n_demands:
            return 0.0
        return max(
            dual_bound(problem, weight, distance[problem.source, problem.target])
            for weight, distance in self._weights
        )

    def extend(
        self, problem: RoutingProblem, pairs: Sequence[Pair], seconds: float
    ) -> RoutingProblem:
        """Add candidate paths and sharpen the bound, and remember both.

        Parameters
        ----------
        problem : RoutingProblem
        pairs : sequence of (int, int)
            Datapath ids of each demand.
        seconds : float
            Time limit.
        """
        wider = with_candidates(problem, seconds)
        for pair, paths in zip(pairs, wider.paths, strict=True):
            known = self._paths.setdefault(pair, {})
            for path in paths:
                known.pop(path, None)
                known[path] = None  # now the newest
            while len(known) > PATHS_PER_PAIR:
                del known[next(iter(known))]
        return wider
