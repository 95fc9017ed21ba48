"""What searches over single-path plans do: walks, sweeps, kicks, and moves off the hottest link.

Nothing quadratic is written out: a move shifts one demand and costs the length of two paths.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from quantum_backends import kernels, metropolis, pair_moves
from quantum_backends.metropolis import Energy
from quantum_backends.objective import floor
from quantum_backends.routing import Ints, RoutingProblem
from quantum_backends.search import Best, home_choice, start_choice
from quantum_backends.solver import Budget

_SLICE = 20_000
"""Proposals between two looks at the budget: below 20 ms on paths of a dozen links."""

FEW = 1000
"""Up to so many demands single ones decide, and the largest fifth is proposed four times as often
as the rest; above, that only costs time."""

PAIRED = 5000
"""Up to so many demands pairs of moves are tried: their number grows with the square."""

_LOW = 0.95
"""Where the proven bound is further away, the target stays above this share of the best MLU."""


_SWEEP = 4000
"""Demands swept between two looks at the budget."""

AFTER_MOVES = 20
"""Moves off the hottest link after sweeps."""

_KICK, _DESCENT = 3, 100
"""Demands that a kick moves at most, and moves of the descent after it."""

_KICKING_S, _KICKS = 0.003, 1000
"""Kicks between two looks at the budget take about so long, and are no more than that."""


class Walk:
    """A search of one call of ``solve``; :attr:`choice` is the best single-path plan so far.

    Parameters
    ----------
    problem : RoutingProblem
    budget : Budget
    best : Best
        Receives every better plan.
    seed_value : int
    """

    def __init__(
        self, problem: RoutingProblem, budget: Budget, best: Best, seed_value: int
    ) -> None:
        self.problem, self.budget, self.best = problem, budget, best
        self.rng = np.random.default_rng(seed_value)
        metropolis.seed(seed_value % 2**32)
        self.arrays = kernels.arrays_of(problem)
        self.choice = start_choice(problem)
        self.home = home_choice(problem)
        free = (np.diff(problem.layout.first) > 1) & (problem.volume > 0)
        self.movable: Ints = np.flatnonzero(free)
        n = len(self.movable)
        large = np.argsort(-problem.volume[self.movable])[: n // 5 if n <= FEW else 0]
        self._pool = np.concatenate((self.movable, np.repeat(self.movable[large], 3)))
        self.floor = floor(problem)
        self.rate = 2e6
        """Proposals per second, measured."""
        self.proposals = 0

    def cool(self, moves: int, start: Ints | None = None) -> int:
        """Make few moves away from the hottest link, from a plan (the best one); return them."""
        choice = (self.choice if start is None else start).copy()
        load = kernels.loads(self.arrays, choice)
        made: int = kernels.cool_hottest(self.arrays, choice, load, self.floor, moves)
        self.offer(choice)
        return made

    def soften(self, choice: Ints, low: float, high: float, sweeps: int, until: float) -> None:
        """Sweeps of best response under a soft maximum of rising steepness, from a plan.

        Parameters
        ----------
        choice : int array (k,)
            Changed in place.
        low, high : float
            Steepness of the soft maximum, times the MLU.
        until : float
            Seconds of the budget to leave over.
        """
        load = kernels.loads(self.arrays, choice)
        for steep in np.geomspace(low, high, sweeps):
            top = kernels.highest(self.arrays, load)
            if self.budget.left() <= until or not top:
                return
            order = self.rng.permutation(self.movable)
            for some in np.array_split(order, 1 + len(order) // _SWEEP):
                if self.budget.left() <= until:
                    return
                kernels.soft_sweep(self.arrays, choice, load, some, steep / top, top)
            if kernels.highest(self.arrays, load) < self.best.score.mlu:
                self.offer(choice)
                if self.best.at_floor:
                    return
        self.cool(AFTER_MOVES, choice)

    def kick(self, seconds: float, until: float) -> None:
        """Descend by pairs of moves from kicked copies of the best plan; not for many demands."""
        if not 0 < len(self.movable) <= PAIRED:
            return
        end, kicks = self.budget.elapsed() + seconds, 1
        while self.budget.left() > until and not self.best.at_floor:
            began, choice = self.budget.elapsed(), self.choice.copy()
            if began >= end:
                return
            pair_moves.kicked_descents(
                self.arrays, choice, self.movable, self.floor, kicks, _KICK, _DESCENT
            )
            self.offer(choice)
            quick = self.budget.elapsed() - began < _KICKING_S
            kicks = min(2 * kicks, _KICKS) if quick else max(1, kicks // 2)

    def target(self) -> float:
        """A random target between the bound and half-way to the best plan's MLU."""
        top = kernels.highest(self.arrays, kernels.loads(self.arrays, self.choice))
        low = max(self.floor, _LOW * top)
        return float(low + 0.5 * self.rng.random() * max(0.0, top - low))

    def run(
        self, start: Ints, energy: Energy, hot: float, cold: float, sweeps: int, until: float
    ) -> Ints:
        """Walk from a plan while the temperature falls; return where the walk ended.

        Parameters
        ----------
        energy : Energy
        hot, cold : float
            Temperatures in units of the energy.
        until : float
            Seconds of the budget to leave over; where the whole walk would not fit into half of
            what remains, it is shortened rather than cut off hot.
        """
        choice, at_best = start.copy(), self.choice.copy()
        used = kernels.loads(self.arrays, choice) * self.arrays.inverse
        mark = np.zeros(len(used), np.int64)
        best = before = kernels.highest(self.arrays, kernels.loads(self.arrays, at_best))
        room = self.rate * (self.budget.left() - until) / 2
        total = int(max(1.0, min(sweeps * len(self._pool), room)))
        slices = math.ceil(total / _SLICE)
        edges = np.geomspace(hot, cold, slices + 1)
        for upper, lower in pairwise(edges.tolist()):
            if self.budget.left() <= until:
                break
            began, steps = self.budget.elapsed(), math.ceil(total / slices)
            best = metropolis.anneal(
                self.arrays,
                choice,
                used,
                mark,
                self._pool,
                energy,
                upper,
                lower,
                steps,
                best,
                at_best,
            )
            self.proposals += steps
            self.rate = steps / max(1e-6, self.budget.elapsed() - began)
            if best < before:
                before = best
                self.offer(at_best)
            if best <= energy.target:
                break
        return choice

    def polish(self) -> None:
        """Lower squares and moved traffic with the MLU held at what was reached."""
        choice = self.choice.copy()
        load = kernels.loads(self.arrays, choice)
        cap = max(kernels.highest(self.arrays, load), self.floor)
        price = self.problem.move_cost / (float(self.problem.volume.sum()) or 1.0)
        while self.budget.left():
            order = self.rng.permutation(self.movable)
            moved = kernels.smooth_sweep(self.arrays, choice, load, order, cap, self.home, price)
            self.offer(choice)
            if not moved:
                return

    def offer(self, choice: Ints) -> None:
        """Keep a plan where it is the best so far."""
        if self.best.offer_choice(choice):
            self.choice = choice.copy()


def warm() -> None:
    """Compile the loops of this module and of the kernels (or load them from disk)."""
    kernels.warm()
    pair_moves.warm()
    metropolis.warm()
