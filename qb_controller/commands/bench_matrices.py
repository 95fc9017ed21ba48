"""Benchmarks with whole traffic matrices on Abilene: utilisation and reaction."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from qb_controller.commands.bench_figures import mean_utilisations, split_deviation, spread
from qb_controller.commands.bench_setting import (
    Setting,
    abilene,
    optimum,
    rows,
    two_matrices,
)
from qb_controller.commands.lab import Lab
from topologies.graph import Topology
from topologies.traffic import Matrix

LARGEST = 5.0
"""Mbit/s of the largest link: few enough packets for switches in userspace on two cores."""
WINDOW_S = 10.0
AFTER_TAKE_OVER_S = 5.0
TAKE_OVER_WITHIN_S = 20.0
STEPS, STEPS_QUICK = 20, 3
STEP_WINDOW_S = 12.0
"""Seconds after a step of the traffic in which plans count as its consequence."""
MICROFLOW_PORTS = 16
"""Source ports and destination ports of every demand: 256 microflows."""


def utilisation(setting: Setting) -> dict[str, Any]:
    """Measured MLU and loss of shortest paths, single paths and split plans, per matrix."""
    graph, topology, matrices = abilene(setting, LARGEST, 1 if setting.quick else 5)
    with setting.lab(graph, LARGEST, "--noqb-te") as lab:
        lab.start()
        runs = [_one_matrix(lab, topology, matrix) for matrix in matrices]
    worst = {
        f"{kind}_{key}_worst": max(run[kind][key] for run in runs)
        for kind in ("shortest", "single", "split")
        for key in ("ratio", "loss")
    }
    return {
        "topology": topology.name, "largest_mbit_s": LARGEST, "window_s": WINDOW_S,
        "microflows": MICROFLOW_PORTS**2, **worst, "matrices": runs,
    }  # fmt: skip


def _one_matrix(lab: Lab, topology: Topology, matrix: Matrix) -> dict[str, Any]:
    best = optimum(topology, matrix)
    lab.te(enabled=False, split=False)
    started = lab.call("traffic start", demands=rows(matrix), ports=MICROFLOW_PORTS)
    time.sleep(4.0)  # the measured rates are those of one interval: let the start pass
    result: dict[str, Any] = {
        "matrix": matrix.name, "demands": started["demands"], "offered_bit_s": matrix.total,
        "offered_packets_s": started["pps"], "optimum": best, "shortest": _window(lab, best),
    }  # fmt: skip
    for kind, split in (("single", False), ("split", True)):
        lab.te(enabled=False)
        lab.wait_settled()
        lab.te(enabled=True, split=split)
        taken = _take_over(lab)
        time.sleep(AFTER_TAKE_OVER_S)
        result[kind] = {"take_over_s": taken, **_window(lab, best)}
        if split:
            result[kind]["split_pairs"] = _splits(lab)
    lab.te(enabled=False)
    return result


def _take_over(lab: Lab) -> float | None:
    """Seconds until a plan is in force, None where none came."""
    begin = time.monotonic()
    while time.monotonic() < begin + TAKE_OVER_WITHIN_S:
        if lab.rest.get("/v1/plan"):
            return time.monotonic() - begin
        time.sleep(0.1)
    return None


def _window(lab: Lab, best: float) -> dict[str, Any]:
    """MLU by the switches' port counters over the window, and the loss in it."""
    begin, samples = time.monotonic(), []
    for second in range(1, int(WINDOW_S) + 1):
        time.sleep(max(0.0, begin + second - time.monotonic()))
        samples.append(lab.rest.get("/v1/links"))
    report = lab.call("traffic report", since=begin, until=begin + WINDOW_S, pairs=False)
    means = mean_utilisations(samples)
    link = max(means, key=lambda one: means[one])
    return {
        "mlu": means[link],
        "ratio": means[link] / best,
        "link": " > ".join(link),
        **{key: report[key] for key in ("sent", "lost", "duplicates", "reordered", "loss")},
        "latency_ms": report["latency_ms"],
        "sender_was_bottleneck": report["sender"]["bottleneck"],
    }


def _splits(lab: Lab) -> dict[str, Any]:
    """Compare the byte counters of select groups with their weights."""
    demand: dict[tuple[str, str], float] = {}
    count: Counter[tuple[str, str]] = Counter()
    for row in lab.rest.get("/v1/plan"):
        pair = (row["from"], row["to"])
        count[pair] += 1
        demand[pair] = row["demand"] or 0.0
    found = []
    for pair, ways in count.items():
        if ways > 1:
            answer = lab.rest.get("/v1/path", **{"from": pair[0], "to": pair[1]})
            found.append((demand[pair], answer["ways"]))
    return split_deviation(found)


def reaction(setting: Setting) -> dict[str, Any]:
    """Seconds from steps in the traffic to the confirmation of the last flow-mod."""
    graph, topology, matrices = two_matrices(setting, LARGEST)
    steps = STEPS_QUICK if setting.quick else STEPS
    with setting.lab(graph, LARGEST) as lab:
        lab.start()
        lab.call("traffic start", demands=rows(matrices[0]), ports=MICROFLOW_PORTS)
        time.sleep(STEP_WINDOW_S)
        found = [_step(lab, matrices[(i + 1) % 2]) for i in range(steps)]
        interval = lab.rest.get("/v1/status")["telemetry_interval_s"]
        deadline = lab.rest.get("/v1/te")["deadline_s"]
    first = [step["first_plan_s"] for step in found if step["first_plan_s"] is not None]
    last = [step["last_plan_s"] for step in found if step["last_plan_s"] is not None]
    return {
        "topology": topology.name, "telemetry_interval_s": interval, "deadline_s": deadline,
        "steps": steps, "steps_without_new_plan": steps - len(first),
        "within_s": STEP_WINDOW_S,
        "first_plan": spread(first, "s"), "last_plan": spread(last, "s"), "runs": found,
    }  # fmt: skip


def _step(lab: Lab, matrix: Matrix) -> dict[str, Any]:
    """One step: when the first and the last plan made after it were in force."""
    answer = lab.call("traffic start", demands=rows(matrix), ports=MICROFLOW_PORTS)
    at = answer["at"] + time.time() - time.monotonic()  # Unix time of the step
    time.sleep(max(0.0, at + STEP_WINDOW_S - time.time()))
    plans = []
    for row in lab.rest.get("/v1/decisions", limit=100):
        if row["status"] == "improved" and row["at"] >= at:
            whole = lab.rest.get(f"/v1/decisions/{row['decision']}")
            installed = whole["outcome"]["extra"].get("installed_at")
            if installed is not None:
                plans.append(installed - at)
    return {
        "matrix": matrix.name, "plans": len(plans), "plans_s": sorted(plans),
        "first_plan_s": min(plans, default=None), "last_plan_s": max(plans, default=None),
    }  # fmt: skip
