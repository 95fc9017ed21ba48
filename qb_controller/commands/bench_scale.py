"""Benchmark of size: 53 switches, from nothing to a whole cycle."""

from __future__ import annotations

import time
from typing import Any

from qb_controller.commands.bench_figures import entries_per_switch
from qb_controller.commands.bench_setting import Setting, repetita, rows
from qb_controller.commands.processes import Lab, resident_bytes, tree

LARGEST = 1.0
"""Mbit/s of the largest link: thousands of demands at once on two cores."""
DISCOVERY_S = 300.0
CYCLES = 3
CYCLES_WITHIN_S = 60.0


def scale(setting: Setting) -> dict[str, Any]:
    """Discovery, connectivity, rules, memory and one cycle on Tinet; skipped without its file."""
    graph = setting.file("Tinet.graph")
    demands = setting.file("Tinet.0000.demands")
    if graph is None or demands is None:
        return {"skipped": "repetita/Tinet.graph and Tinet.0000.demands are not in --data"}
    _, matrices = repetita(graph, [demands], LARGEST)
    with setting.lab(graph, LARGEST, "--noqb-te") as lab:
        lab.start_controller()
        lab.wait_for("the controller", lambda: bool(lab.rest.get("/v1/status")))
        begin = time.monotonic()
        info = lab.start_network().info
        built = time.monotonic() - begin
        lab.wait_ready(DISCOVERY_S)
        found = time.monotonic() - begin
        pings = lab.greet()
        connected = time.monotonic() - begin
        result: dict[str, Any] = {
            "topology": "Tinet", "switches": len(info["switches"]), "links": len(info["links"]),
            "hosts": len(info["hosts"]), "network_built_s": built,
            "discovery_and_base_rules_s": found,
            "discovery_and_base_rules_after_built_s": found - built,
            "all_pairs_pinged_s": connected, "pings": pings["pairs"],
            "pings_answered": pings["answered"], "pings_retried": pings["retried"],
            "pinging_s": pings["seconds"],
            "entries_per_switch": _entries(lab, info), "memory_before": _memory(lab),
        }  # fmt: skip
        sent = lab.call("traffic start", demands=rows(matrices[0]))
        time.sleep(5.0)
        begin = time.monotonic()
        result["offered_packets_s"] = sent["pps"]
        result["cycles"] = _cycles(lab)
        result["memory_after"] = _memory(lab)
        status = lab.rest.get("/v1/status")
        result["hub_stall_p99_ms"] = 1000 * status["hub_stall_p99_s"]
        result["hub_stall_max_ms"] = 1000 * status["hub_stall_max_s"]
        report = lab.call("traffic report", since=begin, pairs=False)
        result |= {key: report[key] for key in ("sent", "lost", "duplicates", "loss")}
        result["sender_was_bottleneck"] = report["sender"]["bottleneck"]
    return result


def _entries(lab: Lab, info: dict[str, Any]) -> dict[str, dict[str, float]]:
    names = [switch["name"] for switch in info["switches"]]
    return entries_per_switch(
        [row for name in names for row in lab.rest.get("/v1/flows", switch=name)]
    )


def _memory(lab: Lab) -> dict[str, int]:
    """Resident bytes of the controller, and of the optimiser with its workers."""
    assert lab.controller is not None
    optimiser = tree(lab.rest.get("/v1/status")["optimiser"]["pid"])
    return {
        "controller_bytes": resident_bytes([lab.controller.pid]),
        "optimiser_bytes": resident_bytes(optimiser[:1]),
        "optimiser_workers_bytes": resident_bytes(optimiser[1:]),
        "optimiser_workers": max(0, len(optimiser) - 1),
    }


def _cycles(lab: Lab) -> list[dict[str, Any]]:
    """The first cycles after switching on: from telemetry to the switches' confirmation."""
    lab.te(enabled=True)
    begin = time.monotonic()
    made: list[dict[str, Any]] = []
    while len(made) < CYCLES and time.monotonic() < begin + CYCLES_WITHIN_S:
        time.sleep(1.0)
        made = lab.rest.get("/v1/decisions", limit=100)
    lab.wait_settled(60.0)
    cycles = []
    for row in reversed(made):
        outcome = lab.rest.get(f"/v1/decisions/{row['decision']}")["outcome"] or {}
        cycles.append({
            **{key: row[key] for key in (
                "backend", "status", "elapsed_s", "deadline_s", "moved", "mlu_before", "mlu",
                "bound",
            )},
            "installed_after_s": outcome.get("extra", {}).get("installed_after_s"),
            "detail": outcome.get("detail"),
        })  # fmt: skip
    return cycles
