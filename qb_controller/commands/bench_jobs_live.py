"""``qb bench jobs-live``: mixed quantum jobs on simulated QPUs, workers killed on the way.

Jobs really run: cut where too wide, on worker processes with the noise of calibrations, put
together. What is looked at: is every job accounted for, are its shots all counted although workers
died, and does the exact value of the noiseless circuit lie within the stated error.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from qb_controller.commands.output import Stopwatch, add_json, only_answers, write_json

if TYPE_CHECKING:
    from qb_controller.applications.jobs.live.engine import Engine

JOBS, QUICK_JOBS = 50, 15
KILLS = 2
GAP_S = 1.0
"""Mean time between two arrivals."""

LIMIT_S = 600.0

NARROW = ("ghz", "ansatz", "qaoa", "random", "adder", "iqp", "qft")
WIDE = (("ghz", 9, 12), ("qaoa", 9, 11), ("ansatz", 9, 10))
"""Families that fit a QPU, and those too wide for every one, with their qubits."""


@dataclass(frozen=True)
class Asked:
    """A job of the mix."""

    at_s: float
    circuit: str
    observable: str
    shots: int
    deadline_s: float


@dataclass
class Outcome:
    """What the run brought."""

    refused: list[str] = field(default_factory=list)
    killed: list[str] = field(default_factory=list)
    names: dict[str, Asked] = field(default_factory=dict)


def mix(jobs: int, seed: int) -> list[Asked]:
    """Draw a mix: one in four too wide for every QPU; deadlines from tight to easy.

    Observables are all letters for GHZ states, the two ends for other wide circuits (so that no
    part of them can be left out), and a few neighbours for the others, as energies are summed from.
    Wide circuits have fewer shots, which cutting multiplies, and later deadlines.
    """
    rng = np.random.default_rng(seed)
    found, at = [], 0.0
    for number in range(jobs):
        at += float(rng.exponential(GAP_S))
        wide = number % 4 == 3
        if wide:
            family, least, most = WIDE[int(rng.integers(len(WIDE)))]
        else:
            family, least, most = NARROW[int(rng.integers(len(NARROW)))], 3, 7
        qubits = int(rng.integers(least, most + 1))
        letters = ["I"] * qubits
        count = qubits if family == "ghz" else int(rng.integers(1, 4))
        first = int(rng.integers(qubits - count + 1))
        letter = str(rng.choice(["X", "Z"]))
        letters[first : first + count] = [letter] * count
        if wide and family != "ghz":
            letters = [letter, *["I"] * (qubits - 2), letter]
        shots = int(np.exp(rng.uniform(np.log(500), np.log(1000 if wide else 4000))))
        deadline = float(np.exp(rng.uniform(np.log(15), np.log(120)))) * (1 + wide)
        name = f"{family}:{qubits}:{number}"
        found.append(Asked(at, name, "".join(reversed(letters)), shots, deadline))
    return found


def add_arguments(name: str, parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--jobs", type=int, help=f"how many (default: {JOBS})")
    parser.add_argument("--kills", type=int, default=KILLS, help="workers killed (default: 2)")
    parser.add_argument("--scheduler", default="qb", help="by name (default: qb)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help=f"the first {QUICK_JOBS} jobs")
    add_json(parser)


def run(name: str, args: argparse.Namespace) -> int:
    from qb_controller.applications.jobs.live.opening import open_engine
    from qb_controller.applications.jobs.live.store import Store

    watch = Stopwatch()
    jobs = args.jobs or (QUICK_JOBS if args.quick else JOBS)
    asked = mix(jobs, args.seed)
    logging.getLogger("qiskit").setLevel(logging.WARNING)
    with only_answers(), open_engine(Store(None), scheduler=args.scheduler) as engine:
        engine.pool.wait_ready(120.0)
        outcome = drive(engine, asked, args.kills)
        report = figures(engine, outcome, asked)
    report |= {"scheduler": args.scheduler, "meta": watch.meta(args.seed)}
    if args.json is not None:
        write_json(report, args.json)
    else:
        print("\n".join(told(report)))
    return 0 if report["accounted"] else 1


def drive(engine: Engine, asked: list[Asked], kills: int) -> Outcome:
    """Submit the jobs as they arrive, kill workers at work, wait until nothing is left."""
    from qb_controller.applications.jobs.live.submission import parse
    from qb_controller.applications.jobs.live.too_late import TooLate

    outcome, begun, waiting = Outcome(), time.monotonic(), list(asked)
    kill_after = [len(asked) * (k + 1) // (kills + 1) for k in range(kills)]
    while (waiting or not engine.idle) and time.monotonic() - begun < LIMIT_S:
        while waiting and time.monotonic() - begun >= waiting[0].at_s:
            one = waiting.pop(0)
            data = {
                "circuit": one.circuit,
                "observable": one.observable,
                "shots": one.shots,
                "deadline_s": one.deadline_s,
            }
            try:
                outcome.names[engine.submit(parse(data)).name] = one
            except TooLate as error:
                outcome.refused.append(f"{one.circuit}: {error}")
        engine.step(0.05)
        due = len(asked) - len(waiting)
        if kill_after and due >= kill_after[0] and (victim := _victim(engine, outcome.killed)):
            os.kill(engine.pool.pids()[victim], signal.SIGKILL)
            outcome.killed.append(victim)
            del kill_after[0]
            print(f"killed the worker of {victim} at work", file=sys.stderr)
    return outcome


def _victim(engine: Engine, before: list[str]) -> str:
    """The QPU whose sub-job has the longest yet to run, another than before; empty where none."""
    left = {name: end for name, end in engine.expected_ends().items() if end > 1.0}
    return max(left.keys() - set(before), key=lambda name: left[name], default="")


def figures(engine: Engine, outcome: Outcome, asked: list[Asked]) -> dict[str, Any]:
    """The report as plain values."""
    from qb_controller.applications.jobs.live.telling import everything
    from quantum_backends.cutting.library import circuit_of
    from quantum_backends.cutting.run import exact_value

    rows = []
    for record in reversed(engine.store.latest(10_000)):
        row = everything(engine, record)
        one = outcome.names[record.name]
        row["exact"] = exact_value(circuit_of(one.circuit), one.observable)
        if row["value"] is not None:
            off = abs(row["value"] - row["exact"])
            row["sigmas"] = off / row["error"]
            row["sampling_sigmas"] = off / row["sampling_error"]
        rows.append(row)
    done = [row for row in rows if row["status"] == "done"]
    states = {s: sum(r["status"] == s for r in rows) for s in sorted({r["status"] for r in rows})}
    over = not any(row["status"] in ("waiting", "running") for row in rows)
    return {
        "jobs": len(asked),
        "refused": outcome.refused,
        "states": states,
        "accounted": over and len(rows) + len(outcome.refused) == len(asked),
        "on_time": sum(row["on_time"] is True for row in rows),
        "cut": sum(bool(row["way"]) and row["way"] != "whole" for row in done),
        "killed": outcome.killed,
        "lost": [lost for row in rows for lost in row["lost"]],
        "within": {str(n): sum(row["sigmas"] <= n for row in done) for n in (1, 2, 3)},
        "within_sampling_alone": {
            str(n): sum(row["sampling_sigmas"] <= n for row in done) for n in (1, 2, 3)
        },
        "mean_error": float(np.mean([row["error"] for row in done])) if done else None,
        "modelled_s": sum(row["modelled_s"] for row in rows),
        "measured_s": sum(row["measured_s"] for row in rows),
        "rows": rows,
    }


def told(report: dict[str, Any]) -> list[str]:
    """The report in lines for people."""
    done = report["states"].get("done", 0)
    within = ", ".join(f"{n} within {k}" for k, n in report["within"].items())
    alone = ", ".join(f"{n} within {k}" for k, n in report["within_sampling_alone"].items())
    return [
        f"{report['jobs']} jobs: {report['states']}, {len(report['refused'])} refused at once; "
        f"{'all accounted for' if report['accounted'] else 'NOT all accounted for'}",
        f"{report['on_time']} on time, {report['cut']} cut; workers killed: "
        f"{', '.join(report['killed']) or 'none'}; sub-jobs lost and run again: "
        f"{len(report['lost'])}",
        f"of {done} values: {within} stated errors of the exact one (mean error "
        f"{report['mean_error'] or 0:.3f}); {alone} sampling errors alone, noise left out",
        f"QPU time: {report['modelled_s']:.0f} s modelled, {report['measured_s']:.0f} s measured "
        "(simulated QPUs wait for their model)",
    ]
