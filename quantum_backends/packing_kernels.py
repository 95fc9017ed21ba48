"""The inner loops over packings, compiled by numba and kept on disk between runs.

``chosen`` holds the flat index of each group's option, ``free`` what is left of each resource
(below zero where too much is used). Changing one group's option costs the two options' resources.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from quantum_backends.choice_kernels import draw
from quantum_backends.packing import TOLERANCE, PackingProblem, random_packing
from quantum_backends.routing import Floats, Ints

State = npt.NDArray[np.uint64]

EXPONENTIAL = -np.log((np.arange(4096) + 0.5) / 4096)
"""Quantiles of the exponential distribution, up to nine times its mean: a loss below a random one
of them times the temperature is accepted, which is the Metropolis rule without a logarithm."""


class Table(NamedTuple):
    """The parts of a problem that the loops read; ``capacity`` has half the tolerance in it."""

    first: Ints
    group: Ints
    worth: Floats
    start: Ints
    resource: Ints
    amount: Floats
    capacity: Floats


def table_of(problem: PackingProblem) -> Table:
    """Collect the arrays of a problem."""
    return Table(
        problem.first,
        problem.group,
        problem.worth,
        problem.start,
        problem.resource,
        problem.amount,
        problem.capacity * (1 + TOLERANCE / 2),
    )


@njit(cache=True)
def free_of(t: Table, chosen: Ints) -> Floats:
    """What the present options leave of each resource."""
    free = t.capacity.copy()
    for o in chosen:
        give(t, free, o, -1.0)
    return free


@njit(cache=True)
def give(t: Table, free: Floats, option: int, sign: float) -> None:
    """Return an option's resources (sign 1), or take them (-1)."""
    for k in range(t.start[option], t.start[option + 1]):
        free[t.resource[k]] += sign * t.amount[k]


@njit(cache=True)
def room(t: Table, free: Floats, option: int) -> bool:
    """Whether an option's resources are there."""
    for k in range(t.start[option], t.start[option + 1]):
        if t.amount[k] > free[t.resource[k]]:
            return False
    return True


@njit(cache=True)
def worth_of(t: Table, chosen: Ints) -> float:
    """Worth of the present options."""
    total = 0.0
    for o in chosen:
        total += t.worth[o]
    return total


@njit(cache=True)
def fill(t: Table, chosen: Ints, free: Floats, order: Ints) -> int:
    """Take each option of ``order`` in turn that gains and fits; return how many were taken."""
    taken = 0
    for o in order:
        old = chosen[t.group[o]]
        if t.worth[o] <= t.worth[old]:
            continue
        give(t, free, old, 1.0)
        if room(t, free, o):
            give(t, free, o, -1.0)
            chosen[t.group[o]] = o
            taken += 1
        else:
            give(t, free, old, -1.0)
    return taken


@njit(cache=True)
def overload(t: Table, free: Floats, option: int) -> float:
    """Part of an option's use that lies on resources of which too much is used."""
    total = 0.0
    for k in range(t.start[option], t.start[option + 1]):
        if free[t.resource[k]] < 0:
            total += min(t.amount[k], -free[t.resource[k]]) / t.capacity[t.resource[k]]
    return total


@njit(cache=True)
def relieve(t: Table, chosen: Ints, free: Floats, worst: Ints) -> None:
    """Send groups back to option 0, those of ``worst`` first, until everything fits.

    A group goes only where it uses a resource that is overused then; those that went for nothing
    in the end return with :func:`fill`.
    """
    for g in worst:
        o, nothing = chosen[g], t.first[g]
        if o != nothing and overload(t, free, o) > 0:
            give(t, free, o, 1.0)
            give(t, free, nothing, -1.0)
            chosen[g] = nothing


@njit(cache=True)
def uniform(state: State) -> float:
    """A number in [0, 1)."""
    return (draw(state) >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@njit(cache=True)
def kick_and_fill(
    t: Table, chosen: Ints, free: Floats, score: Floats, kicks: int, state: State
) -> None:
    """Empty a few groups around one resource, fill again in a noisy order, undo what is worse.

    Ruin and recreate (Schrimpf et al., J. Comput. Phys. 159, 2000). Only groups with an option on
    a resource that got room can gain, so the groups that left and as many others are looked at.

    Parameters
    ----------
    score : float array (q,)
        What options are ordered by, the highest first, before noise.
    """
    n, m = len(chosen), len(free)
    out, before = np.empty(n, np.int64), np.empty(n, np.int64)
    marked = np.zeros(n, np.bool_)
    for _ in range(kicks):
        size, lost = 0, 0.0
        r = int(uniform(state) * m)
        wanted = 1 + int(uniform(state) * 4)
        at = int(uniform(state) * n)
        for i in range(n):
            if size >= wanted:
                break
            g = (at + i) % n
            o = chosen[g]
            if o == t.first[g]:
                continue
            for k in range(t.start[o], t.start[o + 1]):
                if t.resource[k] == r:
                    out[size], before[size] = g, o
                    marked[g] = True
                    size += 1
                    give(t, free, o, 1.0)
                    give(t, free, t.first[g], -1.0)
                    chosen[g] = t.first[g]
                    lost += t.worth[o] - t.worth[t.first[g]]
                    break
        emptied = size
        # Others that are not admitted, or not on their dearest option, may use the room.
        at = int(uniform(state) * n)
        for i in range(n):
            if size >= emptied + 12:
                break
            g = (at + i) % n
            if not marked[g] and chosen[g] == t.first[g] and t.first[g + 1] - t.first[g] > 1:
                out[size], before[size] = g, chosen[g]
                marked[g] = True
                size += 1
        count = 0
        for i in range(size):
            count += t.first[out[i] + 1] - t.first[out[i]]
        options, keys = np.empty(count, np.int64), np.empty(count)
        count = 0
        for i in range(size):
            for o in range(t.first[out[i]], t.first[out[i] + 1]):
                options[count] = o
                keys[count] = -score[o] * (0.5 + uniform(state))
                count += 1
        fill(t, chosen, free, options[np.argsort(keys)])
        gain = -lost
        for i in range(size):
            gain += t.worth[chosen[out[i]]] - t.worth[t.first[out[i]]]
            marked[out[i]] = False
            if i >= emptied:
                gain -= t.worth[before[i]] - t.worth[t.first[out[i]]]
        if gain < 0:
            for i in range(size):
                give(t, free, chosen[out[i]], 1.0)
            for i in range(size):
                give(t, free, before[i], -1.0)
                chosen[out[i]] = before[i]


@njit(cache=True)
def anneal(
    t: Table,
    chosen: Ints,
    free: Floats,
    movable: Ints,
    weight: Floats,
    hot: float,
    cold: float,
    sweeps: int,
    state: State,
) -> tuple[float, Ints]:
    """Metropolis sweeps under a hinge penalty from temperature ``hot`` to ``cold`` (geometric).

    What is minimised is the worth lost plus ``weight[r]`` for each unit by which resource r is
    overused: a bend, not a square, so that a capacity exactly used costs nothing and no bits are
    spent on slack.

    Parameters
    ----------
    movable : int array
        The groups that may change, each with two options or more.
    weight : float array (m,)
    state : uint64 array (1,)
        Of the generator, not zero; changed in place.

    Returns
    -------
    best : float
        Highest worth seen between sweeps where nothing was overused; -inf where that never was.
    at_best : int array (g,)
        The options there.
    """
    best, at_best = -np.inf, chosen.copy()
    worth = worth_of(t, chosen)
    over = 0
    for r in range(len(free)):
        over += free[r] < 0
    ratio = (cold / hot) ** (1.0 / max(1, sweeps - 1))
    temperature = hot
    for _ in range(sweeps):
        for g in movable:
            old = chosen[g]
            others = t.first[g + 1] - t.first[g] - 1
            bits = draw(state)
            upper = (bits >> np.uint64(40)) * np.uint64(others)
            new = t.first[g] + np.int64(upper >> np.uint64(24))
            new += new >= old
            # From admitted to admitted by way of nothing is likelier too hard; half go there.
            if old != t.first[g] and bits & np.uint64(1):
                new = t.first[g]
            rise = t.worth[old] - t.worth[new]
            limit = temperature * EXPONENTIAL[(bits >> np.uint64(20)) & np.uint64(4095)]
            # Where only one of the two uses anything, looking is enough: most moves are refused.
            both = t.start[old] < t.start[old + 1] and t.start[new] < t.start[new + 1]
            for k in range(t.start[old], t.start[old + 1]):
                r = t.resource[k]
                if free[r] < 0:
                    rise -= weight[r] * min(t.amount[k], -free[r])
                if both:
                    free[r] += t.amount[k]
            for k in range(t.start[new], t.start[new + 1]):
                r = t.resource[k]
                left = free[r] - t.amount[k]
                if left < 0:
                    rise += weight[r] * min(t.amount[k], -left)
                    if rise >= limit:
                        break
            if rise < limit:
                chosen[g] = new
                worth += t.worth[new] - t.worth[old]
                give(t, free, new, -1.0)
                if not both:
                    give(t, free, old, 1.0)
            elif both:
                give(t, free, old, -1.0)
        if worth > best + 1e-12:
            over = 0
            for r in range(len(free)):
                over += free[r] < 0
            if over == 0:
                best = worth
                at_best[:] = chosen
        temperature *= ratio
    return best, at_best


def warm() -> None:
    """Compile every loop (or load it from disk), so that no deadline pays for it."""
    problem = random_packing(4, 2, 3, 0)
    t, state = table_of(problem), np.ones(1, np.uint64)
    chosen = problem.first[:-1].copy()
    free = free_of(t, chosen)
    order = np.arange(len(problem.worth))
    fill(t, chosen, free, order)
    relieve(t, chosen, free, np.arange(4))
    kick_and_fill(t, chosen, free, problem.worth, 2, state)
    anneal(t, chosen, free, np.arange(4), np.ones(3), 1.0, 0.1, 2, state)
    worth_of(t, chosen)
