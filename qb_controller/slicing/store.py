"""Slices and their events in SQLite, so that a restart forgets none."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from pathlib import Path as File
from typing import Any

from qb_controller.errors import ConfigError
from qb_controller.model.network import LinkId, Path
from qb_controller.model.slice_life import Event, Kind, Slice
from qb_controller.model.slices import Ends, Pipe, Placement, SliceRequest

FILE = "slices.sqlite"

KEEP_EVENTS = 20_000
KEEP_EXPIRED = 1_000
"""Events and expired slices that are kept, the newest ones."""

PRUNE_EVERY = 500
"""Writes."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS slices (
    name TEXT PRIMARY KEY,
    number INTEGER NOT NULL,
    state TEXT NOT NULL,
    since REAL NOT NULL,
    asked_at REAL NOT NULL,
    detail TEXT NOT NULL,
    decision INTEGER NOT NULL,
    request TEXT NOT NULL,
    placement TEXT
);
CREATE TABLE IF NOT EXISTS events (
    number INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    slice TEXT NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL
);
"""
_ENCODE = json.JSONEncoder(separators=(",", ":")).encode


class SliceStore:
    """See the module's text.

    Parameters
    ----------
    directory : Path or None
        Where the file lies or is made; None keeps all in memory.

    Raises
    ------
    ConfigError
        The file cannot be used. Slices are promises, so a damaged file is not passed over.
    """

    def __init__(self, directory: File | None = None) -> None:
        name = ":memory:" if directory is None else str(directory / FILE)
        self._writes = 0
        self._placed: dict[str, tuple[Placement, str]] = {}  # written already, as text
        try:
            self._db = sqlite3.connect(name, check_same_thread=False)  # one user at a time
            # The log survives the end of this process at any instant; see the journal.
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = OFF")
            self._db.executescript(_SCHEMA)
            self._newest = self._db.execute("SELECT MAX(number) FROM events").fetchone()[0] or 0
        except sqlite3.DatabaseError as error:
            raise ConfigError(f"{name}: {error}; move it away to begin without slices") from None

    def close(self) -> None:
        """Close the file; nothing is lost without it."""
        self._db.close()

    def slices(self) -> tuple[Slice, ...]:
        """All that is kept, by name.

        Raises
        ------
        ConfigError
            A record cannot be read.
        """
        rows = self._db.execute("SELECT * FROM slices ORDER BY name").fetchall()
        found = []
        for name, number, state, since, asked_at, detail, decision, request, placement in rows:
            try:
                what = _request_in(json.loads(request))
                place = _placement_in(json.loads(placement)) if placement else None
            except (KeyError, TypeError, ValueError) as error:
                raise ConfigError(f"{FILE}: slice {name} is unreadable: {error}") from None
            found.append(Slice(what, number, state, since, asked_at, detail, place, decision))
        return tuple(found)

    def write(
        self, slices: Iterable[Slice], events: Iterable[tuple[float, str, Kind, str]]
    ) -> tuple[Event, ...]:
        """Keep what changed and what is to be told, all of it or nothing; returns the events."""
        written = tuple(
            Event(number, *each) for number, each in enumerate(events, self._newest + 1)
        )
        rows = [self._row(one) for one in slices]
        with self._db:
            marks = ", ".join("?" * 9)
            self._db.executemany(f"INSERT OR REPLACE INTO slices VALUES ({marks})", rows)
            self._db.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?)", written)
            self._writes += 1
            if self._writes % PRUNE_EVERY == 0:
                self._prune()
        self._newest += len(written)
        return written

    def _row(self, one: Slice) -> tuple[Any, ...]:
        place = one.placement
        known = self._placed.get(one.name)
        if place is None:
            self._placed.pop(one.name, None)
            text = None
        elif known is not None and known[0] is place:
            text = known[1]
        else:
            text = _ENCODE(_placement_out(place))
            self._placed[one.name] = (place, text)
        told = (one.number, one.state, one.since, one.asked_at, one.detail, one.decision)
        return (one.name, *told, _ENCODE(_request_out(one.request)), text)

    def events(self, since: int, limit: int) -> tuple[Event, ...]:
        """Up to ``limit`` events with numbers above ``since``, oldest first."""
        rows = self._db.execute(
            "SELECT number, at, slice, kind, text FROM events WHERE number > ? "
            "ORDER BY number LIMIT ?",
            (since, limit),
        )
        return tuple(Event(*row) for row in rows)

    def newest(self) -> int:
        """Number of the newest event, 0 where there is none."""
        return self._newest

    def _prune(self) -> None:
        self._db.execute(
            "DELETE FROM events WHERE number <= (SELECT MAX(number) FROM events) - ?",
            (KEEP_EVENTS,),
        )
        self._db.execute(
            "DELETE FROM slices WHERE state = 'expired' AND name NOT IN (SELECT name FROM slices "
            "WHERE state = 'expired' ORDER BY since DESC LIMIT ?)",
            (KEEP_EXPIRED,),
        )


_FIELDS = tuple(SliceRequest.__dataclass_fields__)


def _request_out(request: SliceRequest) -> dict[str, Any]:
    return {name: getattr(request, name) for name in _FIELDS}


def _request_in(body: dict[str, Any]) -> SliceRequest:
    body["pairs"] = tuple(Ends(*pair) for pair in body["pairs"])
    body["hosts"] = tuple(body["hosts"])
    return SliceRequest(**body)


def _placement_out(placement: Placement) -> dict[str, Any]:
    return {
        "request": _request_out(placement.request),
        "number": placement.number,
        "decision": placement.decision,
        "pipes": [
            (pipe.ends, _path_out(pipe.path), _path_out(pipe.backup)) for pipe in placement.pipes
        ],
        "held": [(*link, rate) for link, rate in sorted(placement.held.items())],
    }


def _placement_in(body: dict[str, Any]) -> Placement:
    pipes = tuple(
        Pipe(Ends(*ends), _path_in(path), _path_in(backup)) for ends, path, backup in body["pipes"]
    )
    held = {LinkId(dpid, port): rate for dpid, port, rate in body["held"]}
    return Placement(_request_in(body["request"]), body["number"], body["decision"], pipes, held)


def _path_out(path: Path | None) -> Any:
    return None if path is None else (path.links, path.egress)


def _path_in(body: Any) -> Path | None:
    return None if body is None else Path(tuple(LinkId(*link) for link in body[0]), body[1])
