"""What backends did, in SQLite beside the journal: the performance model's past.

The model itself is never stored: it is these rows read again in order, so that a change of how it
learns needs no migration.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from qb_controller.orchestration.features import Features
from qb_controller.orchestration.performance import (
    COORDINATES,
    WHOLE,
    Outcome,
    Performance,
)

FILE = "model.sqlite"

KEEP = 20_000
"""Outcomes kept, the newest; read in about a second at start, and many times what the model
remembers."""

KEPT_FEATURES = frozenset(
    {each.feature for each in COORDINATES} | {"choices", "split", "bound", "incumbent"}
)
"""What the model reads of a task."""

LIVE, CALIBRATION, SHADOW = "live", "calibration", "shadow"
"""Where an outcome comes from; a calibration run adds its own name behind a colon."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS outcomes (
    number INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    source TEXT NOT NULL,
    form TEXT NOT NULL,
    backend TEXT NOT NULL,
    formulation TEXT NOT NULL,
    features TEXT NOT NULL,
    first_s REAL,
    busy_s REAL NOT NULL,
    gap REAL
);
CREATE INDEX IF NOT EXISTS outcomes_source ON outcomes (source);
"""
_PRUNE_EVERY = 1000


@dataclass(frozen=True)
class Row:
    """One outcome with its circumstances.

    Attributes
    ----------
    at : float
        Unix time, seconds.
    source : str
        :data:`LIVE`, :data:`SHADOW`, or :data:`CALIBRATION` and the name of the run.
    form, backend, formulation : str
    features : mapping of str to float
    outcome : Outcome
    """

    at: float
    source: str
    form: str
    backend: str
    features: Features
    outcome: Outcome
    formulation: str = WHOLE


class Outcomes:
    """The file of outcomes.

    Parameters
    ----------
    directory : Path or None
        Where the file lies or is made; None keeps everything in memory.

    Raises
    ------
    sqlite3.Error
        The file cannot be opened or is none of SQLite's.
    """

    def __init__(self, directory: Path | None = None) -> None:
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True)
        name = ":memory:" if directory is None else str(directory / FILE)
        self._db = sqlite3.connect(name, check_same_thread=False)  # one thread at a time uses it
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = OFF")  # as in the journal
        self._db.executescript(_SCHEMA)
        self._since_prune = 0

    def close(self) -> None:
        """Close the file; nothing is lost without it."""
        self._db.close()

    def add(self, row: Row) -> None:
        """Append an outcome."""
        kept = {name: value for name, value in row.features.items() if name in KEPT_FEATURES}
        first, gap = (_null(v) for v in (row.outcome.first_s, row.outcome.gap))
        with self._db:
            self._db.execute(
                "INSERT INTO outcomes (at, source, form, backend, formulation, features, first_s, "
                "busy_s, gap) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    row.at,
                    row.source,
                    row.form,
                    row.backend,
                    row.formulation,
                    json.dumps(kept, separators=(",", ":")),
                    first,
                    row.outcome.busy_s,
                    gap,
                ),
            )
        self._since_prune += 1
        if self._since_prune >= _PRUNE_EVERY:
            self._since_prune = 0
            self._prune()

    def __iter__(self) -> Iterator[Row]:
        """All outcomes, oldest first."""
        rows = self._db.execute(
            "SELECT at, source, form, backend, formulation, features, first_s, busy_s, gap "
            "FROM outcomes ORDER BY number"
        )
        for at, source, form, backend, formulation, features, first_s, busy_s, gap in rows:
            outcome = Outcome(
                float("inf") if first_s is None else first_s,
                busy_s,
                float("nan") if gap is None else gap,
            )
            yield Row(at, source, form, backend, json.loads(features), outcome, formulation)

    def __len__(self) -> int:
        (count,) = self._db.execute("SELECT COUNT(*) FROM outcomes").fetchone()
        return int(count)

    def has(self, source: str) -> bool:
        """Whether a run of that name is recorded."""
        found = self._db.execute("SELECT 1 FROM outcomes WHERE source = ? LIMIT 1", (source,))
        return found.fetchone() is not None

    def forget(self, source: str) -> int:
        """Remove what comes from a source, or from runs of it; return how many."""
        with self._db:
            gone = self._db.execute(
                "DELETE FROM outcomes WHERE source = ? OR source LIKE ?", (source, f"{source}:%")
            )
        return gone.rowcount

    def _prune(self) -> None:
        with self._db:
            self._db.execute(
                "DELETE FROM outcomes WHERE number <= (SELECT MAX(number) FROM outcomes) - ?",
                (KEEP,),
            )


def teach(performance: Performance, outcomes: Outcomes) -> None:
    """Have a model learn all recorded outcomes, oldest first."""
    for row in outcomes:
        performance.observe(row.backend, row.features, row.outcome, row.form, row.formulation)


def _null(value: float) -> float | None:
    return value if abs(value) < float("inf") else None  # also for NaN
