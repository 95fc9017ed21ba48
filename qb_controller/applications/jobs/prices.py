"""What a second of each QPU is worth to requests that have not come yet.

Bid prices, as revenue management has them (Talluri and van Ryzin 1998): the latest arrivals stand
for those to come; a linear program serves the most valuable mixture of them that the QPUs' time
allows if everything could be divided; its dual prices say what another second would bring. A
request that takes time worth more than itself is left out, so that several others fit. Where there
is time enough the prices are zero and nobody is left out.

Not all of the QPUs' time can be used: the tighter deadlines are, the more of it passes while nobody
who could still be in time is there. With deadlines of t times the least time until done, the share
``utilisation * t / (t + half_tightness)`` is taken for reachable.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse
from scipy.optimize import linprog

from qb_controller.applications.jobs.book import Book, Ways
from qb_controller.model.jobs import JobRequest, State
from quantum_backends.routing import Floats

FEWEST = 20
"""Arrivals below which nothing is known about the demand."""

STEP = 20
"""Arrivals after which prices are worked out anew."""


class Prices:
    """Prices from the latest arrivals; a memo keeps them until the next twenty.

    Parameters
    ----------
    book : Book
    memory : int
        Arrivals looked back on.
    utilisation : float
        Share of the QPUs' time that could be used if deadlines were endlessly far.
    half_tightness : float
        Deadline over least time until done at which half of that is.
    """

    def __init__(self, book: Book, memory: int, utilisation: float, half_tightness: float) -> None:
        self._book, self._memory = book, memory
        self._utilisation, self._half = utilisation, half_tightness
        self._key: tuple[str, ...] = ()
        self._found: tuple[Floats, float] = np.empty(0), 0.0

    def of(self, state: State, now: float) -> tuple[Floats, float]:
        """Price of a second of each QPU, and the mean time between two arrivals."""
        recent = state.recent
        count = len(recent)
        if count < FEWEST:
            return np.zeros(len(state.qpus)), 0.0
        stamp = recent[-1].name, *(each.qpu.name for each in state.qpus if each.up)
        fresh = self._key and self._key[1:] == stamp[1:]
        if fresh and any(r.name == self._key[0] for r in recent[-STEP:]):
            return self._found
        self._key = stamp
        sample = recent[-self._memory :]
        span = max(sample[-1].arrival - sample[0].arrival, 1e-9) * len(sample) / (len(sample) - 1)
        qpus = [each.qpu for each in state.qpus]
        ways = [self._book.ways(r, qpus, state.latency, now) for r in sample]
        up = np.array([each.up for each in state.qpus])
        room = np.where(up, span * self._reachable(sample, ways), 0.0)
        self._found = dual_prices(sample, ways, self._book.overhead, room), span / len(sample)
        return self._found

    def _reachable(self, sample: Sequence[JobRequest], ways: Sequence[Ways]) -> float:
        """Share of the QPUs' time, by the median tightness of those that can be served at all."""
        given = np.array([request.deadline - request.arrival for request in sample])
        needed = np.array([way.quickest_s for way in ways])
        able = np.isfinite(needed) & (needed > 0)
        if not able.any():
            return self._utilisation
        tightness = float(np.median(given[able] / needed[able]))
        return self._utilisation * tightness / (tightness + self._half)


def dual_prices(
    requests: Sequence[JobRequest], ways: Sequence[Ways], overhead: Floats, room: Floats
) -> Floats:
    """Dual prices of the QPUs' time in the divisible problem.

    Requests are served in shares, in the variant with least work; the work of its fragments goes
    where it likes. Where a QPU has no room it has no price.

    Parameters
    ----------
    room : float array (m,)
        Seconds of each QPU.
    """
    usable = np.flatnonzero(room > 0)
    rows, cols, data, served = [], [], [], []
    fragments = columns = 0
    for i, (request, way) in enumerate(zip(requests, ways, strict=True)):
        v = _lightest(request, way, overhead, usable)
        if v < 0:
            continue
        share = columns
        columns += 1
        served.append((share, i))
        for part, shot_s in zip(request.variants[v].fragments, way.shot_s[v], strict=True):
            work = overhead + part.shots * shot_s
            rows.append(fragments)
            cols.append(share)
            data.append(-1.0)
            for k, m in enumerate(usable.tolist()):
                if np.isfinite(work[m]):
                    rows += [fragments, -1 - k]
                    cols += [columns, columns]
                    data += [1.0, float(work[m])]
                    columns += 1
            fragments += 1
    price = np.zeros(len(room))
    if not served:
        return price
    at = np.array(rows)
    loads = at < 0
    shape = (len(usable), columns)
    values, where = np.array(data), np.array(cols)
    load = sparse.coo_array((values[loads], (-1 - at[loads], where[loads])), shape=shape)
    equal = sparse.coo_array((values[~loads], (at[~loads], where[~loads])), (fragments, columns))
    cost, upper = np.zeros(columns), np.full(columns, np.inf)
    for share, i in served:
        cost[share], upper[share] = -requests[i].value, 1.0
    answer = linprog(
        cost,
        A_ub=load.tocsr(),
        b_ub=room[usable],
        A_eq=equal.tocsr(),
        b_eq=np.zeros(fragments),
        bounds=np.stack((np.zeros(columns), upper), 1),
        method="highs",
    )
    if answer.status == 0:
        price[usable] = np.maximum(-answer.ineqlin.marginals, 0.0)
    return price


def _lightest(request: JobRequest, way: Ways, overhead: Floats, usable: np.ndarray) -> int:
    """The variant with least work where each fragment runs best; -1 where none may run."""
    best, which = np.inf, -1
    for v, plan in enumerate(request.variants):
        total = 0.0
        for part, shot_s in zip(plan.fragments, way.shot_s[v], strict=True):
            total += float(np.min((overhead + part.shots * shot_s)[usable], initial=np.inf))
        if total < best:
            best, which = total, v
    return which
