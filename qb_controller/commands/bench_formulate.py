"""``qb bench formulate``: time and memory to formulate traffic engineering, by number of nodes.

Random meshes of a backbone's mean degree with demands between all pairs. Each step runs in a
process of its own, whose peak of resident memory is measured above that of the loaded libraries.
The one-hot QUBO of the whole problem is counted and never built: its couplings are the pairs of
candidate paths that share a link or a demand, exactly up to :data:`EXACT` paths and from a sample
of paths above.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from qb_controller.commands.output import (
    Column,
    Stopwatch,
    add_json,
    only_answers,
    print_table,
    seconds,
    write_json,
)

NODES = (11, 25, 50, 100, 158)
QUICK = (11, 25, 50)

DEGREE = 3.0
"""Cables per node; Topology Zoo's backbones have 2 to 4."""

EXACT = 5_000
SAMPLE = 400

LONGEST_S = 120.0
"""Time limit of the search for candidate paths."""

COUPLING_BYTES = 16
"""Two indexes of four bytes and one weight of eight: the least a sparse QUBO takes."""


def _bytes(value: float) -> str:
    power = min(4, int(math.log(max(value, 1.0), 1024)))
    return f"{value / 1024**power:.3g} {('B', 'KiB', 'MiB', 'GiB', 'TiB')[power]}"


COLUMNS = (
    Column("nodes", right=True),
    Column("demands", right=True),
    Column("choices", right=True),
    Column("problem_s", seconds, right=True),
    Column("candidates_s", seconds, right=True),
    Column("incidence_s", seconds, right=True),
    Column("disjoint_s", seconds, right=True),
    Column("peak_bytes", _bytes, right=True),
    Column("qubo_couplings", "{:.3g}".format, right=True),
    Column("qubo_bytes", _bytes, right=True),
    Column("dominates"),
)

STEPS = ("problem", "candidates", "incidence", "disjoint")


def add_arguments(name: str, parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} nodes only")
    parser.add_argument("--seed", type=int, default=0)
    add_json(parser)


def run(name: str, args: argparse.Namespace) -> int:
    watch = Stopwatch()
    context = multiprocessing.get_context("spawn")
    runs = []
    with only_answers():
        for nodes in QUICK if args.quick else NODES:
            with context.Pool(1) as process:  # a fresh one, so that peaks are its own
                runs.append(process.apply(measure, (nodes, args.seed)))
    growth = _growth(runs)
    print_table(runs, COLUMNS)
    print("growth with the number of demands: " + ", ".join(
        f"{key} demands^{power:.2f}" for key, power in growth.items()))  # fmt: skip
    if args.json is not None:
        write_json({"runs": runs, "growth": growth, "meta": watch.meta(args.seed)}, args.json)
    return 0


def measure(nodes: int, seed: int) -> dict[str, Any]:
    """Times in seconds and memory in bytes at one size; runs in a fresh process."""
    from quantum_backends.candidates import with_candidates
    from quantum_backends.flow_paths import edge_disjoint
    from quantum_backends.instances import dense_mesh
    from quantum_backends.routing import RoutingProblem

    warm = with_candidates(dense_mesh(6, 0, degree=DEGREE))
    edge_disjoint(warm.n_nodes, warm.tail, warm.head, warm.source, warm.target)
    graph = dense_mesh(nodes, seed, degree=DEGREE)
    parts = {
        field: getattr(graph, field)
        for field in ("n_nodes", "tail", "head", "capacity", "source", "target", "volume")
    }
    before = _peak()
    problem_s, problem = _timed(lambda: RoutingProblem(**parts))
    candidates_s, refined = _timed(lambda: with_candidates(problem, LONGEST_S))
    incidence_s, incidence = _timed(lambda: refined.incidence)
    ends = (graph.n_nodes, graph.tail, graph.head, graph.source, graph.target)
    disjoint_s, _ = _timed(lambda: edge_disjoint(*ends))
    peak = _peak() - before
    layout = refined.layout
    couplings, counted = _couplings(incidence, layout.demand, seed)
    times = dict(zip(STEPS, (problem_s, candidates_s, incidence_s, disjoint_s), strict=True))
    return {
        "nodes": nodes,
        "links": graph.n_links,
        "demands": graph.n_demands,
        "choices": len(layout.demand),
        "path_links": len(layout.link),
        **{f"{step}_s": took for step, took in times.items()},
        "peak_bytes": peak,
        "qubo_bits": len(layout.demand),
        "qubo_couplings": couplings,
        "qubo_counted": counted,
        "qubo_bytes": COUPLING_BYTES * couplings,
        "dominates": max(times, key=lambda step: times[step]),
    }


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def _peak() -> int:
    """Highest resident memory of this process so far, bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _couplings(incidence: Any, demand: Any, seed: int) -> tuple[float, str]:
    """Couplings of the one-hot QUBO, and whether they were counted or estimated."""
    choices = len(demand)
    rows = np.arange(choices)
    if choices > EXACT:
        rows = np.random.default_rng(seed).choice(choices, SAMPLE, replace=False)
    shared = incidence[rows] @ incidence.T  # one row per choice looked at
    together = np.bincount(demand)[demand[rows]] - 1
    same = (demand[shared.indices] == np.repeat(demand[rows], np.diff(shared.indptr))).sum()
    partners = shared.nnz - same + together.sum()
    return float(partners / len(rows) * choices / 2), "all" if choices <= EXACT else "sample"


def _growth(runs: list[dict[str, Any]]) -> dict[str, float]:
    """Exponents of a power of the number of demands, fitted to the logarithms."""
    size = np.log([run["demands"] for run in runs])
    keys = ("candidates_s", "path_links", "qubo_couplings")
    return {
        key: float(np.polyfit(size, np.log([max(run[key], 1e-9) for run in runs]), 1)[0])
        for key in keys
    }
