"""Descent by pairs of moves: one demand leaves the hottest link, another makes room for it.

Where demands are few, single moves soon help no longer: each way around the hottest link is nearly
full too. A second demand that leaves what the first one filled finds plans that are better by
little, many times over, and a pair is found in microseconds. From kicked copies of the best plan
this is iterated local search.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from quantum_backends.kernels import Arrays, arrays_of, loads, uses
from quantum_backends.routing import Floats, Ints
from quantum_backends.testing import tiny_problem

_LEAST = 1e-7
"""Relative fall of the MLU that counts."""


@njit(cache=True)
def put(a: Arrays, used: Floats, choice: int, volume: float) -> None:
    """Add a volume to the utilisation of every link of a path."""
    for t in range(a.start[choice], a.start[choice + 1]):
        used[a.link[t]] += volume * a.inverse[a.link[t]]


@njit(cache=True)
def above(used: Floats, cap: float, hot: Ints) -> int:
    """Write the links above a utilisation to ``hot``; stop where there are more than fit."""
    count = 0
    for e in range(len(used)):
        if used[e] > cap:
            if count == len(hot):
                return count + 1
            hot[count] = e
            count += 1
    return count


@njit(cache=True)
def partner(
    a: Arrays, choice: Ints, used: Floats, cap: float, hot: Ints, moved: int
) -> tuple[int, int]:
    """Find a demand other than ``moved``, and its path, that brings all links below a utilisation.

    Parameters
    ----------
    hot : int array
        The links above it.

    Returns
    -------
    demand, choice : int
        Both -1 where there is none.
    """
    for k in range(len(choice)):
        old, volume = choice[k], a.volume[k]
        if k == moved or volume == 0.0:
            continue
        helps = True
        for e in hot:
            helps = helps and uses(a, old, e) and used[e] - volume * a.inverse[e] <= cap
        if not helps:
            continue
        for j in range(a.first[k], a.first[k + 1]):
            fits = j != old
            for t in range(a.start[j], a.start[j + 1]):
                e = a.link[t]
                if used[e] > cap or (used[e] + volume * a.inverse[e] > cap and not uses(a, old, e)):
                    fits = False
                    break
            if fits:
                return k, j
    return -1, -1


@njit(cache=True)
def improve(a: Arrays, choice: Ints, used: Floats, hot: Ints) -> bool:
    """Lower the MLU by one move off the hottest link or by a pair; tell whether it was possible.

    Parameters
    ----------
    choice, used : int array (k,), float array (m,)
        The plan and its utilisations, changed in place.
    hot : int array
        Scratch space; its length is how many links a second move may have to relieve.
    """
    hottest = np.argmax(used)
    cap = used[hottest] * (1 - _LEAST)
    for k in range(len(choice)):
        old, volume = choice[k], a.volume[k]
        if volume == 0.0 or not uses(a, old, hottest):
            continue
        put(a, used, old, -volume)
        for j in range(a.first[k], a.first[k + 1]):
            if uses(a, j, hottest):
                continue
            put(a, used, j, volume)
            count = above(used, cap, hot)
            if 0 < count <= len(hot):
                other, new = partner(a, choice, used, cap, hot[:count], k)
                if other >= 0:
                    put(a, used, choice[other], -a.volume[other])
                    put(a, used, new, a.volume[other])
                    choice[other] = new
                    count = 0
            if count == 0:
                choice[k] = j
                return True
            put(a, used, j, -volume)
        put(a, used, old, volume)
    return False


@njit(cache=True)
def descend(a: Arrays, choice: Ints, used: Floats, floor: float, most: int) -> None:
    """Make up to so many moves and pairs, until the MLU is at ``floor`` or none helps."""
    hot = np.empty(2, np.int64)
    for _ in range(most):
        if used.max() <= floor or not improve(a, choice, used, hot):
            return


@njit(cache=True)
def kicked_descents(
    a: Arrays, best: Ints, movable: Ints, floor: float, kicks: int, strength: int, most: int
) -> None:
    """Put a few demands on random paths, descend, and keep what is not worse; again and again.

    Parameters
    ----------
    best : int array (k,)
        Changed in place.
    movable : int array
        Demands with two paths or more.
    kicks, strength : int
        How often, and how many demands at most.
    most : int
        Moves and pairs of each descent. Draws from numba's generator
        (:func:`quantum_backends.metropolis.seed`).
    """
    at_best = loads(a, best) * a.inverse
    for _ in range(kicks):
        choice, used = best.copy(), at_best.copy()
        for _ in range(1 + int(np.random.random() * strength)):
            k = movable[int(np.random.random() * len(movable))]
            put(a, used, choice[k], -a.volume[k])
            choice[k] = a.first[k] + int(np.random.random() * (a.first[k + 1] - a.first[k]))
            put(a, used, choice[k], a.volume[k])
        descend(a, choice, used, floor, most)
        if used.max() <= at_best.max():
            best[:] = choice
            at_best[:] = loads(a, best) * a.inverse
            if at_best.max() <= floor:
                return


def warm() -> None:
    """Compile the loops (or load them from disk)."""
    problem = tiny_problem()
    a, choice = arrays_of(problem), problem.layout.first[:-1].copy()
    descend(a, choice, loads(a, choice) * a.inverse, 0.0, 1)
    kicked_descents(a, choice, np.arange(len(choice)), 0.0, 1, 1, 1)
