"""Live jobs: the scheduler is asked, workers are fed and heard, counts are kept.

One thread drives it, as it drives the pool of workers. Every QPU has a worker process of its own;
one that dies is started again, and its shots are run elsewhere. What is expected of a QPU is its
time model; what happened is measured, and both are told apart everywhere.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace

from qb_controller.applications.jobs.live import devices
from qb_controller.applications.jobs.live import store as states
from qb_controller.applications.jobs.live.devices import Fleet
from qb_controller.applications.jobs.live.floor import Floor, Order
from qb_controller.applications.jobs.live.planning import Prepared, prepare
from qb_controller.applications.jobs.live.running import Running, part_of
from qb_controller.applications.jobs.live.store import Record, Store
from qb_controller.applications.jobs.live.submission import Submission
from qb_controller.applications.jobs.ours import Solve, ours
from qb_controller.applications.jobs.schedulers import OURS, make
from qb_controller.applications.jobs.settings import defaults
from qb_controller.applications.jobs.timing import completion
from qb_controller.errors import InputError, NotFound, QBError
from qb_controller.model.jobs import Dispatch, JobRequest, Progress, Scheduler, State, SubJob
from qb_controller.model.qpus import Latency
from qb_controller.runtime.jobs import Ended
from qb_controller.runtime.workers import WorkerPool
from quantum_backends.circuit_batch import BatchCounts, CircuitBatch

IDLE = "edf+split"
"""The scheduler that is asked where the other one leaves all QPUs idle."""

LATENCY = Latency()
"""All QPU workers are processes of one machine."""

RECENT = 120
"""Latest arrivals that the scheduler is told of."""

MOST_FAILURES = 3
"""A job whose sub-jobs failed (not died) so often is given up."""

GRACE_S = 2.0
"""A worker that was told to stop is killed after this; starting another takes longer."""

LOOK_S = 0.5
"""The scheduler is asked at least so often while something waits."""

_log = logging.getLogger("qb.jobs")


class TooLate(QBError):
    """A job that cannot be served by its deadline.

    Attributes
    ----------
    earliest_s : float
        Seconds from now by which it could be expected, by modelled times; infinite where no QPU
        that is there may run it.
    """

    def __init__(self, submission: Submission, earliest_s: float) -> None:
        if math.isfinite(earliest_s):
            text = (
                f"deadline_s: {submission.deadline_s:g} s cannot be met; the earliest possible is "
                f"{earliest_s:.1f} s from now (modelled)"
            )
        elif submission.fidelity:
            text = (
                f"fidelity: no way to serve it on the QPUs that are there is expected to reach "
                f"{submission.fidelity:g} (modelled)"
            )
        else:
            text = "circuit: no QPU that could run it is there at present"
        super().__init__(text)
        self.earliest_s = earliest_s


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
        self._jobs: dict[int, Running] = {}
        self._orders = 0
        self._recent: deque[JobRequest] = deque(maxlen=RECENT)
        self._ask_at = 0.0
        self._ups: tuple[bool, ...] = ()
        for record in store.unfinished() if store.alone else ():
            self._resume(record)

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
        now = self._clock()  # planning takes a moment, which is the job's own
        end = self._earliest(prepared, now)
        if end > prepared.request.deadline:
            raise TooLate(submission, end - now)
        arrival = prepared.request.arrival
        record = self.store.add(submission, prepared.qubits, arrival, end)
        self._jobs[record.number] = Running(prepared)
        self._recent.append(prepared.request)
        self._ask_at = 0.0
        return record

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
        return not self._jobs

    def expected_ends(self) -> dict[str, float]:
        """Seconds until the sub-job that each busy QPU runs is expected to end."""
        return self._floor.expected_ends(self._clock())

    # -- what it does ---------------------------------------------------------------------------

    def step(self, seconds: float) -> None:
        """Hear the workers for at most so long, then do what is due."""
        for event in self.pool.poll(seconds):
            if isinstance(event, Ended):
                self._ended(event)
        now = self._clock()
        for number, job in list(self._jobs.items()):
            if job.complete:
                self._finish(number, job, now)
            elif now > job.prepared.request.deadline and not job.all_given:
                self._close(number, states.MISSED, "its deadline came before its last shots began")
        ups = self._floor.ups()
        if self._jobs and (now >= self._ask_at or ups != self._ups):
            self._ups = ups
            for order in self._floor.recall():
                self._take_back(order)
            self._schedule(now)
        self._feed()

    def _schedule(self, now: float) -> None:
        waiting = tuple(job.progress() for job in self._jobs.values())
        state = State(self._floor.states(now), waiting, LATENCY, tuple(self._recent))
        decision = self._scheduler(state, now)
        self._ask_at = min(decision.wake_at, now + LOOK_S)
        orders = decision.dispatches
        if not orders and self._if_idle is not None and self._floor.idle:
            orders = self._if_idle(state, now).dispatches
        by_name = {job.prepared.request.name: number for number, job in self._jobs.items()}
        for order in orders:
            if order.request not in decision.refused:
                self._dispatch(by_name[order.request], order, now)
        for name in decision.refused:
            job = self._jobs.get(by_name[name])
            if job is not None and job.variant is None:
                self._close(by_name[name], states.MISSED, "can no longer be served in time")

    def _dispatch(self, number: int, order: Dispatch, now: float) -> None:
        job = self._jobs[number]
        if job.variant is None:
            job.choose(order.variant)
            way = job.prepared.request.variants[order.variant].name
            self.store.change(number, status=states.RUNNING, way=way)
        shots = job.take(order.fragment, order.shots)
        if not shots:
            return
        self._orders += 1
        qpu, total = self._floor.qpus[order.qpu], sum(shots.values())
        busy = qpu.busy_s(job.fragments[order.fragment], total)
        start = self._floor.free_at(order.qpu, now)
        one = Order(self._orders, number, order.fragment, shots, busy)
        request, variant = order.request, order.variant
        job.under_way[one.number] = SubJob(
            request, variant, order.fragment, order.qpu, total, start, start + busy
        )
        self._floor.add(order.qpu, one)

    def _feed(self) -> None:
        def batch(order: Order) -> tuple[CircuitBatch, int]:
            job = self._jobs[order.job]
            made = job.batch(order.fragment, order.shots, order.modelled_s)
            return made, _seed(job.prepared, order)

        for order in self._floor.feed(self._clock(), batch):
            under_way = self._jobs[order.job].under_way
            end = order.begun + order.modelled_s
            under_way[order.number] = replace(under_way[order.number], start=order.begun, end=end)

    def _take_back(self, order: Order) -> None:
        """An order's QPU does not answer: its shots are for others."""
        job = self._jobs[order.job]
        del job.under_way[order.number]
        job.give_back(order.fragment, order.shots)

    def _ended(self, event: Ended) -> None:
        """A worker answered, failed or died."""
        name, order = self._floor.ended(event)
        self._ask_at = 0.0
        job = self._jobs.get(order.job)
        if job is None or order.number not in job.under_way:
            return  # it was cancelled
        del job.under_way[order.number]
        run, now = event.run, self._clock()
        if run.status == "answered" and run.solution is not None:
            answer: BatchCounts = run.solution.answer
            computed = float(run.solution.info.get("computed_s", run.elapsed_s))
            times = order.begun, now, order.modelled_s, computed
            part = part_of(order.fragment, name, order.shots, answer, times)
            job.parts.append(part)
            self.store.keep(order.job, part)
            return
        total = sum(order.shots.values())
        _log.warning("%s: %d shots lost by %s: %s", job.prepared.request.name, total, name, run)
        job.lost.append((name, order.fragment, total))
        self.store.change(order.job, result={"lost": [list(one) for one in job.lost]})
        job.give_back(order.fragment, order.shots)
        job.failures += run.status == "failed"
        if job.failures >= MOST_FAILURES:
            self._close(order.job, states.FAILED, f"{name}: {run.detail}")

    def _finish(self, number: int, job: Running, now: float) -> None:
        try:
            found = job.estimate()
        except Exception as error:  # a fault in one job must not end all others
            _log.exception("%s cannot be put together", job.prepared.request.name)
            what = f"its counts cannot be put together: {type(error).__name__}: {error}"
            self._close(number, states.FAILED, what)
            return
        ended = max(part.ended for part in job.parts)
        result = {
            "value": found.value,
            "error": found.error,
            "sampling_error": found.sampling,
            "noise_error": found.noise,
            "fidelity": found.fidelity,
            "lost": [list(one) for one in job.lost],
        }
        late = ended > job.prepared.request.deadline
        detail = "late: its last shots began before the deadline and ended after" if late else ""
        self.store.change(number, status=states.DONE, ended=ended, detail=detail, result=result)
        del self._jobs[number]

    def _close(self, number: int, status: str, detail: str) -> None:
        """Give a job up: its orders leave the queues, what runs of it is stopped."""
        self._jobs.pop(number, None)
        self._floor.drop(number)
        self.store.change(number, status=status, ended=self._clock(), detail=detail)
        self._ask_at = 0.0

    def _check_alone(self) -> None:
        if not self.store.alone:
            raise InputError("another process runs the jobs of this directory; ask that one")

    # -- what it knows --------------------------------------------------------------------------

    def _resume(self, record: Record) -> None:
        """Take up a job of an earlier life, with all that was counted for it."""
        try:
            prepared = prepare(record.submission, record.name, record.arrival, self.fleet.qpus)
        except QBError as error:
            ended = self._clock()
            self.store.change(record.number, status=states.FAILED, ended=ended, detail=str(error))
            return
        job = Running(prepared)
        parts = self.store.parts(record.number)
        ways = [plan.name for plan in prepared.request.variants]
        if record.way in ways:
            job.choose(ways.index(record.way))
        if parts and not (job.variant is not None and job.take_up(parts)):
            self.store.forget_parts(record.number)  # fleet or cuts are others than they were
            job = Running(prepared)
        job.lost = [
            (qpu, fragment, n) for qpu, fragment, n in (record.result or {}).get("lost", ())
        ]
        self._jobs[record.number] = job
        self._recent.append(prepared.request)

    def _earliest(self, prepared: Prepared, now: float) -> float:
        """When a new job could be done at the earliest, everything else left as it is ordered."""
        free = {
            name: self._floor.free_at(name, now) if self._floor.there(name) else math.inf
            for name in self._floor.qpus
        }
        return completion(Progress(prepared.request), self.fleet.qpus, free, now)


def _seed(prepared: Prepared, order: Order) -> int:
    """Another seed for every sub-job, the same for the same course of events."""
    text = f"{prepared.submission.seed}/{prepared.request.name}/{order.fragment}/{order.number}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1


@contextlib.contextmanager
def open_engine(
    store: Store,
    spec: str = "",
    scheduler: str = OURS,
    fleet: Fleet | None = None,
    solve: Solve | None = None,
) -> Iterator[Engine]:
    """An engine with workers of its own, which end with it; the store is closed too.

    Parameters
    ----------
    spec : str
        What makes the fleet, as ``module:function``; the default fleet where empty.
    scheduler : str
        Name in :data:`qb_controller.applications.jobs.schedulers.NAMES`.
    solve : callable, optional
        Whom ours asks for better plans; see :func:`qb_controller.applications.jobs.ours.ours`.
    """
    if fleet is None:
        module, _, attribute = (spec or f"{devices.__name__}:fleet").partition(":")
        fleet = getattr(importlib.import_module(module), attribute)()
    assert fleet is not None
    pool = WorkerPool(fleet.backends, fleet.spec, grace_s=GRACE_S)
    try:
        settings = defaults()
        asked = ours(settings, solve) if scheduler == OURS else make(scheduler, settings)
        yield Engine(fleet, pool, store, asked, make(IDLE, settings))
    finally:
        pool.close()
        store.close()
