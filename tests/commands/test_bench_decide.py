from __future__ import annotations

import json

import pytest

from qb_controller.cli import main
from qb_controller.commands import bench_decide


def test_what_a_decision_costs_is_measured(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_decide, "NODES", {100: 7, 1000: 19})
    assert main(["bench", "decide", "--quick", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    rows = found["runs"]
    assert [(row["demands"], row["deadline_s"]) for row in rows] == [
        (demands, deadline) for demands in (42, 342) for deadline in bench_decide.DEADLINES
    ]
    for row in rows:
        assert 0 < row["p50_ms"] <= row["p99_ms"]
        assert 0 < row["rested_p50_ms"] <= row["rested_p99_ms"]
        assert row["p99_share"] == pytest.approx(1e-3 * row["p99_ms"] / row["deadline_s"])
        assert row["cpu_p50_ms"] > 0
        assert row["features_p50_ms"] + row["refusals_p50_ms"] < row["p50_ms"] + 0.1
    # In so short a time fewer are looked at.
    assert rows[0]["cpu_p50_ms"] < rows[1]["cpu_p50_ms"]


def test_the_table_is_for_people(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_decide, "NODES", {100: 7})
    assert main(["bench", "decide", "--quick"]) == 0
    text = capsys.readouterr().out
    assert "p99_share" in text and "%" in text
