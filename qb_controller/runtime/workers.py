"""The pool of solver processes: one warm worker for each family, replaced when it dies.

A solver runs in a process of its own because that is the only thing that can be ended at a
deadline whatever library it sits in. The pool is driven by one thread; nothing here is called
back from elsewhere.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from typing import Any

from qb_controller.errors import OptimiserError
from qb_controller.runtime.jobs import Cancel, Done, Job, Progress, Ready, Run
from qb_controller.runtime.wire import Decoder, encode
from qb_controller.runtime.worker import DEFAULT_BACKENDS
from quantum_backends.routing import RoutingProblem
from quantum_backends.solution import Solution
from quantum_backends.solver import Backend

GRACE_S = 0.05
"""How long a solver that was asked to stop may take before its process is killed."""

START_LIMIT_S = 120.0
"""A worker that has not loaded its libraries by then is started again."""

BACKOFF_S = 1.0
BACKOFF_LIMIT_S = 60.0
"""Pause before a worker that died while loading is tried again; it doubles up to the limit."""

_ONE_THREAD = {
    f"{library}_NUM_THREADS": "1"
    for library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA", "RAYON", "QISKIT")
}
_CHUNK = 1 << 18
_log = logging.getLogger("qb.workers")


class _Member:
    """One worker process as the pool sees it."""

    def __init__(self, family: str, spec: str) -> None:
        self.family = family
        self.state = "down"
        self.unusable: Mapping[str, str] = {}
        self.failures = 0  # deaths in a row before it was ready
        self.started_at = 0.0
        self.start_after = 0.0
        self._spec = spec
        self._process: subprocess.Popen[bytes] | None = None
        self._sock: socket.socket | None = None
        self._decoder = Decoder()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def sock(self) -> socket.socket | None:
        return self._sock

    def start(self) -> None:
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-m", "qb_controller.runtime.worker"]
        command += ["--fd", str(theirs.fileno()), "--parent", str(os.getpid())]
        command += ["--family", self.family, "--backends", self._spec]
        try:
            self._process = subprocess.Popen(
                command,
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,  # solvers chatter there
                env={**os.environ, **_ONE_THREAD},
            )
        finally:
            theirs.close()
        self._sock, self._decoder = ours, Decoder()
        self.state, self.started_at = "starting", time.monotonic()

    def send(self, message: object, until: float) -> bool:
        """Send in whole; False where the worker does not take it by ``until``."""
        assert self._sock is not None
        self._sock.settimeout(max(0.01, until - time.monotonic()))
        try:
            self._sock.sendall(encode(message))
        except OSError:
            return False
        return True

    def receive(self) -> list[Any] | None:
        """Messages that have arrived; None where the worker is gone."""
        assert self._sock is not None
        self._sock.settimeout(0.0)
        try:
            data = self._sock.recv(_CHUNK)
        except BlockingIOError:
            return []
        except OSError:
            return None
        if not data:
            return None
        try:
            return self._decoder.feed(data)
        except OptimiserError as error:
            _log.error("worker %s sent rubbish: %s", self.family, error)
            return None

    def stop(self) -> subprocess.Popen[bytes] | None:
        """Kill; the process that is to be reaped is returned, because that may take a while."""
        killed, self._process = self._process, None
        if killed is not None:
            killed.kill()
        if self._sock is not None:
            self._sock.close()
            self._sock = None
        if self.state == "starting":
            self.failures += 1
            pause = min(BACKOFF_LIMIT_S, BACKOFF_S * 2 ** (self.failures - 1))
            self.start_after = time.monotonic() + pause
        self.state = "down"
        return killed


class WorkerPool:
    """Warm solver processes.

    Parameters
    ----------
    backends : mapping
        The same table as the workers will load, to know each backend's family.
    spec : str
        Where the workers find that table, as ``module:attribute``.
    grace_s : float
        Seconds between asking a solver to stop and killing it.
    """

    def __init__(
        self,
        backends: Mapping[str, Backend[Any]],
        spec: str = DEFAULT_BACKENDS,
        grace_s: float = GRACE_S,
    ) -> None:
        self.grace_s = grace_s
        self._family = {name: backends[name].family for name in backends}
        self._members = {f: _Member(f, spec) for f in sorted(set(self._family.values()))}
        self._jobs = 0
        self._closed = False
        self._killed: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> WorkerPool:
        self.poll()
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
        """``ready``, ``busy``, ``starting`` or ``down`` by family."""
        return {family: member.state for family, member in self._members.items()}

    def pids(self) -> dict[str, int]:
        """Process id of each worker that runs, by family."""
        return {f: m.pid for f, m in self._members.items() if m.pid is not None}

    def unavailable(self) -> dict[str, str]:
        """Backends that cannot be asked just now, and why."""
        reasons = {}
        for name, family in self._family.items():
            member = self._members[family]
            if member.state != "ready":
                reasons[name] = f"the {family} worker is {member.state}"
            elif name in member.unusable:
                reasons[name] = member.unusable[name]
        return reasons

    def poll(self, seconds: float = 0.0) -> None:
        """Start what is down, hear what idle workers say, waiting at most ``seconds`` for it."""
        now = time.monotonic()
        self._killed = [process for process in self._killed if process.poll() is None]
        for member in self._members.values():
            if member.state == "starting" and now - member.started_at > START_LIMIT_S:
                _log.warning("worker %s did not get ready in %g s", member.family, START_LIMIT_S)
                self._stop(member)
            if member.state == "down" and not self._closed and now >= member.start_after:
                member.start()
        for member in self._readable(self._members.values(), seconds):
            self._hear(member)

    def wait_ready(self, seconds: float, families: Iterable[str] | None = None) -> bool:
        """Wait until the given workers (all by default) are ready; False at the time-out."""
        wanted = [self._members[f] for f in (families if families is not None else self._members)]
        end = time.monotonic() + seconds
        while True:
            self.poll(min(0.2, max(0.0, end - time.monotonic())))
            if all(member.state == "ready" for member in wanted):
                return True
            if time.monotonic() >= end:
                return False

    def solve(self, backend: str, problem: RoutingProblem, until: float, seed: int) -> Run:
        """Run one job to its end or to the deadline, whichever is first.

        Parameters
        ----------
        backend : str
        problem : RoutingProblem
        until : float
            When the solver is asked to stop, on ``time.monotonic()``. The call returns at most
            the pool's grace later.
        seed : int
        """
        self.poll()
        reason = self.unavailable().get(backend)
        if reason:
            return Run(None, "unavailable", detail=reason)
        member = self._members[self._family[backend]]
        self._jobs += 1
        member.state = "busy"
        run = self._follow(member, Job(self._jobs, backend, problem, until, seed))
        if run.status in ("killed", "died"):
            _log.warning("%s: %s", backend, run.detail)
            self._stop(member)  # the next poll starts another, when this answer is out
        else:
            member.state = "ready"
        return run

    def _follow(self, member: _Member, job: Job) -> Run:
        began = time.monotonic()
        best: Solution | None = None
        first: float | None = None
        asked = False

        def ended(status: str, detail: str = "") -> Run:
            return Run(best, status, time.monotonic() - began, first, detail)

        if not member.send(job, job.until + self.grace_s):
            return ended("died", f"the {member.family} worker did not take the job")
        while True:
            now = time.monotonic()
            end = job.until + self.grace_s if asked else job.until
            if now >= end and asked:
                return ended("killed", f"did not stop within {self.grace_s:g} s of its deadline")
            if now >= end:
                asked = True
                member.send(Cancel(job.number), now + self.grace_s)
                continue
            if not self._readable([member], end - now):
                continue
            messages = member.receive()
            if messages is None:
                return ended("died", f"the {member.family} worker ended in the middle of the job")
            for message in messages:
                if not isinstance(message, Progress | Done) or message.number != job.number:
                    continue
                if message.solution is not None:
                    best = message.solution
                    first = first if first is not None else time.monotonic() - began
                if isinstance(message, Done):
                    if message.error:
                        return ended("failed", message.error)
                    return ended("stopped" if asked else "answered")

    def _hear(self, member: _Member) -> None:
        messages = member.receive()
        if messages is None:
            _log.warning("worker %s (process %s) ended", member.family, member.pid)
            self._stop(member)
            return
        for message in messages:
            if isinstance(message, Ready):
                member.state, member.failures = "ready", 0
                member.unusable = message.unusable
                took = time.monotonic() - member.started_at
                _log.info("worker %s is ready after %.1f s", member.family, took)
                for name, reason in message.unusable.items():
                    _log.warning("backend %s %s", name, reason)

    def _stop(self, member: _Member) -> None:
        process = member.stop()
        if process is not None:
            self._killed.append(process)

    @staticmethod
    def _readable(members: Iterable[_Member], seconds: float) -> list[_Member]:
        by_sock = {member.sock: member for member in members if member.sock is not None}
        if not by_sock:
            return []
        ready = select.select(list(by_sock), [], [], max(0.0, seconds))[0]
        return [by_sock[sock] for sock in ready]
