"""``qb jobs simulate``: one run of the simulated quantum cloud under one or several schedulers."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qb_controller.commands.output import Column, Stopwatch, add_json, print_table, write_json
from qb_controller.errors import InputError

if TYPE_CHECKING:
    from qb_controller.applications.jobs.simulator import Result
    from qb_controller.applications.jobs.workload import Workload

COLUMNS = (
    Column("scheduler"),
    Column("served", right=True),
    Column("arrived", right=True),
    Column("refused", right=True),
    Column("sub_jobs", right=True),
    Column("lost", right=True),
    Column("utilisation", "{:.0%}".format, right=True),
    Column("wasted", "{:.0%}".format, right=True),
    Column("decision_ms", "{:.2f}".format, right=True),
)


def add_arguments(name: str, parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--load", type=float, default=1.0, help="default: %(default)g")
    parser.add_argument(
        "--tightness",
        type=float,
        default=1.5,
        help="deadline over the fastest completion (default: %(default)g)",
    )
    parser.add_argument("--qpus", type=int, default=8, help="default: %(default)s")
    parser.add_argument(
        "--arrivals",
        default="poisson",
        metavar="KIND",
        help="poisson, bursty, or a file of arrival times in seconds (default: %(default)s)",
    )
    parser.add_argument("--no-cutting", action="store_true", help="no request is cut")
    parser.add_argument("--requests", type=int, help="so many (default: of the parameters)")
    parser.add_argument("--schedulers", default="qb,greedy,greedy+split,fifo", metavar="NAME,...")
    parser.add_argument("--settings", type=Path, metavar="F.yaml", help="parameters to lay over")
    parser.add_argument(
        "--backend",
        metavar="NAME",
        help="ours asks the policy at every decision: auto, or one backend (real time passes)",
    )
    parser.add_argument(
        "--decide-within",
        type=float,
        default=0.2,
        metavar="S",
        help="deadline of each such decision (default: %(default)g s)",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--gantt", type=Path, metavar="F.png", help="draw the first scheduler's run"
    )
    add_json(parser)


def run(name: str, args: argparse.Namespace) -> int:
    from qb_controller.applications.jobs.bounds import upper_bound
    from qb_controller.applications.jobs.schedulers import make
    from qb_controller.applications.jobs.settings import read
    from qb_controller.applications.jobs.simulator import simulate

    watch = Stopwatch()
    settings = read(args.settings)
    if args.requests is not None and args.requests < 1:
        raise InputError(f"--requests {args.requests}: want 1 or more")
    schedulers = [(each, make(each, settings)) for each in args.schedulers.split(",")]
    drawn = _drawn(args, settings)
    results = [(each, simulate(drawn, scheduler)) for each, scheduler in schedulers]
    if args.backend is not None:
        results.insert(0, _asked(args, drawn, settings))
    rows = [_row(each, result, drawn) for each, result in results]
    bound = upper_bound(drawn)
    if args.gantt is not None:
        from qb_controller.commands.jobs_report import gantt

        gantt(args.gantt, drawn, results[0][1], results[0][0])
    if args.json is not None:
        jobs = {each: _sub_jobs(result) for each, result in results}
        answer = {"runs": rows, "upper_bound": bound, "sub_jobs": jobs}
        write_json({**answer, "meta": watch.meta(args.seed)}, args.json)
    if args.json != "-":
        print_table(rows, COLUMNS)
        print(f"nobody can serve more than {bound:g} of {len(drawn.requests)} (proven)")
    return 0


def _drawn(args: argparse.Namespace, settings: Any) -> Workload:
    from qb_controller.applications.jobs.workload import (
        BURSTY,
        POISSON,
        Cell,
        at_times,
        draw,
        read_arrivals,
    )

    cutting = not args.no_cutting
    if args.arrivals in (POISSON, BURSTY):
        cell = Cell(args.load, args.tightness, args.qpus, args.arrivals, cutting)
        return draw(cell, settings, args.seed, args.requests)
    times = read_arrivals(Path(args.arrivals))[: args.requests]
    cell = Cell(args.load, args.tightness, args.qpus, POISSON, cutting)
    return at_times(draw(cell, settings, args.seed, len(times)), times, settings, args.seed)


def _asked(args: argparse.Namespace, drawn: Workload, settings: Any) -> tuple[str, Result]:
    """Ours with every decision put to the policy and its backends."""
    from qb_controller.applications.jobs.ours import ours
    from qb_controller.applications.jobs.simulator import simulate
    from qb_controller.applications.jobs.through_policy import settings_of, through
    from qb_controller.commands.wireless import service_for

    if not 0.05 <= args.decide_within <= 60:
        raise InputError(f"--decide-within {args.decide_within:g}: want 0.05 to 60 seconds")
    pinned = None if args.backend == "auto" else args.backend
    with service_for(args.backend, "schedule") as service:
        solve = through(service, settings_of(args.decide_within, pinned, args.seed))
        return f"qb by {args.backend}", simulate(drawn, ours(settings, solve))


def _row(name: str, result: Result, drawn: Workload) -> dict[str, Any]:
    import numpy as np

    schedule = result.schedule
    useful = sum(j.end - j.start for j in schedule.sub_jobs if j.request in schedule.served)
    busy = result.busy_s
    return {
        "scheduler": name,
        "served": result.served,
        "arrived": result.arrived,
        "refused": len(schedule.refused),
        "sub_jobs": len(schedule.sub_jobs),
        "lost": result.lost,
        "utilisation": busy / (drawn.horizon * len(drawn.qpus)),
        "wasted": max(0.0, 1 - useful / busy) if busy else 0.0,
        "decision_ms": 1e3 * float(np.mean([took for _, took in result.decisions] or [0.0])),
    }


def _sub_jobs(result: Result) -> list[dict[str, Any]]:
    from dataclasses import asdict

    return [asdict(job) for job in result.schedule.sub_jobs]
