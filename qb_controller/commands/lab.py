"""A live network with its controller, for benchmarks and tests, and their removal."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qb_controller.commands.controller_process import ControllerProcess
from qb_controller.errors import QBError
from topologies.client import COUNTER_LAG_S, SYSTEM_PYTHON, LiveNetwork


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
        self.controller = ControllerProcess(
            directory,
            "--qb-topology", topology,
            "--qb-largest", str(largest * 1e6),
            "--qb-counter-lag", str(COUNTER_LAG_S),
            *options,
        )  # fmt: skip
        self.rest = self.controller.rest
        target = f"127.0.0.1:{self.controller.openflow_port}"
        self._words = ["--topology", topology, "--controller", target, "--prefix", prefix]
        self._words += ["--largest", str(largest)]
        self._words += [] if queue is None else ["--queue", str(queue)]
        self._network_log = (directory / "network.log").open("ab")
        self._network: LiveNetwork | None = None

    @property
    def network(self) -> LiveNetwork:
        """The network.

        Raises
        ------
        LabError
            It has not been started.
        """
        if self._network is None:
            raise LabError("the network was not started")
        return self._network

    @property
    def info(self) -> dict[str, Any]:
        """What the network consists of: ``switches``, ``links`` (cables), ``hosts``."""
        return self.network.info

    def start_network(self) -> None:
        self._network = LiveNetwork(self._words, log=self._network_log)

    def call(self, cmd: str, timeout: float = 120.0, **arguments: object) -> dict[str, Any]:
        """Command of the network (see :mod:`topologies.commands`)."""
        return self.network.call(cmd, timeout, **arguments)

    def te(self, **settings: object) -> None:
        self.rest.send("PATCH", "/v1/te", settings)

    def path(self, source: str, target: str) -> list[list[str]]:
        """Switch names of every way that packets between two hosts take now."""
        answer = self.rest.get("/v1/path", **{"from": source, "to": target})
        return [way["path"] for way in answer["ways"]]

    def wait_for(self, what: str, holds: Callable[[], bool], seconds: float = 30.0) -> float:
        """As :meth:`ControllerProcess.wait_for`."""
        return self.controller.wait_for(what, holds, seconds)

    def ready(self) -> bool:
        """Whether all switches and links are known and all rules installed."""
        return self.controller.ready(len(self.info["switches"]), 2 * len(self.info["links"]))

    def wait_ready(self, seconds: float = 60.0) -> float:
        return self.wait_for("discovery and base rules", self.ready, seconds)

    def greet(self) -> dict[str, Any]:
        """Ping between all pairs, so that the controller has seen every host."""
        answer = self.call("pingall", tries=5)
        hosts = len(self.info["hosts"])
        self.wait_for("hosts", lambda: self.rest.get("/v1/status")["hosts"] == hosts)
        self.wait_settled()
        return answer

    def wait_settled(self, seconds: float = 30.0) -> float:
        return self.wait_for("settling", lambda: self.rest.get("/v1/status")["settled"], seconds)

    def start(self) -> None:
        """Controller, network, discovery, hosts."""
        self.controller.start()
        self.start_network()
        self.wait_ready()
        self.greet()

    def close(self) -> None:
        try:
            self.controller.stop()
        finally:
            if self._network is not None:
                self._network.close()
            self._network_log.close()

    def __enter__(self) -> Lab:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
