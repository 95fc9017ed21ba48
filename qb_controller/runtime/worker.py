"""A worker process: loads the solvers of one family once, then solves one job at a time.

Started by :mod:`qb_controller.runtime.workers`, never by hand. It dies with its parent: the
kernel kills it when the parent goes (``PR_SET_PDEATHSIG``), and it leaves by itself when the
socket closes.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import importlib
import os
import queue
import select
import signal
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from qb_controller.runtime.jobs import Cancel, Done, Job, Progress, Ready
from qb_controller.runtime.wire import Decoder, encode
from quantum_backends.solution import Solution
from quantum_backends.solver import Backend, Budget

DEFAULT_BACKENDS = "quantum_backends.registry:BACKENDS"

REPORT_GAP_S = 0.005
"""At least this long between two improvements sent; a solver may find thousands a second."""

NICENESS = 10
"""Solvers yield to the controller and to the switches of the same machine."""

_PR_SET_PDEATHSIG = 1
_CHUNK = 1 << 18


def load_backends(spec: str) -> Mapping[str, Backend[Any]]:
    """Import a table of backends named as ``module:attribute``."""
    module, _, attribute = spec.partition(":")
    table: Mapping[str, Backend[Any]] = getattr(importlib.import_module(module), attribute)
    return table


def warm_all(backends: Mapping[str, Backend[Any]]) -> dict[str, str]:
    """Load every backend; return those that could not be, and why."""
    unusable = {}
    for name, backend in backends.items():
        try:
            backend.warm()
        except Exception as error:
            unusable[name] = f"could not be loaded: {type(error).__name__}: {error}"
    return unusable


class Worker:
    """The two threads of a worker: this one solves, the other listens.

    Parameters
    ----------
    sock : socket
        Connected to the pool.
    backends : mapping
        The solvers of this worker's family, by name.
    """

    def __init__(self, sock: socket.socket, backends: Mapping[str, Backend[Any]]) -> None:
        self._sock = sock
        self._backends = backends
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._cancelled = -1  # the highest job number that was called off
        self._lock = threading.Lock()  # guards the three below, and sending
        self._current = -1
        self._pending: Progress | None = None
        self._sent_at = 0.0

    def run(self, family: str) -> None:
        """Warm the solvers, say so, and solve until the process ends."""
        threading.Thread(target=self._listen, daemon=True, name="listen").start()
        self._send(Ready(family, warm_all(self._backends)))
        while True:
            self._solve(self._jobs.get())

    def _solve(self, job: Job) -> None:
        with self._lock:
            self._current, self._pending = job.number, None

        def cancelled() -> bool:
            return self._cancelled >= job.number or time.monotonic() >= job.until

        try:
            budget = Budget(max(0.0, job.until - time.monotonic()), cancelled, self._report)
            solution = self._backends[job.backend].solve(job.problem, budget, job.seed)
            done = Done(job.number, solution)
        except Exception as error:
            done = Done(job.number, None, f"{type(error).__name__}: {error}")
        with self._lock:
            if self._pending is not None and done.solution is None:
                self._send_now(self._pending)
            self._current, self._pending = -1, None
            self._send_now(done)

    def _report(self, solution: Solution) -> None:
        with self._lock:
            if self._current < 0:
                return
            self._pending = Progress(self._current, solution)
            self._flush()

    def _flush(self) -> None:
        now = time.monotonic()
        if self._pending is not None and now - self._sent_at >= REPORT_GAP_S:
            self._send_now(self._pending)
            self._pending, self._sent_at = None, now

    def _send(self, message: object) -> None:
        with self._lock:
            self._send_now(message)

    def _send_now(self, message: object) -> None:
        try:
            self._sock.sendall(encode(message))
        except OSError:
            os._exit(0)  # the pool is gone, and with it every reason to live

    def _listen(self) -> None:
        decoder = Decoder()
        while True:
            wait = REPORT_GAP_S if self._pending is not None else None
            if not select.select([self._sock], [], [], wait)[0]:
                with self._lock:
                    self._flush()
                continue
            data = b""
            with contextlib.suppress(OSError):
                data = self._sock.recv(_CHUNK)
            if not data:
                os._exit(0)
            for message in decoder.feed(data):
                if isinstance(message, Job):
                    self._jobs.put(message)
                elif isinstance(message, Cancel):
                    self._cancelled = max(self._cancelled, message.number)


def die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent ends; leave at once if it has."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


def main(argv: Sequence[str] | None = None) -> None:
    """Entry point of ``python -m qb_controller.runtime.worker``."""
    parser = argparse.ArgumentParser(prog="qb_controller.runtime.worker")
    parser.add_argument("--fd", type=int, required=True, help="connected socket")
    parser.add_argument("--parent", type=int, required=True, help="process id to die with")
    parser.add_argument("--family", required=True)
    parser.add_argument("--backends", default=DEFAULT_BACKENDS, metavar="MODULE:TABLE")
    args = parser.parse_args(argv)
    die_with(args.parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the controller to handle
    os.nice(NICENESS)
    sock = socket.socket(fileno=args.fd)
    table = load_backends(args.backends)
    mine = {name: table[name] for name in table if table[name].family == args.family}
    Worker(sock, mine).run(args.family)


if __name__ == "__main__":
    main()
