"""Statistics by hand, and a tiny run of the benchmark and of the simulation."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from scipy import stats

from qb_controller.applications.jobs.workload import Cell
from qb_controller.cli import main
from qb_controller.commands.jobs_score import (
    aims_of,
    holm,
    interval,
    is_significant,
    losses,
    paired_p,
    rows_of,
)
from qb_controller.commands.jobs_small import REFERENCE
from qb_controller.commands.jobs_trials import Trial
from tests.commands.conftest import Ran

TINY = """
workload: {requests: 12, requests_per_qpu: 1}
small:
  {requests: 5, qpus: 2, loads: [1.25], tightness: [1.5, 3.0], seeds: 2, seconds: 2, budget_s: 0.2,
   foresight: {kinds: 20, futures: 4}}
scale: {waiting: [5, 20]}
grid: {qpus: 3, large_qpus: 4, loads: [1.0], tightness: [1.5], side_loads: [1.0]}
"""


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    def call(*argv: str) -> Ran:
        code = main(argv)
        text = capsys.readouterr()
        return Ran(code, text.out, text.err)

    return call


def trial(seed: int, cell: Cell, **served: int) -> Trial:
    return Trial(cell, seed, 100, 90.0, served, dict.fromkeys(served, 0.1), (1.0, 2.0, 3.0))


def test_intervals_and_corrections() -> None:
    mean, low, high = interval([1.0, 2.0, 3.0])
    half = stats.t.ppf(0.975, 2) / 3**0.5
    assert (mean, low, high) == pytest.approx((2.0, 2 - half, 2 + half))
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, 0.9]) == [1.0, 1.0]
    assert paired_p([0, 0, 0]) == 1.0
    assert paired_p([1, -1, 2, -2]) == pytest.approx(1.0)
    # Mean 2, standard error 1 / sqrt(3): t is 2 sqrt(3) with two degrees of freedom.
    assert paired_p([1, 2, 3]) == pytest.approx(2 * stats.t.sf(2 * 3**0.5, 2))
    assert paired_p([5, 5, 5]) == 0.0


def test_rows_say_who_is_ahead_and_where_ours_loses() -> None:
    tight, loose = Cell(1.0, 1.5, 8), Cell(0.5, 5.0, 8)
    trials = [trial(s, tight, qb=60 + s, fifo=40 + s, greedy=50) for s in range(10)]
    trials += [trial(s, loose, qb=90, fifo=92 + s % 3, greedy=90) for s in range(10)]
    rows = rows_of(trials)
    assert len(rows) == 6 and {row["seeds"] for row in rows} == {10}
    fifo = next(row for row in rows if row["scheduler"] == "fifo" and row["load"] == 1.0)
    assert fifo["qb_ahead"] == 20 and fifo["qb_ahead_ci95"] == [20, 20]
    assert fifo["served_mean"] == pytest.approx(44.5)
    assert fifo["p_holm"] == 0.0
    lost = losses(rows)
    assert [row["scheduler"] for row in lost] == ["fifo"] and lost[0]["load"] == 0.5
    assert is_significant(lost[0])
    by_name = {aim["baseline"]: aim for aim in aims_of(rows)}
    assert by_name["fifo"]["cells"] == 1 and by_name["fifo"]["reached"]
    assert by_name["fifo"]["more_percent"] == pytest.approx(100 * 20 / 44.5)
    assert by_name["greedy"]["more_percent"] == pytest.approx(29.0)


def test_a_tiny_bench_goes_on_where_it_was(run: Callable[..., Ran], tmp_path: Path) -> None:
    settings, target = tmp_path / "tiny.yaml", tmp_path / "out.json"
    settings.write_text(TINY)
    options = ["--settings", str(settings), "--schedulers", "fifo,greedy+split", "--seeds", "2"]
    options += ["--json", str(target), "--report", str(tmp_path / "page.md")]
    options += ["--only", "qpus=3,arrivals=poisson,cutting=true,tightness=1.5"]
    done = run("bench", "jobs", *options)
    assert done.code == 0, done.err
    found = json.loads(target.read_text())
    names = [cell["scheduler"] for cell in found["cells"]]
    assert names == ["qb", "fifo", "greedy+split"]
    for cell in found["cells"]:
        wanted = "load tightness qpus scheduler served_mean served_ci95 arrived seeds upper_bound"
        assert set(wanted.split()) <= set(cell)
        assert cell["served_mean"] <= cell["upper_bound"] <= cell["arrived"] == 12
    examined = {row["scheduler"] for row in found["ablation"]}
    assert {"qb", "qb without prices", "edf+admit"} <= examined
    assert found["meta"]["seed"] == 0 and found["small"]["instances"] == 4
    assert [cell["tightness"] for cell in found["small"]["cells"]] == [1.5, 3.0]
    assert 0 < found["small"]["online"] <= found["small"]["knowing"] <= 1
    for part in (found["small"], *found["small"]["cells"]):
        assert set(part["shares"]) >= {"online qb", "online greedy", REFERENCE}
        ahead, least, most = part["gaps"][f"{REFERENCE}, over ours"]
        assert least <= ahead <= most
        assert ahead == pytest.approx(part["shares"][REFERENCE] - part["online"])
    assert all(0 < row[REFERENCE] <= 5 for row in found["small"]["rows"])
    assert [row["waiting"] for row in found["scale"]] == [5, 20]
    page = (tmp_path / "page.md").read_text()
    assert (
        "median: 10000" in page
        and f"{REFERENCE}, over ours" in page
        and (tmp_path / "page-gantt.png").exists()
    )
    lines = (tmp_path / "out.json.trials.jsonl").read_text()
    assert len(lines.splitlines()) == 2
    settings.write_text(TINY + "service_noise: 0.3\n")
    again = run("bench", "jobs", *options)
    assert again.code == 2 and "other parameters" in again.err


def test_wrong_options_are_named(run: Callable[..., Ran]) -> None:
    for argv, text in (
        (("bench", "jobs", "--schedulers", "best"), "--schedulers best: there are qb"),
        (("bench", "jobs", "--only", "colour=1"), "--only colour=1"),
        (("bench", "jobs", "--seeds", "1"), "--seeds 1"),
        (("jobs", "simulate", "--load", "0"), "above zero"),
        (("jobs", "simulate", "--arrivals", "/nowhere"), "/nowhere: cannot read"),
        (("jobs", "simulate", "--schedulers", "best"), "no scheduler is called 'best'"),
    ):
        ran = run(*argv)
        assert ran.code == 2 and text in ran.err, ran.err


def test_simulate(run: Callable[..., Ran], tmp_path: Path) -> None:
    times = tmp_path / "times"
    times.write_text(" ".join(str(2 * i) for i in range(15)))
    picture = tmp_path / "gantt.png"
    ran = run(
        *("jobs", "simulate", "--qpus", "3", "--arrivals", str(times), "--no-cutting"),
        *("--schedulers", "qb,edf", "--gantt", str(picture), "--json"),
    )
    assert ran.code == 0, ran.err
    assert [row["scheduler"] for row in ran.json["runs"]] == ["qb", "edf"]
    for row in ran.json["runs"]:
        assert row["arrived"] == 15 and row["served"] <= ran.json["upper_bound"]
    assert {job["variant"] for job in ran.json["sub_jobs"]["qb"]} == {0}
    assert picture.exists()


def test_decisions_may_go_through_the_policy(run: Callable[..., Ran]) -> None:
    ran = run(
        *("jobs", "simulate", "--qpus", "3", "--requests", "8", "--schedulers", "qb"),
        *("--backend", "local-search", "--decide-within", "0.1", "--json"),
    )
    assert ran.code == 0, ran.err
    asked, built_in = ran.json["runs"]
    assert asked["scheduler"] == "qb by local-search"
    assert asked["arrived"] == 8 and asked["served"] >= built_in["served"] - 2
