"""The pool of solver processes: warm workers for each family, replaced when they die.

A solver runs in a process of its own because that is the only thing that can be ended at a
deadline whatever library it sits in. The pool is driven by one thread; nothing here is called
back from elsewhere, and nothing blocks but the waiting in :meth:`WorkerPool.poll`.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import select
import subprocess
import time
from collections.abc import Iterable, Mapping
from typing import Any

from qb_controller.errors import OptimiserError
from qb_controller.runtime.engine import Availability, availability
from qb_controller.runtime.jobs import Done, Ended, Event, Job, Progress, Ready, Run
from qb_controller.runtime.member import Member
from qb_controller.runtime.worker import DEFAULT_BACKENDS
from quantum_backends.problem import Problem
from quantum_backends.solver import Backend

GRACE_S = 0.05
"""How long a solver that was asked to stop may take before its process is killed."""

STARVED_LIMIT_S = 2.0
"""How long a solver may take that gets no processor; its job has ended long before."""

START_LIMIT_S = 120.0
"""A worker that has not loaded its libraries by then is started again."""

_LOOK_S = 0.02
"""How often a starved solver is looked after."""

_log = logging.getLogger("qb.workers")


class WorkerPool:
    """Warm solver processes of this machine; an :class:`~qb_controller.runtime.engine.Engine`.

    Parameters
    ----------
    backends : mapping
        The same table as the workers will load, to know each backend's family.
    spec : str
        Where the workers find that table, as ``module:attribute``.
    grace_s : float
        Seconds between asking a solver to stop and killing it.
    copies : mapping of str to int
        Workers of a family where one is not enough: two backends of one family race only on two.
    cores : int or None
        Jobs that may run at a time; None for as many as this process may use cores.
    """

    def __init__(
        self,
        backends: Mapping[str, Backend[Any]],
        spec: str = DEFAULT_BACKENDS,
        grace_s: float = GRACE_S,
        copies: Mapping[str, int] | None = None,
        cores: int | None = None,
    ) -> None:
        self.grace_s = grace_s
        self._family = {name: backends[name].family for name in backends}
        self._members: dict[str, Member] = {}
        for family in sorted(set(self._family.values())):
            for copy in range((copies or {}).get(family, 1)):
                name = f"{family}-{copy + 1}" if copy else family
                self._members[name] = Member(name, family, spec)
        self._cores = cores or len(os.sched_getaffinity(0))
        self._count = 0
        self._events: list[Event] = []
        self._closed = False
        self._killed: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> WorkerPool:
        self._advance(0.0)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End every worker."""
        self._closed = True
        for member in self._members.values():
            self._stop(member)
        for process in self._killed:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=5.0)

    def states(self) -> dict[str, str]:
        """``ready``, ``busy``, ``starting`` or ``down`` by worker."""
        return {name: member.state for name, member in self._members.items()}

    def pids(self) -> dict[str, int]:
        """Process id of each worker that runs."""
        return {name: m.pid for name, m in self._members.items() if m.pid is not None}

    def availability(self) -> Availability:
        """Which backends can be asked, and when."""
        now = time.monotonic()
        members = self._members.values()
        busy = sum(member.running is not None for member in members)
        room = max(0, self._cores - busy)
        return availability(self._family, members, lambda each: self._wait(each, now), room)

    def unavailable(self) -> dict[str, str]:
        """Backends that cannot be asked just now, and why; a busy worker is a reason."""
        found = self.availability()
        busy = {
            name: f"the {self._family[name]} worker is busy"
            for name, wait in found.waits.items()
            if wait > 0
        }
        return {**found.refusals, **busy}

    def submit(self, backend: str, problem: Problem, until: float, seed: int) -> int:
        """Begin a job and return its number; see :meth:`Engine.submit`."""
        self._count += 1
        job = Job(self._count, backend, problem, until, seed)
        member = next(
            (
                member
                for member in self._of(self._family[backend])
                if member.state == "ready" and backend not in member.unusable
            ),
            None,
        )
        if member is None:
            run = Run(None, "unavailable", detail=self.unavailable().get(backend, "no worker"))
            self._events.append(Ended(job.number, run))
            return job.number
        try:
            member.begin(job)
        except OptimiserError as error:  # larger than a frame
            self._end(member, "failed", str(error))
        return job.number

    def cancel(self, number: int) -> None:
        """Ask a job to stop now; what has ended is passed over."""
        for member in self._members.values():
            if member.running is not None and member.running.job.number == number:
                member.ask_to_stop()

    def poll(self, seconds: float = 0.0) -> list[Event]:
        """Start what is down, do what is due, return what happened within ``seconds``."""
        end = time.monotonic() + seconds
        self._advance(0.0 if self._events else seconds)
        while not self._events and time.monotonic() < end:
            self._advance(end - time.monotonic())
        events, self._events = self._events, []
        return events

    def wait_ready(self, seconds: float, families: Iterable[str] | None = None) -> bool:
        """Wait until the workers of the families (all by default) are ready; False at the end."""
        wanted = None if families is None else set(families)
        waited_for = [m for m in self._members.values() if wanted is None or m.family in wanted]
        end = time.monotonic() + seconds
        while True:
            self._advance(min(0.2, max(0.0, end - time.monotonic())))
            if all(member.state == "ready" for member in waited_for):
                return True
            if time.monotonic() >= end:
                return False

    def solve(self, backend: str, problem: Problem, until: float, seed: int) -> Run:
        """Run one job to its end or to the deadline, whichever is first.

        Parameters
        ----------
        backend : str
        problem : Problem
        until : float
            When the solver is asked to stop, on ``time.monotonic()``. The call returns at most
            the pool's grace later.
        seed : int
        """
        self._advance(0.0)
        number = self.submit(backend, problem, until, seed)
        while True:
            mine = [event for event in self._events if event.number == number]
            self._events = [event for event in self._events if event.number != number]
            for event in mine:
                if isinstance(event, Ended):
                    return event.run
            self._advance(math.inf)

    def _of(self, family: str) -> list[Member]:
        return [member for member in self._members.values() if member.family == family]

    def _wait(self, member: Member, now: float) -> float:
        """Seconds until a usable worker is certainly free again; 0 where it is."""
        if member.running is None:
            return 0.0
        if member.running.closed:
            return self.grace_s
        asked = member.running.asked_at
        end = (asked if asked is not None else member.running.job.until) + self.grace_s
        return max(1e-3, end - now)

    def _advance(self, seconds: float) -> None:
        """One turn: start the dead, wait for something to happen, hear it, stop what is over."""
        now = time.monotonic()
        self._killed = [process for process in self._killed if process.poll() is None]
        for member in self._members.values():
            if member.state == "starting" and now - member.started_at > START_LIMIT_S:
                _log.warning("worker %s did not get ready in %g s", member.name, START_LIMIT_S)
                self._stop(member)
            if member.state == "down" and not self._closed and now >= member.start_after:
                member.start()
        by_sock = {m.sock: m for m in self._members.values() if m.sock is not None}
        writers = [sock for sock, member in by_sock.items() if member.has_output]
        wait = min(seconds, self._next_due(now))
        readable, writable, _ = select.select(list(by_sock), writers, [], max(0.0, wait))
        for sock in writable:
            by_sock[sock].flush()
        for sock in readable:
            self._hear(by_sock[sock])
        for member in self._members.values():
            self._limit(member)

    def _next_due(self, now: float) -> float:
        """Seconds until a job has to be asked to stop, or its worker killed, or one started."""
        due = 1.0  # workers that are down or starting are looked after at least so often
        for member in self._members.values():
            if member.running is not None:
                asked = member.running.asked_at
                at = member.running.job.until if asked is None else asked + self.grace_s
                due = min(due, _LOOK_S if member.running.closed else at - now)
        return due

    def _limit(self, member: Member) -> None:
        """Ask the job that is over to stop; kill what did not heed it although it could."""
        running, now = member.running, time.monotonic()
        if running is None:
            return
        if running.asked_at is None:
            if now >= running.job.until:
                member.ask_to_stop()
            return
        if now < running.asked_at + self.grace_s:
            return
        text = f"did not stop within {self.grace_s:g} s of being asked"
        if now >= running.asked_at + STARVED_LIMIT_S or not member.starved(self.grace_s):
            self._end(member, "killed", text)
        elif not running.closed:
            running.closed = True
            detail = f"{text}, for want of a core"
            self._events.append(Ended(running.job.number, running.end("stopped", detail)))

    def _hear(self, member: Member) -> None:
        messages = member.receive()
        if messages is None:
            if member.running is not None:
                what = f"the {member.family} worker ended in the middle of the job"
                self._end(member, "died", what)
                return
            _log.warning("worker %s (process %s) ended", member.name, member.pid)
            self._stop(member)
            return
        for message in messages:
            if isinstance(message, Ready):
                member.ready(message.unusable)
                took = time.monotonic() - member.started_at
                _log.info("worker %s is ready after %.1f s", member.name, took)
                for name, reason in message.unusable.items():
                    _log.warning("backend %s %s", name, reason)
            elif isinstance(message, Progress | Done):
                self._news(member, message)

    def _news(self, member: Member, message: Progress | Done) -> None:
        """An answer to the running job; what belongs to an earlier one is passed over."""
        running = member.running
        if running is None or message.number != running.job.number:
            return
        if running.closed and isinstance(message, Progress):
            return
        if message.solution is not None:
            running.take(message.solution)
        if isinstance(message, Progress):
            self._events.append(message)
        elif message.error:
            self._end(member, "failed", message.error)
        else:
            self._end(member, "answered" if running.asked_at is None else "stopped")

    def _end(self, member: Member, status: str, detail: str = "") -> None:
        """Close a job; where it took its worker with it, the next turn starts another."""
        assert member.running is not None
        job = member.running.job
        if not member.running.closed:
            self._events.append(Ended(job.number, member.running.end(status, detail)))
        member.running, member.state = None, "ready"
        if status in ("killed", "died"):
            _log.warning("%s: %s", job.backend, detail)
            self._stop(member)

    def _stop(self, member: Member) -> None:
        process = member.stop()
        if process is not None:
            self._killed.append(process)
