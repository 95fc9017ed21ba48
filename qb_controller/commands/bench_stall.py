"""Benchmark of the controller's event loop while the optimiser has all the work it can do."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from qb_controller.commands.bench_figures import spread
from qb_controller.commands.bench_setting import Setting, repetita, rows, two_matrices
from qb_controller.commands.lab import Lab
from qb_controller.commands.processes import cpu_seconds, tree
from topologies.traffic import Matrix

PINNED = "sa-blocks"
"""A solver that uses all the time it gets; with less than the telemetry interval of it, the next
cycle begins when the last one ends."""
DEADLINE_S = 0.9
LOAD_S = 75.0
"""Longer than the controller's memory of stalls, which is a minute: none of them is of before."""
LOAD_QUICK_S = 20.0
LOAD_STEP_S = 5.0
REST_REQUESTS = 200
LARGEST_ABILENE, LARGEST_TINET = 5.0, 2.0
QUEUE = 1000


def stall(setting: Setting) -> dict[str, Any]:
    """Stalls of the event loop and REST latency, on 11 or 12 switches and on 53."""
    graph, _, matrices = two_matrices(setting, LARGEST_ABILENE)
    result: dict[str, Any] = {"abilene": _stall(setting, graph, LARGEST_ABILENE, matrices)}
    graph_53 = setting.file("Tinet.graph")
    files = [setting.file(f"Tinet.000{number}.demands") for number in range(2)]
    if graph_53 is None or None in files:
        result["tinet"] = {"skipped": "repetita/Tinet.graph and its demands are not in --data"}
    else:
        _, matrices = repetita(graph_53, [file for file in files if file], LARGEST_TINET)
        result["tinet"] = _stall(setting, graph_53, LARGEST_TINET, matrices)
    for name, one in list(result.items()):
        result[f"{name}_p99_ms"] = one.get("under_load", {}).get("p99_ms")
        result[f"{name}_max_ms"] = one.get("under_load", {}).get("max_ms")
    return result


def _stall(setting: Setting, graph: str, largest: float, matrices: list[Matrix]) -> dict[str, Any]:
    seconds = LOAD_QUICK_S if setting.quick else LOAD_S
    with setting.lab(graph, largest, "--noqb-te", queue=QUEUE) as lab:
        lab.start()
        before = lab.rest.get("/v1/status")
        lab.te(enabled=True, backend=PINNED, deadline_s=DEADLINE_S)
        pids = tree(before["optimiser"]["pid"])
        begin, busy = time.monotonic(), cpu_seconds(pids)
        own = cpu_seconds([lab.controller.pid])
        latencies = _load(lab, matrices, seconds)
        passed = time.monotonic() - begin
        pids = sorted({*pids, *tree(before["optimiser"]["pid"])})
        busy, own = cpu_seconds(pids) - busy, cpu_seconds([lab.controller.pid]) - own
        after = lab.rest.get("/v1/status")
        made = lab.rest.get("/v1/decisions", limit=1000)
        switches = len(lab.info["switches"])
    return {
        "switches": switches, "pinned_backend": PINNED, "seconds": passed,
        "decisions": dict(Counter(f"{row['backend']} {row['status']}" for row in made)),
        "optimiser_cores_used": busy / passed, "controller_cores_used": own / passed,
        "start_up": _stalls(before), "under_load": _stalls(after),
        "max_since_start_ms": 1000 * after["hub_stall_max_s"],
        "rest_latency": spread(latencies, "ms", (50, 99)),
    }  # fmt: skip


def _stalls(status: dict[str, Any]) -> dict[str, float]:
    """Of the last minute; at start-up that is all there was."""
    return {
        "p99_ms": 1000 * status["hub_stall_p99_s"],
        "max_ms": 1000 * status["hub_stall_recent_max_s"],
    }


def _load(lab: Lab, matrices: list[Matrix], seconds: float) -> list[float]:
    """Step the traffic and ask over REST, evenly; return the latencies in milliseconds."""
    latencies, begin, steps = [], time.monotonic(), 0
    for number in range(REST_REQUESTS):
        due = begin + seconds * number / REST_REQUESTS
        time.sleep(max(0.0, due - time.monotonic()))
        if time.monotonic() >= begin + steps * LOAD_STEP_S:
            lab.call("traffic start", demands=rows(matrices[steps % 2]), ports=16)
            steps += 1
        asked = time.perf_counter()
        lab.rest.get("/v1/status" if number % 2 else "/v1/links")
        latencies.append(1000 * (time.perf_counter() - asked))
    return latencies
