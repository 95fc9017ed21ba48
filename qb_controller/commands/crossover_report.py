"""The page that ``qb bench crossover`` writes for operators, with its pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qb_controller.commands.bench_crossover import MAP_S, MARGIN, SWEEPS
from qb_controller.commands.policy_report import markdown, pyplot
from qb_controller.errors import InputError
from quantum_backends.device_table import CORE

Cell = Mapping[str, Any]

WORDS = {
    "queue_s": "queue before each call, s",
    "round_trip_s": "way to the device and back, s",
    "programming_s": "programming of each call, s",
    "shot_s": "time per shot, s",
    "error": "probability of a flipped bit",
    "size": "bits of a call",
}

HEAD = """# What a quantum processor must offer before it pays

**All times of the device are modelled**, none was measured on hardware. A call takes its queue, the
way to the device and back, programming, and 100 shots; between calls this processor makes the next
block, which is measured, as are its own backends: {rivals}. The
device's samples are those of simulated annealing, ten runs a call, with bits flipped at the error
rate: a device whose samples are better than that is not covered here, one whose samples are worse
needs more than what follows.

The problems are {tasks} networks whose demands take one path each, none of which the policy has
learnt from. *Chosen* is the share on which the policy calls the device, from what it learnt on
other networks. It *wins* where its answer was worth at least {margin} percent of gap more than the
best of all backends of this processor. Unless varied: no queue, 1 ms there and back, 8 ms
programming, 80 us a shot, 1 % flipped bits, 150 bits.
"""


def write(path: Path, found: Mapping[str, Any]) -> None:
    """Write the page and its pictures.

    Raises
    ------
    InputError
        A file cannot be written.
    """
    cells: Sequence[Cell] = found["cells"]
    sweeps = [cell for cell in cells if cell["sweep"] in SWEEPS]
    parts = [
        HEAD.format(
            rivals=", ".join(found["rivals"]), tasks=cells[0]["tasks"], margin=MARGIN
        ).strip(),
        "## In words",
        "\n".join(f"- {line}" for line in sentences(cells)),
        "## One figure at a time",
        f"![chosen and winning by each figure]({path.stem}-sweeps.png)",
        f"## Two figures at a time\n\n![maps]({path.stem}-maps.png)",
        "## Every setting",
        markdown([_row(cell) for cell in cells]),
    ]
    try:
        path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
        _draw_sweeps(sweeps, path.with_name(f"{path.stem}-sweeps.png"))
        _draw_maps(cells, path.with_name(f"{path.stem}-maps.png"))
    except OSError as error:
        raise InputError(f"{path}: cannot write: {error.strerror}") from None


def sentences(cells: Sequence[Cell]) -> list[str]:
    """What an operator should know, one sentence a line."""
    found = []
    for deadline in sorted({cell["deadline_s"] for cell in cells}):
        mine = [cell for cell in cells if cell["deadline_s"] == deadline]
        usual = next(cell for cell in mine if cell["sweep"] == "queue_s")
        found.append(
            f"By {deadline:g} s the device as it is above reaches {_reached(usual):.0f} % of what "
            "the best of this processor's backends are worth; beside the call this processor "
            f"needs {usual['host_s']:.2g} s for each block."
        )
        best = max(mine, key=lambda cell: (cell["wins"], cell["utility_device"]))
        if not best["wins"]:
            found.append(
                f"By {deadline:g} s the device wins on no network in any setting, not even with "
                f"calls of {min(cell['call_s'] for cell in mine):.2g} s. It comes closest, to "
                f"{_reached(best):.0f} %, with calls of {best['call_s']:.2g} s, {best['size']:g} "
                f"bits and {best['error']:.0%} flipped bits."
            )
        else:
            found.append(
                f"By {deadline:g} s it wins most often, on {best['wins']:.0%} of the networks, "
                f"with calls of {best['call_s']:.3g} s, {best['size']:g} bits and "
                f"{best['error']:.0%} flipped bits."
            )
            longest = max(cell["call_s"] for cell in mine if cell["wins"])
            found.append(f"By {deadline:g} s it wins nowhere with calls above {longest:.3g} s.")
        chosen = [cell["call_s"] for cell in mine if cell["chosen"]]
        if chosen:
            gain = sum(cell["utility_with"] - cell["utility_without"] for cell in mine) / len(mine)
            found.append(
                f"By {deadline:g} s the policy chooses it in some setting for calls up to "
                f"{max(chosen):.3g} s; over all settings having the device there changed the "
                f"policy's mean utility by {gain:+.3f}."
            )
        else:
            found.append(f"By {deadline:g} s the policy chooses it in no setting.")
    busiest = max(cells, key=lambda cell: cell["device_s"])
    most = 25 * busiest["device_s"]
    least = CORE.watts / 1000 * max(cell["deadline_s"] for cell in cells)
    found.append(
        f"Energy is not counted here: at 25 kW the device draws up to {most:.3g} kJ for one task, "
        f"a core of this processor at most {least:.2g} kJ."
    )
    return found


def _reached(cell: Cell) -> float:
    """Utility of the device in percent of the best rival's; 0 where it costs more than it gains."""
    best = cell["utility_best_rival"]
    return 100 * max(0.0, cell["utility_device"]) / best if best > 0 else 0.0


def _row(cell: Cell) -> dict[str, Any]:
    return {
        "varied": f"{cell['sweep']} {cell['at']}",
        "deadline, s": cell["deadline_s"],
        "call, s": cell["call_s"],
        "chosen": f"{cell['chosen']:.0%}",
        "wins": f"{cell['wins']:.0%}",
        "utility of the device": cell["utility_device"],
        "of the best rival": cell["utility_best_rival"],
        "policy without": cell["utility_without"],
        "policy with": cell["utility_with"],
    }


def _draw_sweeps(cells: Sequence[Cell], path: Path) -> None:
    plt = pyplot()
    figure, panels = plt.subplots(2, 3, figsize=(12, 6.5), sharey=True)
    deadlines = sorted({cell["deadline_s"] for cell in cells})
    for panel, (sweep, values) in zip(panels.flat, SWEEPS.items(), strict=True):
        for i, deadline in enumerate(deadlines):
            mine = [c for c in cells if c["sweep"] == sweep and c["deadline_s"] == deadline]
            lines = {
                "worth": ([_reached(cell) for cell in mine], ":"),
                "chosen": ([100 * cell["chosen"] for cell in mine], "o--"),
                "wins": ([100 * cell["wins"] for cell in mine], "s-"),
            }
            for what, (heights, style) in lines.items():
                label = f"{what}, {deadline:g} s"
                panel.plot(range(len(mine)), heights, style, color=f"C{i}", label=label, alpha=0.8)
        panel.set_xticks(range(len(values)), [f"{value:g}" for value in values])
        panel.set_xlabel(WORDS[sweep])
        panel.set_ylim(-5, 105)
    panels[0][0].legend(fontsize=7)
    for row in panels:
        row[0].set_ylabel("%")
    figure.suptitle(
        "a modelled device: worth against the best rival (dotted), networks on which the policy "
        "chooses it (dashed) and on which it wins (solid)"
    )
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _draw_maps(cells: Sequence[Cell], path: Path) -> None:
    import numpy as np

    plt = pyplot()
    deadlines = sorted({cell["deadline_s"] for cell in cells})
    figure, panels = plt.subplots(
        2, len(deadlines), figsize=(4.2 * len(deadlines), 7), squeeze=False
    )
    for row, figure_name in zip(panels, ("size", "error"), strict=True):
        values = SWEEPS[figure_name]
        for panel, deadline in zip(row, deadlines, strict=True):
            mine = [
                cell
                for cell in cells
                if cell["sweep"] == f"map-{figure_name}" and cell["deadline_s"] == deadline
            ]
            wins = np.reshape([100 * cell["wins"] for cell in mine], (len(MAP_S), len(values)))
            chosen = np.reshape([100 * cell["chosen"] for cell in mine], wins.shape)
            worth = np.reshape([_reached(cell) for cell in mine], wins.shape)
            # Colour is how close it comes, which tells something also where it never wins.
            panel.imshow(worth, cmap="Greens", vmin=0, vmax=140, aspect="auto", origin="lower")
            for (i, j), share in np.ndenumerate(chosen):
                text = f"{worth[i, j]:.0f}\n{wins[i, j]:.0f} / {share:.0f}"
                panel.text(j, i, text, ha="center", va="center", fontsize=8)
            panel.set_xticks(range(len(values)), [f"{value:g}" for value in values])
            panel.set_yticks(range(len(MAP_S)), [f"{value:g}" for value in MAP_S])
            panel.set(xlabel=WORDS[figure_name], title=f"deadline {deadline:g} s")
        row[0].set_ylabel("call beside its shots, s")
    figure.suptitle(
        "worth in % of the best rival (colour, above); below the networks in % on which\n"
        "the device wins / the policy chooses it"
    )
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)
