"""Live jobs: clients are answered, workers heard, the scheduler asked when something has changed.

One thread drives it, as it drives the pool of workers.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from qb_controller.applications.jobs.live import store as states
from qb_controller.applications.jobs.live.devices import Fleet
from qb_controller.applications.jobs.live.floor import Floor
from qb_controller.applications.jobs.live.open_jobs import OpenJobs
from qb_controller.applications.jobs.live.orders import Orders
from qb_controller.applications.jobs.live.planning import prepare
from qb_controller.applications.jobs.live.running import Running
from qb_controller.applications.jobs.live.store import Record, Store
from qb_controller.applications.jobs.live.submission import Submission
from qb_controller.applications.jobs.live.too_late import expected_end
from qb_controller.errors import InputError, NotFound
from qb_controller.model.jobs import Scheduler, State
from qb_controller.model.qpus import Latency
from qb_controller.runtime.jobs import Ended
from qb_controller.runtime.workers import WorkerPool

LATENCY = Latency()
"""All QPU workers are processes of one machine."""

LOOK_S = 0.5
"""The scheduler is asked at least so often while something waits."""


class Engine:
    """Takes jobs and sees to them.

    Parameters
    ----------
    fleet : Fleet
    pool : WorkerPool
        Of the fleet's backends.
    store : Store
        What is unfinished in it is taken up again, unless another process sees to it.
    scheduler : Scheduler
    idle : Scheduler, optional
        Asked where the scheduler starts nothing although every QPU is idle. Ours prices time by
        past demand, and would keep dear jobs waiting for others that may never come.
    clock : callable
        Unix time.
    """

    def __init__(
        self,
        fleet: Fleet,
        pool: WorkerPool,
        store: Store,
        scheduler: Scheduler,
        idle: Scheduler | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.fleet, self.pool, self.store = fleet, pool, store
        self._scheduler, self._if_idle, self._clock = scheduler, idle, clock
        self._floor = Floor(fleet, pool)
        self._jobs = OpenJobs(store, clock)
        self._orders = Orders(self._jobs, self._floor)
        self._ask_at = 0.0
        self._ups: tuple[bool, ...] = ()
        if store.alone:
            self._jobs.resume(fleet.qpus)

    # -- what clients ask -----------------------------------------------------------------------

    def submit(self, submission: Submission) -> Record:
        """Take a job.

        Raises
        ------
        InputError
            Something in it is wrong.
        TooLate
            Its deadline cannot be met.
        """
        self._check_alone()
        now = self._clock()
        number = self.store.next_number()
        prepared = prepare(submission, f"j{number}", now, self.fleet.qpus)
        # Planning takes a moment, which is the job's own.
        end = expected_end(prepared, self._floor, self._clock())
        record = self._jobs.add(prepared, end)
        self._ask_at = 0.0
        return record

    def known(self, submission: Submission) -> Record | None:
        """The job that a submission with a key has become already; None where it is new.

        Raises
        ------
        InputError
            The key is that of a job that asks for something else.
        """
        found = self.store.of_key(submission.key)
        if found is not None and found.submission != submission:
            raise InputError(
                f"key: {submission.key!r:.40} is that of {found.name}, which asks for something "
                "else"
            )
        return found

    def record(self, name: str) -> Record:
        """Look a job up by its name.

        Raises
        ------
        NotFound
            There is none.
        """
        digits = name.removeprefix("j")
        fine = digits.isascii() and digits.isdigit() and len(digits) < 16
        found = self.store.get(int(digits)) if fine else None
        if found is None:
            raise NotFound(f"no job {name!r:.40}; jobs are called j1, j2 ...")
        return found

    def running(self, number: int) -> Running | None:
        """What is under way of a job."""
        return self._jobs.get(number)

    def cancel(self, name: str) -> Record:
        """End a job; what runs of it is stopped.

        Raises
        ------
        NotFound
        InputError
            It is over already.
        """
        self._check_alone()
        record = self.record(name)
        if record.status not in states.OPEN:
            raise InputError(f"job {record.name} is {record.status} already")
        self._close(record.number, states.CANCELLED, "cancelled")
        return self.record(name)

    @property
    def idle(self) -> bool:
        """Whether no job is unfinished."""
        return not len(self._jobs)

    def expected_ends(self) -> dict[str, float]:
        """Seconds until the sub-job that each busy QPU runs is expected to end."""
        return self._floor.expected_ends(self._clock())

    # -- what it does ---------------------------------------------------------------------------

    def step(self, seconds: float) -> None:
        """Hear the workers for at most so long, then do what is due."""
        for event in self.pool.poll(seconds):
            if isinstance(event, Ended):
                self._orders.ended(event, self._clock())
                self._ask_at = 0.0
        now = self._clock()
        for number, job in self._jobs:
            if job.complete:
                self._jobs.finish(number)
            elif now > job.prepared.request.deadline and not job.all_given:
                self._close(number, states.MISSED, "its deadline came before its last shots began")
        ups = self._floor.ups()
        if len(self._jobs) and (now >= self._ask_at or ups != self._ups):
            self._ups = ups
            self._orders.recall()
            self._schedule(now)
        self._orders.feed(self._clock())

    def look_again(self) -> None:
        """Ask the scheduler at the next step: it may know better now."""
        self._ask_at = 0.0

    def _schedule(self, now: float) -> None:
        waiting, recent = self._jobs.progress(), tuple(self._jobs.recent)
        state = State(self._floor.states(now), waiting, LATENCY, recent)
        decision = self._scheduler(state, now)
        self._ask_at = min(decision.wake_at, now + LOOK_S)
        orders = decision.dispatches
        if not orders and self._if_idle is not None and self._floor.idle:
            orders = self._if_idle(state, now).dispatches
        by_name = {job.prepared.request.name: number for number, job in self._jobs}
        for order in orders:
            if order.request not in decision.refused:
                self._orders.give(by_name[order.request], order, now)
        for name in decision.refused:
            job = self._jobs.get(by_name[name])
            if job is not None and job.variant is None:
                self._close(by_name[name], states.MISSED, "can no longer be served in time")

    def _close(self, number: int, status: str, detail: str) -> None:
        self._orders.close(number, status, detail)
        self._ask_at = 0.0

    def _check_alone(self) -> None:
        if not self.store.alone:
            raise InputError("another process runs the jobs of this directory; ask that one")
