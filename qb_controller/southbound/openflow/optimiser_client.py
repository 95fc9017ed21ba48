"""The optimiser process as the controller sees it: started, supervised, never waited for."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import eventlet
from eventlet.green import subprocess as green_subprocess
from eventlet.semaphore import Semaphore

from qb_controller.errors import OptimiserError

LOG = logging.getLogger(__name__)

RESTART_S = 0.5
"""Pause before a dead optimiser is started again, so that one that cannot start does not spin."""


class OptimiserClient:
    """Keeps one optimiser process running and hands its messages to a callback.

    Parameters
    ----------
    state_dir : str
        Passed on; where the process keeps its journal.
    encode : callable
        Message to bytes.
    decoder : callable
        Makes an object whose ``feed(bytes)`` returns whole messages.
    on_message : callable
        Called in the client's greenlet with each message.
    on_down : callable
        Called when the process is gone.
    module : str
        The process, ``python -m MODULE --fd N --state DIR``; by default the optimiser. Its last
        part is its name in the log.
    """

    def __init__(
        self,
        state_dir: str,
        encode: Callable[[Any], bytes],
        decoder: Callable[[], Any],
        on_message: Callable[[Any], None],
        on_down: Callable[[], None],
        module: str = "qb_controller.optimiser",
    ) -> None:
        self._state_dir = state_dir
        self._encode = encode
        self._decoder = decoder
        self._on_message = on_message
        self._on_down = on_down
        self._module, self._name = module, module.rpartition(".")[2]
        self._socket: Any = None
        self._process: Any = None
        self._sending = Semaphore()
        self.starts = 0

    @property
    def pid(self) -> int | None:
        """Process id, None while it is down."""
        return self._process.pid if self._process is not None else None

    def send(self, message: Any) -> bool:
        """Send a message; False where there is no process to take it.

        One after another: a message larger than the socket's buffer goes in pieces, and those of
        two greenlets must not mix.
        """
        sock = self._socket
        if sock is None:
            return False
        frame = self._encode(message)
        with self._sending:
            if sock is not self._socket:  # it ended while others were sending
                return False
            try:
                sock.sendall(frame)
            except OSError:
                return False
        return True

    def run(self) -> None:
        """Start it, read from it, start it again when it is gone; for ever."""
        while True:
            self._start()
            self._read_until_gone()
            code = self._process.wait()
            LOG.warning("%s (pid %d) is gone, exit status %s", self._name, self._process.pid, code)
            self._process = None
            self._on_down()
            eventlet.sleep(RESTART_S)

    def stop(self) -> None:
        """Close the channel; the process ends by itself when it sees that."""
        if self._socket is not None:
            self._socket.close()

    def _start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        command = [sys.executable, "-m", self._module]
        command += ["--fd", str(theirs.fileno()), "--state", self._state_dir]
        self._process = green_subprocess.Popen(
            command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL
        )
        theirs.close()
        self._socket = ours
        self.starts += 1
        LOG.info("%s started, pid %d", self._name, self._process.pid)

    def _read_until_gone(self) -> None:
        decoder = self._decoder()
        while True:
            try:
                data = self._socket.recv(1 << 16)
            except OSError:
                data = b""
            if not data:
                break
            try:
                messages = decoder.feed(data)
            except OptimiserError as error:
                LOG.error("%s sent rubbish: %s", self._name, error)
                break
            for message in messages:
                eventlet.sleep(0)  # unpacking a large one took a turn by itself
                self._take(message)
        self._socket.close()
        self._socket = None

    def _take(self, message: Any) -> None:
        """Hand a message on; a fault in whoever takes it must not end the listening."""
        try:
            self._on_message(message)
        except Exception:
            LOG.exception("%s of %s could not be taken", type(message).__name__, self._name)
