"""How tests are dealt out over several processes (``pytest -n 2``)."""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

TIMED = (
    "tests/applications/jobs/live/",
    "tests/applications/test_slice_desk.py",
    "tests/applications/test_slices_control.py",
    "tests/applications/test_wireless_desk.py",
    "tests/commands/",
    "tests/orchestration/",
    "tests/runtime/",
    "tests/southbound/openflow/test_jobs_client.py",
    "tests/test_jobs_service.py",
)
"""Tests that start processes and hold them to deadlines: one after the other, in one process."""


class _Dealing(LoadScopeScheduling):
    """All timed tests in one process; of the others those of a file, so what they share is made
    once."""

    def _split_scope(self, nodeid: str) -> str:
        return "timed" if nodeid.startswith(TIMED) else nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return _Dealing(config, log)
