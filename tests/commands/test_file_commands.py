from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
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
    assert ran.json["backend"] == "greedy"
    assert "the greedy plan" in ran.json["detail"]
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


TRIANGLE = """<graphml><graph edgedefault="undirected">
<node id="0"/><node id="1"/><node id="2"/>
<edge source="0" target="1"/><edge source="1" target="2"/><edge source="0" target="2"/>
</graph></graphml>
"""


@pytest.fixture
def triangle(tmp_path: Path) -> tuple[str, str]:
    """Three nodes joined each to each; 0 sends 3 to 1, two links of capacity 1 lead there."""
    graph, matrix = tmp_path / "triangle.graphml", tmp_path / "m.npz"
    graph.write_text(TRIANGLE)
    demands = np.zeros((3, 3))
    demands[0, 1] = 3.0
    edges = [(0, 1), (0, 2), (1, 0), (1, 2), (2, 1), (2, 0)]
    np.savez(matrix, tm=demands, edges=np.array(edges), capacity=np.float64(1.0))
    return str(graph), str(matrix)


@pytest.mark.parametrize(
    ("objective", "backend", "flow"),
    [
        ("total-flow", "highs-lp", 2.0),
        ("total-flow", "flow-mwu", 2.0),
        ("concurrent", "auto", 2 / 3),
    ],
)
def test_flows(
    run: Run, triangle: tuple[str, str], tmp_path: Path, objective: str, backend: str, flow: float
) -> None:
    plan = tmp_path / "plan.json"
    files = ("--graph", triangle[0], "--demands", triangle[1], f"--out={plan}")
    options = ("--deadline", "5", "--objective", objective, "--backend", backend)
    ran = run("solve", *files, *options, "--json")
    assert ran.code == 0, ran.err
    wanted = (SOLVE_KEYS - {"mlu", "gap"}) | {"flow", "ratio"}
    assert set(ran.json) >= wanted
    assert ran.json["objective"] == objective
    assert ran.json["flow"] == pytest.approx(flow, rel=0.01)
    assert ran.json["bound"] == pytest.approx(flow, rel=1e-5)
    (route,) = json.loads(plan.read_text())["routes"]
    assert {tuple(path["nodes"]) for path in route["paths"]} == {("0", "1"), ("0", "2", "1")}


def test_more_paths_and_a_capacity_of_ones_own(run: Run, triangle: tuple[str, str]) -> None:
    options = ("--graph", triangle[0], "--demands", triangle[1], "--objective", "total-flow")
    ran = run("solve", *options, "--paths", "1", "--capacity", "2.5", "--no-bound", "--json")
    assert ran.json["flow"] == pytest.approx(2.5, rel=0.01)
    assert ran.json["bound"] is None
    assert "flow 2.5" in run("solve", *options, "--paths", "1", "--capacity", "2.5").out


def _broken_files(folder: Path) -> dict[str, Path]:
    whole = folder / "whole.npz"
    np.savez(whole, tm=np.ones((3, 3)))
    (folder / "cut.npz").write_bytes(whole.read_bytes()[:100])
    (folder / "text.npz").write_text("no archive")
    np.savez(folder / "shape.npz", tm=np.ones((3, 4)))
    np.savez(folder / "words.npz", tm=np.full((3, 3), "much"))
    np.savez(folder / "less.npz", tm=np.full((3, 3), -1.0))
    np.savez(folder / "other.npz", traffic=np.ones((3, 3)))
    np.savez(folder / "edges.npz", tm=np.ones((3, 3)), edges=np.array([[0, 7]]))
    np.savez(folder / "few.npz", tm=np.ones((3, 3)), edges=np.array([[0, 1]]))
    (folder / "word.demands").write_text("DEMANDS 1\nlabel src dest bw\nd 0 1 much\n")
    (folder / "end.demands").write_text("DEMANDS 2\nlabel src dest bw\nd 0 1 5\n")
    (folder / "node.demands").write_text("DEMANDS 1\nlabel src dest bw\nd 0 9 5\n")
    (folder / "node.txt").write_text("DEMANDS (\n d1 ( 0 Rome ) 1 5.0 UNLIMITED\n)\n")
    return {path.name: path for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("cut.npz", "not a whole .npz archive"),
        ("text.npz", "not a whole .npz archive"),
        ("shape.npz", "tm is 3 x 4, expected 3 x 3"),
        ("words.npz", "not numbers"),
        ("less.npz", "tm[0, 0] is -1.0"),
        ("other.npz", "no array 'tm' in it; there are traffic"),
        ("edges.npz", "edge 0 -> 7 is not in triangle"),
        ("few.npz", "1 edges, triangle has 6 links"),
        ("word.demands", ":3: 'much' is not a number"),
        ("end.demands", "the file ends after 1 of 2 DEMANDS rows"),
        ("node.demands", ":3: node 9 is not one of 0..2"),
        ("node.txt", ":2: d1 names the node Rome, which is not there"),
        ("nowhere.npz", "No such file"),
    ],
)
@pytest.mark.parametrize("objective", ["mlu", "total-flow"])
def test_broken_demands_take_one_line(
    run: Run, triangle: tuple[str, str], tmp_path: Path, name: str, what: str, objective: str
) -> None:
    folder = tmp_path / "broken"
    folder.mkdir()
    file = _broken_files(folder).get(name, folder / name)
    ran = run("solve", "--graph", triangle[0], "--demands", str(file), "--objective", objective)
    assert ran.code == 2
    assert f"{file}" in ran.err
    assert what in ran.err
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (TRIANGLE[:-30], ":3: not well-formed XML"),
        (TRIANGLE.replace('target="1"', 'target="5"'), "an edge has the target '5'"),
        ("NODES 2\nlabel x y\na 0 0\n", "the file ends after 1 of 2 NODES rows"),
        ("NODES 1\nlabel x y\na 0 zero\n", ":3: 'zero' is not a number"),
        ("nothing", ":1: neither REPETITA"),
    ],
)
def test_broken_graphs_take_one_line(
    run: Run, triangle: tuple[str, str], tmp_path: Path, text: str, what: str
) -> None:
    file = tmp_path / "broken.graph"
    file.write_text(text)
    ran = run("solve", "--graph", str(file), "--demands", triangle[1])
    assert ran.code == 2
    assert f"{file}" in ran.err and what in ran.err
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (("--backend", "flow-mwu"), "--backend flow-mwu: does not solve such problems"),
        (("--backend", "nobody"), "--backend nobody: no such backend"),
        (("--deadline", "0"), "--deadline 0: want 0.01 to 3600"),
        (("--capacity", "-1"), "--capacity -1: want a number above 0"),
        (("--paths", "2"), "--paths is for --objective"),
    ],
)
def test_options_that_make_no_sense(
    run: Run, triangle: tuple[str, str], options: tuple[str, ...], what: str
) -> None:
    ran = run("solve", "--graph", triangle[0], "--demands", triangle[1], *options)
    assert ran.code == 2
    assert what in ran.err
    assert ran.err.count("\n") == 1
