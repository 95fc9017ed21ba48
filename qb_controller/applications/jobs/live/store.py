"""Jobs and what QPUs have counted for them, in one SQLite file."""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from qb_controller.applications.jobs.live.running import Part
from qb_controller.applications.jobs.live.submission import Submission
from qb_controller.errors import InputError
from quantum_backends.circuit_batch import Quality

WAITING, RUNNING = "waiting", "running"
DONE, MISSED, CANCELLED, FAILED = "done", "missed", "cancelled", "failed"
OPEN = (WAITING, RUNNING)
"""States of a job; those that are not over yet. A job that was refused never becomes one."""

FILE = "jobs.sqlite"
LOCK = "jobs.lock"
"""Held by the one process that runs the jobs of a directory; others may look."""

COUNTS_OF = 1000
"""Counts are kept of so many jobs, the newest; of older ones only where and when they ran. A job
may have a megabyte of them, and nobody reads them once its value is known."""

_TABLES = """
create table if not exists jobs (
    number integer primary key autoincrement, submission text not null, qubits integer not null,
    arrival real not null, deadline real not null, status text not null, way text not null,
    expected real, ended real, detail text not null, result text
);
create table if not exists parts (
    job integer not null references jobs, part text not null
);
create index if not exists parts_of on parts (job);
create unique index if not exists jobs_of_key on jobs (json_extract(submission, '$.key'))
    where json_extract(submission, '$.key') <> '';
"""


@dataclass(frozen=True)
class Record:
    """A job as it is kept.

    Attributes
    ----------
    number : int
    submission : Submission
    qubits : int
    arrival, deadline : float
        Unix time.
    status : str
    way : str
        How it is served, in words; empty while nothing of it has been dispatched.
    expected : float or None
        Earliest end that was possible when it was taken; Unix time, by modelled times.
    ended : float or None
    detail : str
    result : dict or None
    """

    number: int
    submission: Submission
    qubits: int
    arrival: float
    deadline: float
    status: str
    way: str
    expected: float | None
    ended: float | None
    detail: str
    result: dict[str, Any] | None

    @property
    def name(self) -> str:
        return f"j{self.number}"


class Store:
    """The file.

    Parameters
    ----------
    folder : Path or None
        Made where it is not there; None keeps all in memory.

    Attributes
    ----------
    alone : bool
        Whether nobody else runs these jobs, so that they may be taken up and changed.

    Raises
    ------
    InputError
        The file cannot be opened.
    """

    def __init__(self, folder: Path | None) -> None:
        self.alone, self._lock = True, -1
        try:
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
                self._lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
                self.alone = _locked(self._lock)
            place = ":memory:" if folder is None else str(folder / FILE)
            self._db = sqlite3.connect(place, isolation_level=None)
            self._db.execute("pragma journal_mode = wal")
            self._db.executescript(_TABLES)
        except (OSError, sqlite3.Error) as error:
            raise InputError(f"{folder}: cannot keep jobs there: {error}") from None

    def close(self) -> None:
        self._db.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def add(self, submission: Submission, qubits: int, arrival: float, expected: float) -> Record:
        """Keep a new job."""
        values = (submission.to_json(), qubits, arrival, arrival + submission.deadline_s, expected)
        cursor = self._db.execute(
            "insert into jobs (submission, qubits, arrival, deadline, expected, status, way, "
            "detail) values (?, ?, ?, ?, ?, 'waiting', '', '')",
            values,
        )
        found = self.get(int(cursor.lastrowid or 0))
        assert found is not None
        self._thin_out(found.number - COUNTS_OF)
        return found

    def _thin_out(self, number: int) -> None:
        self._db.execute(
            "update parts set part = json_set(part, '$.counts', json('{}'), '$.qualities', "
            "json('{}')) where job = (select number from jobs where number = ? and status not in "
            "('waiting', 'running'))",
            (number,),
        )

    def next_number(self) -> int:
        """The number that the next job will have."""
        row = self._db.execute("select seq from sqlite_sequence where name = 'jobs'").fetchone()
        return (row[0] if row else 0) + 1

    def change(self, number: int, **values: Any) -> None:
        """Set columns of a job."""
        if "result" in values:
            values["result"] = json.dumps(values["result"], allow_nan=False)
        names = ", ".join(f"{name} = ?" for name in values)
        self._db.execute(f"update jobs set {names} where number = ?", (*values.values(), number))

    def get(self, number: int) -> Record | None:
        """One job; None where there is none of the number."""
        return next(self._records("where number = ?", number), None)

    def of_key(self, key: str) -> Record | None:
        """The job that a client gave this key; None where there is none."""
        there = "json_extract(submission, '$.key')"
        return next(self._records(f"where {there} = ? and {there} <> ''", key), None)

    def latest(self, limit: int) -> list[Record]:
        """Jobs, the newest first."""
        return list(self._records("order by number desc limit ?", limit))

    def unfinished(self) -> list[Record]:
        """Jobs that are not over, oldest first."""
        return list(self._records("where status in ('waiting', 'running') order by number"))

    def keep(self, number: int, part: Part) -> None:
        """Keep what a QPU has counted."""
        self._db.execute("insert into parts values (?, ?)", (number, json.dumps(asdict(part))))

    def parts(self, number: int) -> list[Part]:
        """What QPUs have counted for a job, in the order of their ends."""
        rows = self._db.execute("select part from parts where job = ? order by rowid", (number,))
        return [_part(json.loads(text)) for (text,) in rows]

    def forget_parts(self, number: int) -> None:
        """What was counted does not fit the job any more."""
        self._db.execute("delete from parts where job = ?", (number,))

    def _records(self, where: str, *values: object) -> Iterator[Record]:
        columns = "number, submission, qubits, arrival, deadline, status, way, expected, ended"
        rows = self._db.execute(f"select {columns}, detail, result from jobs {where}", values)
        for number, submission, *middle, text in rows:
            asked = Submission(**json.loads(submission))
            result = json.loads(text) if text else None
            qubits, arrival, deadline, status, way, expected, ended, detail = middle
            yield Record(
                number, asked, qubits, arrival, deadline, status, way, expected, ended, detail,
                result,
            )  # fmt: skip


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _part(data: dict[str, Any]) -> Part:
    """Keys are numbers again."""
    data["shots"] = {int(key): times for key, times in data["shots"].items()}
    data["counts"] = {
        int(key): {int(bits): times for bits, times in counts.items()}
        for key, counts in data["counts"].items()
    }
    data["qualities"] = {int(key): Quality(**good) for key, good in data["qualities"].items()}
    return Part(**data)
