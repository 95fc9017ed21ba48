"""What the controller keeps on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from qb_controller.errors import ConfigError
from qb_controller.state import StateFolder


def test_values_are_found_again_and_broken_files_passed_over(tmp_path: Path) -> None:
    state = StateFolder(tmp_path / "a" / "b")
    assert state.load("numbers") is None
    state.save("numbers", {"1": 2})
    assert StateFolder(tmp_path / "a" / "b").load("numbers") == {"1": 2}
    file = tmp_path / "a" / "b" / "numbers.json"
    file.write_text("{")
    assert state.load("numbers") is None
    state.save("numbers", {"1": 2})  # as it was: not written again
    assert file.read_text() == "{"
    state.save("numbers", {"1": 3})
    assert state.load("numbers") == {"1": 3}


def test_what_could_not_be_written_is_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state = StateFolder(tmp_path)
    blocked = tmp_path / "numbers.json"
    blocked.mkdir()  # no file can take its place
    for _ in range(2):
        assert not state.save("numbers", {"1": 2})
    assert sum("cannot be written" in one.getMessage() for one in caplog.records) == 1
    blocked.rmdir()
    assert state.save("numbers", {"1": 2})
    assert state.save("numbers", {"1": 2})
    assert state.load("numbers") == {"1": 2}


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="--qb-state-dir"):
        StateFolder(tmp_path / "file" / "below")
