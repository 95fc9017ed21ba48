"""Simulated annealing on the structured form: a move puts one demand on another of its paths.

The QUBO of the same moves is never written out; 10,000 demands take megabytes. There are two ways
to ask an annealer for the MLU, and the backends here differ in the share of the time each gets:

- ``path-switch-mw``: rounds of short walks under squares of the utilisations, whose weights are
  raised on hot links between rounds (:mod:`quantum_backends.reweighting`);
- ``path-switch-hinge``: cycles of longer walks under the excess over a target between the proven
  bound and the best plan. Each draws target, temperatures and length anew, and starts from the
  best plan so far;
- ``path-switch``: rounds first, then cycles. Rounds come close in a fraction of the time where
  many demands fill many links together; what is left is a matter of few large demands, in which
  cycles are better. Where demands are few there are cycles alone.

Moves off the hottest link follow every walk, and descents by pairs of moves get a share of time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quantum_backends import kernels, walk
from quantum_backends.metropolis import hinge, squares
from quantum_backends.reweighting import reweight
from quantum_backends.routing import RoutingProblem
from quantum_backends.search import Best, refuse_without_paths
from quantum_backends.solution import Solution
from quantum_backends.solver import Budget, check_accepted
from quantum_backends.testing import tiny_problem

HOT_MOVES = 100
"""Moves off the hottest link before the annealing: often they are all that is needed."""

OPENING = 0.7
"""Share of the budget in which ``path-switch`` is done with its rounds."""

_ROUND_HOT, _ROUND_COLD, _ROUND_SWEEPS = 1e-2, 1e-4, 1
"""Temperatures of a round in units of the squared MLU, and its length."""

_COLD = {"few": (1e-4, 1e-3), "many": (1e-5, 1e-4)}
_HOT = {"few": (0.01, 0.3), "many": (0.003, 0.05)}
"""Temperatures of a cycle in units of the best MLU, drawn log-uniformly. Where demands are few,
single ones are large, and moving one must stay possible until the small ones have made room."""

_SWEEPS = {"few": (400, 2000), "many": (100, 400)}

_STEEP, _RAMP = (10.0, 1000.0), 6
"""Without rounds many demands first take their best paths in a few sweeps under a soft maximum
(its steepness times the MLU): a long walk would need a hundred times as many proposals."""

_KICKS = 0.3
"""Time for descents by pairs of moves after walks, as a share of theirs: they close what a random
walk leaves between few large demands."""

_KICK_EVERY = 10
"""Rounds between two such descents."""

_POLISH = 0.1
"""Share of the budget kept for squares and moved traffic."""


@dataclass
class PathSwitch:
    """Anytime; answers split problems with single-path plans too.

    Attributes
    ----------
    rounds : float
        Share of the budget until which rounds are made, unless demands are few; the rest is for
        cycles. With 1 there are rounds alone, with 0 cycles alone.
    """

    name: str
    rounds: float
    family: str = "annealer"
    forms: tuple[str, ...] = ("routing",)

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
        keep, rounds, cycles = _POLISH * budget.seconds, 0, 0
        many = len(search.movable) > walk.FEW
        if self.rounds == 1 or (self.rounds and many):
            rounds = _rounds(search, max(keep, (1 - self.rounds) * budget.seconds))
        elif many and not best.at_floor:
            search.soften(search.choice.copy(), *_STEEP, _RAMP, keep)
        while len(search.movable) and not best.at_floor and budget.left() > keep:
            _cycle(search, keep)
            cycles += 1
        search.polish()
        info = {"rounds": rounds, "cycles": cycles, "proposals": search.proposals}
        return best.solution({"simulated": "annealer in software", **info})


def _rounds(search: walk.Walk, until: float) -> int:
    """Walk under re-weighted squares, each round from where the last one ended."""
    choice, weight, turn = search.choice, np.ones(search.problem.n_links), 0
    kicked = search.budget.elapsed()
    while len(search.movable) and not search.best.at_floor and search.budget.left() > until:
        used = kernels.loads(search.arrays, choice) * search.arrays.inverse
        weight, unit = reweight(weight, used, turn), float(used.max()) ** 2
        energy = squares(weight, search.floor)
        hot, cold = _ROUND_HOT * unit, _ROUND_COLD * unit
        choice = search.run(choice, energy, hot, cold, _ROUND_SWEEPS, until)
        search.cool(walk.AFTER_MOVES, choice)
        turn += 1
        if turn % _KICK_EVERY == 0:
            search.kick(_KICKS * (search.budget.elapsed() - kicked), until)
            kicked = search.budget.elapsed()
    return turn


def _cycle(search: walk.Walk, until: float) -> None:
    """Walk under the excess over a target, from the best plan."""
    rng, top, began = search.rng, search.best.score.mlu, search.budget.elapsed()
    size = "few" if len(search.movable) <= walk.FEW else "many"

    def between(pair: tuple[float, float]) -> float:
        return float(np.exp(rng.uniform(*np.log(pair))))

    energy = hinge(search.target())
    hot, cold = between(_HOT[size]) * top, between(_COLD[size]) * top
    search.run(search.choice, energy, hot, cold, int(between(_SWEEPS[size])), until)
    search.cool(walk.AFTER_MOVES)
    search.kick(_KICKS * (search.budget.elapsed() - began), until)


def path_switch() -> PathSwitch:
    return PathSwitch("path-switch", OPENING)


def path_switch_mw() -> PathSwitch:
    return PathSwitch("path-switch-mw", 1.0)


def path_switch_hinge() -> PathSwitch:
    return PathSwitch("path-switch-hinge", 0.0)
