"""Rules of thumb: FIFO, earliest deadline, least slack, greedy earliest completion, least busy.

All take the usual variant of a request (the quickest on an empty fleet), skip what no free QPU may
run, and know expected times. Requests past their deadline are gone; hopeless ones are not told
from others, which is what distinguishes a rule from an admission.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from qb_controller.applications.jobs.book import Book, Clock, Task, spread
from qb_controller.model.jobs import Decision, Dispatch, Scheduler, State

Key = Callable[[Task, float, Book, State], float]


def _fifo(task: Task, now: float, book: Book, state: State) -> float:
    return task.progress.request.arrival


def _edf(task: Task, now: float, book: Book, state: State) -> float:
    return task.progress.request.deadline


def _least_slack(task: Task, now: float, book: Book, state: State) -> float:
    """Time to the deadline less the quickest time for the shots that are left."""
    length = float(np.min(book.overhead + task.shots * task.shot_s))
    return task.progress.request.deadline - now - length


KEYS: dict[str, Key] = {"fifo": _fifo, "edf": _edf, "least_slack": _least_slack}


def by_key(name: str, split: bool, parts: int) -> Scheduler:
    """First the ready fragment of least key, on the free QPU where it ends first."""
    key, book = KEYS[name], Book()

    def decide(state: State, now: float) -> Decision:
        book.open(state)
        clock = Clock.of(state, now)
        if not clock.free(now).any():
            return Decision(wake_at=clock.next_free(now))
        tasks = sorted(book.ready(state, now), key=lambda task: key(task, now, book, state))
        orders = in_order(tasks, state, clock, book, now, split, parts)
        return Decision(orders, wake_at=clock.next_free(now))

    return decide


def in_order(
    tasks: Sequence[Task],
    state: State,
    clock: Clock,
    book: Book,
    now: float,
    split: bool,
    parts: int,
) -> tuple[Dispatch, ...]:
    """Give free QPUs to fragments in an order; split takes all free ones that help the first."""
    free, orders = clock.free(now), []
    for task in tasks:
        if not free.any():
            break
        able = free & np.isfinite(task.shot_s)
        if not able.any():
            continue
        for m, shots in shares(task, able, state, clock, book, split, parts):
            free[m] = False
            orders.append(order(task, state, m, shots))
    return tuple(orders)


def shares(
    task: Task,
    able: np.ndarray,
    state: State,
    clock: Clock,
    book: Book,
    split: bool,
    parts: int,
) -> list[tuple[int, int]]:
    """Where the shots of a fragment go, among the QPUs that may be used; empty where to none."""
    if split:
        start = np.where(able, clock.start, np.inf)
        return spread(start, book.overhead, task.shot_s, task.shots, parts)
    work = np.where(able, book.overhead + task.shots * task.shot_s, np.inf)
    ends = clock.ends(work)
    best = int(np.argmin(ends))
    return [(best, task.shots)] if np.isfinite(ends[best]) else []


def order(task: Task, state: State, qpu: int, shots: int) -> Dispatch:
    """Say it as an order."""
    request, name = task.progress.request.name, state.qpus[qpu].qpu.name
    return Dispatch(request, task.variant, task.fragment, name, shots)


def greedy(split: bool, parts: int) -> Scheduler:
    """Again and again the fragment that would end first anywhere, busy QPUs included."""
    book = Book()

    def decide(state: State, now: float) -> Decision:
        book.open(state)
        clock = Clock.of(state, now)
        free = clock.free(now)
        wake = clock.next_free(now)
        tasks = list(book.ready(state, now)) if free.any() else []
        orders: list[Dispatch] = []
        ends = np.array([_ends(task, clock, book) for task in tasks])
        while len(tasks) and free.any():
            i, best = np.unravel_index(int(np.argmin(ends)), ends.shape)
            if not np.isfinite(ends[i, best]):
                break
            task = tasks[i]
            ends[i] = np.inf
            given = [(int(best), task.shots)]
            if split:
                given = spread(clock.start, book.overhead, task.shot_s, task.shots, parts)
            for m, shots in given:
                work = book.overhead[m] + shots * task.shot_s[m]
                clock.start[m] += work
                ends[:, m] += work
                if free[m]:
                    orders.append(order(task, state, m, shots))
                    free[m] = False
        return Decision(tuple(orders), wake_at=wake)

    return decide


def _ends(task: Task, clock: Clock, book: Book) -> np.ndarray:
    return clock.ends(book.overhead + task.shots * task.shot_s)


def least_busy(split: bool, parts: int) -> Scheduler:
    """What users do today: at once to the QPU with the least to do, and into its queue."""
    book = Book()

    def decide(state: State, now: float) -> Decision:
        book.open(state)
        clock = Clock.of(state, now)
        orders: list[Dispatch] = []
        for task in book.ready(state, now):
            able = np.where(np.isfinite(task.shot_s), clock.start, np.inf)
            if not np.isfinite(able).any():
                continue
            given = [(int(np.argmin(able)), task.shots)]
            if split:
                given = spread(able, book.overhead, task.shot_s, task.shots, parts)
            for m, shots in given:
                orders.append(order(task, state, m, shots))
                clock.start[m] += book.overhead[m] + shots * task.shot_s[m]
        return Decision(tuple(orders))

    return decide
