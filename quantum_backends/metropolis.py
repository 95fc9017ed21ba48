"""Metropolis' walk over single-path plans, under one of two energies of the link utilisations.

A move shifts one demand to another of its paths and costs the length of two paths. With u_e the
utilisation of link e the energy is a sum over links, of

- the *hinge* ``max(0, u_e - target)``: links below the target cost nothing, so the walk drifts
  freely over the plans that are equally good and mends only what is too hot; energy zero reaches
  the target;
- *weighted squares* ``w_e u_e^2``: smooth, so that every move counts, but only with the right
  weights is the plan of least energy one of least MLU (:mod:`quantum_backends.reweighting`).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from quantum_backends.kernels import Arrays, arrays_of, loads
from quantum_backends.routing import Floats, Ints
from quantum_backends.testing import tiny_problem


class Energy(NamedTuple):
    """What a walk lowers; made by :func:`hinge` and :func:`squares`.

    Attributes
    ----------
    target : float
        MLU at which the walk is over.
    weight : float array (m,)
        Weights of the squares; empty for the hinge.
    """

    target: float
    weight: Floats


def hinge(target: float) -> Energy:
    """The excess over a target."""
    return Energy(target, np.empty(0))


def squares(weight: Floats, target: float) -> Energy:
    """Weighted squares (m,); the target only ends the walk."""
    return Energy(target, weight)


@njit(cache=True)
def seed(value: int) -> None:
    """Seed the generator that the walks draw from."""
    np.random.seed(value)


@njit(cache=True)
def rise_of(energy: Energy, link: int, used: float, more: float) -> float:
    """What a link's energy rises by when its utilisation rises from ``used`` by ``more``."""
    if len(energy.weight):
        return float(energy.weight[link] * more * (2 * used + more))
    return max(0.0, min(used + more - energy.target, more))


@njit(cache=True)
def anneal(
    a: Arrays,
    choice: Ints,
    used: Floats,
    mark: Ints,
    pool: Ints,
    energy: Energy,
    hot: float,
    cold: float,
    steps: int,
    best: float,
    at_best: Ints,
) -> float:
    """Propose ``steps`` moves while the temperature falls geometrically.

    The threshold of Metropolis' rule is drawn first, so that most proposals are refused after a
    link or two.

    Parameters
    ----------
    choice, used : int array (k,), float array (m,)
        The plan and its utilisations, changed in place.
    mark : int array (m,)
        Scratch space.
    pool : int array
        Demands with two paths or more, drawn from uniformly; may name one several times.
    hot, cold : float
        First and last temperature, in units of the energy.
    best, at_best : float, int array (k,)
        Lowest MLU so far and its plan; the plan is overwritten when a lower one is met.

    Returns
    -------
    float
        Lowest MLU so far. The walk ends early when it is at or below the target.
    """
    every = max(len(pool), len(used))
    ratio = (cold / hot) ** (1.0 / max(1, steps))
    temperature = hot
    mark[:] = 0
    for step in range(1, steps + 1):
        k = pool[int(np.random.random() * len(pool))]
        old, volume = choice[k], a.volume[k]
        new = a.first[k] + int(np.random.random() * (a.first[k + 1] - a.first[k] - 1))
        new += new >= old
        left = -temperature * math.log(1.0 - np.random.random())  # what the energy may still rise
        for t in range(a.start[old], a.start[old + 1]):
            e = a.link[t]
            mark[e] = step
            more = volume * a.inverse[e]
            left += rise_of(energy, e, used[e] - more, more)
        for t in range(a.start[new], a.start[new + 1]):
            e = a.link[t]
            more = volume * a.inverse[e]
            left -= rise_of(energy, e, used[e] - (more if mark[e] == step else 0.0), more)
            if left < 0:
                break
        if left >= 0:
            choice[k] = new
            for t in range(a.start[old], a.start[old + 1]):
                used[a.link[t]] -= volume * a.inverse[a.link[t]]
            for t in range(a.start[new], a.start[new + 1]):
                used[a.link[t]] += volume * a.inverse[a.link[t]]
        temperature *= ratio
        if step % every == 0 or step == steps:
            top = used.max()
            if top < best * (1 - 1e-12):
                best = top
                at_best[:] = choice
                if best <= energy.target:
                    return best
    return best


def warm() -> None:
    """Compile the loops (or load them from disk)."""
    problem = tiny_problem()
    a = arrays_of(problem)
    choice = problem.layout.first[:-1].copy()
    seed(0)
    used, mark = loads(a, choice) * a.inverse, np.zeros(len(a.inverse), np.int64)
    anneal(a, choice, used, mark, np.arange(3), hinge(0.7), 0.1, 0.01, 5, 1.4, choice.copy())
