"""Small instances against the clairvoyant optimum, and what decisions cost as queues grow."""

from __future__ import annotations

import copy
import time
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from qb_controller.applications.jobs import foresight, workload
from qb_controller.applications.jobs.bounds import clairvoyant, upper_bound
from qb_controller.applications.jobs.estimates import work_s
from qb_controller.applications.jobs.fleet import fleet
from qb_controller.applications.jobs.schedulers import OURS, make
from qb_controller.applications.jobs.settings import Settings
from qb_controller.applications.jobs.simulator import simulate
from qb_controller.applications.jobs.workload import Cell
from qb_controller.commands.jobs_score import interval
from qb_controller.model.jobs import JobRequest, Progress, QpuState, State
from quantum_backends.classical.schedule_cp_sat import most_served
from quantum_backends.registry import BACKENDS
from quantum_backends.solver import Budget

KNOWING = ("local-search", "path-switch", "sa-blocks", "cp-sat")
"""Backends that are asked with all arrivals known."""

REFERENCE = "knowing the distribution"
"""Not the arrivals: see :mod:`.foresight`."""

DRAWN = 1000
"""Different requests among those that wait; beyond, they come again under other names."""

Row = dict[str, Any]


def without_trouble(settings: Settings) -> Settings:
    """The same parameters without outages, calibrations and noise."""
    calm = copy.deepcopy(dict(settings))
    calm["outages"]["every_s"] = 0
    calm["fleet"]["calibrate_every_s"] = 0
    calm["service_noise"] = 0.0
    calm["schedulers"]["reserve"] = 0.0
    return calm


def small(settings: Settings, seeds: int, quick: bool) -> list[Row]:
    """One row per instance: the optimum, and what was served knowing and not knowing arrivals."""
    given, calm = settings["small"], without_trouble(settings)
    pairs = [(load, tight) for load in given["loads"] for tight in given["tightness"]]
    hurry = 4 if quick else 1
    rows = []
    for load, tightness in pairs:
        cell = Cell(load, tightness, int(given["qpus"]))
        kinds = foresight.kinds(cell, calm)
        for seed in range(seeds):
            drawn = workload.draw(cell, calm, seed, int(given["requests"]))
            problem = clairvoyant(drawn, calm["schedulers"]["parts"]).problem
            top = min(most_served(problem, given["seconds"] / hurry)[0], upper_bound(drawn))
            best = float(np.floor(top + 1e-6))
            row: Row = {"load": load, "tightness": tightness, "seed": seed, "optimum": best}
            for name in KNOWING:
                answer = BACKENDS[name].solve(problem, Budget(given["budget_s"] / hurry), seed)
                row[name] = len(problem.served(answer.answer))
            for name in (OURS, "greedy", "greedy+split", "edf"):
                row[f"online {name}"] = simulate(drawn, make(name, calm)).served
            futures = foresight.drawing(cell, calm, kinds, 1 / hurry)
            knowing = foresight.foresight(futures, kinds, calm["small"]["foresight"], seed)
            row[REFERENCE] = simulate(drawn, knowing).served
            # Proven too where somebody reaches the bound.
            row["proven"] = max(row[name] for name in KNOWING) >= best
            rows.append(row)
    return rows


def ratios(rows: Sequence[Row]) -> Row:
    """Sums over instances over the sums of their optima: of all, and of each load and tightness."""
    pairs = dict.fromkeys((row["load"], row["tightness"]) for row in rows)
    cells = [
        {"load": load, "tightness": tight}
        | _ratio([row for row in rows if (row["load"], row["tightness"]) == (load, tight)])
        for load, tight in pairs
    ]
    return {**_ratio(rows), "cells": cells}


def _ratio(rows: Sequence[Row]) -> Row:
    optimum = np.array([row["optimum"] for row in rows])
    online = [name for name in rows[0] if name.startswith("online")]
    served = {name: [row[name] for row in rows] for name in (*KNOWING, REFERENCE, *online)}
    shares = {name: sum(each) / optimum.sum() for name, each in served.items()}
    ours, reference = (np.array(served[name]) for name in (f"online {OURS}", REFERENCE))
    greedy = np.array(served["online greedy"])
    return {
        "instances": len(rows),
        "proven": sum(row["proven"] for row in rows),
        # Given in parts, a fragment has several pieces on a QPU; in the optimum it has one.
        "above": int((np.maximum(ours, reference) > optimum).sum()),
        "knowing": max(shares[name] for name in KNOWING),
        "online": shares[f"online {OURS}"],
        "shares": shares,
        "gaps": {
            "ours, over greedy": _gap(ours - greedy, optimum),
            f"{REFERENCE}, over ours": _gap(reference - ours, optimum),
            f"the optimum, over {REFERENCE}": _gap(optimum - reference, optimum),
        },
    }


def _gap(more: np.ndarray, optimum: np.ndarray) -> list[float]:
    """Mean and paired 95 % interval of a difference, as shares of the mean optimum."""
    return [value / float(optimum.mean()) for value in interval(more.tolist())]


def _arrived(request: JobRequest, number: int) -> JobRequest:
    """A request that arrives at 0, with the time to its deadline that it was drawn with."""
    given = request.deadline - request.arrival
    return replace(request, name=f"{request.name}.{number}", arrival=0.0, deadline=given)


def scale(
    settings: Settings, sizes: Sequence[int], qpus: int, seed: int, repeats: int
) -> list[Row]:
    """Time and memory of one decision with so many requests waiting, all QPUs just free.

    The first decision looks every request up; later ones find them in the book. Memory is what
    Python allocated at most during the first.
    """
    fleet_, latency = fleet(qpus, settings)
    drawn = workload.draw(Cell(1.0, 3.0, qpus), settings, seed, min(max(sizes), DRAWN))
    mean = float(np.mean([work_s(request, fleet_) for request in drawn.requests]))
    rows = []
    for size in sizes:
        waiting = tuple(
            Progress(_arrived(drawn.requests[i % len(drawn.requests)], i)) for i in range(size)
        )
        states = tuple(QpuState(qpu, 0.0) for qpu in fleet_)
        recent = tuple(progress.request for progress in waiting)
        state = State(states, waiting, latency, recent)
        scheduler = make(OURS, settings)
        tracemalloc.start()
        began = time.perf_counter()
        scheduler(state, 0.0)
        first = time.perf_counter() - began
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        times = []
        for k in range(repeats):
            began = time.perf_counter()
            scheduler(state, 1e-6 * (k + 1))
            times.append(time.perf_counter() - began)
        rows.append(
            {
                "waiting": size,
                "qpus": qpus,
                "decision_s": float(np.median(times)),
                "first_s": first,
                "mean_service_s": mean,
                "share_of_service": float(np.median(times)) / mean,
                "memory_bytes": int(peak),
            }
        )
    return rows
