"""Simulated annealing on the structured form: a move puts one demand on another of its paths.

The QUBO of the same moves is never written out; 10,000 demands take megabytes. Where
re-weighted squares ask an annealer for the MLU in rounds, this walk has the MLU in its energy:
the excess over a target between the proven bound and the best plan (:mod:`quantum_backends.walk`).
Each cycle draws target, temperatures and length anew, and starts from the best plan so far.
"""

from __future__ import annotations

import numpy as np

from quantum_backends import walk
from quantum_backends.routing import RoutingProblem
from quantum_backends.search import Best, refuse_without_paths
from quantum_backends.solution import Solution
from quantum_backends.solver import Budget, check_accepted
from quantum_backends.testing import tiny_problem

HOT_MOVES = 100
"""Moves off the hottest link before the annealing: often they are all that is needed."""

_COLD = {"few": (1e-4, 1e-3), "many": (1e-5, 1e-4)}
_HOT = {"few": (0.01, 0.3), "many": (0.003, 0.05)}
"""Temperatures in units of the best MLU, drawn log-uniformly. Where demands are few, single ones
are large, and moving one must stay possible until the small ones have made room."""

_SWEEPS = {"few": (400, 2000), "many": (100, 400)}

_STEEP, _RAMP = (10.0, 1000.0), 6
"""Many demands first take their best paths in a few sweeps under a soft maximum (its steepness
times the MLU): a walk would need a hundred times as many proposals to come as far."""

_KICKS = 0.3
"""Time for descents by pairs of moves after each walk, as a share of its own: they close what a
random walk leaves between few large demands."""

_POLISH = 0.1
"""Share of the budget kept for squares and moved traffic."""


class PathSwitch:
    """Anytime; answers split problems with single-path plans too."""

    name = "path-switch"
    family = "annealer"
    forms = ("routing",)

    def refusal(self, problem: RoutingProblem) -> str:
        return refuse_without_paths(problem)

    def warm(self) -> None:
        walk.warm()
        self.solve(tiny_problem(), Budget(0.02), 0)

    def solve(self, problem: RoutingProblem, budget: Budget, seed: int) -> Solution:
        check_accepted(self.name, self.refusal(problem))
        best = Best(problem, budget, self.name)
        search = walk.Walk(problem, budget, best, seed)
        if budget.left():
            search.cool(HOT_MOVES)
        keep, cycles = _POLISH * budget.seconds, 0
        if len(search.movable) > walk.FEW and not best.at_floor:
            search.soften(search.choice.copy(), *_STEEP, _RAMP, keep)
        while len(search.movable) and not best.at_floor and budget.left() > keep:
            _cycle(search, keep)
            cycles += 1
        search.polish()
        info = {"cycles": cycles, "proposals": search.proposals}
        return best.solution({"simulated": "annealer in software", **info})


def _cycle(search: walk.Walk, keep: float) -> None:
    rng, top, began = search.rng, search.best.score.mlu, search.budget.elapsed()
    size = "few" if len(search.movable) <= walk.FEW else "many"

    def between(pair: tuple[float, float]) -> float:
        return float(np.exp(rng.uniform(*np.log(pair))))

    search.run(
        search.choice,
        search.target(),
        between(_HOT[size]) * top,
        between(_COLD[size]) * top,
        int(between(_SWEEPS[size])),
        keep,
    )
    search.kick(_KICKS * (search.budget.elapsed() - began), keep)
