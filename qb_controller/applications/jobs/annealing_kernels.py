"""The inner loop of the simulated annealing of whole schedules, compiled by numba."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from quantum_backends.routing import Floats, Ints


class Backlog(NamedTuple):
    """Fragments that are to be placed, request by request, upstream ones first.

    Attributes
    ----------
    first : int array (r + 1,)
        Fragments of each request.
    deadline : float array (r,)
        Seconds from now.
    shots : float array (f,)
    shot_s : float array (f, m)
        Infinite where a fragment may not run.
    ready : float array (f, m)
    parent_start, parent : int arrays
        What each fragment waits for; empty lists where dependencies are ignored.
    start, overhead : float arrays (m,)
    lag : float array (m, m)
    """

    first: Ints
    deadline: Floats
    shots: Floats
    shot_s: Floats
    ready: Floats
    parent_start: Ints
    parent: Ints
    start: Floats
    overhead: Floats
    lag: Floats


@njit(cache=True)
def energy(b, order, units, grid, makespan_weight, free, ends):  # type: ignore[no-untyped-def]
    """Requests late, plus a little for the makespan, of a list schedule in an order."""
    machines = len(b.start)
    free[:] = b.start
    late, span = 0.0, 0.0
    for r in order:
        done = 0.0
        for f in range(b.first[r], b.first[r + 1]):
            for m in range(machines):
                if units[f, m] == 0:
                    continue
                begin = max(free[m], b.ready[f, m])
                for k in range(b.parent_start[f], b.parent_start[f + 1]):
                    p = b.parent[k]
                    for q in range(machines):
                        if units[p, q] > 0:
                            begin = max(begin, ends[p, q] + b.lag[q, m])
                work = b.overhead[m] + b.shots[f] * units[f, m] / grid * b.shot_s[f, m]
                free[m] = ends[f, m] = begin + work
                done = max(done, free[m])
        late += done > b.deadline[r]
        span = max(span, done)
    return late + makespan_weight * span


@njit(cache=True)
def begin(b, order, units, grid):  # type: ignore[no-untyped-def]
    """Every fragment whole where it ends first, in an order."""
    free = b.start.copy()
    for r in order:
        for f in range(b.first[r], b.first[r + 1]):
            best, where = np.inf, 0
            for m in range(len(free)):
                end = max(free[m], b.ready[f, m]) + b.overhead[m] + b.shots[f] * b.shot_s[f, m]
                if end < best:
                    best, where = end, m
            units[f, :] = 0
            units[f, where] = grid
            free[where] = best


@njit(cache=True)
def anneal(b, order, units, grid, rounds, weight, hot, cold, seed):  # type: ignore[no-untyped-def]
    """Swap requests, move fragments, move a share of the shots; in place, the best found."""
    np.random.seed(seed)
    n, f_count, machines = len(order), len(b.shots), len(b.start)
    free, ends = np.empty(machines), np.empty((f_count, machines))
    now = energy(b, order, units, grid, weight, free, ends)
    best, best_order, best_units = now, order.copy(), units.copy()
    old = np.empty(machines, np.int64)
    for step in range(rounds):
        heat = hot * (cold / hot) ** (step / max(rounds - 1, 1))
        kind = np.random.random()
        f = np.random.randint(f_count)
        old[:] = units[f]
        i = j = 0
        if kind < 0.4:
            i, j = np.random.randint(n), np.random.randint(n)
            order[i], order[j] = order[j], order[i]
        else:
            to = np.random.randint(machines)
            if b.shot_s[f, to] == np.inf or b.start[to] == np.inf:
                continue
            if grid == 1 or kind < 0.7:
                units[f, :] = 0
                units[f, to] = grid
            else:
                off = np.random.randint(machines)
                for _ in range(machines):
                    if units[f, off] > 0:
                        break
                    off = (off + 1) % machines
                share = np.random.randint(1, units[f, off] + 1)
                units[f, off] -= share
                units[f, to] += share
        then = energy(b, order, units, grid, weight, free, ends)
        if then <= now or np.random.random() < np.exp((now - then) / heat):
            now = then
            if now < best:
                best = now
                best_order[:] = order
                best_units[:] = units
        else:
            units[f] = old
            if kind < 0.4:
                order[i], order[j] = order[j], order[i]
    order[:] = best_order
    units[:] = best_units
    return best
