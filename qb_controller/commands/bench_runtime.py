"""``qb bench runtime``: deadlines under load, and workers killed at random."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any

from qb_controller.commands import runtime_trial
from qb_controller.commands.output import Stopwatch, add_json, write_json
from qb_controller.commands.runtime_trial import Stream
from qb_controller.errors import InputError, OptimiserError

TASKS, QUICK_TASKS = 2000, 500
"""Of the run under load; a quarter of them go through the one with kills."""

KILLED_SHARE = 4

RATE, KILLED_RATE = 12.0, 5.0
"""Tasks per second. Two cores under load take about six jobs a second, so that the first queues
up on purpose; the second leaves time for workers to come back."""

COPIES = {"classical": 2}
PATIENCE_S = 120.0


def add_arguments(name: str, parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tasks", type=int, help=f"of the run under load (default: {TASKS})")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_TASKS} tasks")
    add_json(parser)


def run(name: str, args: argparse.Namespace) -> int:
    watch = Stopwatch()
    tasks = args.tasks if args.tasks is not None else QUICK_TASKS if args.quick else TASKS
    if tasks < 1:
        raise InputError(f"--tasks is {tasks}, must be at least 1")
    found = measure(tasks, args.seed)
    if args.json is not None:
        write_json({**found, "meta": watch.meta(args.seed)}, args.json)
    else:
        _print(found)
    return 0


def measure(tasks: int, seed: int) -> dict[str, Any]:
    """Run both streams; the figures of each (see :class:`runtime_trial.Report`)."""
    from qb_controller.runtime.workers import WorkerPool
    from quantum_backends.registry import BACKENDS

    asked = problems(seed)
    loading = len(os.sched_getaffinity(0))
    under_load = Stream(asked, tasks, RATE, seed=seed)
    killed = Stream(asked, max(1, tasks // KILLED_SHARE), KILLED_RATE, kill_every_s=1.0, seed=seed)
    with WorkerPool(BACKENDS, copies=COPIES) as pool:
        if not pool.wait_ready(PATIENCE_S):
            raise OptimiserError(f"the workers did not load in {PATIENCE_S:g} s: {pool.states()}")
        with runtime_trial.load(loading), _progress("deadlines", tasks) as heard:
            deadlines = runtime_trial.run(under_load, pool, BACKENDS, heard)
        with _progress("killing", killed.tasks) as heard:
            killing = runtime_trial.run(killed, pool, BACKENDS, heard)
    return {
        "deadlines": {**deadlines.figures(), "load_processes": loading, "rate": RATE},
        "killing": {**killing.figures(), "kill_every_s": 1.0, "rate": KILLED_RATE},
    }


def problems(seed: int) -> list[Any]:
    """Routing with 56 to 870 demands, graph colouring, and quadratic models of bits."""
    from quantum_backends.bqm import random_model
    from quantum_backends.candidates import with_candidates
    from quantum_backends.choices import colouring, queen_graph
    from quantum_backends.testing import random_problem

    routing = [with_candidates(random_problem(n, 2, seed + n)) for n in (8, 12, 20, 30)]
    queens = [colouring(queen_graph(n, n), n * n, n + 1) for n in (6, 8)]
    models = [random_model(n, 0.2, seed + n) for n in (20, 100)]
    for model in models:
        model.value((0,) * model.size)  # its bound is proved at the first use
    return [*routing, *queens, *models]


@contextlib.contextmanager
def _progress(what: str, tasks: int) -> Iterator[Callable[[], object]]:
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True)) as bar:
        line = bar.add_task(what, total=tasks)
        yield lambda: bar.advance(line)


def _print(found: dict[str, Any]) -> None:
    for title, figures in found.items():
        print(title)
        for key, value in figures.items():
            if isinstance(value, dict):
                value = "  ".join(f"{name} {each}" for name, each in value.items())
            print(f"  {key.replace('_', ' '):34}{value}")
