"""The record of every decision and its outcome, in SQLite.

A decision is written before its solver starts, so that its number is taken even if the process
is killed in the middle, and again with its outcome.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import sqlite3
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from qb_controller.model.decision import Candidate, Decision, Forecast, Outcome

FILE = "journal.sqlite"

KEEP_QUIET = 20_000
KEEP_ALL = 50_000
"""Decisions kept: the newest of those that changed nothing (half a day at one a second), and the
newest of all, since a rule may stay in place for long. About 1 kB where no backend was asked,
else some 6 kB."""

PRUNE_EVERY = 1000

_SCHEMA = """
CREATE TABLE IF NOT EXISTS decisions (
    number INTEGER PRIMARY KEY,
    application TEXT NOT NULL,
    at REAL NOT NULL,
    backend TEXT NOT NULL,
    status TEXT,
    body TEXT NOT NULL
);
"""
_log = logging.getLogger("qb.journal")


class Journal:
    """Decisions with their outcomes.

    Parameters
    ----------
    directory : Path or None
        Where the file lies or is made; None keeps the journal in memory.

    Attributes
    ----------
    directory : Path or None
    """

    def __init__(self, directory: Path | None = None) -> None:
        self.directory = directory
        self._since_prune = 0
        if directory is None:
            self._db = _open(":memory:")
        else:
            directory.mkdir(parents=True, exist_ok=True)
            self._db = _open_or_renew(directory / FILE)
        self._close_unfinished()

    def close(self) -> None:
        """Close the file; nothing is lost without it."""
        self._db.close()

    def next_number(self) -> int:
        """Return the number above all recorded ones."""
        (highest,) = self._db.execute("SELECT MAX(number) FROM decisions").fetchone()
        return (highest or 0) + 1

    def begin(self, decision: Decision) -> None:
        """Record a decision whose outcome is not known yet."""
        self._write(decision)

    def finish(self, decision: Decision) -> None:
        """Record the outcome of a decision."""
        self._write(decision)
        self._since_prune += 1
        if self._since_prune >= PRUNE_EVERY:
            self._since_prune = 0
            self._prune()

    def get(self, number: int) -> Decision | None:
        """One decision, None where there is none of that number."""
        row = self._db.execute("SELECT body FROM decisions WHERE number = ?", (number,)).fetchone()
        return from_json(row[0]) if row else None

    def recent(self, count: int) -> tuple[Decision, ...]:
        """The newest decisions, oldest first."""
        rows = self._db.execute(
            "SELECT body FROM decisions ORDER BY number DESC LIMIT ?", (count,)
        ).fetchall()
        return _readable(reversed(rows))

    def solved(self, count: int) -> tuple[Decision, ...]:
        """The newest decisions in which a backend was asked, oldest first."""
        rows = self._db.execute(
            "SELECT body FROM decisions WHERE backend <> 'none' ORDER BY number DESC LIMIT ?",
            (count,),
        ).fetchall()
        return _readable(reversed(rows))

    def _write(self, decision: Decision) -> None:
        status = decision.outcome.status if decision.outcome else None
        row = (decision.number, decision.application, decision.at, decision.backend, status)
        with self._db:
            self._db.execute(
                "INSERT OR REPLACE INTO decisions VALUES (?, ?, ?, ?, ?, ?)",
                (*row, to_json(decision)),
            )

    def _close_unfinished(self) -> None:
        rows = self._db.execute("SELECT body FROM decisions WHERE status IS NULL").fetchall()
        for decision in _readable(rows):
            detail = "the optimiser ended before the outcome was known"
            mlu = float("nan")
            outcome = Outcome("failed", 0.0, mlu, mlu, mlu, 0, detail)
            self._write(replace(decision, outcome=outcome))

    def _prune(self) -> None:
        with self._db:
            self._db.execute(
                "DELETE FROM decisions WHERE status = 'kept' AND number <= "
                "(SELECT MAX(number) FROM decisions) - ?",
                (KEEP_QUIET,),
            )
            self._db.execute(
                "DELETE FROM decisions WHERE number <= (SELECT MAX(number) FROM decisions) - ?",
                (KEEP_ALL,),
            )


def recorded(directory: Path, number: int | None) -> Decision | None:
    """Read one decision from the file of another process, which may be writing; change nothing.

    Parameters
    ----------
    directory : Path
        Where the journal lies.
    number : int or None
        None: the latest.

    Returns
    -------
    Decision or None
        None where there is none of that number.

    Raises
    ------
    FileNotFoundError
        There is no journal.
    """
    path = directory / FILE
    if not path.exists():
        raise FileNotFoundError(f"{path}: no journal there")
    which = "WHERE number = ?" if number is not None else "ORDER BY number DESC LIMIT 1"
    given = (number,) if number is not None else ()
    with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
        row = db.execute(f"SELECT body FROM decisions {which}", given).fetchone()
    return from_json(row[0]) if row else None


def _readable(rows: Iterable[tuple[str]]) -> tuple[Decision, ...]:
    """Read rows, passing over what another version of the program wrote in another form."""
    decisions = []
    for (body,) in rows:
        try:
            decisions.append(from_json(body))
        except (KeyError, TypeError, ValueError) as error:
            _log.warning("journal: passing over a record of another form (%s)", error)
    return tuple(decisions)


def to_json(decision: Decision) -> str:
    """Write a decision as JSON; numbers that JSON does not know become null.

    Forecasts are written as bare rows: they are most of a record.
    """
    data = asdict(replace(decision, candidates=()))
    data["candidates"] = [each._asdict() for each in decision.candidates]
    return json.dumps(_finite(data), separators=(",", ":"))


def from_json(text: str) -> Decision:
    """Read what :func:`to_json` wrote; null numbers come back as NaN."""
    data = json.loads(text)
    outcome = data.pop("outcome")
    candidates = tuple(_candidate(each) for each in data.pop("candidates"))
    features = {key: _number(value) for key, value in data.pop("features").items()}
    if outcome is not None:
        for key in ("mlu_before", "mlu", "bound"):
            outcome[key] = _number(outcome[key])
        # The only figures of a backend that are not finite are times and gaps that never came.
        extra = outcome["extra"].items()
        outcome["extra"] = {k: float("inf") if v is None else v for k, v in extra}
    return Decision(
        **data,
        features=features,
        candidates=candidates,
        outcome=Outcome(**outcome) if outcome else None,
    )


def _candidate(data: dict[str, Any]) -> Candidate:
    forecasts = tuple(Forecast(*each) for each in data.pop("forecasts", ()))
    return Candidate(**data, forecasts=forecasts)


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    if isinstance(value, str | bool | int) or value is None:
        return value
    number = float(value)  # also takes NumPy's own numbers
    return number if math.isfinite(number) else None


def _open(name: str) -> sqlite3.Connection:
    db = sqlite3.connect(name, check_same_thread=False)  # one thread at a time uses it
    try:
        # The log survives the end of this process at any instant, which is all that is asked; a
        # sync of the disk at each decision would cost more than many a cycle.
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = OFF")
        db.executescript(_SCHEMA)
        db.execute("SELECT MAX(number) FROM decisions").fetchone()
    except sqlite3.DatabaseError:
        db.close()
        raise
    return db


def _open_or_renew(path: Path) -> sqlite3.Connection:
    """Open the journal; put a damaged one aside, because forwarding matters more than history."""
    try:
        return _open(str(path))
    except sqlite3.OperationalError:
        raise  # a directory that cannot be written, a full disk: a person has to mend it
    except sqlite3.DatabaseError as error:
        aside = path.with_name(f"{path.name}.damaged-{int(time.time())}")
        _log.error("journal %s is damaged (%s); kept as %s, starting anew", path, error, aside.name)
        path.rename(aside)
        for suffix in ("-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                path.with_name(path.name + suffix).unlink()
        return _open(str(path))
