"""The jobs process: ``python -m qb_controller.jobs_service --fd N --state DIR``.

The controller starts it when the first quantum job comes (or is left from an earlier run), with one
end of a socket pair, and talks to it in :class:`~qb_controller.runtime.messages.JobsRequest` and
``RestResult``; schedules that leave somebody over go back the same way, for the policy to better
(:mod:`qb_controller.applications.jobs.live.relay`). One thread listens, the other drives the jobs
and their QPU workers; those are started when there is a job for them. It ends when the socket
closes, and its workers with it; what is unfinished is taken up again by the next one.
"""

from __future__ import annotations

import argparse
import logging
import os
import queue
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from qb_controller.errors import InputError, OptimiserError
from qb_controller.runtime.messages import JobsRequest, RestResult, ScheduleRequest, ScheduleResult
from qb_controller.runtime.wire import Decoder, encode
from qb_controller.runtime.worker import die_with

TICK_S = 0.02
"""Between two looks at what clients ask while workers are waited for."""

IDLE_S = 5.0

_CHUNK = 1 << 18
_log = logging.getLogger("qb.jobs")


def listen(
    sock: socket.socket,
    inbox: queue.SimpleQueue[JobsRequest | None],
    answered: Callable[[ScheduleResult], None],
) -> None:
    """Hand requests and answers over until the controller goes."""
    decoder = Decoder()
    while True:
        try:
            data = sock.recv(_CHUNK)
        except OSError:
            data = b""
        if not data:
            inbox.put(None)
            return
        try:
            messages = decoder.feed(data)
        except OptimiserError as error:  # nothing that follows could be read
            _log.error("the controller sent rubbish: %s", error)
            inbox.put(None)
            return
        for message in messages:
            if isinstance(message, JobsRequest):
                inbox.put(message)
            elif isinstance(message, ScheduleResult):
                answered(message)


def serve(sock: socket.socket, state: Path, fleet_spec: str) -> None:
    """Answer requests and see to jobs until the controller goes."""
    from qb_controller.applications.jobs.live.desk import answer
    from qb_controller.applications.jobs.live.opening import open_engine
    from qb_controller.applications.jobs.live.relay import Relay
    from qb_controller.applications.jobs.live.store import Store

    def ask(question: ScheduleRequest) -> None:
        sock.sendall(encode(question))

    inbox: queue.SimpleQueue[JobsRequest | None] = queue.SimpleQueue()
    sock.setblocking(True)  # whoever made it may have wanted it otherwise
    relay = Relay(ask)
    listening = sock, inbox, relay.heard
    threading.Thread(target=listen, args=listening, daemon=True, name="listen").start()
    store = Store(state)
    if not store.alone:
        raise InputError(f"{state}: the jobs process of an earlier controller has not ended yet")
    with open_engine(store, fleet_spec, solve=relay.solve) as engine:
        while True:
            try:
                request = inbox.get(timeout=IDLE_S if engine.idle else TICK_S)
            except queue.Empty:
                request = None
            else:
                if request is None:
                    return
            if request is not None:
                code, text = answer(engine, request.action, request.name, request.body)
                try:
                    sock.sendall(encode(RestResult(request.number, code, text)))
                except OSError:
                    return
            if relay.news:
                engine.look_again()
            if not engine.idle:
                engine.step(0.0)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m qb_controller.jobs_service",
        description="The quantum jobs of the Q-Backbone controller, which starts it itself.",
    )
    parser.add_argument("--fd", type=int, required=True, help="connected Unix socket")
    parser.add_argument("--state", type=Path, required=True, help="directory of the jobs")
    parser.add_argument("--parent", type=int, help="process id to die with")
    parser.add_argument(
        "--fleet",
        default="qb_controller.applications.jobs.live.devices:fleet",
        metavar="MODULE:FUNCTION",
        help="what makes the fleet",
    )
    args = parser.parse_args(argv)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the controller to handle
    if args.parent is not None:
        die_with(args.parent)
    logging.getLogger("qiskit").setLevel(logging.WARNING)  # it tells every pass it makes
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s jobs %(name)s %(levelname)s %(message)s"
    )
    try:
        serve(socket.socket(fileno=args.fd), args.state, args.fleet)
    except Exception:
        _log.exception("the jobs process ends")
        return 1
    finally:
        logging.shutdown()
        sys.stderr.flush()
    return 0


if __name__ == "__main__":
    os._exit(main())  # libraries leave threads behind that an ordinary exit would wait for
