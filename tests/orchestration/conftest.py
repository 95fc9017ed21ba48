from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True, scope="package")
def _importable_in_workers() -> Iterator[None]:
    """Worker processes load solvers from this package, wherever pytest was started."""
    root = str(Path(__file__).parents[2])
    before = os.environ.get("PYTHONPATH")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", root + (os.pathsep + before if before else ""))
        yield
