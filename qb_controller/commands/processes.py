"""A controller and a live network as processes of this command, and their removal."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from qb_controller.commands.client import Client
from qb_controller.errors import QBError
from topologies.client import SYSTEM_PYTHON, LiveNetwork

LOG_SHOWN = 600
"""Characters of the controller's log that an error shows."""


class LabError(QBError):
    """The live part cannot run here, or did not do what was waited for."""


def missing() -> str:
    """Why nothing can run live here; empty where it can."""
    if os.geteuid() != 0:
        return "a live network needs root; run this with sudo"
    if not shutil.which("ovs-vsctl"):
        return "Open vSwitch is not installed (ovs-vsctl is not found)"
    probe = [SYSTEM_PYTHON, "-c", "import mininet"]
    if subprocess.run(probe, check=False, capture_output=True).returncode:
        return f"Mininet is not installed for {SYSTEM_PYTHON}"
    shown = ["ovs-vsctl", "--timeout=3", "show"]
    if subprocess.run(shown, check=False, capture_output=True).returncode:
        return "Open vSwitch is not running"
    return ""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def controller_command(*options: str) -> list[str]:
    """``ryu-manager`` beside this very Python."""
    return [str(Path(sys.executable).parent / "ryu-manager"), "qb_controller.app", *options]


class Lab:
    """A network, its controller, and its REST interface; a context manager that removes both.

    Parameters
    ----------
    directory : Path
        For the state and the logs.
    topology : str
        Built-in name or absolute path of a file.
    prefix : str
        Before every name of the network.
    largest : float
        Capacity of the largest link in Mbit/s.
    *options : str
        Further options of the controller.
    queue : int, optional
        Packets that each link port holds back; as the network has it by default.
    """

    def __init__(
        self,
        directory: Path,
        topology: str,
        prefix: str,
        largest: float,
        *options: str,
        queue: int | None = None,
    ) -> None:
        self.topology, self.prefix, self.largest = topology, prefix, largest
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._options = options
        self._queue = [] if queue is None else ["--queue", str(queue)]
        self._of_port, self._rest_port = free_port(), free_port()
        self.rest = Client(f"http://127.0.0.1:{self._rest_port}")
        self._log = (directory / "controller.log").open("ab")
        self._network_log = (directory / "network.log").open("ab")
        self.controller: subprocess.Popen[bytes] | None = None
        self.network: LiveNetwork | None = None

    def start_controller(self) -> None:
        """Start it; :meth:`wait_ready` tells when it knows the network."""
        command = controller_command(
            "--ofp-tcp-listen-port", str(self._of_port),
            "--qb-rest-port", str(self._rest_port),
            "--qb-topology", self.topology,
            "--qb-largest", str(self.largest * 1e6),
            "--qb-state-dir", str(self._directory / "state"),
            *self._options,
        )  # fmt: skip
        # A session of its own: Ctrl-C ends this command, which then ends the controller in order.
        self.controller = subprocess.Popen(
            command, stdout=self._log, stderr=self._log, start_new_session=True
        )

    def start_network(self) -> LiveNetwork:
        self.network = LiveNetwork(
            ["--topology", self.topology, "--controller", f"127.0.0.1:{self._of_port}",
             "--prefix", self.prefix, "--largest", str(self.largest), *self._queue],
            log=self._network_log,
        )  # fmt: skip
        return self.network

    def call(self, cmd: str, timeout: float = 120.0, **arguments: object) -> dict[str, Any]:
        """Command of the network (see :mod:`topologies.commands`)."""
        assert self.network is not None
        return self.network.call(cmd, timeout, **arguments)

    def te(self, **settings: object) -> None:
        self.rest.send("PATCH", "/v1/te", settings)

    def path(self, source: str, target: str) -> list[list[str]]:
        """Switch names of every way that packets between two hosts take now."""
        answer = self.rest.get("/v1/path", **{"from": source, "to": target})
        return [way["path"] for way in answer["ways"]]

    def wait_for(self, what: str, holds: Callable[[], bool], seconds: float = 30.0) -> float:
        """Wait until something holds; return the seconds it took.

        Raises
        ------
        LabError
            It did not hold in time; the text ends with the controller's log.
        """
        begin = time.monotonic()
        while True:
            try:
                if holds():
                    return time.monotonic() - begin
            except (QBError, OSError):
                pass  # the controller is not up yet
            if time.monotonic() > begin + seconds:
                raise LabError(f"{what}: not within {seconds:g} s; {self.log_end()}")
            time.sleep(0.05)

    def log_end(self) -> str:
        text = (self._directory / "controller.log").read_text(errors="replace")
        return f"the controller's log ends: {text[-LOG_SHOWN:]}"

    def ready(self) -> bool:
        """Whether all switches and links are known and all rules installed."""
        assert self.network is not None
        info, status = self.network.info, self.rest.get("/v1/status")
        known = (status["switches"], status["links"])
        return bool(known == (len(info["switches"]), 2 * len(info["links"])) and status["settled"])

    def wait_ready(self, seconds: float = 60.0) -> float:
        return self.wait_for("discovery and base rules", self.ready, seconds)

    def greet(self) -> dict[str, Any]:
        """Ping between all pairs, so that the controller has seen every host."""
        assert self.network is not None
        answer = self.call("pingall", tries=5)
        hosts = len(self.network.info["hosts"])
        self.wait_for("hosts", lambda: self.rest.get("/v1/status")["hosts"] == hosts)
        self.wait_settled()
        return answer

    def wait_settled(self, seconds: float = 30.0) -> float:
        return self.wait_for("settling", lambda: self.rest.get("/v1/status")["settled"], seconds)

    def start(self) -> None:
        """Controller, network, discovery, hosts."""
        self.start_controller()
        self.start_network()
        self.wait_ready()
        self.greet()

    def close(self) -> None:
        try:
            if self.controller is not None:
                _end(self.controller)
        finally:
            if self.network is not None:
                self.network.close()
            self._log.close()
            self._network_log.close()

    def __enter__(self) -> Lab:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGCONT)  # a stopped process does not act on SIGTERM
        process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def tree(pid: int) -> list[int]:
    """A process and all that descend from it.

    Returns
    -------
    list of int
        Process ids, empty where the process is gone.
    """
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(c) for task in tasks for c in (task / "children").read_text().split()]
    except OSError:
        return []
    return [pid, *(one for child in children for one in tree(child))]


def resident_bytes(pids: Sequence[int]) -> int:
    """Sum of the resident memory of processes; pages they share are counted in each."""
    total = 0
    for pid in pids:
        try:
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        except OSError:
            continue
        total += pages * os.sysconf("SC_PAGE_SIZE")
    return total


def cpu_seconds(pids: Sequence[int]) -> float:
    """Processor time that processes have used so far."""
    total = 0.0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total
