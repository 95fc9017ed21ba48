"""Slices and their events in SQLite, so that a restart forgets none."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Collection, Iterable
from pathlib import Path as File
from typing import Any, cast

from qb_controller.errors import ConfigError
from qb_controller.model.network import LinkId, Path
from qb_controller.model.slice_life import Event, Kind, Slice
from qb_controller.model.slices import Ends, Pipe, Placement, SliceRequest, State

FILE = "slices.sqlite"

KEEP_EVENTS = 20_000
KEEP_EXPIRED = 1_000
"""Events and expired slices that are kept, the newest ones."""

PRUNE_EVERY = 500
"""Writes."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS slices (
    name TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    since REAL NOT NULL,
    body TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS events (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    slice TEXT NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL
);
"""
_log = logging.getLogger("qb.slices")


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
        try:
            self._db = sqlite3.connect(name, check_same_thread=False)  # one user at a time
            # The log survives the end of this process at any instant; see the journal.
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = OFF")
            self._db.executescript(_SCHEMA)
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
        rows = self._db.execute("SELECT name, body FROM slices ORDER BY name").fetchall()
        found = []
        for name, body in rows:
            try:
                found.append(_slice(json.loads(body)))
            except (KeyError, TypeError, ValueError) as error:
                raise ConfigError(f"{FILE}: slice {name} is unreadable: {error}") from None
        return tuple(found)

    def write(
        self, slices: Iterable[Slice], events: Iterable[tuple[float, str, Kind, str]]
    ) -> tuple[Event, ...]:
        """Keep what changed and what is to be told, all of it or nothing; returns the events."""
        with self._db:
            self._db.executemany(
                "INSERT OR REPLACE INTO slices VALUES (?, ?, ?, ?)",
                [(one.name, one.state, one.since, _text(one)) for one in slices],
            )
            written = []
            for row in events:
                cursor = self._db.execute(
                    "INSERT INTO events (at, slice, kind, text) VALUES (?, ?, ?, ?)", row
                )
                written.append(Event(cast(int, cursor.lastrowid), *row))
            self._writes += 1
            if self._writes % PRUNE_EVERY == 0:
                self._prune()
        return tuple(written)

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
        (number,) = self._db.execute("SELECT MAX(number) FROM events").fetchone()
        return number or 0

    def forget(self, names: Collection[str]) -> None:
        """Drop slices for good."""
        with self._db:
            self._db.executemany("DELETE FROM slices WHERE name = ?", [(name,) for name in names])

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


def _text(one: Slice) -> str:
    placement = one.placement
    body = {
        "request": _request_out(one.request),
        "number": one.number,
        "state": one.state,
        "since": one.since,
        "asked_at": one.asked_at,
        "detail": one.detail,
        "decision": one.decision,
        "placement": None if placement is None else _placement_out(placement),
    }
    return json.dumps(body, separators=(",", ":"))


def _slice(body: dict[str, Any]) -> Slice:
    placement = body.pop("placement")
    request = _request_in(body.pop("request"))
    body["state"] = cast(State, body["state"])
    return Slice(request, **body, placement=_placement_in(placement) if placement else None)


def _request_out(request: SliceRequest) -> dict[str, Any]:
    return {name: getattr(request, name) for name in SliceRequest.__dataclass_fields__}


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
