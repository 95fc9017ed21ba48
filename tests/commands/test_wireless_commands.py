"""`qb wireless` as a person runs it: files in, real workers, files and figures out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from qb_controller.applications.wireless_scenario import as_mapping, generate
from qb_controller.cli import main
from qb_controller.commands.bench_wireless import picks
from qb_controller.commands.wireless import read_file, summarise
from qb_controller.commands.wireless_map import draw, picture
from tests.commands.conftest import Ran

Run = Callable[..., Ran]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*argv: str) -> Ran:
        code = main(argv)
        text = capsys.readouterr()
        return Ran(code, text.out, text.err)

    return call


def mapping(**changes: Any) -> dict[str, Any]:
    return {**as_mapping(generate(9, 3, 2)), **changes}


def with_first(key: str, **changes: Any) -> dict[str, Any]:
    data = mapping()
    data[key][0] |= changes
    return data


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    file = tmp_path / "scenario.yaml"
    file.write_text(yaml.safe_dump(mapping()))
    return file


def test_solve_writes_a_configuration_that_others_can_take(
    run: Run, scenario: Path, tmp_path: Path
) -> None:
    out, uci, plot = (tmp_path / name for name in ("out.json", "radios.uci", "map.png"))
    ran = run(
        *("wireless", "solve", str(scenario), "--deadline", "0.4", "--backend", "path-switch"),
        *("--out", str(out), "--uci", str(uci), "--plot", str(plot), "--json"),
    )
    assert ran.code == 0, ran.err
    answer, written = ran.json, json.loads(out.read_text())
    meta = answer.pop("meta")
    assert answer == written and meta["seed"] == 0
    names = {point.name for point in read_file(str(scenario)).access_points}
    assert set(answer["channels"]) == names
    assert set(answer["channels"].values()) <= {36, 40, 44}
    assert set(answer["users"].values()) <= names
    assert answer["backend"] in ("path-switch", "dsatur") and answer["before"] is None
    assert answer["after"]["interference"] > 0 and answer["after"]["changed"] == 0
    text = uci.read_text()
    for name, number in answer["channels"].items():
        assert f"# {name}\n" in text and f"channel='{number}'" in text
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_follow_tells_what_changes_gained(run: Run, scenario: Path) -> None:
    ran = run(
        *("wireless", "follow", str(scenario), "--steps", "3", "--deadline", "0.2"),
        *("--backend", "path-switch", "--json"),
    )
    assert ran.code == 0, ran.err
    answer = ran.json
    assert (answer["optimisations"], len(answer["steps"])) == (3, 3)
    assert answer["steps"][0]["interference_kept"] is None
    for row in answer["steps"][1:]:
        # What is chosen is never worth less than what was there, the cost of changes included.
        worth = row["interference"] + row["change_cost"]
        assert worth <= row["interference_kept"] * (1 + 1e-5)
        assert (row["change_cost"] > 0) == (row["changed"] > 0)


def test_summary_compares_with_keeping_and_with_the_first() -> None:
    def row(**figures: Any) -> dict[str, Any]:
        fixed = {"late": False, "elapsed_s": 0.1, "backend": "b", "interference_first": 4.0}
        return {**fixed, **figures}

    rows = [
        row(interference=1.0, interference_kept=None, changed=0, change_cost=0.0),
        row(interference=1.0, interference_kept=2.0, changed=4, change_cost=0.25),
        row(interference=3.0, interference_kept=3.0, changed=0, change_cost=0.0, late=True),
    ]
    found = summarise(rows, "interference")
    assert (found["chosen_mean"], found["kept_mean"], found["first_mean"]) == (2.0, 2.5, 4.0)
    assert (found["gain_mean"], found["net_gain_mean"]) == (0.5, 0.375)
    assert (found["late"], found["unchanged"], found["changed_mean"]) == (1, 1, 2.0)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("channels: [36, 40\nband: 5GHz\n", "line 2"),
        (yaml.safe_dump(with_first("access_points", power_dbm=-3.0)), "access_points[0]: power"),
        (yaml.safe_dump(mapping(channels=[])), "channels: there must be at least one"),
        (yaml.safe_dump(mapping(channels=[36, "forty"])), "channels[1]: 'forty'"),
        (yaml.safe_dump(mapping(access_points=[])), "access_points: there must be at least one"),
        (yaml.safe_dump(with_first("stations", access_point="roof")), "stations[0]: access_point"),
        (yaml.safe_dump(with_first("stations", demand_mbps="much")), "demand_mbps: want a number"),
        (yaml.safe_dump(mapping(colour="red")), "unknown key 'colour'"),
        ("just text\n", "want a mapping"),
    ],
)
def test_a_bad_file_is_named_with_its_field(
    run: Run, tmp_path: Path, text: str, named: str
) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    out = tmp_path / "out.json"
    ran = run("wireless", "solve", str(file), "--out", str(out))
    assert ran.code != 0 and not out.exists()
    assert str(file) in ran.err and named in ran.err


def test_bad_arguments_are_named(run: Run, scenario: Path, tmp_path: Path) -> None:
    for argv, named in (
        (["solve", str(tmp_path / "none.yaml")], "none.yaml"),
        (["solve", str(scenario), "--deadline", "0"], "--deadline"),
        (["solve", str(scenario), "--backend", "magic"], "--backend magic"),
        (["follow", str(scenario), "--steps", "0"], "--steps"),
        (["generate", "--channels", "40", "--out", str(tmp_path / "x")], "--channels"),
        (["generate", "--environment", "moon", "--out", str(tmp_path / "x")], "--environment"),
    ):
        ran = run("wireless", *argv)
        assert ran.code != 0 and named in ran.err, argv


def test_a_generated_scenario_reads_back(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "made.yaml"
    assert run("wireless", "generate", "--aps", "12", "--out", str(file)).code == 0
    assert len(read_file(str(file)).access_points) == 12


def test_the_map_draws_the_pairs_that_make_half_of_the_interference(tmp_path: Path) -> None:
    scenario = generate(9, 3, 2)
    all_on_one = picture(scenario, "before")
    assert "were all on channel 36" in all_on_one.title
    interference = float(all_on_one.title.split("interference ")[1].split(",")[0])
    drawn = all_on_one.strength
    assert (drawn[:-1] >= drawn[1:]).all()
    assert drawn[:-1].sum() < interference / 2 <= drawn.sum() + 1e-4
    draw(scenario, scenario, str(tmp_path / "map.png"))
    assert (tmp_path / "map.png").stat().st_size > 10_000


def test_picks_say_who_won_and_whether_the_policy_knew() -> None:
    def row(backend: str, value: float, chosen: str = "") -> dict[str, Any]:
        fixed = {"instance": "x", "deadline_s": 0.5, "best_known": 1.0, "ratio": value}
        return {**fixed, "backend": backend, "chosen": chosen or backend, "interference": value}

    rows = [row("auto", 1.1, "walk"), row("walk", 1.0004), row("mip", 1.0), row("dsatur", 2.0)]
    (found,) = picks(rows)
    assert found["winners"] == ["walk", "mip"] and found["picked"]
    assert (found["winner_ratio"], found["auto_ratio"]) == (1.0, 1.1)
    assert not picks([row("auto", 1.1, "dsatur"), *rows[1:]])[0]["picked"]
    assert picks(rows[1:]) == []
