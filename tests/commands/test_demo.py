"""The demonstration: what is pure of it, and once on a live network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from qb_controller.commands import demo_report as report
from qb_controller.commands import demo_scenario as scenario
from qb_controller.commands.demo_phases import worst
from qb_controller.commands.output import plain_table
from topologies import load, scaled
from topologies.graph import Edge, Node, Topology
from topologies.traffic import Matrix


def taken(backend: str, installed: bool = True) -> dict[str, Any]:
    return {
        "decision": 1, "backend": backend, "status": "improved", "mlu_before": 1.2, "mlu": 0.9,
        "moved": 3, "elapsed_s": 0.1, "installed": installed,
    }  # fmt: skip


def good() -> list[report.Phase]:
    kinds = ("shortest", "auto", *(f"pinned:{b}" for b in report.FAMILIES), "shift", "cut", "back")
    phases = []
    for number, kind in enumerate(kinds):
        phase = report.Phase(kind, kind, 10.0 * number, 0.9, end=10.0 * number + 9, sent=10_000)
        phase.mlu_measured = 0.91
        if kind == "shortest":
            phase.loss, phase.lost, phase.mlu_measured = 0.2, 2000, 1.0
        else:
            phase.reaction_s = 1.5
            phase.backends = [kind.partition(":")[2] or "highs-mip"]
            phase.decisions = [taken(phase.backends[0])]
        phases.append(phase)
    return phases


def test_checks_hold_and_each_can_fail() -> None:
    assert all(check.held for check in report.checks(good()))
    for kind, change in (
        ("shortest", {"loss": 0.0}),
        ("auto", {"loss": 2e-3}),
        ("auto", {"sent": 0}),
        ("shift", {"reaction_s": None, "mlu_measured": 0.95}),
        ("cut", {"loss": 2e-3}),
        ("back", {"drift": 1}),
        ("pinned:qaoa-blocks", {"decisions": [taken("qaoa-blocks", installed=False)]}),
        ("pinned:sa-blocks", {"decisions": [taken("highs-lp")]}),
    ):
        phases = good()
        phase = next(one for one in phases if one.kind == kind)
        for key, value in change.items():
            setattr(phase, key, value)
        failed = [check.text for check in report.checks(phases) if not check.held]
        assert len(failed) == 1, (kind, change, failed)


def test_a_topology_whose_shortest_paths_suffice_is_no_failure() -> None:
    phases = good()
    phases[0].loss, phases[0].lost, phases[0].mlu_measured = 0.0, 0, 0.9
    phases[1].reaction_s, phases[1].backends, phases[1].decisions = None, [], []
    assert all(check.held for check in report.checks(phases))
    phases[0].loss = 0.01
    assert [check.held for check in report.checks(phases)].count(False) == 1


def test_a_missing_phase_is_named() -> None:
    failed = [check.text for check in report.checks(good()[:-1]) if not check.held]
    assert failed == ["every phase was run; missing: back"]


def test_table_and_json_hold_every_phase(tmp_path: Path) -> None:
    phases = good()
    text = plain_table([report.row(phase) for phase in phases], report.COLUMNS)
    assert "20.000 %" in text
    assert len(text.splitlines()) == len(phases) + 1
    assert len(report.decision_rows(phases)) == len(phases) - 1
    kept = {**taken("sa-blocks", installed=False), "status": "kept"}
    phases[-1].decisions += [{**kept, "decision": number} for number in (4, 5, 6)]
    last = report.decision_rows(phases)[-1]
    assert (last["decision"], last["status"]) == (6, "kept, 3 times")
    assert report.backends_used(phases) == ["highs-mip", *report.FAMILIES]
    keys = json.loads(json.dumps(phases[0].to_json())).keys()
    assert keys >= {"name", "loss", "mlu_measured", "mlu_bound", "reaction_s"}
    report.picture(phases, [(1.0, 0.1), (2.0, 0.0)], [(1.0, 0.9)], tmp_path / "a" / "demo.png")
    assert (tmp_path / "a" / "demo.png").read_bytes().startswith(b"\x89PNG")


def test_worst_pairs_leave_out_those_without_loss() -> None:
    rows = [{"hosts": ["h1", f"h{n}"], "sent": 10, "lost": n} for n in range(4)]
    assert [row["lost"] for row in worst(rows, 2)] == [3, 2]


def test_matrices_are_scaled_to_the_optimum_and_differ() -> None:
    topology = scaled(load("abilene"))
    first, shifted = scenario.matrices(topology, None, 1)
    for matrix in (first, shifted):
        assert scenario.optimum(topology, matrix) == pytest.approx(scenario.OPTIMUM, rel=1e-6)
    assert first.demands != shifted.demands


def ring_with_tail() -> Topology:
    pairs = ((0, 1), (1, 2), (2, 3), (3, 0), (3, 4))
    edges = [Edge(*ends, 1e6) for a, b in pairs for ends in ((a, b), (b, a))]
    return Topology("ring with tail", tuple(Node(f"n{i}") for i in range(5)), tuple(edges))


def test_the_cut_never_parts_the_network_and_lowers_traffic_that_would_not_fit() -> None:
    matrix = Matrix("m", {(0, 1): 1.2e6, (0, 4): 0.1e6})
    loads = {(0, 1): 0.8, (3, 4): 0.9, (0, 3): 0.5, (1, 2): 0.1}
    cut = scenario.choose_cut(ring_with_tail(), matrix, loads)
    # Without either of 0-1 and 0-3 all 1.3 Mbit/s leave node 0 by its other link.
    assert cut is not None
    assert {cut.a, cut.b} in ({0, 1}, {0, 3})
    assert cut.optimum == pytest.approx(1.3, rel=1e-5)
    assert cut.factor == pytest.approx(scenario.MAX_AFTER_CUT / 1.3, rel=1e-5)
    assert scenario.choose_cut(ring_with_tail(), matrix, {(3, 4): 0.9}) is None


@pytest.mark.live
@pytest.mark.slow
@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("ovs-vsctl"), reason="needs root and Open vSwitch"
)
def test_the_demonstration_on_a_live_network(tmp_path: Path) -> None:
    file = tmp_path / "demo.json"
    words = ["demo", "--duration", "30", "--prefix", "qe", "--out", str(tmp_path)]
    ended = subprocess.run(
        [str(Path(sys.executable).parent / "qb"), *words, "--json", str(file)],
        check=False, capture_output=True, text=True, timeout=180,
    )  # fmt: skip
    result = json.loads(file.read_text())
    # Loss that a busy machine adds is not this test's business.
    assert ended.returncode == (0 if result["held"] else 1), ended.stdout
    assert len(result["phases"]) == 8, ended.stdout
    assert set(report.FAMILIES) <= set(result["backends_used"])
    assert result["phases"][0]["loss"] > 0.01
    assert (tmp_path / "demo.png").exists()
