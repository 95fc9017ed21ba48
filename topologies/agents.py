"""The traffic processes of all hosts, one each: starting them and talking to them."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from selectors import EVENT_READ, DefaultSelector

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ANSWER_S = 20.0


class Agents:
    """Traffic processes by host number; answers arrive on a thread of their own.

    Parameters
    ----------
    pids : mapping from host number to the process id that holds the host's namespace
    names : mapping from host number to the name used in errors
    seed : int
        Seeds phases and jitter of the senders.
    """

    def __init__(self, pids: Mapping[int, int], names: Mapping[int, str], seed: int = 0) -> None:
        self.names = names
        self.waiting: dict[int, Future[dict]] = {}
        self.owner: dict[int, int] = {}
        self.idents = itertools.count(1)
        self.guard = threading.Lock()
        self.processes: dict[int, subprocess.Popen[bytes]] = {}
        self.selector = DefaultSelector()
        self.buffers: dict[int, bytes] = {}
        for number, pid in pids.items():
            argv = ["mnexec", "-a", str(pid), sys.executable, "-SsE", "-m", "topologies.agent"]
            process = subprocess.Popen(
                [*argv, str(seed * 100_003 + number)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, bufsize=0,
                start_new_session=True,
            )  # fmt: skip
            self.processes[number] = process
            self.buffers[number] = b""
            assert process.stdout is not None
            self.selector.register(process.stdout, EVENT_READ, number)
        self.thread = threading.Thread(target=self._listen, name="agents", daemon=True)
        self.thread.start()

    def ask(self, number: int, message: dict) -> Future[dict]:
        """Send one command to a host's process; its answer fulfils the future."""
        future: Future[dict] = Future()
        process = self.processes[number]
        with self.guard:
            ident = next(self.idents)
            self.waiting[ident] = future
            self.owner[ident] = number
            data = json.dumps({**message, "id": ident}).encode() + b"\n"
            assert process.stdin is not None
            try:
                while data:
                    data = data[process.stdin.write(data) :]
            except OSError:
                self._fail(number)
        return future

    def ask_all(self, messages: Mapping[int, dict], timeout_s: float = ANSWER_S) -> dict[int, dict]:
        """Send commands to several hosts at once and wait for all answers.

        Raises
        ------
        RuntimeError
            A process has ended.
        TimeoutError
            An answer did not come.
        """
        futures = {number: self.ask(number, message) for number, message in messages.items()}
        return {number: future.result(timeout_s) for number, future in futures.items()}

    def everyone(self, message: dict) -> dict[int, dict]:
        """Send the same command to all hosts."""
        return self.ask_all(dict.fromkeys(self.processes, message))

    def close(self) -> None:
        """End all processes by closing their standard input."""
        for process in self.processes.values():
            assert process.stdin is not None
            with contextlib.suppress(OSError):
                process.stdin.close()
        for process in self.processes.values():
            try:
                process.wait(2)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.thread.join(2)

    def _listen(self) -> None:
        while self.selector.get_map():
            for key, _ in self.selector.select():
                number = key.data
                data = os.read(key.fd, 1 << 20)
                if not data:
                    self.selector.unregister(key.fileobj)
                    with self.guard:
                        self._fail(number)
                    continue
                *lines, self.buffers[number] = (self.buffers[number] + data).split(b"\n")
                self._take(json.loads(line) for line in lines)

    def _take(self, answers: Iterable[dict]) -> None:
        for answer in answers:
            with self.guard:
                future = self.waiting.pop(answer["id"], None)
                self.owner.pop(answer["id"], None)
            if future is not None:
                future.set_result(answer)

    def _fail(self, number: int) -> None:
        """Answer all that a dead process was asked with what happened to it."""
        status = self.processes[number].poll()
        for ident in [ident for ident, owner in self.owner.items() if owner == number]:
            del self.owner[ident]
            text = f"the traffic process of {self.names[number]} has ended (status {status})"
            self.waiting.pop(ident).set_exception(RuntimeError(text))
