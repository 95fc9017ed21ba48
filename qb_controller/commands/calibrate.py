"""``qb calibrate`` and ``qb model``: teach the performance model, and look into it."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qb_controller.commands.output import (
    Column,
    Stopwatch,
    add_json,
    only_answers,
    percent,
    seconds,
    show,
    write_json,
)
from qb_controller.errors import InputError, QBError
from qb_controller.state import FOLDER

if TYPE_CHECKING:
    from qb_controller.orchestration.calibration import Trial

WAIT_S = 120.0

GIVE_UP = 2
"""After so many trials in a row without an answer a backend gets no more of the same kind and
budget: most end with its worker being killed, which takes seconds to start anew."""

MODEL = (
    Column("kind"),
    Column("backend"),
    Column("formulation"),
    Column("outcomes", right=True),
    Column("size", "{:.0f}".format, right=True),
    Column("budget_s", seconds, right=True),
    Column("time50_s", seconds, right=True),
    Column("time90_s", seconds, right=True),
    Column("gap10", percent, right=True),
    Column("gap50", percent, right=True),
    Column("gap90", percent, right=True),
    Column("late", percent, right=True),
    Column("weight", "{:.1f}".format, right=True),
)
OUTCOMES = (
    Column("source"),
    Column("backend"),
    Column("first_s", seconds, right=True),
    Column("busy_s", seconds, right=True),
    Column("gap", percent, right=True),
)
SIZES = (30.0, 306.0, 2756.0)
BUDGET_S = 0.4
"""What the model is asked about where it is printed: three sizes, in the time that half a second
leaves."""


def add_arguments(name: str, parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--state",
        type=Path,
        default=Path(FOLDER),
        metavar="DIR",
        help="the controller's state directory (default: %(default)s)",
    )
    if name == "calibrate":
        parser.add_argument("--seed", type=int, default=0, help="of the problems (default: 0)")
        parser.add_argument(
            "--minutes", type=float, default=5.0, help="stop after so many (default: 5)"
        )
        parser.add_argument(
            "--fresh", action="store_true", help="forget earlier calibrations and begin anew"
        )
        parser.add_argument(
            "--backend", action="append", metavar="NAME", help="only this one (repeatable)"
        )
    else:
        parser.add_argument(
            "--outcomes", action="store_true", help="list the recorded outcomes instead"
        )
    add_json(parser)


def run(name: str, args: argparse.Namespace) -> int:
    return _calibrate(args) if name == "calibrate" else _model(args)


def _calibrate(args: argparse.Namespace) -> int:
    from qb_controller.orchestration.calibration import missing, trials
    from qb_controller.orchestration.outcomes import CALIBRATION, Outcomes
    from qb_controller.runtime.workers import WorkerPool
    from quantum_backends.registry import BACKENDS

    watch = Stopwatch()
    for each in args.backend or ():
        if each not in BACKENDS:
            raise InputError(f"--backend {each}: there are {', '.join(sorted(BACKENDS))}")
    outcomes = Outcomes(args.state)
    if args.fresh:
        outcomes.forget(CALIBRATION)
    with only_answers():
        wanted = trials(BACKENDS, args.seed)
        if args.backend:
            wanted = tuple(trial for trial in wanted if trial.backend in args.backend)
        left = missing(wanted, outcomes)
        families = {BACKENDS[trial.backend].family for trial in left}
        used = {name: b for name, b in BACKENDS.items() if b.family in families}
        with WorkerPool(used) as pool:
            if left and not pool.wait_ready(WAIT_S):
                raise QBError(f"workers did not load within {WAIT_S:g} s: {pool.states()}")
            done, passed_over = _run_trials(pool, left, outcomes, args.minutes * 60)
    answer = {
        "trials": len(wanted),
        "done_before": len(wanted) - len(left),
        "done": done,
        "passed_over": passed_over,
        "left": len(left) - done - passed_over,
        "file": str(args.state / "model.sqlite"),
    }
    outcomes.close()
    if args.json is not None:
        write_json({**answer, "meta": watch.meta(args.seed)}, args.json)
    else:
        print(_told(answer, seconds(time.perf_counter() - watch.steady)))
    return 0


def _told(answer: Mapping[str, Any], took: str) -> str:
    over = f", {answer['passed_over']} passed over for want of answers"
    over = over if answer["passed_over"] else ""
    if answer["left"]:
        left = f"{answer['left']} of {answer['trials']} left; run it again to go on"
        return f"{answer['done']} trials in {took}{over}, {left}"
    return f"calibrated: {answer['done_before'] + answer['done']} trials{over} in {answer['file']}"


def _run_trials(pool: Any, left: Iterable[Trial], outcomes: Any, limit_s: float) -> tuple[int, int]:
    """Run trials until all are handled or the time is over.

    Returns
    -------
    int, int
        How many have an outcome now, and how many were passed over: their backend could not be
        asked, or never answered in like ones.
    """
    from rich.console import Console
    from rich.progress import Progress

    from qb_controller.orchestration.calibration import run_trial

    todo, began, done, passed_over = list(left), time.monotonic(), 0, 0
    silent: Counter[tuple[str, str, float]] = Counter()
    with Progress(console=Console(file=sys.stderr), transient=True) as bar:
        task = bar.add_task("calibrating", total=sum(trial.budget_s for trial in todo))
        for trial in todo:
            if time.monotonic() - began > limit_s:
                break
            bar.update(task, description=f"{trial.backend} on {trial.problem}")
            arm = (trial.backend, trial.kind, trial.budget_s)
            row = None
            if silent[arm] < GIVE_UP:
                pool.wait_ready(WAIT_S)  # the one that was killed before starts anew
                row = run_trial(pool, trial)
            if row is None:
                passed_over += 1
            else:
                outcomes.add(row)
                done += 1
                came = row.outcome.first_s < float("inf")
                silent[arm] = 0 if came else silent[arm] + 1
            bar.advance(task, trial.budget_s)
    return done, passed_over


def _model(args: argparse.Namespace) -> int:
    from qb_controller.orchestration.outcomes import FILE, Outcomes

    if not (args.state / FILE).exists():
        raise InputError(f"{args.state / FILE}: no such file; `qb calibrate` makes one")
    outcomes = Outcomes(args.state)
    if args.outcomes:
        rows = [_plain(row) for row in outcomes]
        show(args, rows, OUTCOMES, "nothing is recorded")
        return 0
    show(args, model_rows(outcomes), MODEL, "nothing has been learnt yet: documented priors alone")
    return 0


def model_rows(outcomes: Any) -> list[dict[str, Any]]:
    """What the model has learnt, told as forecasts for tasks of :data:`SIZES`."""
    from qb_controller.orchestration.outcomes import teach
    from qb_controller.orchestration.performance import Performance
    from quantum_backends.registry import BACKENDS

    performance = Performance({name: each.family for name, each in BACKENDS.items()})
    teach(performance, outcomes)
    rows = []
    for (kind, backend, formulation), count in sorted(performance.counts().items()):
        form = kind.partition("/")[0]
        for size in SIZES:
            seen = _typical(kind, size)
            arms = () if formulation == "whole" else ((backend, formulation),)
            found = performance.predict(form, seen, (BUDGET_S,), {}, arms)
            forecast = next(
                p.forecasts[0]
                for p in found
                if (p.backend, p.formulation) == (backend, formulation)
            )
            row = {"kind": kind, "backend": backend, "formulation": formulation, "size": size}
            rows.append({**row, "outcomes": count, **forecast._asdict()})
    return rows


def _typical(kind: str, size: float) -> dict[str, float]:
    """A task of middling features: three paths a demand, half of the bound to gain."""
    seen = {
        "size": size,
        "choices": 3 * size,
        "gap": 0.5,
        "bound": 1.0,
        "incumbent": 1.5,
        "elephants": 0.6,
        "density": 0.03,
        "allowed_s": BUDGET_S,
    }
    if "/split" in kind or "/single" in kind:
        seen["split"] = float("/split" in kind)
    if kind.endswith("/unbounded"):
        seen["bound"] = 0.0
        del seen["gap"]
    return seen


def _plain(row: Any) -> dict[str, Any]:
    first, gap = row.outcome.first_s, row.outcome.gap
    return {
        "at": row.at,
        "source": row.source,
        "form": row.form,
        "backend": row.backend,
        "formulation": row.formulation,
        "first_s": first if first < float("inf") else None,
        "busy_s": row.outcome.busy_s,
        "gap": gap if gap == gap else None,
        "features": dict(row.features),
    }
