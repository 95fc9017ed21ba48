from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from qb_controller.cli import main
from qb_controller.commands.instances import routing_problem
from quantum_backends.bounds import fractional_mlu
from tests.commands.conftest import Ran
from topologies import load, scaled
from topologies.traffic import Matrix, read_matrix

Run = Callable[..., Ran]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*argv: str) -> Ran:
        code = main(argv)
        text = capsys.readouterr()
        return Ran(code, text.out, text.err)

    return call


def test_traffic_has_the_wanted_optimum(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "matrix.json"
    ran = run("traffic", "--topology", "abilene", "--mlu", "0.8", "--seed", "3", "--out", str(file))
    assert ran.code == 0
    assert "best possible MLU 80.0 %" in ran.out
    topology = scaled(load("abilene"))
    matrix = read_matrix(str(file), topology)
    assert len(matrix.demands) == 132
    assert fractional_mlu(routing_problem(topology, matrix)) == pytest.approx(0.8, rel=1e-6)


def test_equal_seeds_give_equal_traffic(run: Run, tmp_path: Path) -> None:
    texts = []
    for seed in ("1", "1", "2"):
        file = tmp_path / "matrix.json"
        run("traffic", "--topology", "ring:5", "--seed", seed, "--out", str(file))
        texts.append(json.loads(file.read_text())["demands"])
    assert texts[0] == texts[1]
    assert texts[0] != texts[2]


def test_a_given_matrix_is_scaled(run: Run, tmp_path: Path) -> None:
    source = tmp_path / "m.json"
    source.write_text('{"name": "m", "demands": [[0, 3, 5.0]]}')
    ran = run("traffic", "--topology", "diamond", "--matrix", str(source), "--json")
    assert ran.json["demands"] == 1
    assert ran.json["meta"]["seed"] is None
    topology = scaled(load("diamond"))
    answer = fractional_mlu(routing_problem(topology, Matrix("x", {(0, 3): ran.json["offered"]})))
    assert answer == pytest.approx(0.9, rel=1e-6)


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (("--topology", "nowhere"), "nowhere: neither a topology"),
        (("--topology", "diamond", "--hour", "25"), "--hour 25: want 0 to 24"),
        (("--topology", "diamond", "--matrix", "/no/file"), "/no/file"),
    ],
)
def test_traffic_that_cannot_be_made(run: Run, argv: tuple[str, ...], text: str) -> None:
    ran = run("traffic", *argv)
    assert ran.code == 2
    assert text in ran.err
    assert ran.err.count("\n") == 1


SOLVE_KEYS = set(
    json.loads(
        '["instance", "nodes", "links", "demands", "objective", "split", "deadline_s", "elapsed_s",'
        ' "on_time", "backend", "mlu", "bound", "gap"]'
    )
)


def test_solve(run: Run, tmp_path: Path) -> None:
    file, plan = tmp_path / "matrix.json", tmp_path / "plan.json"
    run("traffic", "--topology", "abilene", "--seed", "3", "--out", str(file))
    options = ("--graph", "abilene", "--demands", str(file), "--largest", "10e6")
    ran = run("solve", *options, "--backend", "highs-lp", "--split", "--deadline", "5", "--json",
              f"--out={plan}")  # fmt: skip
    assert ran.code == 0, ran.err
    assert set(ran.json) >= SOLVE_KEYS
    assert ran.json["meta"]["seed"] == 0
    assert ran.json["backend"] == "highs-lp"
    assert ran.json["bound"] == pytest.approx(0.9, rel=1e-6)
    assert 0 <= ran.json["gap"] < 0.03
    for route in json.loads(plan.read_text())["routes"]:
        assert sum(path["share"] for path in route["paths"]) == pytest.approx(1)
        assert {path["nodes"][0] for path in route["paths"]} == {route["source"]}


def test_a_plan_is_there_when_no_solver_can_be(run: Run, tmp_path: Path) -> None:
    file, plan = tmp_path / "matrix.json", tmp_path / "plan.json"
    run("traffic", "--topology", "abilene", "--seed", "3", "--out", str(file))
    ran = run("solve", "--graph", "abilene", "--demands", str(file), "--largest", "10e6",
              "--deadline", "0.01", "--json", f"--out={plan}")  # fmt: skip
    assert ran.code == 0, ran.err
    assert ran.json["backend"] == "first-paths"
    assert "plan of first paths" in ran.json["detail"]
    assert ran.json["mlu"] > ran.json["bound"]
    assert len(json.loads(plan.read_text())["routes"]) == 132


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{", "m.json:1: not JSON"),
        ('{"demands": [[0, 99, 1]]}', "names a node outside 0..3"),
    ],
)
def test_solve_names_what_is_wrong_in_a_file(
    run: Run, tmp_path: Path, text: str, what: str
) -> None:
    file = tmp_path / "m.json"
    file.write_text(text)
    ran = run("solve", "--graph", "diamond", "--demands", str(file))
    assert ran.code == 2
    assert what in ran.err
    assert ran.err.count("\n") == 1
