"""A real network and a real controller: Mininet, Open vSwitch in userspace, Ryu."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from qb_controller.commands.lab import Lab, missing

LARGEST = 2.0
"""Mbit/s of the largest link: few packets, so that a busy machine loses none of them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = [item for item in items if Path(item.fspath).parent == Path(__file__).parent]
    reason = missing() if here else ""
    for item in here:
        item.add_marker(pytest.mark.live)
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))


class UserLab(Lab):
    """A network with a controller, and what a user would type."""

    def qb(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(Path(sys.executable).parent / "qb"), *words, "--url", self.controller.url],
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )


@pytest.fixture
def diamond(tmp_path: Path) -> Iterator[UserLab]:
    """The diamond with a controller that leaves traffic on shortest paths at its first start."""
    with UserLab(tmp_path, "diamond", "qx", LARGEST) as lab:
        lab.controller.start("--noqb-te")
        lab.start_network()
        lab.wait_ready()
        yield lab
