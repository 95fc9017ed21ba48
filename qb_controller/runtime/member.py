"""One worker process as the pool sees it: started, fed, heard, asked to stop, killed."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qb_controller.errors import OptimiserError
from qb_controller.runtime.jobs import Cancel, Job, Run
from qb_controller.runtime.wire import Decoder, encode
from quantum_backends.solution import Solution

BACKOFF_S = 1.0
BACKOFF_LIMIT_S = 60.0
"""Pause before a worker that died while loading is tried again; it doubles up to the limit."""

ONE_THREAD = {
    f"{library}_NUM_THREADS": "1"
    for library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA", "RAYON", "QISKIT")
}
"""Environment of a worker: a solver is one core's worth of work."""

_CHUNK = 1 << 18
_TICKS = os.sysconf("SC_CLK_TCK")
_log = logging.getLogger("qb.workers")


@dataclass(slots=True)
class Running:
    """The job that a worker has.

    Attributes
    ----------
    job : Job
    began : float
        When it was handed in.
    best : Solution or None
    first_s : float or None
        Seconds until the first answer.
    asked_at : float or None
        When the solver was asked to stop.
    asked_cpu : float
        Processor time of its process by then, seconds.
    closed : bool
        Whether the job has ended for whoever submitted it, while the solver still works.
    """

    job: Job
    began: float
    best: Solution | None = None
    first_s: float | None = None
    asked_at: float | None = None
    asked_cpu: float = 0.0
    closed: bool = False

    def take(self, solution: Solution) -> None:
        """Remember a better answer."""
        self.best = solution
        if self.first_s is None:
            self.first_s = time.monotonic() - self.began

    def end(self, status: str, detail: str = "") -> Run:
        return Run(self.best, status, time.monotonic() - self.began, self.first_s, detail)


class Member:
    """One worker process.

    Parameters
    ----------
    name : str
        For people; the family, with a number behind it where it has several workers.
    family : str
    spec : str
        Where the worker finds its backends, as ``module:attribute``.
    """

    def __init__(self, name: str, family: str, spec: str) -> None:
        self.name, self.family = name, family
        self.state = "down"
        self.unusable: Mapping[str, str] = {}
        self.started_at = 0.0
        self.start_after = 0.0
        self.running: Running | None = None
        self.sock: socket.socket | None = None
        self._failures = 0  # deaths in a row before it was ready
        self._spec = spec
        self._process: subprocess.Popen[bytes] | None = None
        self._decoder = Decoder()
        self._out = bytearray()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def has_output(self) -> bool:
        """Whether bytes wait to be sent."""
        return bool(self._out)

    def start(self) -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        command = [sys.executable, "-m", "qb_controller.runtime.worker"]
        command += ["--fd", str(theirs.fileno()), "--parent", str(os.getpid())]
        command += ["--family", self.family, "--backends", self._spec]
        try:
            self._process = subprocess.Popen(
                command,
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,  # solvers chatter there
                env={**os.environ, **ONE_THREAD},
            )
        finally:
            theirs.close()
        self.sock, self._decoder, self._out = ours, Decoder(), bytearray()
        self.state, self.started_at = "starting", time.monotonic()

    def ready(self, unusable: Mapping[str, str]) -> None:
        """Its libraries are loaded."""
        self.state, self.unusable, self._failures = "ready", unusable, 0

    def begin(self, job: Job) -> None:
        """Hand it a job."""
        self.state, self.running = "busy", Running(job, time.monotonic())
        self._out += encode(job)
        self.flush()

    def ask_to_stop(self) -> None:
        """Ask for the answer now; once is enough."""
        if self.running is not None and self.running.asked_at is None:
            self.running.asked_at = time.monotonic()
            self.running.asked_cpu = self._processor()[1]
            self._out += encode(Cancel(self.running.job.number))
            self.flush()

    def starved(self, seconds: float) -> bool:
        """Whether it wants to run and has had less processor time since it was asked to stop.

        On a busy machine a solver that would obey may not come to it; killing it would cost a
        start, which takes far longer.
        """
        assert self.running is not None
        runnable, used = self._processor()
        return runnable and used - self.running.asked_cpu < seconds

    def _processor(self) -> tuple[bool, float]:
        """Whether the solving thread is runnable, and the process's time so far (proc(5))."""
        try:
            with open(f"/proc/{self.pid}/stat", encoding="utf-8") as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            return False, 0.0
        return fields[0] == "R", (int(fields[11]) + int(fields[12])) / _TICKS

    def flush(self) -> None:
        """Send what the socket takes; a worker that is gone shows when it is next heard."""
        assert self.sock is not None
        try:
            while self._out:
                del self._out[: self.sock.send(memoryview(self._out)[:_CHUNK].tobytes())]
        except BlockingIOError:
            pass
        except OSError:
            self._out.clear()

    def receive(self) -> list[Any] | None:
        """Messages that have arrived; None where the worker is gone."""
        assert self.sock is not None
        try:
            data = self.sock.recv(_CHUNK)
        except BlockingIOError:
            return []
        except OSError:
            return None
        if not data:
            return None
        try:
            return self._decoder.feed(data)
        except OptimiserError as error:
            _log.error("worker %s sent rubbish: %s", self.name, error)
            return None

    def stop(self) -> subprocess.Popen[bytes] | None:
        """Kill; the process that is to be reaped is returned, because that may take a while."""
        killed, self._process = self._process, None
        if killed is not None:
            killed.kill()
        if self.sock is not None:
            self.sock.close()
            self.sock = None
        if self.state == "starting":
            self._failures += 1
            pause = min(BACKOFF_LIMIT_S, BACKOFF_S * 2 ** min(self._failures - 1, 30))
            self.start_after = time.monotonic() + pause
        self.state, self.running = "down", None
        return killed
