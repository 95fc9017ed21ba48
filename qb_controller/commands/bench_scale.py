"""Benchmark of size: 53 switches, from nothing to a whole cycle."""

from __future__ import annotations

import time
from typing import Any

from qb_controller.commands.bench_figures import entries_per_switch
from qb_controller.commands.bench_setting import Setting, repetita, rows
from qb_controller.commands.lab import Lab
from qb_controller.commands.processes import resident_bytes, tree

LARGEST = 2.0
"""Mbit/s of the largest link: thousands of demands at once on two cores."""
QUEUE = 1000
"""Packets per port: the pings must not be lost to bursts of each other."""
PING_ROUNDS = 4
PING_SPREAD_S = 10.0
DISCOVERY_S = 300.0
CYCLES = 3
CYCLES_WITHIN_S = 60.0
AFTERWARDS_S = 5.0
LONGER_DEADLINE_S = 3.0
"""Tried where no cycle brought a plan within the usual one."""


def scale(setting: Setting) -> dict[str, Any]:
    """Discovery, connectivity, rules, memory and one cycle on Tinet; skipped without its file."""
    graph = setting.file("Tinet.graph")
    demands = setting.file("Tinet.0000.demands")
    if graph is None or demands is None:
        return {"skipped": "repetita/Tinet.graph and Tinet.0000.demands are not in --data"}
    _, matrices = repetita(graph, [demands], LARGEST)
    with setting.lab(graph, LARGEST, "--noqb-te", queue=QUEUE) as lab:
        lab.controller.start()
        lab.controller.wait_up()
        begin = time.monotonic()
        lab.start_network()
        info = lab.info
        built = time.monotonic() - begin
        lab.wait_ready(DISCOVERY_S)
        found = time.monotonic() - begin
        rounds = _ping_rounds(lab, begin)
        result: dict[str, Any] = {
            "topology": "Tinet", "switches": len(info["switches"]), "links": len(info["links"]),
            "hosts": len(info["hosts"]), "network_built_s": built,
            "discovery_and_base_rules_s": found,
            "discovery_and_base_rules_after_built_s": found - built,
            "pairs": rounds[-1]["pairs"], "pairs_answered": rounds[-1]["answered"],
            "ping_rounds": rounds,
            "entries_per_switch": _entries(lab, info), "memory_before": _memory(lab),
        }  # fmt: skip
        sent = lab.call("traffic start", demands=rows(matrices[0]))
        time.sleep(10.0)  # most demands send less than a packet per second
        result["offered_packets_s"] = sent["pps"]
        result["cycles"] = _cycles(lab)
        if not any(cycle["status"] == "improved" for cycle in result["cycles"]):
            result["cycles"] += _cycles(lab, LONGER_DEADLINE_S)
        result["memory_after"] = _memory(lab)
        status = lab.rest.get("/v1/status")
        result["hub_stall_p99_ms"] = 1000 * status["hub_stall_p99_s"]
        result["hub_stall_max_ms"] = 1000 * status["hub_stall_max_s"]
        begin = time.monotonic()
        time.sleep(AFTERWARDS_S)
        report = lab.call("traffic report", since=begin, pairs=False)
        result["after_the_cycles"] = {
            "seconds": AFTERWARDS_S,
            **{key: report[key] for key in ("sent", "lost", "duplicates", "loss")},
            "sender_was_bottleneck": report["sender"]["bottleneck"],
        }
    return result


def _entries(lab: Lab, info: dict[str, Any]) -> dict[str, dict[str, float]]:
    names = [switch["name"] for switch in info["switches"]]
    return entries_per_switch(
        [row for name in names for row in lab.rest.get("/v1/flows", switch=name)]
    )


def _memory(lab: Lab) -> dict[str, int]:
    """Resident bytes of the controller, and of the optimiser with its workers."""
    optimiser = tree(lab.rest.get("/v1/status")["optimiser"]["pid"])
    return {
        "controller_bytes": resident_bytes([lab.controller.pid]),
        "optimiser_bytes": resident_bytes(optimiser[:1]),
        "optimiser_workers_bytes": resident_bytes(optimiser[1:]),
        "optimiser_workers": max(0, len(optimiser) - 1),
    }


def _ping_rounds(lab: Lab, begin: float) -> list[dict[str, Any]]:
    """Ping between all pairs until all answer; the first round also makes the hosts known."""
    hosts = len(lab.info["hosts"])
    rounds: list[dict[str, Any]] = []
    while len(rounds) < PING_ROUNDS:
        answer = lab.call("pingall", tries=3, spread_s=PING_SPREAD_S)
        ended = time.monotonic() - begin
        lab.wait_settled(60.0)
        known = lab.rest.get("/v1/status")["hosts"]
        rounds.append({
            **{key: answer[key] for key in ("pairs", "answered", "retried", "seconds")},
            "ended_after_s": ended, "settled_after_s": time.monotonic() - begin,
            "hosts_known": known,
        })  # fmt: skip
        if answer["answered"] == answer["pairs"] and known == hosts:
            break
    return rounds


def _cycles(lab: Lab, deadline_s: float | None = None) -> list[dict[str, Any]]:
    """The next cycles: from telemetry to the switches' confirmation."""
    last = max((row["decision"] for row in lab.rest.get("/v1/decisions", limit=1)), default=0)
    lab.te(enabled=True, **({} if deadline_s is None else {"deadline_s": deadline_s}))
    begin = time.monotonic()
    made: list[dict[str, Any]] = []
    while len(made) < CYCLES and time.monotonic() < begin + CYCLES_WITHIN_S:
        time.sleep(1.0)
        found = lab.rest.get("/v1/decisions", limit=100)
        made = [row for row in found if row["decision"] > last]
    lab.wait_settled(60.0)
    return [_cycle(lab, row) for row in reversed(made)]


def _cycle(lab: Lab, row: dict[str, Any]) -> dict[str, Any]:
    outcome = lab.rest.get(f"/v1/decisions/{row['decision']}")["outcome"] or {}
    keys = ("backend", "status", "elapsed_s", "deadline_s", "moved", "mlu_before", "mlu", "bound")
    return {
        **{key: row[key] for key in keys},
        "installed_after_s": outcome.get("extra", {}).get("installed_after_s"),
        "detail": outcome.get("detail"),
    }
