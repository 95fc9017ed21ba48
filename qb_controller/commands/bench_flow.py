"""``qb bench flow``: maximum total flow beside the figures published for NCFlow's benchmark.

Every backend on every instance, one after the other on the same warm workers, timed from the
parsed files to the verified plan, paths included. ``speedup`` is the time of ``highs-lp`` in this
run over the time of the backend.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from functools import partial
from typing import Any

from qb_controller.commands.bench_files import (
    Files,
    Published,
    choose,
    ncflow,
    published_flows,
)
from qb_controller.commands.output import (
    Column,
    Stopwatch,
    add_json,
    only_answers,
    print_table,
    seconds,
    write_json,
)
from qb_controller.errors import InputError

BACKENDS = ("highs-lp", "flow-mwu")
"""``highs-lp`` comes first: it is what the others are compared with."""

QUICK = 3
"""Instances of a quick run."""

COLUMNS = (
    Column("instance"),
    Column("demands", right=True),
    Column("asked"),
    Column("backend"),
    Column("flow", "{:.6g}".format, right=True),
    Column("ratio", "{:.5f}".format, right=True),
    Column("published_flow", "{:.6g}".format, right=True),
    Column("published_ratio", "{:.6f}".format, right=True),
    Column("elapsed_s", seconds, right=True),
    Column("speedup", "{:.1f}".format, right=True),
)


def add_arguments(name: str, parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", required=True, metavar="DIR", help="folder with ncflow/")
    parser.add_argument("--instances", metavar="A,B", help="only those that begin so")
    parser.add_argument(
        "--backends", default=",".join(BACKENDS), metavar="A,B", help="(default: %(default)s)"
    )
    parser.add_argument("--objective", choices=("total-flow", "concurrent"), default="total-flow")
    parser.add_argument("--deadline", type=float, default=120.0, metavar="S")
    parser.add_argument("--repeat", type=int, default=3, help="the median time counts (default: 3)")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} instances, once each")
    parser.add_argument("--seed", type=int, default=0)
    add_json(parser)


def run(name: str, args: argparse.Namespace) -> int:
    from qb_controller.commands.direct import backends_for, settings_of

    watch = Stopwatch()
    found = {each.name: each for each in ncflow(args.data)}
    files = [found[name] for name in choose(list(found), args.instances)]
    if args.quick:
        files, args.repeat = files[:QUICK], 1
    settings_of(args.deadline, True, None, args.seed)  # complains of a deadline out of range
    if args.repeat < 1:
        raise InputError(f"--repeat {args.repeat}: want 1 or more")
    chosen: dict[str, Any] = {}
    for backend in args.backends.split(","):
        chosen |= backends_for("flow", None if backend == "auto" else backend)
    published = published_flows(args.data)
    with only_answers():
        runs = _runs(files, chosen, published, args)
    print_table(runs, COLUMNS)
    if args.json is not None:
        write_json({"runs": runs, "meta": watch.meta(args.seed)}, args.json)
    return 0


def _runs(
    files: list[Files],
    backends: Mapping[str, Any],
    published: Mapping[str, Published],
    args: argparse.Namespace,
) -> list[dict[str, Any]]:
    from qb_controller.commands.direct import Solver

    runs: list[dict[str, Any]] = []
    with Solver(backends, {backend.family for backend in backends.values()}) as solver:
        solver.warm("flow")
        for each in files:
            runs += _instance(solver, each, published.get(each.name, Published()), args)
    return runs


def _instance(
    solver: Any, files: Files, published: Published, args: argparse.Namespace
) -> list[dict[str, Any]]:
    """The runs of all backends on one instance."""
    from qb_controller.commands.direct import settings_of
    from qb_controller.commands.instances import read_instance
    from qb_controller.commands.solve import maker, report_of

    topology, matrix = read_instance(files.graph, files.demands)
    make = maker(topology, matrix, args.objective, True)
    about = {
        "instance": files.name,
        "nodes": len(topology.nodes),
        "links": len(topology.edges),
        "demands": len(matrix.demands),
        "objective": args.objective,
        "split": True,
    }
    runs = []
    for backend in args.backends.split(","):
        pinned = None if backend == "auto" else backend
        solver.ready()
        ask = partial(solver.answer, make, settings_of(args.deadline, True, pinned, args.seed))
        answers = sorted((ask() for _ in range(args.repeat)), key=lambda answer: answer.elapsed_s)
        report = report_of(answers[len(answers) // 2], args.deadline, False)
        runs.append({**about, "asked": backend, **report})
    _compare(runs, published)
    return runs


def _compare(runs: list[dict[str, Any]], published: Published) -> None:
    """Add the optimum of this run and the published figures to each run of one instance."""
    exact = next((run for run in runs if run["asked"] == run["backend"] == "highs-lp"), None)
    concurrent = runs[0]["objective"] == "concurrent"
    flow = published.concurrent_flow if concurrent else published.total_flow
    for run in runs:
        # The published share stops at one.
        reached = min(run["flow"], 1.0) if concurrent else run["flow"]
        run["published_flow"] = flow
        run["published_ratio"] = reached / flow if flow else None
        run["published_lp_s"] = published.concurrent_s if concurrent else published.total_s
        run["speedup"] = exact["elapsed_s"] / run["elapsed_s"] if exact else None
        if exact:
            run["bound"] = exact["flow"]
            run["ratio"] = run["flow"] / exact["flow"]
