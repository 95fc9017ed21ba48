"""The runs of ``qb bench jobs``: every scheduler on the same requests, trouble and luck."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from qb_controller.applications.jobs import workload
from qb_controller.applications.jobs.bounds import upper_bound
from qb_controller.applications.jobs.schedulers import ABLATIONS, OURS, make
from qb_controller.applications.jobs.settings import Settings
from qb_controller.applications.jobs.simulator import simulate
from qb_controller.applications.jobs.workload import BURSTY, Cell
from qb_controller.commands.finished import add_line, finished_lines
from qb_controller.errors import InputError


@dataclass(frozen=True)
class Trial:
    """All schedulers on one workload.

    Attributes
    ----------
    cell : Cell
    seed : int
    arrived : int
    bound : float
        Proven upper bound on what can be served.
    served : dict of str to int
        By scheduler.
    wasted : dict of str to float
        Share of the QPU time that went into requests that were not served in time.
    decision_ms : tuple of float
        Of ours: median, 99th percentile and greatest time of a decision.
    """

    cell: Cell
    seed: int
    arrived: int
    bound: float
    served: dict[str, int]
    wasted: dict[str, float]
    decision_ms: tuple[float, float, float]


def cells(settings: Settings, quick: bool) -> list[Cell]:
    """The grid: every load with every tightness; then fleets, bursts and no cutting beside it."""
    grid = settings["grid"]
    main = grid["qpus"]
    if quick:
        return [Cell(load, 1.5, main) for load in (1.0, 1.25)]
    found = [Cell(load, t, main) for load in grid["loads"] for t in grid["tightness"]]
    for load in grid["side_loads"]:
        for t in grid["side_tightness"]:
            found += [Cell(load, t, qpus) for qpus in grid["side_qpus"]]
            found.append(Cell(load, t, main, arrivals=BURSTY))
            found.append(Cell(load, t, main, cutting=False))
    found.append(Cell(grid["side_loads"][0], grid["side_tightness"][0], grid["large_qpus"]))
    return list(dict.fromkeys(found))


def is_examined(cell: Cell, settings: Settings) -> bool:
    """Whether ours is run with its ideas left out, too: where load and deadlines are tight."""
    grid = settings["grid"]
    usual = Cell(cell.load, grid["side_tightness"][0], grid["qpus"])
    return cell == usual and cell.load in grid["side_loads"]


def run_trial(
    cell: Cell, seed: int, names: Sequence[str], settings: Settings, examine: bool
) -> Trial:
    """Draw a workload and let every scheduler have it."""
    drawn = workload.draw(cell, settings, seed)
    served, wasted = {}, {}
    decisions: list[float] = []
    for name in [*names, *(ABLATIONS if examine and is_examined(cell, settings) else ())]:
        result = simulate(drawn, make(name, settings))
        served[name] = result.served
        useful = sum(
            job.end - job.start
            for job in result.schedule.sub_jobs
            if job.request in result.schedule.served
        )
        wasted[name] = max(0.0, 1 - useful / result.busy_s) if result.busy_s else 0.0
        if name == OURS:
            decisions = [1e3 * took for _, took in result.decisions]
    median, high, worst = np.percentile(decisions or [0.0], (50, 99, 100)).tolist()
    bound = upper_bound(drawn)
    return Trial(cell, seed, len(drawn.requests), bound, served, wasted, (median, high, worst))


class Kept:
    """Finished trials, one JSON object a line; what is there is not run again.

    Raises
    ------
    InputError
        A line is no finished trial, or was made with other parameters.
    """

    def __init__(self, path: Path | None, stamp: str) -> None:
        self._path, self._stamp = path, stamp
        self._found: dict[tuple[Cell, int], Trial] = {}
        for number, line in finished_lines(path):
            try:
                plain = json.loads(line)
                trial = _trial(plain)
                other = plain["stamp"] != stamp
            except (ValueError, KeyError, TypeError):
                raise InputError(f"{path}:{number}: not a finished trial") from None
            if other:
                raise InputError(f"{path}:{number}: made with other parameters or schedulers")
            self._found[trial.cell, trial.seed] = trial

    def get(self, cell: Cell, seed: int) -> Trial | None:
        return self._found.get((cell, seed))

    def put(self, trial: Trial) -> None:
        self._found[trial.cell, trial.seed] = trial
        add_line(self._path, json.dumps({**asdict(trial), "stamp": self._stamp}))


def _trial(plain: dict[str, object]) -> Trial:
    values = {name: plain[name] for name in Trial.__dataclass_fields__}
    values["cell"] = Cell(**plain["cell"])  # type: ignore[arg-type]
    values["decision_ms"] = tuple(plain["decision_ms"])  # type: ignore[arg-type]
    return Trial(**values)  # type: ignore[arg-type]


def record(
    wanted: Sequence[tuple[Cell, int]],
    names: Sequence[str],
    settings: Settings,
    kept: Kept,
    until: float,
    heard: Callable[[], object],
    examine: bool = False,
) -> list[Trial]:
    """Run what is not kept, on as many cores as there are; begin none after a time.

    Parameters
    ----------
    until : float
        On ``time.monotonic()``.
    heard : callable
        Called after each.
    examine : bool
        Ours is run with its ideas left out, too, where :func:`is_examined` says so.
    """
    missing = []
    for cell, seed in wanted:
        if kept.get(cell, seed) is None:
            missing.append((cell, seed))
        else:
            heard()
    for trial in _run_all(missing, names, settings, until, examine):
        kept.put(trial)
        heard()
    return [found for pair in wanted if (found := kept.get(*pair)) is not None]


def _run_all(
    missing: Sequence[tuple[Cell, int]],
    names: Sequence[str],
    settings: Settings,
    until: float,
    examine: bool,
) -> Iterator[Trial]:
    cores = min(len(os.sched_getaffinity(0)), len(missing))
    if cores < 2:
        for cell, seed in missing:
            if time.monotonic() >= until:
                return
            yield run_trial(cell, seed, names, settings, examine)
        return
    queue = list(missing)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(cores, mp_context=context) as pool:
        running: set[Future[Trial]] = set()
        while queue or running:
            while queue and len(running) < cores and time.monotonic() < until:
                cell, seed = queue.pop(0)
                running.add(pool.submit(run_trial, cell, seed, names, settings, examine))
            if not running:
                return
            done = next(as_completed(running))
            running.discard(done)
            yield done.result()
