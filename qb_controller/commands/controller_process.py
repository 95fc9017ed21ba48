"""The controller as a process of a command or a test: started, watched, stopped, started again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from qb_controller.commands.client import Client
from qb_controller.errors import QBError
from qb_controller.runtime.worker import die_with

TERM_S = 20.0
"""A process that has not ended this long after SIGTERM is killed."""

LOG_SHOWN = 800
"""Characters of the log that an error shows."""


class StartError(QBError):
    """The controller did not come up, or did not do what was waited for."""


def free_port() -> int:
    """A TCP port of the loopback interface that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ControllerProcess:
    """A controller with ports of its own; a context manager that starts and ends it.

    Parameters
    ----------
    directory : Path
        Its log (``controller.log``) and its state go there.
    *options : str
        Further options of ``ryu-manager qb_controller.app``, for every start.
    """

    def __init__(self, directory: Path, *options: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.openflow_port, self.rest_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.rest_port}"
        self.rest = Client(self.url)
        self.log = directory / "controller.log"
        self._options = (
            "--ofp-tcp-listen-port", str(self.openflow_port),
            "--qb-rest-port", str(self.rest_port),
            "--qb-state-dir", str(directory / "state"),
            *options,
        )  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> None:
        """Start it, with ``options`` for this time only; the state of an earlier run is found."""
        ryu_manager = str(Path(sys.executable).parent / "ryu-manager")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [ryu_manager, "qb_controller.app", *self._options, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C ends the caller, which then ends this in order
                preexec_fn=partial(die_with, os.getpid()),  # and where the caller cannot any more
            )

    @property
    def pid(self) -> int:
        """Process id.

        Raises
        ------
        StartError
            It has not been started.
        """
        return self._running().pid

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._running().send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it by a signal, by SIGKILL where it does not obey; no error where none runs."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)  # a stopped process does not act on SIGTERM
            process.send_signal(number)
        try:
            process.wait(TERM_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def wait_for(self, what: str, holds: Callable[[], bool], seconds: float = 30.0) -> float:
        """Wait until something holds; return the seconds it took.

        Raises
        ------
        StartError
            It did not hold in time, or the controller ended; the text has the end of its log.
        """
        begin = time.monotonic()
        while True:
            try:
                if holds():
                    return time.monotonic() - begin
            except QBError:
                pass  # the controller is not up yet
            if self._process is not None and self._process.poll() is not None:
                raise StartError(f"{what}: the controller ended; {self.log_end()}")
            if time.monotonic() > begin + seconds:
                raise StartError(f"{what}: not within {seconds:g} s; {self.log_end()}")
            time.sleep(0.05)

    def wait_up(self) -> None:
        """Wait until it answers."""
        self.wait_for("the controller", lambda: bool(self.rest.get("/v1/status")))

    def ready(self, switches: int, links: int) -> bool:
        """Whether that many switches and link directions are known and all rules in place."""
        status = self.rest.get("/v1/status")
        known = (status["switches"], status["links"])
        return bool(known == (switches, links) and status["settled"])

    def log_end(self) -> str:
        text = self.log.read_text(errors="replace")[-LOG_SHOWN:]
        return f"the controller's log ends: {text or '(empty)'}"

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise StartError("the controller was not started")
        return self._process

    def __enter__(self) -> ControllerProcess:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
