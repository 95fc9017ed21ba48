"""How the demonstration says what it is doing: a live view on a terminal, else plain lines."""

from __future__ import annotations

import time
from typing import Any

from qb_controller.commands.demo_report import COLUMNS, Phase, row
from qb_controller.commands.output import on_terminal, percent, rich_table

SHOWN = 6
"""Latest lines kept in the live view."""


class Progress:
    """Lines said so far and the phases done; a context manager."""

    def __init__(self) -> None:
        self._begin = time.monotonic()
        self._lines: list[str] = []
        self._phases: list[Phase] = []
        self._now = ""
        self._live: Any = None
        if on_terminal():
            from rich.live import Live

            self._live = Live(get_renderable=self._render, refresh_per_second=4)

    def __enter__(self) -> Progress:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def say(self, text: str) -> None:
        """Say one thing that happened."""
        line = f"{time.monotonic() - self._begin:6.1f} s  {text}"
        self._lines.append(line)
        if self._live is None:
            print(line, flush=True)

    def done(self, phase: Phase) -> None:
        """A phase is over."""
        self._phases.append(phase)
        self.say(
            f"{phase.name}: {percent(phase.loss)} lost, fullest link "
            f"{percent(phase.mlu_measured)} full, best possible {percent(phase.mlu_bound)}"
        )

    def load(self, utilisation: float) -> None:
        """The fullest link as it is now."""
        self._now = f"fullest link now: {percent(utilisation)}"

    def _render(self) -> Any:
        from rich.console import Group
        from rich.text import Text

        table = rich_table([row(phase) for phase in self._phases], COLUMNS, "Q-Backbone")
        return Group(table, Text(self._now, style="bold"), Text("\n".join(self._lines[-SHOWN:])))
