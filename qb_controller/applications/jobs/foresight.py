"""A reference for small runs: who knows what requests are like, but not which ones will come.

At each decision futures are drawn from the workload's own distribution given what has arrived so
far; each way to begin (and to wait) is played to the end of each of them under a few simple
policies; what does best on average under its best policy is done. That is rollout with several base
policies (Chang, Givan and Chong, "Parallel rollout for online solution of POMDPs", Discrete Event
Dyn. Syst. 14, 2004) on sampled scenarios (Bent and Van Hentenryck, Oper. Res. 52, 2004).

No scheduler of this project may know as much: number, rate and kind of what comes. What it serves
is a lower estimate of what could be served without knowing arrivals: it is no optimal policy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from qb_controller.applications.jobs import estimates, workload
from qb_controller.applications.jobs import foresight_kernels as kernels
from qb_controller.applications.jobs.book import Book
from qb_controller.applications.jobs.fleet import fleet
from qb_controller.applications.jobs.formulate import formulate
from qb_controller.applications.jobs.settings import Settings
from qb_controller.applications.jobs.workload import Cell
from qb_controller.model.jobs import (
    CutPlan,
    Decision,
    Dispatch,
    JobRequest,
    Progress,
    Scheduler,
    State,
)
from qb_controller.model.qpus import Qpu
from quantum_backends.routing import Floats, Ints
from quantum_backends.schedule_lines import Table, table_of

Futures = tuple[Any, ...]
"""Rows of the table, arrivals and deadlines, each (futures, requests to come)."""

Draw = Callable[[Sequence[JobRequest], float, np.random.Generator], Futures]
"""From what has arrived and the time now to what may come."""

SEED = 10**9
"""Of the requests that futures are made of: none of a run's."""

WEIGHED = 8
"""Futures drawn for each that is played."""

SOME, FINAL = 4, 4
"""One of so many futures is for all choices, and so many of these see all futures."""

SURE = 1.0
"""Standard errors by which a choice has to be better than what the best policy does."""

WAYS = 3
"""Ways to serve a request that are tried: those with least work."""


@dataclass(frozen=True, eq=False)
class Kinds:
    """Requests that futures are made of.

    Attributes
    ----------
    requests : tuple of JobRequest
    given_s, work_s : float arrays (r,)
        Time from arrival to deadline; QPU seconds, as the load counts them.
    """

    requests: tuple[JobRequest, ...]
    given_s: Floats
    work_s: Floats


def kinds(cell: Cell, settings: Settings) -> Kinds:
    """Draw requests of a cell, independently of all its runs."""
    drawn = workload.draw(cell, settings, SEED, int(settings["small"]["foresight"]["kinds"]))
    requests = tuple(
        replace(r, name=f"maybe {r.name}", variants=_lightest(r, drawn.qpus))
        for r in drawn.requests
    )
    given = np.array([r.deadline - r.arrival for r in requests])
    return Kinds(requests, given, np.array([estimates.work_s(r, drawn.qpus) for r in requests]))


def _lightest(request: JobRequest, qpus: Sequence[Qpu]) -> tuple[CutPlan, ...]:
    """The ways of a request that take least work."""

    def work(plan: CutPlan) -> float:
        return estimates.work_s(replace(request, variants=(plan,)), qpus)

    return tuple(sorted(request.variants, key=work)[:WAYS])


def drawing(cell: Cell, settings: Settings, pool: Kinds, share: float = 1.0) -> Draw:
    """Futures of a cell in which so many requests arrive in all, given those that have.

    A run's rate follows from the mean work of all its requests. Several times more futures than
    wanted are drawn, and of these as many as wanted in proportion to the likelihood of the arrivals
    seen: ``rate^k exp(-rate now)`` for k of them.

    Parameters
    ----------
    share : float
        Of the futures that the settings want.
    """
    count = int(settings["small"]["requests"])
    size = max(1, round(share * settings["small"]["foresight"]["futures"]))
    qpus, _ = fleet(cell.qpus, settings)

    def draw(seen: Sequence[JobRequest], now: float, rng: np.random.Generator) -> Futures:
        k, left = len(seen), count - len(seen)
        rows = rng.integers(len(pool.requests), size=(WEIGHED * size, left))
        known = sum(estimates.work_s(request, qpus) for request in seen)
        rate = cell.load * len(qpus) * count / (known + pool.work_s[rows].sum(axis=1))
        weight = k * np.log(rate) - rate * now
        weight = np.exp(weight - weight.max())
        chosen = rng.choice(len(rows), size=size, p=weight / weight.sum())
        rows, rate = rows[chosen], rate[chosen]
        gaps = rng.exponential(1.0, (size, left)) / rate[:, None]
        arrivals = now + np.cumsum(gaps, axis=1)
        return rows, arrivals, arrivals + pool.given_s[rows]

    return draw


def foresight(draw: Draw, pool: Kinds, given: Settings, seed: int) -> Scheduler:
    """Make the reference for one run without outages, calibrations and noise.

    Parameters
    ----------
    draw : callable
        From what has arrived to what may come; rows of ``pool``, then of what has arrived.
    given : mapping
        The parameters ``foresight``.
    """
    policies = np.array([[p, s] for p in given["prices"] for s in given["longest_s"]], dtype=float)
    book, rng = Book(), np.random.default_rng([seed, 5])
    tables: dict[int, Table] = {}

    def decide(state: State, now: float) -> Decision:
        seen = len(state.recent)
        if seen not in tables:
            tables.clear()
            tables[seen] = _table(state, pool, book)
        table = tables[seen]
        free = [each.free_at <= now + kernels.EPS for each in state.qpus]
        futures = draw(state.recent, now, rng)
        scene, waiting = _scene(state, table, pool, seen + futures[0].shape[1])
        orders: list[Dispatch] = []
        while any(free):
            choices = _choices(table, scene, waiting, free, now, given["parts_s"])
            if len(choices) == 1:
                break
            best = _best(table, scene, now, seen, choices, futures, policies, given["wait_s"])
            if best[0] < 0:
                return Decision(tuple(orders), wake_at=now + given["wait_s"])
            i, v, k, m, shots = best
            kernels.give(table, scene, i, v, k, m, shots, now)
            free[m] = False
            name, variant = waiting[i].request.name, v - int(table.first_variant[scene.row[i]])
            orders.append(Dispatch(name, variant, k, state.qpus[m].qpu.name, shots))
        return Decision(tuple(orders))

    return decide


def _best(
    table: Table,
    scene: kernels.Scene,
    now: float,
    seen: int,
    choices: Ints,
    futures: Futures,
    policies: Floats,
    wait_s: float,
) -> list[int]:
    """The best choice on average, or what the best policy does where none is surely better.

    After some of the futures only the better choices go on.
    """

    def play(choices: Ints, some: Futures) -> Floats:
        return np.asarray(
            kernels.evaluate(table, scene, now, seen, choices, some, policies, wait_s)
        )

    follow = play(np.array([[-2, 0, 0, 0, 0]]), futures)[0]
    policy = int(np.argmax(follow.mean(axis=1)))
    usual = kernels.first_choice(table, scene, now, *policies[policy])
    few = -(-len(futures[0]) // SOME)
    value = play(choices, tuple(each[:few] for each in futures)).mean(axis=2).max(axis=1)
    choices = choices[np.argsort(-value, kind="stable")[:FINAL]]
    found, margin = usual, 0.0
    for choice, count in zip(choices, play(choices, futures), strict=True):
        more = count[int(np.argmax(count.mean(axis=1)))] - follow[policy]
        ahead = more.mean() - SURE * more.std() / np.sqrt(len(more))
        if ahead > margin:
            found, margin = choice, ahead
    return [int(each) for each in found]


def _table(state: State, pool: Kinds, book: Book) -> Table:
    """Rows of all requests that futures are made of, then of those that have arrived."""
    everybody = [Progress(request) for request in (*pool.requests, *state.recent)]
    book.open(state)
    return table_of(formulate(state, 0.0, book, 1, requests=everybody).problem)


def _scene(
    state: State, table: Table, pool: Kinds, count: int
) -> tuple[kernels.Scene, dict[int, Progress]]:
    """The state as numbers: a row for each that has arrived, and for each that will."""
    widest = int(np.diff(table.first_fragment).max())
    row = np.zeros(count, np.int64)
    arrival, deadline = np.full(count, np.inf), np.full(count, -1.0)
    variant, left = np.full(count, -1), np.zeros((count, widest), np.int64)
    ended = np.zeros((count, widest))
    by_name = {progress.request.name: progress for progress in state.waiting}
    waiting = {}
    for i, request in enumerate(state.recent):
        row[i] = len(pool.requests) + i
        arrival[i] = request.arrival
        progress = by_name.get(request.name)
        if progress is None:
            continue
        waiting[i], deadline[i] = progress, request.deadline
        if progress.variant is not None:
            variant[i] = table.first_variant[row[i]] + progress.variant
            left[i, : len(progress.left)] = progress.left
            for job in (*progress.done, *progress.under_way):
                ended[i, job.fragment] = max(ended[i, job.fragment], job.end)
    free = np.array([each.free_at for each in state.qpus])
    return kernels.Scene(free, row, arrival, deadline, variant, left, ended), waiting


def _choices(
    table: Table,
    scene: kernels.Scene,
    waiting: dict[int, Progress],
    free: Sequence[bool],
    now: float,
    parts_s: Sequence[float],
) -> Ints:
    """Ways to begin, the last of them not to; see :func:`foresight_kernels.evaluate`."""
    found = []
    for i in waiting:
        for v in _ways(table, scene, i, now)[:WAYS]:
            a, b = int(table.first_fragment[v]), int(table.first_fragment[v + 1])
            begun = scene.variant[i] >= 0
            left = scene.left[i, : b - a] if begun else table.shots[a:b]
            for k in range(b - a):
                ups = table.parent[table.parent_start[a + k] : table.parent_start[a + k + 1]] - a
                if not left[k] or any(
                    left[up] or scene.ended[i, up] > now + 1e-9 for up in ups.tolist()
                ):
                    continue
                for m in np.flatnonzero(np.isfinite(table.shot_s[a + k]) & free).tolist():
                    length = left[k] * table.shot_s[a + k, m]
                    sizes = {int(left[k])}
                    sizes |= {-int(-left[k] * s // length) for s in parts_s if s < length}
                    found += [(i, v, k, m, shots) for shots in sorted(sizes, reverse=True)]
    return np.array([*found, (-1, 0, 0, 0, 0)], dtype=np.int64)


def _ways(table: Table, scene: kernels.Scene, i: int, now: float) -> list[int]:
    """Variants of a request that would be in time alone, those with least work first."""
    if scene.variant[i] >= 0:
        some = [int(scene.variant[i])]
    else:
        some = list(range(*table.first_variant[scene.row[i] : scene.row[i] + 2].tolist()))
    on, start = np.empty(scene.left.shape[1], np.int64), np.empty(scene.left.shape[1])
    works = []
    for v in some:
        at = np.maximum(scene.free, now)
        finish, work = kernels.fit(table, scene, i, v, at, on, start)
        if finish <= scene.deadline[i] + 1e-9:
            works.append((work, v))
    return [v for _, v in sorted(works)]
