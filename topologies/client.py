"""A live network as another program sees it: start it, send commands, end it.

The network itself runs under the system's own Python (:mod:`topologies.live`), because Debian's
Mininet is importable by that one only; this module runs anywhere.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from queue import Empty, Queue
from typing import IO, Any

SYSTEM_PYTHON = "/usr/bin/python3"

COUNTER_LAG_S = 0.15
"""Age of the switches' counters at most: a live network lets Open vSwitch refresh them every 0.1 s
(:mod:`topologies.network`), and a busy machine adds to that."""
ROOT = Path(__file__).resolve().parent.parent


class LiveError(RuntimeError):
    """The network did not start, or refused a command."""


class LiveNetwork:
    """A running :mod:`topologies.live`; a context manager that removes it at the end.

    Parameters
    ----------
    arguments : sequence of str
        Command line of ``topologies.live``.
    log : file object, optional
        Where its log lines go; this process's standard error by default.
    start_s : float
        Seconds allowed to build it.

    Raises
    ------
    LiveError
        It did not start; the text says why.
    """

    def __init__(
        self, arguments: Sequence[str], log: IO[Any] | None = None, start_s: float = 120.0
    ) -> None:
        self._process = subprocess.Popen(
            [SYSTEM_PYTHON, "-m", "topologies.live", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            start_new_session=True,  # Ctrl-C ends the caller, which then ends the network in order
        )
        self._answers: Queue[dict[str, Any] | None] = Queue()
        self._number = 0
        threading.Thread(target=self._read, daemon=True).start()
        try:
            self.info = self.call("topology", timeout=start_s)
        except LiveError:
            self.close()
            raise

    def call(self, cmd: str, timeout: float = 60.0, **arguments: object) -> dict[str, Any]:
        """Send a command and wait for its answer.

        Raises
        ------
        LiveError
            The network is gone, refused the command, or did not answer in time.
        """
        self._number += 1
        line = json.dumps({"cmd": cmd, "id": self._number, **arguments})
        try:
            assert self._process.stdin is not None
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError):
            raise LiveError(f"{cmd}: the network is gone{self._status()}") from None
        while True:
            try:
                answer = self._answers.get(timeout=timeout)
            except Empty:
                raise LiveError(f"{cmd}: no answer within {timeout:g} s") from None
            if answer is None:
                raise LiveError(f"{cmd}: the network is gone{self._status()}")
            if answer.get("id") != self._number:
                continue  # of an earlier command that was given up
            if not answer.get("ok"):
                raise LiveError(f"{cmd}: {answer.get('error')}")
            return answer

    def close(self) -> None:
        """End the network and wait until everything is removed."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()
        try:
            self._process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> LiveNetwork:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            try:
                answer = json.loads(line)
            except ValueError:
                continue
            self._answers.put(answer)
        self._answers.put(None)

    def _status(self) -> str:
        code = self._process.poll()
        return "" if code is None else f" (exit status {code})"
