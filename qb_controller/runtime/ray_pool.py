"""Workers on a Ray cluster: the same Engine past one machine (the extra ``ray``).

Each worker is an actor that has loaded the solvers of one family. Its answers come back as they
are found, by a streaming generator. Clocks of two machines have nothing to do with one another,
so a job carries seconds, and this side keeps the deadline. An actor that dies, alone or with its
node, ends its job as ``died``, and another is started where there is room.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import queue
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # before the import: nothing calls home

import ray
from ray._private import ray_constants
from ray.exceptions import RayError

from qb_controller.errors import OptimiserError
from qb_controller.runtime.engine import Availability, availability
from qb_controller.runtime.jobs import Done, Ended, Event, Job, Progress, Ready, Run
from qb_controller.runtime.member import ONE_THREAD, Running
from qb_controller.runtime.worker import DEFAULT_BACKENDS, REPORT_GAP_S, load_backends, warm_all
from quantum_backends.problem import Problem
from quantum_backends.solution import Solution
from quantum_backends.solver import Backend, Budget

GRACE_S = 0.1
"""How long a solver may take to stop when asked; asking and answering cross the network."""

_log = logging.getLogger("qb.ray")


class Solver:
    """The actor: solves one job at a time in a thread of its own, and hears cancellations."""

    def __init__(self, family: str, spec: str) -> None:
        os.environ.update(ONE_THREAD)
        table = load_backends(spec)
        self._backends = {name: table[name] for name in table if table[name].family == family}
        self._ready = Ready(family, warm_all(self._backends))
        self._cancelled = -1

    def ready(self) -> tuple[Ready, int]:
        """Say what could be loaded, and the process id."""
        return self._ready, os.getpid()

    def cancel(self, number: int) -> None:
        self._cancelled = max(self._cancelled, number)

    def solve(self, job: Job, seconds: float) -> Iterator[Progress | Done]:
        """Yield better answers as they are found, and the end as the last."""
        news: queue.SimpleQueue[Progress | Done] = queue.SimpleQueue()
        end = time.monotonic() + seconds

        def cancelled() -> bool:
            return self._cancelled >= job.number or time.monotonic() >= end

        def report(solution: Solution) -> None:
            news.put(Progress(job.number, solution))

        def work() -> None:
            try:
                budget = Budget(seconds, cancelled, report)
                found = self._backends[job.backend].solve(job.problem, budget, job.seed)
                news.put(Done(job.number, found))
            except Exception as error:
                news.put(Done(job.number, None, f"{type(error).__name__}: {error}"))

        threading.Thread(target=work, daemon=True).start()
        yield from thinned(news)


def thinned(news: queue.SimpleQueue[Progress | Done]) -> Iterator[Progress | Done]:
    """Pass messages on up to the end, of many better answers in a short time only the last."""
    message, sent = news.get(), -math.inf
    while isinstance(message, Progress):
        try:
            newer = news.get(timeout=max(0.0, sent + REPORT_GAP_S - time.monotonic()))
        except queue.Empty:
            yield message
            message, sent = news.get(), time.monotonic()
            continue
        if isinstance(newer, Done) and newer.solution is None:
            yield message  # it failed after all, and this was its best
        message = newer
    yield message


class _Seat:
    """One actor as the pool sees it."""

    def __init__(self, family: str, spec: str) -> None:
        self.family, self._spec = family, spec
        self.state = "down"
        self.unusable: Mapping[str, str] = {}
        self.pid: int | None = None
        self.running: Running | None = None
        self.waited_for: Any = None  # what Ray is asked about: the start, or the job's answers
        self.actor: Any = None

    def start(self) -> None:
        remote = ray.remote(num_cpus=1, max_concurrency=3, scheduling_strategy="SPREAD")(Solver)
        self.actor = remote.remote(self.family, self._spec)
        self.state, self.waited_for = "starting", self.actor.ready.remote()

    def begin(self, job: Job) -> None:
        now = time.monotonic()
        self.state, self.running = "busy", Running(job, now)
        solve = self.actor.solve.options(num_returns="streaming")
        self.waited_for = solve.remote(job, max(0.0, job.until - now))

    def ask_to_stop(self) -> None:
        if self.running is not None and self.running.asked_at is None:
            self.running.asked_at = time.monotonic()
            self.actor.cancel.remote(self.running.job.number)

    def stop(self) -> None:
        if self.actor is not None:
            with contextlib.suppress(RayError):
                ray.kill(self.actor)
        self.actor = self.waited_for = self.pid = self.running = None
        self.state = "down"


class RayPool:
    """Warm actors on a Ray cluster; an :class:`~qb_controller.runtime.engine.Engine`.

    Parameters
    ----------
    backends, spec, grace_s, copies
        As of :class:`~qb_controller.runtime.workers.WorkerPool`. Every node must have this
        package and the backends installed.
    address : str or None
        Of a running cluster (``auto`` finds it); None starts Ray on this machine alone, on the
        loopback interface and without a dashboard, and ends it with the pool. Where this process
        is connected to a cluster already, that one is used.
    """

    def __init__(
        self,
        backends: Mapping[str, Backend[Any]],
        spec: str = DEFAULT_BACKENDS,
        grace_s: float = GRACE_S,
        copies: Mapping[str, int] | None = None,
        address: str | None = None,
    ) -> None:
        self.grace_s = grace_s
        self._family = {name: backends[name].family for name in backends}
        self._seats = [
            _Seat(family, spec)
            for family in sorted(set(self._family.values()))
            for _ in range((copies or {}).get(family, 1))
        ]
        self._count = 0
        self._events: list[Event] = []
        self._ours = not ray.is_initialized()
        if self._ours:
            _connect(address)

    def __enter__(self) -> RayPool:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End every worker, and the connection where this pool made it."""
        for seat in self._seats:
            seat.stop()
        if self._ours:
            ray.shutdown()

    def pids(self) -> list[int]:
        """Process ids of the workers that have loaded, on whatever machine."""
        return [seat.pid for seat in self._seats if seat.pid is not None]

    def availability(self) -> Availability:
        """Which backends can be asked, and when."""
        free = sum(seat.state == "ready" for seat in self._seats)
        now = time.monotonic()

        def wait(seat: _Seat) -> float:
            if seat.running is None:
                return 0.0
            return max(1e-3, seat.running.job.until + self.grace_s - now)

        return availability(self._family, self._seats, wait, free)

    def submit(self, backend: str, problem: Problem, until: float, seed: int) -> int:
        """Begin a job and return its number; see :meth:`Engine.submit`."""
        self._count += 1
        job = Job(self._count, backend, problem, until, seed)
        family = self._family[backend]
        for seat in self._seats:
            if seat.family == family and seat.state == "ready" and backend not in seat.unusable:
                seat.begin(job)
                return job.number
        run = Run(None, "unavailable", detail=f"no {family} worker is free")
        self._events.append(Ended(job.number, run))
        return job.number

    def cancel(self, number: int) -> None:
        """Ask a job to stop now; what has ended is passed over."""
        for seat in self._seats:
            if seat.running is not None and seat.running.job.number == number:
                seat.ask_to_stop()

    def poll(self, seconds: float = 0.0) -> list[Event]:
        """Start what is down, do what is due, return what happened within ``seconds``."""
        end = time.monotonic() + seconds
        self._advance(0.0 if self._events else seconds)
        while not self._events and time.monotonic() < end:
            self._advance(end - time.monotonic())
        events, self._events = self._events, []
        return events

    def wait_ready(self, seconds: float) -> bool:
        """Wait until every worker is ready; False at the end."""
        end = time.monotonic() + seconds
        while not all(seat.state == "ready" for seat in self._seats):
            if time.monotonic() >= end:
                return False
            self._advance(0.2)
        return True

    def _start(self) -> None:
        for seat in self._seats:
            if seat.state == "down":
                seat.start()

    def _advance(self, seconds: float) -> None:
        self._start()
        now = time.monotonic()
        due = min((self._due(seat) - now for seat in self._seats), default=math.inf)
        asked = {seat.waited_for: seat for seat in self._seats if seat.waited_for is not None}
        wait = max(0.0, min(seconds, due, 1.0))
        if asked:
            done, _ = ray.wait(list(asked), num_returns=1, timeout=wait, fetch_local=True)
            if done:  # the others that have something to say too
                done, _ = ray.wait(list(asked), num_returns=len(asked), timeout=0)
            for ref in done:
                self._hear(asked[ref])
        else:
            time.sleep(wait)
        for seat in self._seats:
            self._limit(seat)

    def _due(self, seat: _Seat) -> float:
        if seat.running is None:
            return math.inf
        asked = seat.running.asked_at
        return seat.running.job.until if asked is None else asked + self.grace_s

    def _limit(self, seat: _Seat) -> None:
        """Ask the job that is over to stop; end the actor of one that did not heed it."""
        if seat.running is None or time.monotonic() < self._due(seat):
            return
        if seat.running.asked_at is None:
            seat.ask_to_stop()
        else:
            self._end(seat, "killed", f"did not stop within {self.grace_s:g} s of being asked")

    def _hear(self, seat: _Seat) -> None:
        try:
            if seat.running is None:
                ready, seat.pid = ray.get(seat.waited_for)
                seat.state, seat.unusable, seat.waited_for = "ready", ready.unusable, None
                return
            message = ray.get(next(seat.waited_for))
        except (RayError, StopIteration) as error:
            if seat.running is not None:
                text = f"the {seat.family} worker ended in the middle of the job"
                self._end(seat, "died", f"{text}: {type(error).__name__}")
            else:
                _log.warning("a %s worker did not start: %s", seat.family, error)
                seat.stop()
            return
        if message.solution is not None:
            seat.running.take(message.solution)
        if isinstance(message, Progress):
            self._events.append(message)
        elif message.error:
            self._end(seat, "failed", message.error)
        else:
            self._end(seat, "answered" if seat.running.asked_at is None else "stopped")

    def _end(self, seat: _Seat, status: str, detail: str = "") -> None:
        assert seat.running is not None
        self._events.append(Ended(seat.running.job.number, seat.running.end(status, detail)))
        if status in ("killed", "died"):
            seat.stop()
        else:
            seat.state, seat.running, seat.waited_for = "ready", None, None


def _connect(address: str | None) -> None:
    more: dict[str, Any] = {}
    if address is None:
        # Ray listens on every interface, except on systems where it is meant for one machine
        # alone; this is its switch for those, for here and for the processes that it starts.
        os.environ[ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR] = "0"
        ray_constants.ENABLE_RAY_CLUSTER = False
        more = {"include_dashboard": False}
    try:
        ray.init(address=address or "local", log_to_driver=False, configure_logging=False, **more)
    except (ConnectionError, ValueError) as error:
        raise OptimiserError(f"no Ray cluster at {address or 'this machine'}: {error}") from None
