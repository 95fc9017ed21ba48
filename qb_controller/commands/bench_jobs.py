"""``qb bench jobs``: requests served before their deadlines, by every scheduler on a grid.

All schedulers get the same requests, outages and luck. Baselines run plain and with their shots
split greedily (``+split``), so that the table shows what comes from splitting and what from
deciding. A proven bound says what nobody can exceed. All parameters are this project's own and
stand in the report.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qb_controller.commands.output import Column, Stopwatch, add_json, print_table, write_json
from qb_controller.errors import InputError, QBError

if TYPE_CHECKING:
    from qb_controller.applications.jobs.settings import Settings

QUICK_SEEDS = 10
QUICK_MINUTES = 4.0

COLUMNS = (
    Column("load", "{:g}".format, right=True),
    Column("tightness", "{:g}".format, right=True),
    Column("qpus", right=True),
    Column("scheduler"),
    Column("served_mean", "{:.1f}".format, right=True),
    Column("served_ci95", lambda ci: f"{ci[0]:.1f} to {ci[1]:.1f}", right=True),
    Column("qb_ahead_percent", lambda v: "-" if v is None else f"{v:+.1f} %", right=True),
    Column("p_holm", lambda v: "-" if v is None else f"{v:.2g}", right=True),
    Column("upper_bound", "{:.1f}".format, right=True),
)

AIM_COLUMNS = (
    Column("baseline"),
    Column("aim_percent", "{:.1f}".format, right=True),
    Column("more_percent", "{:.1f}".format, right=True),
    Column("least_percent", "{:.1f}".format, right=True),
    Column("cells", right=True),
    Column("reached"),
)


def add_arguments(name: str, parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=0, help="first seed (default: 0)")
    parser.add_argument("--seeds", type=int, help="runs per cell (default: of the parameters)")
    parser.add_argument(
        "--quick", action="store_true", help=f"two cells, {QUICK_SEEDS} seeds, five minutes at most"
    )
    parser.add_argument("--settings", type=Path, metavar="F.yaml", help="parameters to lay over")
    parser.add_argument("--schedulers", metavar="NAME,...", help="fewer of them; qb always runs")
    parser.add_argument(
        "--only", metavar="KEY=VALUE,...", help="cells with these, such as load=1,qpus=8"
    )
    parser.add_argument("--minutes", type=float, help="begin no run later; run it again to go on")
    parser.add_argument(
        "--table", type=Path, metavar="F.jsonl", help="runs to go on from, and to add to"
    )
    parser.add_argument("--report", type=Path, metavar="F.md", help="write a page with pictures")
    add_json(parser)


def run(name: str, args: argparse.Namespace) -> int:
    from qb_controller.applications.jobs import settings as parameters
    from qb_controller.commands.bench_policy import progress
    from qb_controller.commands.jobs_score import (
        ablation_of,
        aims_of,
        is_significant,
        losses,
        rows_of,
    )
    from qb_controller.commands.jobs_small import ratios, scale, small
    from qb_controller.commands.jobs_trials import Kept, cells, record

    watch = Stopwatch()
    settings = parameters.read(args.settings)
    names = _names(args.schedulers)
    seeds = args.seeds or (QUICK_SEEDS if args.quick else int(settings["grid"]["seeds"]))
    if seeds < 2:
        raise InputError(f"--seeds {seeds}: want 2 or more, or there is no interval")
    chosen = [cell for cell in cells(settings, args.quick) if _wanted(cell, args.only)]
    if not chosen:
        raise InputError(f"--only {args.only}: no cell of the grid is like that")
    # Seed by seed, so that whatever is done when the time is over covers all cells alike.
    wanted = [(cell, seed) for seed in range(args.seed, args.seed + seeds) for cell in chosen]
    kept = Kept(args.table or _beside(args.json), _stamp(settings, names))
    minutes = args.minutes or (QUICK_MINUTES if args.quick else math.inf)
    with progress(len(wanted)) as heard:
        until = time.monotonic() + 60 * minutes
        trials = record(wanted, names, settings, kept, until, heard, examine=not args.quick)
    complete = _complete(trials, chosen)
    if not complete:
        raise QBError(f"{len(trials)} of {len(wanted)} runs are done; run it again to go on")
    rows = rows_of(complete)
    answer: dict[str, Any] = {
        "cells": rows,
        "aims": aims_of(rows),
        "loses": losses(rows),
        "ablation": ablation_of(complete),
        "significantly_fewer": sum(is_significant(row) for row in losses(rows)),
        "decision_ms": _decisions(complete),
        "done": len(complete),
        "wanted": len(wanted),
        "parameters": settings,
    }
    some = small(settings, 5 if args.quick else int(settings["small"]["seeds"]), args.quick)
    answer["small"] = {**ratios(some), "rows": some}
    sizes = [int(size) for size in settings["scale"]["quick" if args.quick else "waiting"]]
    large = int(settings["grid"]["large_qpus"])
    answer["scale"] = scale(settings, sizes, large, args.seed, 3 if args.quick else 5)
    if args.report is not None:
        from qb_controller.commands.jobs_report import write

        write(args.report, answer, settings, args.seed)
    if args.json is not None:
        write_json({**answer, "meta": watch.meta(args.seed)}, args.json)
    if args.json != "-":
        print_table(rows, COLUMNS)
        print_table(answer["aims"], AIM_COLUMNS)
    return 0


def _names(wanted: str | None) -> list[str]:
    from qb_controller.applications.jobs.schedulers import NAMES, OURS

    if wanted is None:
        return list(NAMES)
    chosen = wanted.split(",")
    for each in chosen:
        if each not in NAMES:
            raise InputError(f"--schedulers {each}: there are {', '.join(NAMES)}")
    return [OURS, *(each for each in chosen if each != OURS)]


def _wanted(cell: Any, only: str | None) -> bool:
    if only is None:
        return True
    for word in only.split(","):
        key, _, value = word.partition("=")
        if not hasattr(cell, key):
            raise InputError(f"--only {word}: cells have load, tightness, qpus, arrivals, cutting")
        there = getattr(cell, key)
        try:
            same = str(there).lower() == value.lower() or float(there) == float(value)
        except ValueError:
            same = False
        if not same:
            return False
    return True


def _complete(trials: list[Any], chosen: list[Any]) -> list[Any]:
    """All trials where every cell has two or more, or there is no interval; none otherwise."""
    runs = dict.fromkeys(chosen, 0)
    for trial in trials:
        runs[trial.cell] += 1
    return trials if min(runs.values()) > 1 else []


def _decisions(trials: list[Any]) -> dict[str, float]:
    """Time of our decisions in the runs, milliseconds: mean of the runs' figures, and the worst."""
    n = len(trials)
    return {
        "p50": sum(trial.decision_ms[0] for trial in trials) / n,
        "p99": sum(trial.decision_ms[1] for trial in trials) / n,
        "max": max(trial.decision_ms[2] for trial in trials),
    }


def _stamp(settings: Settings, names: list[str]) -> str:
    """Of all that a trial depends on besides cell and seed; the grid itself is free to grow."""
    fixed = {key: value for key, value in settings.items() if key not in ("grid", "small", "scale")}
    text = json.dumps([fixed, names], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _beside(target: str | None) -> Path | None:
    return Path(f"{target}.trials.jsonl") if target not in (None, "-") else None
