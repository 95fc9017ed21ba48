"""Table and picture of ``qb bench te``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from qb_controller.commands.output import Column, print_table, seconds

Run = Mapping[str, Any]

_FROM_S = 0.005
"""Where pictures begin: nobody has a plan earlier."""

_STYLES = ("-", "--", ":", "-.")
"""Of lines, ten colours each."""


def _gap(value: float) -> str:
    return f"{100 * value:.2f} %"


COLUMNS = (
    Column("group"),
    Column("deadline", seconds, right=True),
    Column("backend"),
    Column("cells", right=True),
    Column("median_gap", _gap, right=True),
    Column("worst_gap", _gap, right=True),
    Column("late", right=True),
    Column("first_plan", seconds, right=True),
    Column("first_answer", seconds, right=True),
)


def print_summary(runs: Sequence[Run]) -> None:
    """One line for each group of instances, deadline and backend, best median gap first."""
    rows = []
    for group in dict.fromkeys(run["group"] for run in runs):
        for deadline in sorted({run["deadline_s"] for run in runs}):
            lines = [
                _line(group, deadline, name, cells)
                for name in dict.fromkeys(run["asked"] for run in runs)
                if (cells := _cells(runs, group, deadline, name))
            ]
            rows += sorted(lines, key=lambda line: (line["median_gap"], line["worst_gap"]))
    print_table(rows, COLUMNS)


def _cells(runs: Sequence[Run], group: str, deadline: float, name: str) -> list[Run]:
    return [
        run
        for run in runs
        if (run["group"], run["deadline_s"], run["asked"]) == (group, deadline, name)
        and run["gap"] is not None
    ]


def _line(group: str, deadline: float, name: str, cells: Sequence[Run]) -> dict[str, Any]:
    gaps = [run["gap"] for run in cells]
    answered = [run["first_answer_s"] for run in cells if run["first_answer_s"] is not None]
    return {
        "group": group,
        "deadline": deadline,
        "backend": name,
        "cells": len(cells),
        "median_gap": median(gaps),
        "worst_gap": max(gaps),
        "late": sum(not run["on_time"] for run in cells),
        "first_plan": median(run["first_plan_s"] for run in cells),
        "first_answer": median(answered) if answered else None,
    }


def gap_at(run: Run, at: float) -> float:
    """Gap of the best plan reported until a time; NaN before the first."""
    values = [value for when, value in run["curve"] if when <= at]
    return min(values) / run["bound"] - 1 if values and run["bound"] else math.nan


def write_picture(runs: Sequence[Run], path: str) -> None:
    """Draw the median gap over time, one panel for each group, from the longest deadline's runs.

    Gaps below 0.01 % are drawn there.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    import numpy as np
    from matplotlib import pyplot as plt

    longest = max(run["deadline_s"] for run in runs)
    groups = list(dict.fromkeys(run["group"] for run in runs))
    times = np.geomspace(_FROM_S, longest, 200)
    figure, panels = plt.subplots(
        1, len(groups), figsize=(4.5 * len(groups) + 2, 4), sharex=True, sharey=True, squeeze=False
    )
    names = list(dict.fromkeys(run["asked"] for run in runs))
    for panel, group in zip(panels[0], groups, strict=True):
        for number, name in enumerate(names):
            cells = _cells(runs, group, longest, name)
            gaps = [[gap_at(run, at) for at in times] for run in cells] or [[math.nan] * len(times)]
            panel.plot(
                times,
                100 * np.maximum(np.median(gaps, axis=0), 1e-4),
                label=name,
                color=f"C{number % 10}",
                linestyle=_STYLES[number // 10 % len(_STYLES)],
                linewidth=2.5 if name == "auto" else 1.2,
            )
        panel.set(xscale="log", yscale="log", title=group, xlabel="seconds from the parsed files")
        panel.xaxis.set_minor_formatter("")
        panel.grid(visible=True, which="major", alpha=0.3)
    panels[0][0].set_ylabel("median gap to the fractional optimum, %")
    panels[0][-1].legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)
