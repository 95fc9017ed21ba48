"""The optimiser process: ``python -m qb_controller.optimiser --fd N --state DIR``.

The controller starts it with one end of a socket pair and talks to it in the messages of
:mod:`qb_controller.runtime.messages`. Two threads: this one listens and answers pings at any
time, the other runs the cycles. It ends when the socket closes or at SIGTERM, and its workers
with it. There is no eventlet here.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import logging
import os
import select
import signal
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from qb_controller.applications.jobs.through_policy import ScheduleDesk
from qb_controller.applications.slice_desk import SliceDesk
from qb_controller.applications.traffic_engineering import TrafficEngineering
from qb_controller.applications.wireless_desk import Desk
from qb_controller.errors import OptimiserError
from qb_controller.orchestration.cycle import Orchestrator
from qb_controller.orchestration.journal import Journal
from qb_controller.runtime.messages import (
    ChannelsRequest,
    CycleRequest,
    CycleResult,
    Hello,
    Ping,
    Pong,
    RestResult,
    ScheduleRequest,
    ScheduleResult,
    SlicesRequest,
    SlicesResult,
)
from qb_controller.runtime.wire import Decoder, encode
from qb_controller.runtime.worker import DEFAULT_BACKENDS, die_with, load_backends
from qb_controller.runtime.workers import WorkerPool

RECENT = 200
"""Decisions that the greeting carries: what a person looks at first."""

IDLE_POLL_S = 0.25
"""How often the cycle thread looks after its workers while no request is there."""

MOST_WAITING = 8
"""Requests for channels, slices or schedules that may wait."""

Other = ChannelsRequest | SlicesRequest | ScheduleRequest
"""What waits its turn."""

Done = CycleResult | RestResult | SlicesResult | ScheduleResult

TOO_MANY = '{"error": "too many requests for channels are waiting", "status": 503}\n'

_CHUNK = 1 << 18
_log = logging.getLogger("qb.optimiser")


class Mailbox:
    """The newest cycle request, and others in order, handed from one thread to the other."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._request: CycleRequest | None = None
        self._others: deque[Other] = deque()
        self._busy_since: float | None = None

    def put(self, request: CycleRequest) -> None:
        """Leave a request; one that still waits is forgotten."""
        with self._condition:
            if self._request is not None:
                _log.info("request %d gives way to %d", self._request.number, request.number)
            self._request = request
            self._condition.notify()

    def queue(self, request: Other) -> bool:
        """Leave a request that waits its turn; False where too many do."""
        with self._condition:
            if len(self._others) >= MOST_WAITING:
                return False
            self._others.append(request)
            self._condition.notify()
            return True

    def take(self, seconds: float) -> CycleRequest | Other | None:
        """Wait for a request for at most ``seconds``; the taker is busy from then on.

        A cycle goes before all else.
        """
        with self._condition:
            self._condition.wait_for(lambda: self._request or self._others, seconds)
            request: CycleRequest | Other | None = self._request
            if request is None and self._others:
                request = self._others.popleft()
            else:
                self._request = None
            self._busy_since = time.monotonic() if request is not None else None
            return request

    def done(self) -> None:
        """Say that the request taken last has been answered."""
        with self._condition:
            self._busy_since = None

    def busy_s(self) -> float:
        """For how long a cycle has been running, 0 where none is."""
        with self._condition:
            return time.monotonic() - self._busy_since if self._busy_since is not None else 0.0


class Optimiser:
    """The listening side.

    Parameters
    ----------
    sock : socket
        Connected to the controller.
    pool : WorkerPool
    orchestrator : Orchestrator
    """

    def __init__(self, sock: socket.socket, pool: WorkerPool, orchestrator: Orchestrator) -> None:
        self._sock = sock
        self._pool = pool
        self._orchestrator = orchestrator
        self._desk = Desk(orchestrator.lend)
        self._slices = SliceDesk(orchestrator.lend)
        self._schedules = ScheduleDesk(orchestrator.lend)
        self._mailbox = Mailbox()
        self._out = bytearray()
        self._lock = threading.Lock()  # guards _out
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._ending = False
        self.fault: str | None = None

    def run(self, hello: Hello) -> None:
        """Serve until the controller goes or SIGTERM comes."""
        signal.signal(signal.SIGTERM, self._on_sigterm)
        self._sock.setblocking(False)
        self._say(hello)
        threading.Thread(target=self._cycles, daemon=True, name="cycles").start()
        decoder = Decoder()
        sources: list[socket.socket | int] = [self._sock, self._wake_read]
        while not self._ending:
            wanted: list[socket.socket | int] = [self._sock] if self._out else []
            readable, writable, _ = select.select(sources, wanted, [])
            if self._wake_read in readable:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake_read, 4096)
            try:
                if writable:
                    self._flush()
                if self._sock in readable and not self._listen(decoder):
                    return
            except OSError:
                return  # the controller is gone

    def _listen(self, decoder: Decoder) -> bool:
        data = self._sock.recv(_CHUNK)
        for message in decoder.feed(data):
            if isinstance(message, CycleRequest):
                self._mailbox.put(message)
            elif isinstance(message, ChannelsRequest):
                if not self._mailbox.queue(message):
                    self._say(RestResult(message.number, 503, TOO_MANY))
            elif isinstance(message, SlicesRequest):
                if not self._mailbox.queue(message):
                    self._say(SlicesResult(message.number, None, None, {}, "too much is waiting"))
            elif isinstance(message, ScheduleRequest):
                if not self._mailbox.queue(message):
                    self._say(ScheduleResult(message.number))
            elif isinstance(message, Ping):
                self._say(Pong(message.number, self._mailbox.busy_s(), self._pool.states()))
            else:
                _log.warning("passing over an unknown message %s", type(message).__name__)
        return bool(data)

    def _cycles(self) -> None:
        """The other thread: workers are children of it, and it lives as long as the process."""
        try:
            self._pool.poll()
            self._orchestrator.warm()
            gc.collect()
            gc.freeze()  # collecting among all that libraries made takes a third of a second
            while not self._ending:
                request = self._mailbox.take(IDLE_POLL_S)
                if request is None:
                    self._orchestrator.idle()
                    continue
                if isinstance(request, CycleRequest):
                    self._say_done(self._orchestrator.run_cycle(request))
                elif isinstance(request, SlicesRequest):
                    self._say_done(self._slices.answer(request))
                elif isinstance(request, ScheduleRequest):
                    self._say_done(self._schedules.answer(request))
                else:
                    self._say_done(self._desk.answer(request))
        except Exception as error:  # the journal or the worker start failed: the process must end
            _log.exception("the cycle thread ended")
            self.fault = f"{type(error).__name__}: {error}"
            self._ending = True
            self._wake()

    def _say_done(self, result: Done) -> None:
        self._mailbox.done()
        self._say(result)

    def _say(self, message: object) -> None:
        frame = encode(message)
        with self._lock:
            self._out += frame
        self._wake()

    def _flush(self) -> None:
        with self._lock, contextlib.suppress(BlockingIOError):
            sent = self._sock.send(memoryview(bytes(self._out[:_CHUNK])))
            del self._out[:sent]

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake_write, b"!")

    def _on_sigterm(self, *_: object) -> None:
        self._ending = True
        self._wake()


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m qb_controller.optimiser",
        description="The optimiser process of the Q-Backbone controller, which starts it itself.",
    )
    parser.add_argument("--fd", type=int, required=True, help="connected Unix socket")
    parser.add_argument("--state", type=Path, required=True, help="directory of the journal")
    parser.add_argument("--parent", type=int, help="process id to die with")
    parser.add_argument("--backends", default=DEFAULT_BACKENDS, metavar="MODULE:TABLE")
    args = parser.parse_args(argv)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the controller to handle
    if args.parent is not None:
        die_with(args.parent)
    logging.getLogger("qiskit").setLevel(logging.WARNING)  # it tells every pass it makes
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s optimiser %(name)s %(levelname)s %(message)s"
    )
    backends = load_backends(args.backends)
    journal = Journal(args.state)
    pool = WorkerPool(backends, args.backends)
    optimiser = Optimiser(
        socket.socket(fileno=args.fd),
        pool,
        Orchestrator(TrafficEngineering(), pool, backends, journal),
    )
    try:
        optimiser.run(Hello(journal.recent(RECENT), journal.next_number()))
    except OptimiserError as error:
        optimiser.fault = str(error)
    finally:
        pool.close()
    if optimiser.fault:
        _log.error("ends: %s", optimiser.fault)
    logging.shutdown()
    sys.stderr.flush()
    # The cycle thread may be inside a solver library, which an ordinary exit would wait for or
    # tear down under it. Nothing is lost: every record was written when it was made.
    os._exit(1 if optimiser.fault else 0)


if __name__ == "__main__":
    main()
