"""How tests are dealt out over several processes (``pytest -n 2 --dist loadgroup``)."""

from __future__ import annotations

from pathlib import Path

import pytest

TIMED = (
    "applications/jobs/live",
    "applications/test_slice_desk.py",
    "applications/test_slices_control.py",
    "applications/test_wireless_desk.py",
    "commands",
    "orchestration",
    "runtime",
    "southbound/openflow/test_jobs_client.py",
    "test_jobs_service.py",
)
"""Tests that start processes and hold them to deadlines: one after the other, in one process.
Of the others those of a file stay together, so that what they share is made once."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        place = Path(item.path).relative_to(here).as_posix()
        timed = any(place == name or place.startswith(f"{name}/") for name in TIMED)
        item.add_marker(pytest.mark.xdist_group("timed" if timed else place))
