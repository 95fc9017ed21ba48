"""The benchmarks that need no network, on a folder of files small enough for a test."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from qb_controller.cli import main
from qb_controller.commands.bench_formulate import measure
from qb_controller.commands.bench_te_report import gap_at
from tests.commands.conftest import Ran

Run = Callable[..., Ran]

GRAPH = """NODES 3
label x y
a 0 0
b 0 0
c 0 0

EDGES 6
label src dest weight bw delay
ab 0 1 1 1 0
ba 1 0 1 1 0
bc 1 2 1 1 0
cb 2 1 1 1 0
ac 0 2 1 1 0
ca 2 0 1 1 0
"""
DEMANDS = "DEMANDS 2\nlabel src dest bw\nd0 0 1 0.6\nd1 0 2 0.2\n"

KEYS = {"instance", "nodes", "links", "demands", "objective", "split", "deadline_s"}
KEYS |= {"elapsed_s", "on_time", "backend", "bound"}


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*argv: str) -> Ran:
        code = main(argv)
        text = capsys.readouterr()
        return Ran(code, text.out, text.err)

    return call


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "repetita").mkdir(parents=True)
    (folder / "repetita" / "tri.graph").write_text(GRAPH)
    (folder / "repetita" / "tri.0000.demands").write_text(DEMANDS)
    (folder / "ncflow").mkdir()
    nodes = "".join(f'<node id="{i}"/>' for i in range(3))
    edges = "".join(f'<edge source="{a}" target="{b}"/>' for a, b in ((0, 1), (1, 2), (0, 2)))
    (folder / "ncflow" / "tri.graphml").write_text(
        f'<graphml><graph edgedefault="undirected">{nodes}{edges}</graph></graphml>'
    )
    tm = np.zeros((3, 3))
    tm[0, 1] = 3.0
    np.savez(folder / "ncflow" / "tri.gravity.7.x16.npz", tm=tm, capacity=1.0)
    (folder / "ncflow" / "published_results.csv").write_text(
        "topology,tm_model,seed,scale,lp_flow,lp_runtime_s\ntri,gravity,7,16.0,2.0,0.5\n"
    )
    return folder


def test_flow(run: Run, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "flow.json"
    ran = run("bench", "flow", "--data", str(data), "--quick", "--json", str(out))
    assert ran.code == 0, ran.err
    assert "tri.gravity.7.x16" in ran.out
    answer = json.loads(out.read_text())
    assert answer["meta"]["seed"] == 0
    exact, quick = answer["runs"]
    assert (exact["backend"], quick["backend"]) == ("highs-lp", "flow-mwu")
    for one in (exact, quick):
        assert set(one) >= KEYS | {"flow", "ratio", "published_flow", "published_ratio", "speedup"}
        assert one["published_ratio"] == pytest.approx(1, rel=0.01)
    assert exact["published_ratio"] == pytest.approx(1, rel=1e-5)


def test_te_is_resumed_where_it_stopped(run: Run, data: Path, tmp_path: Path) -> None:
    out, picture = tmp_path / "te.json", tmp_path / "te.png"
    argv = ["bench", "te", "--data", str(data), "--instances", "tri", "--json", str(out)]
    argv += ["--backends", "highs-mip,local-search"]
    ran = run(*argv, "--deadlines", "0.2")
    assert ran.code == 0, ran.err
    first = json.loads(out.read_text())["runs"]
    cells = Path(f"{out}.cells.jsonl")
    assert len(cells.read_text().splitlines()) == 1 + 2
    for one in first:
        assert set(one) >= KEYS | {"mlu", "gap", "first_plan_s", "curve"}
        # 0.6 one way and 0.2 the other is the best single-path plan; halves would be 0.4.
        assert one["mlu"] == pytest.approx(0.6)
        assert one["bound"] == pytest.approx(0.4)
    ran = run(*argv, "--deadlines", "0.2,0.3", "--plot", str(picture))
    assert ran.code == 0, ran.err
    again = json.loads(out.read_text())["runs"]
    assert again[:2] == first
    assert len(again) == 4
    assert picture.stat().st_size > 1000
    kept = cells.read_text()
    cells.write_text(kept + '{"cell": "cut off while it was writ')
    ran = run(*argv, "--deadlines", "0.2")
    assert ran.code == 0, ran.err
    assert cells.read_text() == kept
    cells.write_text(kept + "{no cell}\n")
    ran = run(*argv, "--deadlines", "0.2")
    assert ran.code == 2
    assert "cells.jsonl:6: not a finished cell" in ran.err


@pytest.mark.parametrize(
    ("argv", "what"),
    [
        (("te", "--deadlines", "soon"), "--deadlines soon: want seconds"),
        (("te", "--deadlines", "0"), "each must be 0.01 to 3600"),
        (("te", "--backends", "flow-mwu"), "--backend flow-mwu: does not solve"),
        (("te", "--instances", "Rome"), "--instances Rome: no instance begins so"),
        (("flow", "--instances", "Rome"), "--instances Rome: no instance begins so"),
        (("flow", "--repeat", "0"), "--repeat 0: want 1 or more"),
        (("flow", "--deadline", "0"), "deadline_s is 0.0, must be 0.01 to 3600"),
    ],
)
def test_options_that_make_no_sense(run: Run, data: Path, argv: tuple[str, ...], what: str) -> None:
    ran = run("bench", argv[0], "--data", str(data), *argv[1:])
    assert ran.code == 2
    assert what in ran.err
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize(
    ("subject", "file", "text", "what"),
    [
        ("te", "repetita/reference_mcf.csv", "instance,mlu\n", ""),
        ("te", "repetita/reference_mcf.csv", "instance,mlu\na,1\n", "no column 'mcf_mlu"),
        ("te", "repetita/reference_mcf.csv", "instance,mcf_mlu_lower_bound\na,x\n", ":2: could"),
        ("flow", "ncflow/published_results.csv", "topology\na\n", "no column 'tm_model'"),
    ],
)
def test_tables_of_published_figures_that_are_none(
    run: Run, data: Path, subject: str, file: str, text: str, what: str
) -> None:
    (data / file).write_text(text)
    ran = run("bench", subject, "--data", str(data), "--instances", "tri", "--backends", "highs-lp",
              *(("--deadlines", "0.2", "--split") if subject == "te" else ()))  # fmt: skip
    assert ran.code == (2 if what else 0)
    assert what in ran.err and (not what or f"{data / file}" in ran.err)


def test_folders_without_instances(run: Run, tmp_path: Path) -> None:
    assert "no instances in it" in run("bench", "flow", "--data", str(tmp_path)).err
    assert "no such folder" in run("bench", "te", "--data", str(tmp_path / "x")).err


def test_the_gap_over_time_is_that_of_the_best_so_far() -> None:
    one = {"bound": 1.0, "curve": [[0.1, 2.0], [0.2, 1.5], [0.3, 1.6]]}
    assert np.isnan(gap_at(one, 0.05))
    assert gap_at(one, 0.15) == pytest.approx(1.0)
    assert gap_at(one, 9.0) == pytest.approx(0.5)


def test_formulating_grows_with_the_number_of_nodes() -> None:
    small, large = measure(6, 0), measure(12, 0)
    assert small["demands"] == 30 and large["demands"] == 132
    assert small["choices"] >= 30
    assert large["qubo_couplings"] > small["qubo_couplings"] > 0
    assert small["dominates"] in ("problem", "candidates", "incidence", "disjoint")
