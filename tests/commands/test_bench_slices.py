"""`qb bench slices` on the smallest batches, by real workers, and over time."""

from __future__ import annotations

import json

import pytest

from qb_controller.applications.slices import formulate
from qb_controller.cli import main
from qb_controller.commands import bench_slices, bench_slices_online
from qb_controller.commands.bench_slices_instances import (
    LARGEST,
    OFFERED,
    networks,
    requests_for,
    widest,
)

KEYS = {
    "requests",
    "topology",
    "deadline_s",
    "backend",
    "value",
    "best_known",
    "ratio",
    "elapsed_s",
}


def test_a_batch_is_measured_by_every_backend_asked_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_slices, "QUICK_LONG_S", 0.5)
    words = ("bench", "slices", "--quick", "--part", "batch", "--sizes", "8", "--json")
    code = main((*words, "--deadlines", "0.4", "--backends", "auto,greedy,exhaustive,sa-qubo"))
    found = json.loads(capsys.readouterr().out)
    assert code == 0 and found["meta"]["seed"] == 0
    rows = {row["backend"]: row for row in found["runs"]}
    said_no = {row["backend"] for row in found["refused"]}
    assert set(rows) | said_no == {"auto", "greedy", "exhaustive", "sa-qubo"}
    for row in rows.values():
        assert row.keys() >= KEYS and row["requests"] == 8
        assert 0 < row["value"] <= row["best_known"] * (1 + 1e-9) <= row["bound"] * (1 + 1e-6)
        assert row["ratio"] == pytest.approx(row["value"] / row["best_known"])
        assert row["elapsed_s"] > 0 and row["admitted"] <= 8
    assert rows["auto"]["value"] >= rows["greedy"]["value"]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--deadlines", "soon"), "--deadlines soon: want numbers"),
        (("--sizes", "0"), "--sizes 0: each must be 1 to 10000"),
        (("--backends", "equilibrium"), "--backend equilibrium: does not solve such problems"),
    ],
)
def test_bad_options_are_named(
    words: tuple[str, ...], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(("bench", "slices", "--quick", *words)) != 0
    assert text in capsys.readouterr().err


def test_requests_are_contended_and_the_same_for_a_seed() -> None:
    _, network = networks(None, ["abilene"])[0]
    requests = requests_for(network, 60, 3)
    assert requests == requests_for(network, 60, 3) != requests_for(network, 60, 4)
    task = formulate(network, requests, rounds=4)
    fits = task.problem.attainable - task.problem.bound
    assert OFFERED * 0.8 < sum(r.worth for r in requests) / fits < OFFERED * 1.25
    at = {host.name: host.dpid for host in network.hosts}
    for request in requests:
        for ends in request.pipes():
            assert request.rate <= LARGEST * widest(network)[at[ends.src], at[ends.dst]]


def test_over_time_nobody_earns_more_than_who_knows_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_slices_online, "QUICK_ARRIVALS", 60)
    monkeypatch.setattr(bench_slices_online, "QUICK_SEEDS", 2)
    monkeypatch.setattr(bench_slices_online, "HOLDING", 20.0)
    found = bench_slices_online.measure(0, quick=True)
    assert len(found["runs"]) == 4
    for run in found["runs"]:
        assert 0 < run["revenue"] <= run["bound"] * (1 + 1e-9)
        assert 0 < run["acceptance"] <= 1
    by_way = {row["way"]: row for row in found["summary"]}
    assert by_way["greedy"]["over_greedy"] == 1.0
    assert by_way["ours"]["low"] <= by_way["ours"]["over_greedy"] <= by_way["ours"]["high"]
