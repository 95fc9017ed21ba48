"""Scores on tables made by hand, and a tiny run of each benchmark of the policy."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qb_controller.cli import main
from qb_controller.commands import bench_crossover, crossover_device
from qb_controller.commands.bench_falsify import judged
from qb_controller.commands.bench_policy import judge
from qb_controller.commands.crossover_device import Curve, Qpu, answer
from qb_controller.commands.falsify_runs import FAMILIES, Done
from qb_controller.commands.policy_baselines import Forest, LinUcb, Policy, Rule
from qb_controller.commands.policy_job_tasks import drawn_schedule, waiting_jobs
from qb_controller.commands.policy_score import Table, ahead, closed_interval, missed
from qb_controller.commands.policy_table import Case, Kept, Trial
from qb_controller.commands.policy_tasks import stream
from qb_controller.orchestration.policy import NONE
from qb_controller.runtime.task import Worth
from quantum_backends.greedy import greedy
from tests.commands.conftest import Ran

FAMILY = {"local-search": "classical", "highs-lp": "classical", "sa-blocks": "annealer"}
QUALITY = Worth(early=0.0)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    def call(*argv: str) -> Ran:
        code = main(argv)
        text = capsys.readouterr()
        return Ran(code, text.out, text.err)

    return call


def case(number: int, gaps: dict[str, float | None], unseen: bool = True, size: int = 30) -> Case:
    """A routing task of bound 1 and incumbent 1.5; a gap of None is a miss."""
    trials = {
        name: Trial(0.5, 0.1, None if gap is None else 1 + gap, 0.0, 0.0, "answered")
        for name, gap in gaps.items()
    }
    seen = {"size": float(size), "bound": 1.0, "incumbent": 1.5, "gap": 0.5}
    seen |= {"allowed_s": 1.0, "deadline_s": 1.0}
    return Case(f"t{number}", "te", "routing", unseen, 0, 1.0, seen, {}, 1e-4, trials)


TWO = [
    case(0, {"local-search": 0.1, "highs-lp": 0.3}),
    case(1, {"local-search": 0.4, "highs-lp": 0.2}),
]
"""Gains of 40 and 20 percent, then of 10 and 30: single best 25 either way, oracle 35."""


def test_utility_counts_percent_of_gap_time_and_energy() -> None:
    one = case(0, {"local-search": 0.1})
    assert one.utility("local-search", QUALITY) == pytest.approx(40)
    assert one.utility("local-search", Worth(early=0.2)) == pytest.approx(39.9)
    trial = replace(one.trials["local-search"], energy_j=3.0, money=2.0)
    dear = replace(one, trials={"local-search": trial})
    assert dear.utility("local-search", Worth(1, 0, 0.5, 0.25)) == pytest.approx(40 - 1.5 - 0.5)
    assert one.utility(NONE) == one.utility("highs-lp") == 0  # none, and one that refused
    worse = case(0, {"local-search": 0.9})
    assert worse.utility("local-search", QUALITY) == 0  # the incumbent stays
    late = case(0, {"local-search": None})
    assert late.utility("local-search", Worth()) == pytest.approx(-0.1)
    assert late.missed("local-search") and not late.missed("highs-lp")


def test_the_share_of_the_gap_on_a_table_with_a_known_answer() -> None:
    table = Table(TWO, ("local-search", "highs-lp"), QUALITY)
    assert table.alone(table.single).mean() == pytest.approx(25)
    assert table.best.mean() == pytest.approx(35)
    oracle = [["local-search", "highs-lp"]]
    assert closed_interval(table, oracle).mean == pytest.approx(1)
    assert closed_interval(table, [[table.single] * 2]).mean == pytest.approx(0)
    half = [["local-search", NONE]]
    assert table.of(half).mean() == pytest.approx(20)
    assert closed_interval(table, half).mean == pytest.approx(-0.5)
    lead = ahead(table, oracle, half)
    assert lead.mean == pytest.approx(15) and 0 <= lead.low <= 15 <= lead.high
    assert missed([case(0, {"highs-lp": None})], [["highs-lp"], [NONE]]) == 0.5


def test_the_oracle_keeps_the_incumbent_where_nothing_is_gained() -> None:
    table = Table([case(0, {"local-search": None})], ("local-search",), Worth())
    assert table.best.tolist() == [0]


@pytest.mark.parametrize(
    "selector",
    [
        Policy(FAMILY),
        Rule(tuple(FAMILY), "by-size", "size"),
        Forest(tuple(FAMILY)),
        LinUcb(tuple(FAMILY)),
    ],
    ids=lambda s: s.name,
)
def test_every_learner_learns_what_is_plain(selector: Policy) -> None:
    """Small tasks are for one backend and large ones for another; the third is always late."""
    small = {"local-search": 0.01, "highs-lp": 0.4, "sa-blocks": None}
    large = {"local-search": 0.4, "highs-lp": 0.01, "sa-blocks": None}
    train = [case(i, large if i % 2 else small, False, 4000 if i % 2 else 20) for i in range(40)]
    selector.learn(train, 0)
    chosen = selector.choose([case(50, small, size=20), case(51, large, size=4000)])
    assert chosen == ["local-search", "highs-lp"]


def test_figures_have_the_stable_keys() -> None:
    cases = [case(i, {"local-search": 0.1, "highs-lp": 0.2}, i % 2 == 0) for i in range(12)]
    found, _, choices = judge(cases, FAMILY, (0, 1))
    assert set(found) >= {"tasks", "seeds", "policy", "single_best", "virtual_best", "baselines"}
    keys = {"utility", "gap_closed", "gap_closed_ci95", "overhead_ms_p99", "late"}
    assert set(found["policy"]) >= keys
    assert found["single_best"]["name"] == "local-search"
    assert found["policy"]["gap_closed"] is None  # there is no gap to close
    assert len(choices["qip"]) == found["seeds"] == 2
    json.dumps(found, allow_nan=False)


def test_a_shorter_stream_is_a_part_of_a_longer_one() -> None:
    every, short = stream(60, 3, 5, 10.0), stream(20, 3, 5, 1.0)
    ids = [spec.id for spec in every]
    assert [spec.id for spec in short if spec.id in ids] == [
        spec.id for spec in every if spec.deadline_s <= 1.0
    ][:20]
    assert {spec.unseen for spec in every} == {True, False}
    one, again = every[0].make(), stream(1, 3, 5, 10.0)[0].make()
    np.testing.assert_array_equal(one.volume, again.volume)  # type: ignore[attr-defined]


def test_schedules_of_jobs_have_something_to_gain() -> None:
    rng = np.random.default_rng(3)
    for make in (drawn_schedule, waiting_jobs):
        problem = make(rng)
        plan = greedy(problem)
        problem.check(plan)
        assert problem.size > 1 and 0 < problem.value(plan) < problem.value(())
    again = waiting_jobs(np.random.default_rng(4)), waiting_jobs(np.random.default_rng(4))
    np.testing.assert_array_equal(again[0].shot_s, again[1].shot_s)


def test_kept_cases_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    Kept(path).put(TWO[0])
    assert Kept(path).get("t0") == TWO[0]
    path.write_text(path.read_text() + '{"cut off while it was writ')
    assert Kept(path).get("t0") == TWO[0]
    path.write_text(path.read_text() + "{no case}\n")
    with pytest.raises(Exception, match=r"cases.jsonl:2: not a finished case"):
        Kept(path)


def done(completed: bool, missed: bool = False, caused: bool = False) -> Done:
    value = 1.0 if completed else 2.0
    return Done("x", 0.1, 1e-3, 2.0, value, completed, missed, caused, 0.0, None, 1.0, 2.0, 0.0)


@pytest.mark.parametrize(("mine", "fewer"), [(True, False), (False, True)])
def test_the_verdict_says_whether_the_policy_completed_fewer(mine: bool, fewer: bool) -> None:
    specs = stream(4, 0, 2, 10.0)
    rest = {mode: done(True) for mode in FAMILIES}
    found = judged([(spec, {"qip": done(mine, not mine), **rest}) for spec in specs])
    assert found["policy_completed_fewer"] is fewer
    assert found["policy_caused_miss"] is False
    assert ("fewer than" in found["verdict"]) is fewer
    assert found["differences"]["classical"]["completed"]["mean"] == (-1 if fewer else 0)
    assert set(found["modes"]["qip"]) >= {"completed", "tasks", "mean_gap", "energy_j"}
    assert sum(one["qip"] for one in found["completed_by_family"].values()) == 4 * mine
    caused = judged([(specs[0], {"qip": done(False, True, True), **rest})])
    assert caused["policy_caused_miss"] is True


def test_a_device_answers_after_its_calls() -> None:
    of = Curve((2.0, 1.5, 1.2), host_s=0.01, ended=True)
    qpu = Qpu(queue_s=0.05, round_trip_s=0.02, programming_s=0.01, shot_s=1e-4)
    assert answer(of, qpu, 0.05).value is None  # a call takes 0.1 s
    one = answer(of, qpu, 0.15)
    assert (one.value, one.calls, one.device_s) == (1.5, 1, pytest.approx(0.02))
    over = answer(of, qpu, 9.0)
    assert (over.value, over.elapsed_s) == (1.2, pytest.approx(0.2))


def test_policy_command(run: Callable[..., Ran], tmp_path: Path) -> None:
    out, page = tmp_path / "policy.json", tmp_path / "policy.md"
    argv = ("--tasks", "8", "--longest", "0.4", "--backends", "local-search,highs-lp")
    ran = run("bench", "policy", *argv, "--json", str(out), "--report", str(page))
    assert ran.code == 0, ran.err
    found = json.loads(out.read_text())
    assert found["meta"]["seed"] == 0 and found["tasks"] + found["tasks_training"] == 8
    assert found["virtual_best"]["utility"] >= found["policy"]["utility"] - 1e-9
    assert set(found["baselines"]) >= {"local-search", "random-forest", "linucb", "by-size"}
    assert "oracle" in page.read_text()
    assert {each.suffix for each in tmp_path.glob("policy-*")} == {".png"}
    cells = Path(f"{out}.cases.jsonl").read_text()
    assert run("bench", "policy", *argv, "--json", str(out)).code == 0
    assert Path(f"{out}.cases.jsonl").read_text() == cells  # nothing was run again


def test_falsify_command(run: Callable[..., Ran], tmp_path: Path) -> None:
    out, page = tmp_path / "falsify.json", tmp_path / "falsify.md"
    argv = ("--tasks", "4", "--training", "4", "--longest", "0.4", "--seeds", "2")
    argv += ("--backends", "local-search,highs-lp")
    ran = run("bench", "falsify", *argv, "--json", str(out), "--report", str(page))
    assert ran.code == 0, ran.err
    found = json.loads(out.read_text())
    modes = found["modes"]
    assert modes["gate"]["completed"] == modes["annealer"]["completed"] == 0  # there is none
    assert modes["qip"]["completed"] <= modes["qip"]["tasks"] == 4
    assert found["verdict"] in ran.out and found["verdict"] in page.read_text()


def test_crossover_command(
    run: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crossover_device, "CURVE_S", 0.05)
    monkeypatch.setattr(bench_crossover, "RIVALS", ("local-search", "lp-rounding"))
    monkeypatch.setattr(bench_crossover, "DEADLINES", (0.1, 0.2))
    out, page = tmp_path / "cross.json", tmp_path / "cross.md"
    argv = ("--networks", "2", "--quick", "--json", str(out), "--report", str(page))
    ran = run("bench", "crossover", *argv)
    assert ran.code == 0, ran.err
    cells = json.loads(out.read_text())["cells"]
    hopeless = [c for c in cells if c["sweep"] == "queue_s" and c["queue_s"] == 690]
    assert hopeless and all(c["wins"] == c["in_time"] == 0 for c in hopeless)
    assert "modelled" in page.read_text()
    assert {each.name for each in tmp_path.glob("*.png")} == {"cross-sweeps.png", "cross-maps.png"}


@pytest.mark.parametrize(
    ("argv", "what"),
    [
        (("policy", "--tasks", "3"), "--tasks 3: want 8 or more"),
        (("policy", "--seeds", "0"), "--seeds 0: want 1 or more"),
        (("policy", "--backends", "magic"), "--backends magic: there are"),
        (("crossover", "--networks", "1"), "--networks 1: want 2 or more"),
        (("falsify", "--data", "/no/such"), "no such folder"),
    ],
)
def test_options_that_make_no_sense(
    run: Callable[..., Ran], argv: tuple[str, ...], what: str
) -> None:
    ran = run("bench", *argv)
    assert ran.code == 2
    assert what in ran.err
