from __future__ import annotations

import math
import sqlite3
from pathlib import Path

import pytest

from qb_controller.model.decision import Candidate, Decision, Outcome
from qb_controller.orchestration import journal as module
from qb_controller.orchestration.journal import FILE, Journal, from_json, to_json


def decision(number: int, status: str | None = None, backend: str = "fast") -> Decision:
    outcome = Outcome(status, 0.1, 1.2, 0.9, 0.89, 4, "fine", {"raw": 0.5}) if status else None
    candidates = (Candidate("fast", "classical", 0.1, 0.01, 20.0),)
    features = {"demands": 132.0, "gap": float("inf")}
    return Decision(number, "te", 12.5, 0.5, features, candidates, backend, "because", outcome)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    assert journal.next_number() == 1
    journal.begin(decision(1))
    journal.finish(decision(1, "improved"))
    journal.finish(decision(2, "kept", backend="none"))
    journal.close()
    again = Journal(tmp_path)
    assert again.next_number() == 3
    assert [d.number for d in again.recent(10)] == [1, 2]
    assert [d.number for d in again.recent(1)] == [2]
    assert [d.number for d in again.solved(10)] == [1]
    got = again.get(1)
    assert got is not None and got.outcome == decision(1, "improved").outcome
    assert got.candidates == decision(1).candidates
    assert again.get(99) is None


def test_a_decision_cut_short_keeps_its_number_and_is_marked(tmp_path: Path) -> None:
    Journal(tmp_path).begin(decision(5))
    again = Journal(tmp_path)
    assert again.next_number() == 6
    got = again.get(5)
    assert got is not None and got.outcome is not None
    assert got.outcome.status == "failed"
    assert "ended before" in got.outcome.detail


def test_numbers_that_json_lacks_survive() -> None:
    extra: dict[str, float | str] = {"first_s": float("inf"), "run": "killed"}
    before = decision(1, "late")
    assert before.outcome is not None
    outcome = Outcome("late", 0.1, float("nan"), 0.9, 0.89, 0, "", extra)
    text = to_json(Decision(1, "te", 1.0, 0.5, {}, (), "x", "y", outcome))
    assert "NaN" not in text and "Infinity" not in text
    got = from_json(text).outcome
    assert got is not None and math.isnan(got.mlu_before) and got.extra == extra


def test_a_damaged_file_is_put_aside(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"this is no database" * 100)
    journal = Journal(tmp_path)
    journal.finish(decision(1, "kept"))
    assert journal.next_number() == 2
    assert [p for p in tmp_path.iterdir() if "damaged" in p.name]


def test_records_of_another_form_are_passed_over(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.finish(decision(1, "kept"))
    journal.close()
    with sqlite3.connect(tmp_path / FILE) as db:
        db.execute("INSERT INTO decisions VALUES (2, 'te', 0, 'x', 'kept', '{\"odd\": 1}')")
    again = Journal(tmp_path)
    assert [d.number for d in again.recent(10)] == [1]
    assert again.next_number() == 3


def test_quiet_decisions_are_pruned_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEEP_QUIET", 10)
    monkeypatch.setattr(module, "KEEP_ALL", 30)
    monkeypatch.setattr(module, "PRUNE_EVERY", 5)
    journal = Journal(tmp_path)
    for number in range(1, 51):
        journal.finish(decision(number, "improved" if number % 10 == 0 else "kept"))
    assert [d.number for d in journal.recent(99)] == [
        n for n in range(1, 51) if n > 40 or (n % 10 == 0 and n > 20)
    ]
