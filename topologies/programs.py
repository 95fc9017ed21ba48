"""Programs inside hosts: started in the host's namespaces, never outliving the network."""

from __future__ import annotations

import contextlib
import ctypes
import json
import signal
import subprocess
import time
from collections.abc import Iterator

IPERF_PORT = 5201
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


class Programs:
    """The programs that run at the moment."""

    def __init__(self) -> None:
        self.children: set[subprocess.Popen[str]] = set()

    def kill(self) -> None:
        """End all of them."""
        for child in list(self.children):
            child.kill()

    @contextlib.contextmanager
    def inside(self, pid: int, argv: list[str]) -> Iterator[subprocess.Popen[str]]:
        """Start a program in the namespaces of process ``pid``; it is killed at the end."""
        child = subprocess.Popen(
            ["mnexec", "-a", str(pid), *argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=_die_with_parent,
        )
        self.children.add(child)
        try:
            yield child
        finally:
            child.kill()
            child.communicate()
            self.children.discard(child)

    def run(self, pid: int, argv: list[str], timeout_s: float) -> dict:
        """Run a program to its end.

        Raises
        ------
        ValueError
            ``argv`` is not a list of words, or the program was not done in time.
        """
        if not argv or not isinstance(argv, list) or not all(isinstance(a, str) for a in argv):
            raise ValueError(f"exec: argv {argv!r} is not a list of words")
        with self.inside(pid, argv) as process:
            try:
                out, err = process.communicate(timeout=timeout_s)
            except subprocess.TimeoutExpired:
                raise ValueError(f"exec: {argv[0]} was not done after {timeout_s:g} s") from None
        return {"status": process.returncode, "stdout": out, "stderr": err}

    def iperf3(self, src_pid: int, dst_pid: int, dst_ip: str, seconds: float) -> dict:
        """TCP throughput between two hosts.

        Raises
        ------
        RuntimeError
            iperf3 failed; the text is its own.
        """
        with self.inside(dst_pid, ["iperf3", "-s", "-1", "-p", str(IPERF_PORT)]):
            time.sleep(0.3)
            argv = ["iperf3", "-c", dst_ip, "-p", str(IPERF_PORT), "-t", str(seconds), "-J"]
            with self.inside(src_pid, argv) as client:
                out, err = client.communicate(timeout=seconds + 20)
        try:
            result = json.loads(out)
        except ValueError:
            raise RuntimeError(f"iperf3 said: {(out or err).strip()[:500]}") from None
        if "error" in result:
            raise RuntimeError(f"iperf3: {result['error']}")
        end = result["end"]
        return {
            "sent_bps": end["sum_sent"]["bits_per_second"],
            "received_bps": end["sum_received"]["bits_per_second"],
            "retransmits": end["sum_sent"].get("retransmits"),
        }


def _die_with_parent() -> None:
    """Have the kernel end a program whose starter dies, however it dies."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
