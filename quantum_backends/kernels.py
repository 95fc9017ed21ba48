"""The inner loops over paths, compiled by numba and kept on disk between runs.

A *choice* array holds, for each demand, the flat index of its path. A move costs the length of
two paths; nothing here grows with the square of anything.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from quantum_backends.routing import Floats, Ints, RoutingProblem
from quantum_backends.testing import tiny_problem


class Arrays(NamedTuple):
    """The parts of a problem that the loops read; see :class:`quantum_backends.routing.Layout`."""

    first: Ints
    start: Ints
    link: Ints
    volume: Floats
    inverse: Floats


def arrays_of(problem: RoutingProblem) -> Arrays:
    """Collect the arrays of a problem with paths."""
    layout = problem.layout
    return Arrays(layout.first, layout.start, layout.link, problem.volume, 1 / problem.capacity)


@njit(cache=True)
def loads(a: Arrays, choice: Ints) -> Floats:
    """Load on each link when each demand takes its choice."""
    load = np.zeros(len(a.inverse))
    for k in range(len(choice)):
        for t in range(a.start[choice[k]], a.start[choice[k] + 1]):
            load[a.link[t]] += a.volume[k]
    return load


@njit(cache=True)
def shift(a: Arrays, load: Floats, choice: int, amount: float) -> None:
    """Add an amount to every link of a path."""
    for t in range(a.start[choice], a.start[choice + 1]):
        load[a.link[t]] += amount


@njit(cache=True)
def highest(a: Arrays, load: Floats) -> float:
    """The maximum link utilisation."""
    top = 0.0
    for e in range(len(load)):
        top = max(top, load[e] * a.inverse[e])
    return top


@njit(cache=True)
def squares(a: Arrays, load: Floats) -> float:
    """The sum of squared utilisations."""
    total = 0.0
    for e in range(len(load)):
        u = load[e] * a.inverse[e]
        total += u * u
    return total


@njit(cache=True)
def soft_sweep(a: Arrays, choice: Ints, load: Floats, order: Ints, steep: float, top: float) -> int:
    """Let each demand in turn take its best path under sum_e exp(steep (u_e - top)).

    Returns the number of demands that moved; ``choice`` and ``load`` are changed in place.
    """
    moves = 0
    for k in order:
        volume, old = a.volume[k], choice[k]
        shift(a, load, old, -volume)
        best, least = old, np.inf
        for j in range(a.first[k], a.first[k + 1]):
            cost = 0.0
            for t in range(a.start[j], a.start[j + 1]):
                e = a.link[t]
                u = load[e] * a.inverse[e] - top
                rise = volume * a.inverse[e]
                cost += math.exp(min(steep * (u + rise), 500.0)) - math.exp(min(steep * u, 500.0))
            if j == old:
                cost *= 1 - 1e-12  # a tie does not move
            if cost < least:
                least, best = cost, j
        choice[k] = best
        moves += best != old
        shift(a, load, best, volume)
    return moves


@njit(cache=True)
def uses(a: Arrays, choice: int, link: int) -> bool:
    """Tell whether a path uses a link."""
    for t in range(a.start[choice], a.start[choice + 1]):  # noqa: SIM110  (numba: no any())
        if a.link[t] == link:
            return True
    return False


@njit(cache=True)
def cool_hottest(a: Arrays, choice: Ints, load: Floats, floor: float, moves: int) -> int:
    """Take demands off the hottest link, one best move at a time.

    Stops when the MLU is at most ``floor``, after so many moves, or when no single move helps.
    Returns the moves made.
    """
    for done in range(moves):
        hot, top = 0, 0.0
        for e in range(len(load)):
            u = load[e] * a.inverse[e]
            if u > top:
                hot, top = e, u
        if top <= floor:
            return done
        best_demand, best_choice, least, best_volume = -1, -1, top * (1 - 1e-9), 0.0
        for k in range(len(choice)):
            old, volume = choice[k], a.volume[k]
            if volume == 0.0 or not uses(a, old, hot):
                continue
            shift(a, load, old, -volume)
            left = load[hot] * a.inverse[hot]
            for j in range(a.first[k], a.first[k + 1]):
                if uses(a, j, hot):
                    continue
                peak = max(left, floor)  # below the floor nothing is gained
                for t in range(a.start[j], a.start[j + 1]):
                    e = a.link[t]
                    peak = max(peak, (load[e] + volume) * a.inverse[e])
                if peak < least or (peak == least and volume < best_volume):
                    best_demand, best_choice, least, best_volume = k, j, peak, volume
            shift(a, load, old, volume)
        if best_demand < 0:
            return done
        shift(a, load, choice[best_demand], -best_volume)
        choice[best_demand] = best_choice
        shift(a, load, best_choice, best_volume)
    return moves


@njit(cache=True)
def smooth_sweep(
    a: Arrays, choice: Ints, load: Floats, order: Ints, cap: float, home: Ints, price: float
) -> int:
    """Let each demand take its best path by squares and moving, no link above ``cap``.

    Parameters
    ----------
    home : int array (k,)
        The choice that costs nothing to take (-1: none).
    price : float
        Cost of moving one unit of volume away from home.
    """
    moves = 0
    for k in order:
        volume, old = a.volume[k], choice[k]
        shift(a, load, old, -volume)
        best, least = old, np.inf
        for j in range(a.first[k], a.first[k + 1]):
            cost = price * volume if home[k] >= 0 and j != home[k] else 0.0
            fits = True
            for t in range(a.start[j], a.start[j + 1]):
                e = a.link[t]
                u, rise = load[e] * a.inverse[e], volume * a.inverse[e]
                cost += (2 * u + rise) * rise
                fits = fits and u + rise <= cap
            if (fits or j == old) and cost < least * (1 - 1e-12) - (1e-12 if j != old else 0.0):
                least, best = cost, j
        choice[k] = best
        moves += best != old
        shift(a, load, best, volume)
    return moves


@njit(cache=True)
def best_swaps(
    a: Arrays, choice: Ints, load: Floats, weight: Floats, mark: Ints
) -> tuple[Ints, Floats, Floats]:
    """Find each demand's best-priced other path under sum_e weight_e u_e^2.

    Parameters
    ----------
    mark : int array (m,)
        Scratch space, all zero, and again so on return.

    Returns
    -------
    other : int array (k,)
        The best other choice, -1 where there is none.
    gain : float array (k,)
        Change of the energy when the demand alone takes it.
    pressure : float array (k,)
        What the demand's volume costs on its present path (its size times the price).
    """
    n = len(choice)
    other, gain, pressure = np.full(n, -1), np.zeros(n), np.zeros(n)
    for k in range(n):
        volume, old = a.volume[k], choice[k]
        away = 0.0
        for t in range(a.start[old], a.start[old + 1]):
            e = a.link[t]
            mark[e] = 1
            u, step = load[e] * a.inverse[e], volume * a.inverse[e]
            away += weight[e] * (step - 2 * u) * step
            pressure[k] += 2 * weight[e] * u * step
        least = np.inf
        for j in range(a.first[k], a.first[k + 1]):
            if j == old:
                continue
            cost = away
            for t in range(a.start[j], a.start[j + 1]):
                e = a.link[t]
                u, step = load[e] * a.inverse[e], volume * a.inverse[e]
                # A shared link was counted as left behind, and is not.
                cost += weight[e] * ((2 * u - step) if mark[e] else (2 * u + step)) * step
            if cost < least:
                least, other[k] = cost, j
        for t in range(a.start[old], a.start[old + 1]):
            mark[a.link[t]] = 0
        gain[k] = least if other[k] >= 0 else 0.0
    return other, gain, pressure


def warm() -> None:
    """Compile every loop (or load it from disk), so that no deadline pays for it."""
    problem = tiny_problem()
    a = arrays_of(problem)
    choice = start = problem.layout.first[:-1].copy()
    load, order = loads(a, choice), np.arange(len(choice))
    highest(a, load)
    squares(a, load)
    soft_sweep(a, choice, load, order, 10.0, 1.0)
    cool_hottest(a, choice, load, 0.0, 1)
    smooth_sweep(a, choice, load, order, 1.0, start, 0.0)
    best_swaps(a, choice, load, np.ones(len(load)), np.zeros(len(load), np.int64))
