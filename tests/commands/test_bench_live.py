"""The pure parts of the live benchmarks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from qb_controller.cli import main
from qb_controller.commands.bench_figures import (
    entries_per_switch,
    mean_utilisations,
    split_deviation,
    spread,
)
from qb_controller.commands.bench_live import BENCHMARKS, chosen
from qb_controller.commands.bench_setting import OPTIMUM, Setting, abilene, optimum
from qb_controller.commands.processes import cpu_seconds, resident_bytes, tree
from qb_controller.errors import InputError


def test_spread_of_values_and_of_none() -> None:
    found = spread([float(value) for value in range(101)], "ms")
    assert found == {"n": 101, "p50_ms": 50.0, "p95_ms": 95.0, "max_ms": 100.0}
    assert spread([], "s", (99,)) == {"n": 0, "p99_s": None, "max_s": None}


def test_utilisations_leave_out_samples_without_a_rate() -> None:
    samples = [
        [{"from": "s1", "to": "s2", "utilisation": 0.2}],
        [{"from": "s1", "to": "s2", "utilisation": None}],
        [{"from": "s1", "to": "s2", "utilisation": 0.4}],
    ]
    assert mean_utilisations(samples) == {("s1", "s2"): pytest.approx(0.3)}


def test_split_deviation_is_the_share_on_the_wrong_way() -> None:
    ways = [{"share": 0.5, "measured_share": 0.6}, {"share": 0.5, "measured_share": 0.4}]
    exact = [{"share": 0.5, "measured_share": 0.5}, {"share": 0.5, "measured_share": 0.5}]
    single = [{"share": 1.0, "measured_share": None}]
    found = split_deviation([(3e6, ways), (1e6, exact), (1e6, single)])
    assert found["pairs"] == 2
    assert found["deviation_mean"] == pytest.approx(0.05)
    assert found["deviation_max"] == pytest.approx(0.1)
    assert found["deviation_weighted"] == pytest.approx(0.075)
    assert split_deviation([]) == {"pairs": 0}


def test_entries_are_counted_by_switch() -> None:
    rows = [{"switch": name, "kind": kind} for name, kind in
            (("s1", "flow"), ("s1", "flow"), ("s2", "flow"), ("s2", "group"))]  # fmt: skip
    found = entries_per_switch(rows)
    assert found["rules"] == {"total": 3, "mean": 1.5, "max": 2, "min": 1}
    assert found["groups"] == {"total": 1, "mean": 0.5, "max": 1, "min": 0}


def test_benchmarks_are_chosen_by_name() -> None:
    assert chosen(None) == list(BENCHMARKS)
    assert chosen("stall, cuts") == ["cuts", "stall"]
    with pytest.raises(InputError, match="utilisation"):
        chosen("cuts,speed")


def test_without_data_the_traffic_is_made_to_measure(tmp_path: Path) -> None:
    setting = Setting(seed=1, quick=True, data=None, prefix="qt", directory=tmp_path)
    name, topology, matrices = abilene(setting, 5.0, 2)
    assert name == "abilene"
    assert max(edge.capacity for edge in topology.edges) == pytest.approx(5e6)
    assert [optimum(topology, matrix) for matrix in matrices] == pytest.approx([OPTIMUM] * 2)


def test_own_process_has_memory_and_used_time() -> None:
    assert tree(os.getpid())[0] == os.getpid()
    assert resident_bytes([os.getpid()]) > 1_000_000
    assert cpu_seconds([os.getpid()]) > 0
    assert tree(2**31 - 1) == [] and resident_bytes([2**31 - 1]) == 0


def test_a_wrong_name_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "live", "--only", "speed"]) == 2
    assert "--only speed" in capsys.readouterr().err
