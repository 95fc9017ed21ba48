"""What the trials of ``qb bench jobs`` say: means, paired intervals, corrected tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from scipy import stats

from qb_controller.applications.jobs.schedulers import ABLATIONS, OURS
from qb_controller.applications.jobs.workload import Cell
from qb_controller.commands.jobs_trials import Trial

AIMS: Mapping[str, float] = {
    "fifo": 25.0,
    "edf": 25.0,
    "least_busy": 25.0,
    "greedy": 25.0,
    "sa_shot_agnostic": 12.8,
    "sa_dependency_agnostic": 8.2,
}
"""By baseline how many per cent more requests should be served."""

TIGHT, LOADED = 1.5, 1.0
"""Greatest tightness and least load of the cells that the aims are for."""

LEVEL = 0.05
"""Of significance, after correction."""

Row = dict[str, Any]


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean with its 95 % interval by Student's t; the interval is the mean for a single value."""
    array = np.asarray(values, dtype=float)
    mean, n = float(array.mean()), len(array)
    if n < 2:
        return mean, mean, mean
    half = float(stats.t.ppf(0.975, n - 1) * array.std(ddof=1) / np.sqrt(n))
    return mean, mean - half, mean + half


def holm(p: Sequence[float]) -> list[float]:
    """Holm's correction of p-values of one family of tests."""
    order = np.argsort(p)
    found, worst = np.empty(len(p)), 0.0
    for rank, i in enumerate(order.tolist()):
        worst = max(worst, min(1.0, (len(p) - rank) * p[i]))
        found[i] = worst
    return [float(value) for value in found]


def paired_p(difference: Sequence[float]) -> float:
    """Two-sided paired t-test, which goes with the intervals; 1 where all differences are zero."""
    array = np.asarray(difference, dtype=float)
    if not array.any():
        return 1.0
    if not array.std():
        return 0.0
    return float(stats.ttest_1samp(array, 0.0).pvalue)


def rows_of(trials: Sequence[Trial]) -> list[Row]:
    """One row for each cell and scheduler; the tests of all of them are one family."""
    by_cell: dict[Cell, list[Trial]] = {}
    for trial in trials:
        by_cell.setdefault(trial.cell, []).append(trial)
    rows, p = [], []
    for cell, some in by_cell.items():
        ours = np.array([trial.served[OURS] for trial in some])
        for name in (name for name in some[0].served if name not in ABLATIONS):
            theirs = np.array([trial.served[name] for trial in some])
            mean, low, high = interval(theirs.tolist())
            row: Row = {
                **asdict(cell),
                "scheduler": name,
                "served_mean": mean,
                "served_ci95": [low, high],
                "arrived": float(np.mean([trial.arrived for trial in some])),
                "seeds": len(some),
                "upper_bound": float(np.mean([trial.bound for trial in some])),
                "wasted": float(np.mean([trial.wasted[name] for trial in some])),
                "qb_ahead": None,
                "qb_ahead_ci95": None,
                "qb_ahead_percent": None,
                "p_holm": None,
            }
            if name != OURS:
                ahead, least, most = interval((ours - theirs).tolist())
                share = 100 * ahead / mean if mean > 0 else None
                row |= {"qb_ahead": ahead, "qb_ahead_ci95": [least, most]}
                row |= {"qb_ahead_percent": share}
                p.append(paired_p((ours - theirs).tolist()))
            rows.append(row)
    tested = [row for row in rows if row["scheduler"] != OURS]
    for row, value in zip(tested, holm(p), strict=True):
        row["p_holm"] = value
    return rows


def ablation_of(trials: Sequence[Trial]) -> list[Row]:
    """Ours without one of its ideas, and baselines with admission, where these were run."""
    by_cell: dict[Cell, list[Trial]] = {}
    for trial in trials:
        if any(name in ABLATIONS for name in trial.served):
            by_cell.setdefault(trial.cell, []).append(trial)
    rows = []
    for cell, some in by_cell.items():
        for name in (OURS, *ABLATIONS):
            served = [trial.served[name] for trial in some]
            ahead = [trial.served[OURS] - trial.served[name] for trial in some]
            mean, low, high = interval(served)
            rows.append(
                {
                    **asdict(cell),
                    "scheduler": name,
                    "served_mean": mean,
                    "served_ci95": [low, high],
                    "qb_ahead_ci95": list(interval(ahead)[1:]),
                    "wasted": float(np.mean([trial.wasted[name] for trial in some])),
                }
            )
    return rows


def aims_of(rows: Sequence[Row]) -> list[Row]:
    """For each baseline of :data:`AIMS` what the tight and loaded cells say, worst cell included.

    ``more_percent`` is of the sums over all these cells.
    """
    found = []
    for name, aim in AIMS.items():
        some = [
            row
            for row in rows
            if row["scheduler"] == name and row["tightness"] <= TIGHT and row["load"] >= LOADED
        ]
        if not some:
            continue
        served = sum(row["served_mean"] for row in some)
        more = 100 * sum(row["qb_ahead"] for row in some) / served if served else None
        shares = [row["qb_ahead_percent"] for row in some if row["qb_ahead_percent"] is not None]
        found.append(
            {
                "baseline": name,
                "aim_percent": aim,
                "more_percent": more,
                "least_percent": min(shares) if shares else None,
                "cells": len(some),
                "reached": more is not None and more >= aim,
            }
        )
    return found


def losses(rows: Sequence[Row]) -> list[Row]:
    """Cells and baselines that serve more than ours on average, significant ones first."""
    found = [row for row in rows if row["qb_ahead"] is not None and row["qb_ahead"] < 0]
    return sorted(found, key=lambda row: (row["p_holm"] >= LEVEL, row["qb_ahead"]))


def is_significant(row: Row) -> bool:
    """Whether ours serves significantly fewer than the baseline of a row."""
    return bool(row["qb_ahead"] < 0 and row["p_holm"] < LEVEL)
