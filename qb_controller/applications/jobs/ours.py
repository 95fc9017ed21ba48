"""The scheduler of this project: plan all that waits anew at every event, start what begins now.

One optimisation problem decides together which requests to serve, how each is cut, and how its
shots are spread (:mod:`quantum_backends.schedules`). Time has a price (:mod:`.prices`), so that a
request is passed over where its time would serve several others, and the cheapest way that meets
the deadline is taken rather than the quickest. Nothing is committed but what has been started:
when reality differs, the next plan does. Requests that can no longer be in time are refused.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from qb_controller.applications.jobs.admission import too_late
from qb_controller.applications.jobs.book import Book, Clock
from qb_controller.applications.jobs.formulate import Task, formulate, interpret, next_start
from qb_controller.applications.jobs.prices import Prices
from qb_controller.applications.jobs.settings import Settings
from qb_controller.model.jobs import Decision, Scheduler, State
from quantum_backends.schedule_search import quick
from quantum_backends.schedules import Plan

Solve = Callable[[Task, Plan], Plan]
"""Whoever may know better than the insertion heuristic: from a problem with its meaning and the
heuristic's plan to one that is no worse."""


def ours(settings: Settings, solve: Solve | None = None) -> Scheduler:
    """Make the scheduler.

    Parameters
    ----------
    solve : callable, optional
        Asked for something better than the plan of the built-in insertion heuristic.
    """
    given, book = settings["schedulers"], Book()
    prices = Prices(book, given["memory"], given["utilisation"], given["half_tightness"])

    def decide(state: State, now: float) -> Decision:
        book.open(state)
        price, gap_s = prices.of(state, now)
        task = formulate(
            state,
            now,
            book,
            given["parts"],
            given["reserve"],
            price,
            ripens_s=given["ripens"] * gap_s * len(state.qpus),
            begun=given["begun"],
        )
        wake = Clock.of(state, now).next_free(now)
        if not task.requests:
            return Decision(wake_at=wake)
        plan, cost = quick(task.problem, given["rounds"])
        if solve is not None:
            plan = solve(task, plan)
        late = [task.requests[i] for i in np.flatnonzero(np.isinf(cost)).tolist()]
        # Planned with a reserve it may be too late, and still in time with luck.
        refused = too_late(state, now, book, given["parts"], late) if late else ()
        return Decision(
            interpret(task, plan, given["longest_s"]), refused, min(wake, next_start(task, plan))
        )

    return decide
