"""The demonstration's controller: a process of its own, ended by its handle."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from qb_controller.commands.client import Client
from qb_controller.commands.processes import controller_command, free_port
from qb_controller.errors import QBError

TERM_S = 10.0
"""A process that has not ended this long after SIGTERM is killed."""


class StartError(QBError):
    """The controller did not come up."""


class ControllerProcess:
    """A controller with ports of its own; a context manager that ends it.

    Parameters
    ----------
    folder : Path
        Its log (``controller.log``) and its state go there.
    arguments : sequence of str
        Further options of ``ryu-manager qb_controller.app``.
    """

    def __init__(self, folder: Path, arguments: Sequence[str]) -> None:
        self.openflow_port, self.rest_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.rest_port}"
        self.log = folder / "controller.log"
        options = ["--ofp-tcp-listen-port", str(self.openflow_port)]
        options += ["--qb-rest-port", str(self.rest_port)]
        options += ["--qb-state-dir", str(folder / "state"), *arguments]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                controller_command(*options),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C ends the caller, which then ends this in order
            )

    def wait_ready(self, switches: int, links: int, timeout_s: float) -> float:
        """Wait until every link is known and all rules are in place; return the seconds it took.

        Raises
        ------
        StartError
            The controller ended or was not ready in time; the text has the end of its log.
        """
        begin, client = time.monotonic(), Client(self.url)
        while time.monotonic() - begin < timeout_s:
            if self._process.poll() is not None:
                raise StartError(f"the controller ended at once: {self._tail()}")
            with contextlib.suppress(QBError):
                now = client.get("/v1/status")
                if (now["switches"], now["links"]) == (switches, links) and now["settled"]:
                    return time.monotonic() - begin
            time.sleep(0.2)
        raise StartError(f"the network was not ready within {timeout_s:g} s: {self._tail()}")

    def _tail(self) -> str:
        return self.log.read_text(errors="replace")[-800:] or "(no log)"

    def close(self) -> None:
        """End the controller."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(TERM_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def __enter__(self) -> ControllerProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
