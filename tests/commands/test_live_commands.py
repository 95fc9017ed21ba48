from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from qb_controller.commands import live, network
from qb_controller.commands.decisions import DECISIONS, PLAN
from qb_controller.model.rules import FlowRule, matches
from tests.commands.conftest import Ran
from tests.northbound.still import StillView

Qb = Callable[..., Ran]
FOREIGN = FlowRule(0, 1000, matches(eth_type=0x0800), (), 0xBEEF)


@pytest.mark.parametrize(
    ("command", "columns"),
    [
        ("flows", live.FLOWS),
        ("links", network.LINKS),
        ("decisions", DECISIONS),
        ("plan", PLAN),
    ],
)
def test_lists_have_the_columns_of_their_tables(qb: Qb, command: str, columns: tuple) -> None:
    rows = qb(command, "--json").json
    assert isinstance(rows, list)
    keys = [column.key for column in columns]
    assert set(keys) <= set(rows[0])
    table = qb(command)
    assert table.code == 0
    lines = table.out.splitlines()
    assert lines[0].split() == keys
    assert len(lines) == len(rows) + 1


@pytest.mark.parametrize(
    "argv", [("status",), ("topology",), ("path", "h1", "h4"), ("explain", "7"), ("te",)]
)
def test_objects_have_meta(qb: Qb, argv: tuple[str, ...]) -> None:
    meta = qb(*argv, "--json").json["meta"]
    assert set(meta) == {"version", "seed", "machine", "libraries", "start", "duration_s"}
    assert "numpy" in meta["libraries"]
    told = qb(*argv)
    assert told.code == 0
    assert told.out
    assert "None" not in told.out


def test_json_to_a_file(qb: Qb, tmp_path: Path) -> None:
    file = tmp_path / "links.json"
    ran = qb("links", "--json", str(file))
    assert (ran.code, ran.out) == (0, "")
    assert len(json.loads(file.read_text())) == 8
    ran = qb("links", "--json", str(tmp_path / "no" / "links.json"))
    assert ran.code == 2
    assert "cannot write" in ran.err


def test_hottest_links_first(qb: Qb) -> None:
    rows = qb("links", "--top", "2", "--json").json
    assert [row["utilisation"] for row in rows] == [0.6, 0.3]
    assert qb("links", "--top", "0").code == 2


def test_flows_are_filtered(qb: Qb) -> None:
    rows = qb("flows", "--switch", "s2", "--pair", "h1,h4", "--owner", "te", "--json").json
    assert {(row["switch"], row["owner"], row["pair"]) for row in rows} == {("s2", "te", "s1,s4")}
    assert qb("flows", "--pair", "h2,h3", "--owner", "te").out == "no rule matches\n"


def test_flows_tell_rates_after_two_readings(
    qb: Qb, view: StillView, monkeypatch: pytest.MonkeyPatch
) -> None:
    def later(_: float) -> None:
        view.age_s += 1

    monkeypatch.setattr("qb_controller.commands.live.time.sleep", later)
    rows = qb("flows", "--json").json
    assert {row["packet_rate"] for row in rows} == {0.0}


def test_watch_writes_one_list_to_a_line(
    qb: Qb, view: StillView, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = iter(range(2))

    def later(_: float) -> None:
        view.age_s += 1
        if next(turns, None) is None:
            raise KeyboardInterrupt

    monkeypatch.setattr("qb_controller.commands.live.time.sleep", later)
    ran = qb("flows", "--watch", "--json")
    assert ran.code == 0
    assert [len(json.loads(line)) > 0 for line in ran.out.splitlines()] == [True] * 3


def test_path_in_words(qb: Qb) -> None:
    ran = qb("path", "h1", "h4")
    assert ran.out.splitlines()[:3] == [
        "h1 -> h4: packets take 2 paths",
        "  s1 > s2 > s4  (50.0 %)",
        "    steered by te, epoch 2, decision 7: highs-lp is expected to be best",
    ]


def test_path_that_does_not_arrive_exits_1(qb: Qb, view: StillView) -> None:
    view.held[4].clear()
    ran = qb("path", "h1", "h4")
    assert ran.code == 1
    assert "LOST" in ran.out


def test_drift_exit_codes(qb: Qb, view: StillView) -> None:
    ran = qb("drift")
    assert ran.code == 0
    assert ran.out.startswith("no difference: ")
    assert qb("drift", "--json").json == []
    view.held[2][FOREIGN.key] = FOREIGN
    ran = qb("drift", "--json")
    assert ran.code == 1
    assert [(row["switch"], row["difference"]) for row in ran.json] == [("s2", "foreign")]
    assert "foreign" in qb("drift").out
    assert qb("drift", "--repair").code == 0
    assert view.repairs == 1


def test_drift_waits_for_an_update_and_says_so(qb: Qb, view: StillView) -> None:
    view.settled = False
    ran = qb("drift")
    assert ran.code == 0
    assert "an update has been going on" in ran.err


def test_explain_tells_the_story(qb: Qb) -> None:
    text = qb("explain").out
    for part in (
        "Decision 7 of te",
        "highs-lp (classical)",
        "Why: highs-lp is expected to be best",
        "no worker is ready",
        "MLU 120.0 % -> 60.0 %",
        "predicted: within 20 ms, gap 0.1 %",
        "solver_s: 0.02",
    ):
        assert part in text, part
    assert "not known yet" in qb("explain", "6").out


def test_te_is_changed(qb: Qb, view: StillView) -> None:
    ran = qb("te", "off", "--backend", "sa-blocks", "--no-split", "--deadline", "2")
    assert ran.code == 0
    assert (view.settings.enabled, view.settings.backend) == (False, "sa-blocks")
    assert (view.settings.split, view.settings.deadline_s) == (False, 2.0)
    ran = qb("te", "on", "--backend", "auto")
    assert "on, the policy chooses, single paths, deadline 2.0 s" in ran.out
    assert view.settings.backend is None


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (("path", "h1", "h44"), "no host or switch 'h44'; did you mean h4?"),
        (("flows", "--pair", "h1"), "pair=h1: want two hosts"),
        (("flows", "--owner", "me"), "owner=me: there are base"),
        (("explain", "99"), "no decision '99'"),
        (("explain", "a/b?c"), "/v1/decisions/a/b?c: not found"),
        (("te", "--backend", "cplex"), "no backend 'cplex'"),
        (("decisions", "--limit", "0"), "limit=0"),
        (("decisions", "--status", "good"), "status=good"),
        (("flows", "--watch", "--json", "x.json"), "--watch writes JSON to standard output"),
        (("flows", "--url", "ftp://x"), "want http://HOST:PORT"),
        (("flows", "--url", "http://127.0.0.1:x"), "--url"),
    ],
)
def test_one_clear_line_and_exit_2(qb: Qb, argv: tuple[str, ...], text: str) -> None:
    ran = qb(*argv)
    assert ran.code == 2
    assert ran.out == ""
    assert text in ran.err
    assert ran.err.count("\n") == 1


def test_switch_that_does_not_answer(qb: Qb, view: StillView) -> None:
    view.silent = 2
    ran = qb("flows")
    assert ran.code == 2
    assert ran.err == "qb flows: switch s2 did not answer\n"


def test_no_controller(qb: Qb) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ran = qb("status", "--url", f"http://127.0.0.1:{port}")
    assert ran.code == 2
    assert ran.err.startswith(f"qb status: no controller at http://127.0.0.1:{port} (")
    assert ran.err.count("\n") == 1


def test_a_reader_that_has_enough(url: str) -> None:
    command = f"{sys.executable} -m qb_controller.cli flows --url {url} | head -1"
    ran = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=30)
    assert ran.stderr == ""
    assert ran.stdout.startswith("switch")


def test_help_and_version(qb: Qb) -> None:
    assert qb("--version").out.startswith("qb ")
    ran = qb("--help")
    assert ran.code == 0
    assert "flows" in ran.out
    assert qb("flow").code == 2


def test_inspection_needs_no_solver_library() -> None:
    code = (
        "import sys; from qb_controller import cli\n"
        "for name in ('flows', 'path', 'explain', 'te', 'links', 'drift'):\n"
        "    cli.build_parser([name])\n"
        "heavy = {'numpy', 'qiskit', 'scipy', 'werkzeug', 'rich', 'networkx'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert ran.returncode == 0, ran.stderr
