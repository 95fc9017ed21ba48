"""Table and picture of ``qb bench qaoa``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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


def write_picture(lines: Sequence[Row], path: str) -> None:
    """Draw the optimum's probability, the ratio, and the times, over qubits."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 3, figsize=(16, 5))
    for panel, key, title in zip(
        panels,
        ("p_optimum", "ratio", "took"),
        ("probability of the optimum", "approximation ratio (0: guessing)", "seconds"),
        strict=True,
    ):
        for label, style, own in _curves(lines):
            shown = [line for line in own if line[key] > 0]  # a frequency may be 0
            panel.plot([n["qubits"] for n in shown], [n[key] for n in shown], label=label, **style)
        panel.set(xlabel="qubits", title=title, xticks=sorted({n["qubits"] for n in lines}))
        panel.grid(visible=True, alpha=0.3)
    quality, ratio, times = panels
    sizes = {line["qubits"]: line for line in lines}
    quality.plot(
        list(sizes), [n["p_guessing"] for n in sizes.values()], "k:", label="random guessing"
    )
    device = {n["qubits"]: n["modelled_device"] for n in lines if n["angles"] == "transferred"}
    times.plot(list(device), list(device.values()), "k-.", label="device, transferred (modelled)")
    annealed = _medians(lines, "annealing_took")
    times.plot(list(annealed), list(annealed.values()), "k--", label="annealing, to the optimum")
    counted = _medians(lines, "enumeration_took")
    times.plot(list(counted), list(counted.values()), "k:", label="enumeration")
    quality.set_yscale("log")
    times.set_yscale("log")
    ratio.set_ylim(0, 1)
    quality.legend(fontsize=7)
    times.legend(times.lines[-3:], [line.get_label() for line in times.lines[-3:]], fontsize=7)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


_COLOURS = {1: "tab:blue", 2: "tab:orange", 3: "tab:green"}
_MARKERS = {"noiseless": "o", "noisy": "x", "qiskit-optimization": "s"}


def _curves(lines: Sequence[Row]) -> Iterable[tuple[str, dict[str, Any], list[Row]]]:
    """Name, style and lines of each sampler, depth and kind of angles."""
    for sampler, depth, angles in dict.fromkeys(
        (n["sampler"], n["depth"], n["angles"]) for n in lines
    ):
        own = [
            n for n in lines if (n["sampler"], n["depth"], n["angles"]) == (sampler, depth, angles)
        ]
        style = {
            "color": _COLOURS[depth],
            "marker": _MARKERS[sampler],
            "linestyle": "-" if angles == "transferred" else "--",
            "linewidth": 1.2,
        }
        yield f"{sampler}, depth {depth}, {angles}", style, own


def _medians(lines: Sequence[Row], key: str) -> dict[int, float]:
    """By qubits, over the lines that have it."""
    found: dict[int, list[float]] = {}
    for line in lines:
        if line[key] is not None:
            found.setdefault(line["qubits"], []).append(line[key])
    return {qubits: median(values) for qubits, values in found.items()}
