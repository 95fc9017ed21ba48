from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from qb_controller.cli import main
from qb_controller.orchestration.calibration import (
    BUDGETS,
    PROBLEMS,
    missing,
    trials,
)
from qb_controller.orchestration.journal import Journal
from qb_controller.orchestration.outcomes import Outcomes, Row
from qb_controller.orchestration.performance import Outcome
from qb_controller.orchestration.service import Question, Service
from qb_controller.runtime.engine import Availability
from qb_controller.runtime.messages import Settings
from quantum_backends.registry import BACKENDS
from quantum_backends.routing import one_hot
from quantum_backends.testing import tiny_problem

FEATURES = {"size": 30.0, "allowed_s": 0.3, "split": 0.0, "bound": 1.0, "incumbent": 1.4}


def test_devices_are_listed_with_their_models_and_sources(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["devices", "--json"]) == 0
    rows = {row["backend"]: row for row in json.loads(capsys.readouterr().out)}
    assert set(rows) == set(BACKENDS)
    gate = rows["qaoa-blocks"]
    assert gate["simulated"] and gate["time_model"]["source"] and gate["modelled_s"] > 1
    assert rows["local-search"]["power"]["source"]
    assert main(["devices"]) == 0
    assert "simulated on this processor" in capsys.readouterr().out


def test_the_model_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = Outcomes(tmp_path)
    for _ in range(3):
        outcome = Outcome(0.01, 0.3, 0.02)
        outcomes.add(Row(1.0, "live", "routing", "local-search", FEATURES, outcome))
    outcomes.close()
    assert main(["model", "--state", str(tmp_path), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["backend"] for row in rows} == {"local-search"}
    assert rows[0]["outcomes"] == 3 and rows[0]["gap10"] <= rows[0]["gap90"]
    assert main(["model", "--state", str(tmp_path), "--outcomes", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 3


def test_a_model_that_is_not_there_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["model", "--state", str(tmp_path / "none")]) == 2
    assert "qb calibrate" in capsys.readouterr().err


def test_a_calibration_goes_on_where_it_stopped(tmp_path: Path) -> None:
    some = {name: BACKENDS[name] for name in ("local-search", "exhaustive")}
    small = {name: PROBLEMS[name] for name in ("ring-11", "mesh-14", "choices-25")}
    wanted = trials(some, 0, small)
    assert len({trial.source for trial in wanted}) == len(wanted)
    assert {trial.problem for trial in wanted} == set(small)
    assert {trial.budget_s for trial in wanted} == set(BUDGETS)
    assert any(trial.formulation == "hot-12" for trial in wanted)
    outcomes = Outcomes(tmp_path)
    done = wanted[3]
    outcomes.add(Row(1.0, done.source, "routing", done.backend, FEATURES, Outcome(0.1, 0.1, 0.0)))
    assert set(wanted) - set(missing(wanted, outcomes)) == {done}


def test_a_calibration_counts_what_has_an_outcome_and_what_was_passed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Enumeration refuses or never ends most of what it is asked; the real solver in its worker."""
    calibrate = ["calibrate", "--state", str(tmp_path), "--backend", "exhaustive"]
    told = []
    for _ in range(2):
        assert main([*calibrate, "--minutes", "2", "--json"]) == 0
        told.append(json.loads(capsys.readouterr().out))
    first, second = told
    for one in told:
        parts = ("done_before", "done", "passed_over", "left")
        assert sum(one[part] for part in parts) == one["trials"]
    outcomes = Outcomes(tmp_path)
    assert len(outcomes) == second["done_before"] + second["done"]
    outcomes.close()
    assert second["done_before"] == first["done"]
    assert first["left"] == second["left"] == 0
    assert main(calibrate) == 0
    text = capsys.readouterr().out
    assert f"calibrated: {second['done_before'] + second['done']} trials" in text
    assert ("passed over" in text) is (second["passed_over"] > 0)


class Idle:
    grace_s = 0.05

    def availability(self) -> Availability:
        return Availability(dict.fromkeys(BACKENDS, 0.0), {}, 2)


def test_explain_reads_the_journal_and_takes_the_decision_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    problem = tiny_problem()
    stuck = replace(problem, incumbent=one_hot(problem, problem.layout.first[:-1]), bound=0.7)
    journal = Journal(tmp_path)
    service = Service(Idle(), BACKENDS, journal)  # type: ignore[arg-type]
    decision = service.decide(Question(stuck, "lab", Settings(), time.monotonic() + 0.4))
    journal.finish(replace(decision, regret={"sa-blocks": 1.5}))
    journal.finish(replace(decision, number=2, backend="sa-blocks"))
    journal.close()
    explain = ["explain", "1", "--state", str(tmp_path), "--replay"]
    assert main(explain) == 0
    text = capsys.readouterr().out
    for part in ("Decision 1 of lab", "late", "gap90", "sa-blocks would have been better by 1.5"):
        assert part in text, part
    assert text.endswith("Replay: the same choice\n")
    assert main([*explain[:1], "2", *explain[2:], "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert not answer["replay"]["same"]
    assert any(candidate["forecasts"] for candidate in answer["candidates"])
    assert main(["explain", "9", "--state", str(tmp_path)]) == 2
    assert main(["explain", "--replay"]) == 2
