"""Table and picture of ``qb bench qaoa``."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, median
from typing import Any

from qb_controller.commands.output import Column, Row, print_table, seconds

_SAME = ("qubits", "sampler", "depth", "angles")


def _share(value: float) -> str:
    return f"{100 * value:.0f} %"


COLUMNS = (
    Column("qubits", right=True),
    Column("sampler"),
    Column("depth", right=True),
    Column("angles"),
    Column("blocks", right=True),
    Column("shots", right=True),
    Column("p_optimum", "{:.2g}".format, right=True),
    Column("x_guessing", "{:.2g}".format, right=True),
    Column("ratio", "{:.3f}".format, right=True),
    Column("E/E_opt", "{:.3f}".format, right=True),
    Column("best", "{:.4f}".format, right=True),
    Column("found", _share, right=True),
    Column("guessing", _share, right=True),
    Column("annealing", _share, right=True),
    Column("took", seconds, right=True),
    Column("annealing_took", seconds, right=True),
    Column("modelled_device", seconds, right=True),
)
_LEGEND = """
p_optimum: a shot is the optimum (noiseless: exact; noisy: its frequency); x_guessing: relative to
a random string. ratio: of the mean energy, 1 the optimum, 0 random guessing. E/E_opt: the usual
quotient, 1 the optimum; well defined, since a weighted sum of squares is above zero.
best: ratio of the best sample. found: blocks whose optimum was among all shots, those for the
angles included; guessing: chance of as many random strings; annealing: blocks solved by simulated
annealing in the time the run took here, with annealing_took until the optimum. took: measured on
this machine. modelled_device: an IBM device's time by its published figures, not measured."""


def summary(runs: Sequence[Row]) -> list[dict[str, Any]]:
    """One line for each size, sampler, depth and kind of angles; means and medians over blocks."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for run in runs:
        groups.setdefault(tuple(run[key] for key in _SAME), []).append(run)
    lines = [{**dict(zip(_SAME, key, strict=True)), **_line(groups[key])} for key in groups]
    return sorted(lines, key=lambda line: line["qubits"])


def _line(runs: Sequence[Row]) -> dict[str, Any]:
    def mean(key: str) -> float:
        return fmean(run[key] for run in runs)

    annealing = [run["annealing"] for run in runs]
    solved = [each["found_s"] for each in annealing if each["found"]]
    guessed = mean("p_guessing")
    return {
        "blocks": len(runs),
        "shots": round(mean("shots")),
        "p_optimum": mean("p_optimum"),
        "p_guessing": guessed,
        "x_guessing": mean("p_optimum") / guessed,
        "ratio": mean("ratio"),
        "E/E_opt": mean("cost_ratio"),
        "best": mean("best_ratio"),
        "found": mean("found"),
        "guessing": fmean(run["random"]["chance"] for run in runs),
        "annealing": fmean(each["found"] for each in annealing),
        "took": median(run["elapsed_s"] for run in runs),
        "annealing_took": median(solved) if solved else None,
        "enumeration_took": median(run["enumerated_s"] for run in runs),
        "modelled_device": mean("modelled_device_s"),
    }


def print_report(lines: Sequence[Row], stops: Sequence[Row]) -> None:
    print_table(lines, COLUMNS)
    print(_LEGEND)
    enumerated = {line["qubits"]: line["enumeration_took"] for line in lines}
    took = ", ".join(f"{n} qubits {seconds(s)}" for n, s in enumerated.items())
    print(f"enumeration of all strings: {took}.")
    for stop in stops:
        all_shots = stop["seconds_per_shot"] * stop["shots"]
        print(
            f"noisy, {stop['qubits']} qubits, depth 1: {seconds(stop['seconds_per_shot'])} a shot "
            f"(timed over {stop['timed_shots']}), so {stop['shots']} would take "
            f"{seconds(all_shots)}: not run."
        )


_COLOURS = {1: "tab:blue", 2: "tab:orange", 3: "tab:green"}
_MARKERS = {"noiseless": "o", "noisy": "x", "qiskit-optimization": "s"}
_BESIDE = (
    ("p_optimum", "p_guessing", ":", "random guessing"),
    ("took", "modelled_device", "-.", "device, one circuit (modelled)"),
    ("took", "annealing_took", "--", "annealing, until the optimum"),
    ("took", "enumeration_took", ":", "enumeration of all strings"),
)
"""Panel, key, style and name of what is drawn in black beside the samplers."""


def write_picture(lines: Sequence[Row], path: str) -> None:
    """Draw the optimum's probability, the ratio, and the times, over qubits."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    titles = {
        "p_optimum": "probability of the optimum",
        "ratio": "approximation ratio (0 guessing, 1 the optimum)",
        "took": "seconds, measured on this machine but for the device",
    }
    figure, row = pyplot.subplots(1, 3, figsize=(16, 5.5))
    panels = dict(zip(titles, row, strict=True))
    for key, panel in panels.items():
        for (sampler, depth, angles), own in _curves(lines).items():
            shown = [(line["qubits"], line[key]) for line in own if key == "ratio" or line[key] > 0]
            style = {"color": _COLOURS[depth], "marker": _MARKERS[sampler], "markersize": 5}
            dashed = "-" if angles == "transferred" else "--"
            panel.plot(*zip(*shown, strict=True), linestyle=dashed, linewidth=1, **style)
        panel.set(xlabel="qubits", title=titles[key], xticks=sorted({n["qubits"] for n in lines}))
        panel.grid(visible=True, alpha=0.3)
    for panel, key, dashes, name in _BESIDE:
        found = _first(lines, key)
        panels[panel].plot(list(found), list(found.values()), f"k{dashes}", label=name)
    for key in ("p_optimum", "took"):
        panels[key].set_yscale("log")
        panels[key].legend(fontsize=8)
    panels["ratio"].set_ylim(top=1)
    figure.legend(handles=_keys(), loc="lower center", ncol=8, frameon=False)
    figure.tight_layout(rect=(0, 0.06, 1, 1))
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _curves(lines: Sequence[Row]) -> dict[tuple[Any, ...], list[Row]]:
    """Lines by sampler, depth and kind of angles."""
    curves: dict[tuple[Any, ...], list[Row]] = {}
    for line in lines:
        curves.setdefault((line["sampler"], line["depth"], line["angles"]), []).append(line)
    return curves


def _keys() -> list[Any]:
    """What colours, markers and dashes mean."""
    from matplotlib.lines import Line2D

    return [
        *(Line2D([], [], color=colour, label=f"depth {n}") for n, colour in _COLOURS.items()),
        *(
            Line2D([], [], color="grey", linestyle="", marker=marker, label=name)
            for name, marker in _MARKERS.items()
        ),
        Line2D([], [], color="grey", linestyle="-", label="transferred angles"),
        Line2D([], [], color="grey", linestyle="--", label="optimised angles"),
    ]


def _first(lines: Sequence[Row], key: str) -> dict[int, float]:
    """By qubits, of the first line that has it: one circuit where that is run at all."""
    found: dict[int, float] = {}
    for line in lines:
        if line[key] is not None:
            found.setdefault(line["qubits"], line[key])
    return found
