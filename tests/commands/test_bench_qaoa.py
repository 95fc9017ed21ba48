"""``qb bench qaoa`` on blocks small enough for a test."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from qb_controller.cli import main
from qb_controller.commands import bench_qaoa
from qb_controller.commands.bench_qaoa import Plan
from qb_controller.commands.bench_qaoa_trials import Case, Samplers, Trial, cases
from quantum_backends.bqm import random_model

TINY = (
    Plan("noiseless", 6, (1, 2), (0, 8)),
    Plan("noisy", 6, (1,), (0,), scored=64),
    Plan("qiskit-optimization", 6, (1,), (8,)),
    Plan("noiseless", 6, (3,), (0,), quick=False),
)


def test_a_tiny_run_end_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench_qaoa, "PLANS", TINY)
    monkeypatch.setattr(bench_qaoa, "QUICK_BLOCKS", {6: 2})
    monkeypatch.setattr(bench_qaoa, "NOISY_STOPS", ((6, 4),))
    file, picture = tmp_path / "a.json", tmp_path / "a.png"
    argv = ["bench", "qaoa", "--quick", "--json", str(file), "--plot", str(picture)]
    assert main(argv) == 0
    answer = json.loads(file.read_text())
    assert picture.stat().st_size > 10_000 and answer["meta"]["seed"] == 0
    assert {"qiskit-ibm-runtime", "qiskit-optimization"} <= set(answer["meta"]["libraries"])
    assert [len(answer[key]) for key in ("runs", "summary", "noisy_stops")] == [12, 6, 1]
    for run in answer["runs"]:
        optimised = run["angles"] != "transferred"
        assert 256 * (1 + optimised) <= run["shots"] <= 256 * (1 + 8 * optimised)
        assert run["found"] == (run["best_ratio"] == pytest.approx(1))
        assert run["ratio"] <= 1 <= run["cost_ratio"] and 0 <= run["p_optimum"] <= 1
        assert run["modelled_device_s"] > 2 * run["circuits"]
        assert run["random"]["chance"] > 0.98  # 256 of 64 strings
    table = capsys.readouterr().out
    assert "modelled_device" in table and "noisy, 6 qubits" in table
    assert main(argv) == 0
    assert json.loads(file.read_text())["runs"] == answer["runs"]  # times too: nothing ran again


def test_sizes_that_are_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "qaoa", "--qubits", "8,9"]) != 0
    assert "--qubits 9" in capsys.readouterr().err


def test_ratios_of_the_optimum_and_of_guessing() -> None:
    case = Case.of(random_model(6, 1.0, 2).coefficients)
    assert case.ratio(case.least) == 1 and case.ratio(case.mean) == 0
    assert case.found(case.least) and not case.found(case.mean)
    assert case.optimum.sum() == 1
    every = (np.arange(64)[:, None] >> np.arange(6) & 1).astype(np.int8)
    assert case.lowest(every) == case.least


def test_seeds_make_the_blocks() -> None:
    first, again, other = (cases(6, 1, seed)[0].digest for seed in (0, 0, 1))
    assert first == again != other


def test_depth_helps_and_noise_does_not() -> None:
    case = Case.of(random_model(6, 1.0, 1).coefficients)
    samplers = Samplers()

    def likely(sampler: str, depth: int, scored: int = 0) -> float:
        found = samplers.measure(Trial(sampler, 6, depth, 0, 256, scored), case, 0)
        assert found["found"] and found["circuits"] == 1
        return float(found["p_optimum"])

    shallow, deep = likely("noiseless", 1), likely("noiseless", 3)
    assert 2 / 64 < shallow < deep
    assert likely("noisy", 3, 4096) < deep
