"""Small things that outlive the controller process: JSON files in its state directory."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

from qb_controller.errors import ConfigError

LOG = logging.getLogger(__name__)

FOLDER = "/var/tmp/q-backbone"
"""Where the controller keeps what it learns, decides and promises unless told otherwise
(``--qb-state-dir``)."""


class StateFolder:
    """Values by name, each in a file of its own.

    Parameters
    ----------
    path : Path
        Made where it does not exist.

    Raises
    ------
    ConfigError
        It cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._saved: dict[str, str] = {}
        self._failing: set[str] = set()
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"--qb-state-dir {path}: {error}") from None

    def load(self, name: str) -> Any:
        """The value saved under a name; None where there is none that can be read."""
        file = self._file(name)
        try:
            return json.loads(file.read_text())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            LOG.warning("%s is unreadable (%s) and passed over", file, error)
            return None

    def save(self, name: str, value: Any) -> bool:
        """Write a value where it changed; whoever reads the file sees the old or the new one.

        What could not be written is tried again with the next call.

        Returns
        -------
        bool
            Whether the file holds it now.
        """
        text = json.dumps(value, indent=1)
        if text == self._saved.get(name):
            return True
        file = self._file(name)
        beside = file.with_suffix(".new")
        try:
            beside.write_text(text)
            os.replace(beside, file)
        except OSError as error:
            if name not in self._failing:
                LOG.warning("%s cannot be written, which is tried again: %s", file, error)
            self._failing.add(name)
            return False
        self._failing.discard(name)
        self._saved[name] = text
        return True

    def _file(self, name: str) -> Path:
        return self._path / f"{name}.json"
