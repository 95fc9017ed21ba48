"""The page of ``qb bench jobs``: tables, parameters, pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from qb_controller.applications.jobs.schedulers import BASELINES, OURS, SPLIT
from qb_controller.applications.jobs.settings import Settings
from qb_controller.applications.jobs.simulator import Result, simulate
from qb_controller.applications.jobs.workload import Cell, Workload, draw
from qb_controller.commands.jobs_score import LEVEL, LOADED, TIGHT, is_significant

Row = Mapping[str, Any]
_KEYS = ("load", "tightness", "qpus", "arrivals", "cutting")


def write(path: Path, answer: Mapping[str, Any], settings: Settings, seed: int) -> None:
    """Write the page, and its pictures beside it."""
    rows = answer["cells"]
    text = [
        "# Quantum jobs before their deadlines",
        "",
        "Everything here is simulated: the QPUs, their calibration out of snapshots or drawn, the "
        "circuits by their statistics, the luck and the outages. The parameters are this "
        "project's own (at the end, in full); the papers that the schedulers come from publish "
        f"none. {answer['done']} of {answer['wanted']} runs are in it.",
        "",
        *_aims(answer["aims"]),
        *_losing(answer),
        *_served(rows),
        *_splitting(rows),
        *_ablation(answer["ablation"]),
        *_small(answer["small"]),
        *_scale(answer["scale"], answer["decision_ms"]),
    ]
    text += ["## Pictures", ""]
    for name, title in _pictures(path, rows, settings, seed):
        text += [f"![{title}]({name})", "", title, ""]
    text += ["## Parameters", "", "```yaml", yaml.safe_dump(dict(settings), sort_keys=False), "```"]
    path.write_text("\n".join(text) + "\n", encoding="utf-8")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows), ""]


def _number(value: float | None, form: str = ".1f") -> str:
    return "-" if value is None else format(value, form)


def _aims(aims: Sequence[Row]) -> list[str]:
    rows = [
        (
            str(aim["baseline"]),
            f"{aim['aim_percent']:g} %",
            f"{_number(aim['more_percent'])} %",
            f"{_number(aim['least_percent'])} %",
            str(aim["cells"]),
            "yes" if aim["reached"] else "**no**",
        )
        for aim in aims
    ]
    head = ("baseline", "aim", "more served, all these cells", "in the worst cell", "cells", "met")
    note = f"Cells of tightness at most {TIGHT:g} and load at least {LOADED:g}, all of the grid."
    return ["## More served than the baselines", "", note, "", *_table(head, rows)]


def _losing(answer: Mapping[str, Any]) -> list[str]:
    lost = answer["loses"]
    count = answer["significantly_fewer"]
    text = [
        "## Where ours loses",
        "",
        f"Cells and baselines with more served on average than ours: {len(lost)}; significantly "
        f"(paired t-test, Holm over all comparisons of this page, {LEVEL:g}): {count}.",
        "",
    ]
    rows = [
        (
            *(f"{row[key]}" for key in _KEYS),
            str(row["scheduler"]),
            f"{row['qb_ahead']:.2f}",
            f"{row['qb_ahead_ci95'][0]:.2f} to {row['qb_ahead_ci95'][1]:.2f}",
            f"{row['p_holm']:.2g}" + (" (significant)" if is_significant(row) else ""),
        )
        for row in lost
    ]
    head = (*_KEYS, "baseline", "ours ahead by", "95 % interval", "p after Holm")
    return text + (_table(head, rows) if rows else [])


def _served(rows: Sequence[Row]) -> list[str]:
    text = ["## Served, by cell", "", "Mean of the runs; in brackets the paired 95 % interval of "]
    text[-1] += "ours less theirs. `bound` is proven: nobody can serve more."
    text.append("")
    names = [OURS, *BASELINES]
    head = (*_KEYS, "runs", "bound", "arrived", *names)
    for title, suffix in (("Plain", ""), ("Shots split greedily", SPLIT)):
        lines = []
        for cell, some in _by_cell(rows).items():
            by_name = {row["scheduler"]: row for row in some}
            line = [*map(str, cell), str(some[0]["seeds"])]
            line += [f"{some[0]['upper_bound']:.1f}", f"{some[0]['arrived']:.0f}"]
            for name in names:
                row = by_name.get(name if name == OURS else name + suffix)
                if row is None:
                    line.append("-")
                    continue
                ci = row["qb_ahead_ci95"]
                line.append(
                    f"{row['served_mean']:.1f}" + (f" [{ci[0]:.1f}, {ci[1]:.1f}]" if ci else "")
                )
            lines.append(line)
        text += [f"### {title}", "", *_table(head, lines)]
    return text


def _by_cell(rows: Sequence[Row]) -> dict[tuple[Any, ...], list[Row]]:
    found: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        found.setdefault(tuple(row[key] for key in _KEYS), []).append(row)
    return found


def _splitting(rows: Sequence[Row]) -> list[str]:
    """What splitting alone brings to each baseline, summed over the cells."""
    total: dict[str, float] = {}
    wasted: dict[str, list[float]] = {}
    for row in rows:
        total[row["scheduler"]] = total.get(row["scheduler"], 0.0) + row["served_mean"]
        wasted.setdefault(row["scheduler"], []).append(row["wasted"])
    lines = []
    for name in BASELINES:
        if name in total and name + SPLIT in total and total[name]:
            gain = 100 * (total[name + SPLIT] / total[name] - 1)
            ahead = 100 * (total[OURS] / max(total[name], total[name + SPLIT]) - 1)
            waste = sum(wasted[name]) / len(wasted[name])
            lines.append((name, f"{gain:+.1f} %", f"{ahead:+.1f} %", f"{100 * waste:.0f} %"))
    mean = 100 * sum(wasted[OURS]) / len(wasted[OURS])
    text = "Over all cells: what splitting shots greedily changes for a baseline, what deciding "
    text += "adds on top of the better of the two, and which share of the QPU time went into "
    text += f"requests that were late all the same (ours: {mean:.0f} %)."
    head = ("baseline", "by splitting", "ours over the better", "time wasted")
    return ["## Splitting and deciding", "", text, "", *_table(head, lines)]


def _ablation(rows: Sequence[Row]) -> list[str]:
    lines = [
        (
            f"{row['load']:g} / {row['tightness']:g} / {row['qpus']}",
            str(row["scheduler"]),
            f"{row['served_mean']:.1f}",
            f"{row['qb_ahead_ci95'][0]:.1f} to {row['qb_ahead_ci95'][1]:.1f}",
            f"{100 * row['wasted']:.0f} %",
        )
        for row in rows
    ]
    text = "Ours with one of its ideas left out, and baselines that are spared what is too late."
    head = ("load / tightness / QPUs", "who", "served", "ours ahead by, 95 %", "time wasted")
    return ["## Where the difference comes from", "", text, "", *_table(head, lines)]


def _small(small: Mapping[str, Any]) -> list[str]:
    parts = [*small["cells"], small]
    head = [f"{each['load']:g} / {each['tightness']:g}" for each in small["cells"]]
    shares = [
        (name, *(f"{100 * each['shares'][name]:.1f} %" for each in parts))
        for name in small["shares"]
    ]
    words = (
        f"{small['instances']} instances; {small['proven']} optima are proven, for the others "
        "the lower of two proven bounds stands in. Known arrivals: the backend gets the whole run "
        "as one problem. Online: the simulation, without outages and noise. By load / tightness, "
        "of the optimum:"
    )
    text = ["## Small instances", "", words, "", *_table(("who", *head, "all"), shares)]
    return [*text, *_knowing_less(small, parts, head)] if "gaps" in small else text


def _knowing_less(small: Row, parts: Sequence[Row], head: Sequence[str]) -> list[str]:
    """What not knowing the arrivals costs, and what not knowing the distribution costs."""
    gaps = [
        (
            name,
            *(
                "{:+.1f} [{:.1f}, {:.1f}]".format(*(100 * v for v in each["gaps"][name]))
                for each in parts
            ),
        )
        for name in small["gaps"]
    ]
    text = (
        "`knowing the distribution` draws what may still come from the workload's own "
        "distribution and plays each choice to the end of each future "
        "(`applications/jobs/foresight.py`). It knows how many requests come, at what rate and of "
        "what kinds, which no scheduler here may, but not which. What it serves is reachable "
        "without knowing arrivals; a better policy may reach more, so the last row is an upper "
        "estimate of what not knowing the arrivals costs, and the one before it a lower estimate "
        "of what knowing the distribution would bring. In the optimum a fragment has one piece on "
        f"each QPU; whoever gives it in parts may exceed that, as in {small['above']} of "
        f"{small['instances']} instances. Points of the optimum, with paired 95 % intervals over "
        "the instances:"
    )
    return [text, "", *_table(("gap", *head, "all"), gaps)]


def _scale(rows: Sequence[Row], decisions: Row) -> list[str]:
    lines = [
        (
            str(row["waiting"]),
            str(row["qpus"]),
            f"{1e3 * row['decision_s']:.1f} ms",
            f"{1e3 * row['first_s']:.0f} ms",
            f"{100 * row['share_of_service']:.2f} %",
            f"{row['memory_bytes'] / 2**20:.1f} MiB",
        )
        for row in rows
    ]
    head = ("waiting", "QPUs", "decision", "first", "of the mean service time", "memory")
    text = "In the runs a decision of ours took {p50:.2f} ms (median), {p99:.1f} ms (99th "
    text += "percentile), {max:.0f} ms at most. With more waiting:"
    return ["## What a decision costs", "", text.format(**decisions), "", *_table(head, lines)]


def _pictures(
    path: Path, rows: Sequence[Row], settings: Settings, seed: int
) -> list[tuple[str, str]]:
    stem = path.with_suffix("")
    found = []
    main = int(settings["grid"]["qpus"])
    loads = sorted({row["load"] for row in rows})
    for load in loads:
        some = [
            row
            for row in rows
            if row["load"] == load and row["qpus"] == main and row["arrivals"] == "poisson"
        ]
        some = [row for row in some if row["cutting"]]
        if len({row["tightness"] for row in some}) > 1:
            target = Path(f"{stem}-load-{load:g}.png")
            _served_picture(target, some, load)
            found.append((target.name, f"Served against tightness at load {load:g}, with bands"))
    target = Path(f"{stem}-ahead.png")
    _ahead_picture(target, rows)
    found.append((target.name, "Ours over the best baseline of each cell, per cent"))
    drawn = draw(Cell(1.0, TIGHT, main), settings, seed, 40)
    from qb_controller.applications.jobs.schedulers import make

    target = Path(f"{stem}-gantt.png")
    gantt(target, drawn, simulate(drawn, make(OURS, settings)), OURS)
    found.append((target.name, "The beginning of a run of ours; grey was not served in time"))
    return found


def _served_picture(path: Path, rows: Sequence[Row], load: float) -> None:
    plt = _pyplot()
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.5), sharey=True)
    for axis, suffix in zip(axes, ("", SPLIT), strict=True):
        for name in (OURS, *BASELINES):
            wanted = name if name == OURS else name + suffix
            some = sorted(
                (row for row in rows if row["scheduler"] == wanted), key=lambda r: r["tightness"]
            )
            if not some:
                continue
            x = [row["tightness"] for row in some]
            width = 2.5 if name == OURS else 1.0
            (line,) = axis.plot(x, [r["served_mean"] for r in some], lw=width, label=wanted)
            low, high = zip(*(r["served_ci95"] for r in some), strict=True)
            axis.fill_between(x, low, high, color=line.get_color(), alpha=0.15)
        bound = sorted({(row["tightness"], row["upper_bound"]) for row in rows})
        axis.plot(*zip(*bound, strict=True), "k--", lw=0.8, label="proven bound")
        axis.set_xlabel("tightness")
        axis.set_title(("plain" if not suffix else "shots split greedily") + f", load {load:g}")
        axis.legend(fontsize=6)
    axes[0].set_ylabel("requests served in time")
    _save(plt, figure, path)


def _ahead_picture(path: Path, rows: Sequence[Row]) -> None:
    """One bar per cell: ours over the best of all baselines."""
    plt = _pyplot()
    labels, heights = [], []
    for cell, some in _by_cell(rows).items():
        ours = next(row["served_mean"] for row in some if row["scheduler"] == OURS)
        others = [row["served_mean"] for row in some if row["scheduler"] != OURS]
        if others and max(others) > 0:
            load, tightness, qpus, arrivals, cutting = cell
            extra = "" if arrivals == "poisson" else f" {arrivals}"
            extra += "" if cutting else " uncut"
            labels.append(f"{load:g}/{tightness:g}/{qpus}{extra}")
            heights.append(100 * (ours / max(others) - 1))
    figure, axis = plt.subplots(figsize=(max(6.0, 0.28 * len(labels)), 4))
    colours = ["tab:blue" if height >= 0 else "tab:red" for height in heights]
    axis.bar(range(len(labels)), heights, color=colours)
    axis.set_xticks(range(len(labels)), labels, rotation=90, fontsize=6)
    axis.set_ylabel("ours over the best baseline, %")
    axis.set_xlabel("load / tightness / QPUs")
    axis.axhline(0, color="black", lw=0.5)
    _save(plt, figure, path)


def gantt(path: Path, drawn: Workload, result: Result, name: str) -> None:
    """Draw what ran where, a colour for each request (several share one)."""
    plt = _pyplot()
    names = [qpu.name for qpu in drawn.qpus]
    number = {request.name: i for i, request in enumerate(drawn.requests)}
    figure, axis = plt.subplots(figsize=(11, 0.4 * len(names) + 1.5))
    # Grey is kept for those that were late or dropped.
    colours = [c for c in plt.get_cmap("tab20").colors if max(c) - min(c) > 0.1]
    for job in result.schedule.sub_jobs:
        served = job.request in result.schedule.served
        request = drawn.requests[number[job.request]]
        axis.barh(
            names.index(job.qpu),
            job.end - job.start,
            left=job.start,
            color=colours[number[job.request] % len(colours)] if served else "lightgrey",
            edgecolor="black",
            linewidth=0.3,
            hatch="//" if request.variants[job.variant].cuts else None,
        )
    for i, windows in enumerate(drawn.outages):
        for begin, end in windows:
            axis.axvspan(
                begin,
                end,
                (i + 0.1) / len(names),
                (i + 0.9) / len(names),
                color="black",
                alpha=0.25,
            )
    axis.set_yticks(range(len(names)), names, fontsize=7)
    axis.set_xlabel("seconds; light grey: not served in time, hatched: cut, dark stripes: outages")
    axis.set_title(f"{name}: {result.served} of {result.arrived} served in time")
    _save(plt, figure, path)


def _save(plt: Any, figure: Any, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, dpi=130)
    plt.close(figure)


def _pyplot() -> Any:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    return plt
