"""Placing requests on machines' timelines, and annealing the order, compiled by numba.

See :mod:`.schedule_lines` for the timelines.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from quantum_backends.schedule_lines import (
    BENDS,
    PIECES,
    Lines,
    empty_lines,
    insert,
    position,
    remove,
)
from quantum_backends.schedules import Plan


@njit(cache=True)
def _area(t, m, begin, end):  # type: ignore[no-untyped-def]
    """What a stretch of time is worth; see :meth:`ScheduleProblem.time_cost`."""
    if t.ripens <= 0:
        return t.price[m] * (end - begin)
    begin, end = max(begin, 0.0), max(end, 0.0)
    fresh = t.ripens * (np.exp(-begin / t.ripens) - np.exp(-end / t.ripens))
    return t.price[m] * (end - begin - fresh)


@njit(cache=True)
def _cost(t, lines, m, start, work):  # type: ignore[no-untyped-def]
    """What more work on a machine costs: it puts off the end of all that is planned there."""
    n = lines.n[m]
    horizon = max(lines.end[m, n - 1] if n else t.release[m], start)
    return _area(t, m, horizon, horizon + work)


@njit(cache=True)
def _room(t, lines, f, ready, due, start, most):  # type: ignore[no-untyped-def]
    """For each machine when a piece would start and how many shots of f it has room for."""
    for m in range(len(t.release)):
        most[m] = 0
        if t.shot_s[f, m] == np.inf or lines.n[m] >= PIECES:
            continue
        p = position(lines, m, due)
        before = lines.end[m, p - 1] if p > 0 else t.release[m]
        start[m] = max(before, ready[m])
        limit = min(due, t.close[m])
        if p < lines.n[m]:
            limit = min(limit, lines.latest[m, p])
        room = limit - start[m] - t.fixed[m]
        if room > 0:
            most[m] = min(t.shots[f], np.int64((room + 1e-9) / max(t.shot_s[f, m], 1e-12)))


@njit(cache=True)
def _fill(t, f, chosen, k, start, most, given):  # type: ignore[no-untyped-def]
    """Spread the shots of f over the first k chosen machines so that they end together.

    False where they have no room, or a machine would get less than the grid allows.
    """
    total = 0
    for i in range(k):
        given[i] = 0
        total += most[chosen[i]]
    if total < t.shots[f]:
        return False
    left = t.shots[f]
    for _ in range(k):
        # The common end if nobody had a limit; machines over theirs get their limit.
        rate, credit, free = 0.0, 0.0, 0
        for i in range(k):
            if given[i] == 0:
                m = chosen[i]
                rate += 1 / t.shot_s[f, m]
                credit += (start[m] + t.fixed[m]) / t.shot_s[f, m]
                free += 1
        if free == 0:
            break
        end, over = (left + credit) / rate, False
        for i in range(k):
            m = chosen[i]
            if given[i] == 0 and (end - start[m] - t.fixed[m]) / t.shot_s[f, m] >= most[m]:
                given[i], over = most[m], True
                left -= most[m]
        if not over:
            for i in range(k):
                if given[i] == 0:
                    m = chosen[i]
                    share = np.int64((end - start[m] - t.fixed[m]) / t.shot_s[f, m])
                    given[i] = -max(0, min(share, most[m]))
            break
    left = t.shots[f]
    for i in range(k):
        given[i] = abs(given[i])
        left -= given[i]
    for i in range(k):
        more = max(-given[i], min(left, most[chosen[i]] - given[i]))
        given[i] += more
        left -= more
    least = -(-t.shots[f] // t.parts)
    for i in range(k - 1):
        if given[i] < min(least, most[chosen[i]]) or given[i] < 1:
            return False
    return left == 0 and given[k - 1] >= 1


@njit(cache=True)
def _place(t, lines, f, ready, due, into, shots):  # type: ignore[no-untyped-def]
    """The cheapest places found for fragment f: cost and number of machines, none if 0.

    One machine; or the shots spread over those that would start first, or that have most room.
    """
    machines = len(t.release)
    start, most = np.zeros(machines), np.zeros(machines, np.int64)
    _room(t, lines, f, ready, due, start, most)
    best, count = np.inf, 0
    for m in range(machines):
        if most[m] >= t.shots[f]:
            cost = _cost(t, lines, m, start[m], t.fixed[m] + t.shots[f] * t.shot_s[f, m])
            if cost < best:
                best, count = cost, 1
                into[0], shots[0] = m, t.shots[f]
    if t.parts == 1:
        return best, count
    able = 0
    key = np.empty(machines)
    for m in range(machines):
        key[m] = start[m] + t.fixed[m] + 0.5 * t.quickest[f] if most[m] else np.inf
        able += most[m] > 0
    given = np.zeros(t.parts, np.int64)
    for rule in range(2):
        if rule == 1:
            if count:
                break
            for m in range(machines):
                key[m] = -most[m] if most[m] else np.inf
        order = np.argsort(key)
        worse = 0
        for k in range(2, min(t.parts, able) + 1):
            if not _fill(t, f, order, k, start, most, given):
                continue
            cost = 0.0
            for i in range(k):
                m = order[i]
                work = t.fixed[m] + given[i] * t.shot_s[f, m]
                cost += _cost(t, lines, m, start[m], work)
            if cost < best:
                best, count, worse = cost, k, 0
                into[:k], shots[:k] = order[:k], given[:k]
            else:
                worse += 1
                if worse == 2:
                    break
    return best, count


@njit(cache=True)
def _try(t, lines, r, v, bend, into, shots, counts):  # type: ignore[no-untyped-def]
    """Insert variant v of request r; its cost, infinite (and nothing inserted) if it does not fit.

    Dependent fragments share the time until the deadline in proportion to their quickest times.
    """
    a, b = t.first_fragment[v], t.first_fragment[v + 1]
    stages = 0
    for f in range(a, b):
        stages = max(stages, t.stage[f] + 1)
    length, begin, deadline = np.zeros(stages), np.inf, t.deadline[r]
    for f in range(a, b):
        length[t.stage[f]] = max(length[t.stage[f]], t.quickest[f])
    for m in range(len(t.release)):
        begin = min(begin, max(t.release[m], 0.0))
    # Necessary: a stage spread over all its parts still takes its share.
    total = length.sum()
    if stages > 1 and begin + total / t.parts > deadline:
        return np.inf
    bounds = np.empty(stages)
    done = 0.0
    for s in range(stages):
        done += length[s]
        bounds[s] = begin + (deadline - begin) * (done / total) ** bend
    bounds[stages - 1] = deadline
    cost, ready = 0.0, np.empty(len(t.release))
    for f in range(a, b):
        due = bounds[t.stage[f]]
        ready[:] = t.ready[f]
        for k in range(t.parent_start[f], t.parent_start[f + 1]):
            up = t.parent[k] - a
            for i in range(counts[up]):
                for m in range(len(ready)):
                    arrives = bounds[t.stage[t.parent[k]]] + t.lag[into[up, i], m]
                    ready[m] = max(ready[m], arrives)
        more, n = _place(t, lines, f, ready, due, into[f - a], shots[f - a])
        counts[f - a] = n
        if n == 0:
            for g in range(a, f):
                for i in range(counts[g - a]):
                    remove(t, lines, into[g - a, i], g)
            return np.inf
        for i in range(n):
            m = into[f - a, i]
            insert(t, lines, m, f, shots[f - a, i], ready[m], due)
        cost += more
    return cost


@njit(cache=True)
def _drop(t, lines, v, into, counts):  # type: ignore[no-untyped-def]
    a, b = t.first_fragment[v], t.first_fragment[v + 1]
    for f in range(a, b):
        for i in range(counts[f - a]):
            remove(t, lines, into[f - a, i], f)


@njit(cache=True)
def insert_request(t, lines, r, limit, into, shots, counts):  # type: ignore[no-untyped-def]
    """Insert request r in its cheapest variant if below a limit; cost, or infinite if not."""
    best, which, best_bend = limit, -1, 1.0
    for v in range(t.first_variant[r], t.first_variant[r + 1]):
        staged = t.stage[t.first_fragment[v + 1] - 1] > 0
        for bend in BENDS:
            cost = _try(t, lines, r, v, bend, into, shots, counts)
            if cost < np.inf:
                _drop(t, lines, v, into, counts)
                if cost < best:
                    best, which, best_bend = cost, v, bend
                break
            if not staged:
                break
    if which < 0:
        return np.inf
    return _try(t, lines, r, which, best_bend, into, shots, counts)


@njit(cache=True)
def room_for_pieces(t):  # type: ignore[no-untyped-def]
    """Where the pieces of one variant are noted: machines, shots, and how many per fragment."""
    widest = 1
    for v in range(len(t.first_fragment) - 1):
        widest = max(widest, t.first_fragment[v + 1] - t.first_fragment[v])
    into = np.zeros((widest, t.parts), np.int64)
    return into, np.zeros_like(into), np.zeros(widest, np.int64)


@njit(cache=True)
def decode(t, order, lines, served):  # type: ignore[no-untyped-def]
    """Insert requests in an order; what is gained in all. ``served`` tells which were."""
    into, shots, counts = room_for_pieces(t)
    lines.n[:] = 0
    served[:] = False
    gain = 0.0
    for r in order:
        cost = insert_request(t, lines, r, t.value[r], into, shots, counts)
        if cost < np.inf:
            served[r] = True
            gain += t.value[r] - cost
    return gain


@njit(cache=True)
def alone(t, lines):  # type: ignore[no-untyped-def]
    """What each request costs on machines with nothing else; infinite where it is too late."""
    into, shots, counts = room_for_pieces(t)
    cost = np.empty(len(t.value))
    for r in range(len(t.value)):
        lines.n[:] = 0
        cost[r] = insert_request(t, lines, r, np.inf, into, shots, counts)
    lines.n[:] = 0
    return cost


@njit(cache=True)
def anneal(t, order, rounds, hot, cold, until_all):  # type: ignore[no-untyped-def]
    """Simulated annealing over orders of insertion, from a given one.

    A move takes a request that is not served, or any, to an earlier place. Gain in units of value.

    Returns
    -------
    order, gain
        The best found.
    """
    n = len(order)
    now, best = order.copy(), order.copy()
    lines = empty_lines(len(t.release))
    served = np.zeros(len(t.value), np.bool_)
    gain = decode(t, now, lines, served)
    top = gain
    fresh = np.empty_like(now)
    for step in range(rounds):
        heat = hot * (cold / hot) ** (step / max(rounds - 1, 1))
        i = np.random.randint(n)
        if np.random.random() < 0.7:
            for _ in range(8):
                if not served[now[i]]:
                    break
                i = np.random.randint(n)
        j = np.random.randint(n)
        if j > i and np.random.random() < 0.7:
            i, j = j, i
        if i == j:
            continue
        fresh[:] = now
        moved = fresh[i]
        if j < i:
            fresh[j + 1 : i + 1] = now[j:i]
        else:
            fresh[i:j] = now[i + 1 : j + 1]
        fresh[j] = moved
        was = served.copy()
        other = decode(t, fresh, lines, served)
        if other >= gain or np.random.random() < np.exp((other - gain) / heat):
            now[:] = fresh
            gain = other
            if gain > top + 1e-9:
                top = gain
                best[:] = now
                if until_all and served.all():
                    break
        else:
            served[:] = was
    return best, top


@njit(cache=True)
def seed(value):  # type: ignore[no-untyped-def]
    """Seed the generator of compiled code."""
    np.random.seed(value)


def plan_of(lines: Lines) -> Plan:
    """The pieces on timelines, machine by machine in the order of their starts."""
    pieces = []
    for m in range(len(lines.n)):
        for j in range(int(lines.n[m])):
            start = float(lines.end[m, j] - lines.work[m, j])
            pieces.append((int(lines.fragment[m, j]), m, int(lines.shots[m, j]), start))
    return tuple(pieces)
