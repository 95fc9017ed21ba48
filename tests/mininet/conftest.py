"""A real network and a real controller: Mininet, Open vSwitch in userspace, Ryu."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from topologies.client import LiveNetwork

BIN = Path(sys.executable).parent

LARGEST = 2.0
"""Mbit/s of the largest link: few packets, so that a busy machine loses none of them."""


def missing() -> str:
    """Why live tests cannot run here; empty where they can."""
    if os.geteuid() != 0:
        return "needs root"
    if not shutil.which("ovs-vsctl"):
        return "needs Open vSwitch"
    if subprocess.run(["/usr/bin/python3", "-c", "import mininet"], check=False).returncode:
        return "needs Mininet for /usr/bin/python3"
    shown = subprocess.run(
        ["ovs-vsctl", "--timeout=3", "show"], check=False, stdout=subprocess.DEVNULL
    )
    return "Open vSwitch is not running" if shown.returncode else ""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = [item for item in items if Path(item.fspath).parent == Path(__file__).parent]
    reason = missing() if here else ""
    for item in here:
        item.add_marker(pytest.mark.live)
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Lab:
    """A network, its controller, and what a user would type."""

    def __init__(self, tmp_path: Path, topology: str, prefix: str) -> None:
        self.topology = topology
        self.prefix = prefix
        self.of_port, self.rest_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.rest_port}"
        self._tmp = tmp_path
        self._log = (tmp_path / "controller.log").open("ab")
        self.controller: subprocess.Popen[bytes] | None = None
        self.network: LiveNetwork | None = None

    def start_controller(self, *arguments: str) -> None:
        command = [str(BIN / "ryu-manager"), "qb_controller.app"]
        command += ["--ofp-tcp-listen-port", str(self.of_port)]
        command += ["--qb-rest-port", str(self.rest_port), "--qb-topology", self.topology]
        command += ["--qb-largest", str(LARGEST * 1e6)]
        command += ["--qb-state-dir", str(self._tmp / "state"), *arguments]
        self.controller = subprocess.Popen(command, stdout=self._log, stderr=self._log)

    def stop_controller(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self.controller is not None:
            self.controller.send_signal(number)
            self.controller.wait(20)
            self.controller = None

    def start_network(self) -> LiveNetwork:
        target = f"127.0.0.1:{self.of_port}"
        arguments = ["--topology", self.topology, "--controller", target, "--prefix", self.prefix]
        arguments += ["--largest", str(LARGEST)]
        self.network = LiveNetwork(arguments)
        return self.network

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=20) as answer:
            return json.load(answer)

    def patch_te(self, **settings: object) -> None:
        request = urllib.request.Request(
            self.url + "/v1/te",
            method="PATCH",
            data=json.dumps(settings).encode(),
            headers={"Content-Type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=20).close()

    def qb(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(BIN / "qb"), *words, "--url", self.url],
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def wait_for(self, what: str, holds: Callable[[], bool], seconds: float = 30.0) -> None:
        until = time.monotonic() + seconds
        while True:
            try:
                if holds():
                    return
            except OSError:
                pass  # the controller is not up yet
            if time.monotonic() > until:
                log = (self._tmp / "controller.log").read_text(errors="replace")[-4000:]
                pytest.fail(f"{what}: not within {seconds:g} s; the controller said:\n{log}")
            time.sleep(0.25)

    def ready(self, switches: int, links: int) -> bool:
        status = self.get("/v1/status")
        return bool(
            status["switches"] == switches and status["links"] == links and status["settled"]
        )

    def close(self) -> None:
        try:
            self.stop_controller()
        finally:
            if self.network is not None:
                self.network.close()
            self._log.close()


@pytest.fixture
def diamond(tmp_path: Path) -> Iterator[Lab]:
    """The diamond with a controller that leaves traffic on shortest paths."""
    lab = Lab(tmp_path, "diamond", "qx")
    try:
        lab.start_controller("--noqb-te")
        lab.start_network()
        size = lab.network.info if lab.network else {}
        switches, links = len(size["switches"]), 2 * len(size["links"])
        lab.wait_for("discovery and base rules", lambda: lab.ready(switches, links))
        yield lab
    finally:
        lab.close()
