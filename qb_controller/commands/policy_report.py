"""The page that ``qb bench policy`` writes: tables for people, two pictures beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qb_controller.errors import InputError

if TYPE_CHECKING:
    from qb_controller.commands.policy_score import Choices, Table

HEAD = """# The policy against single backends, rules and learners

Each of {training} training and {tasks} unseen tasks was solved once by every backend that takes it,
at the task's own deadline. Selectors learnt from the training part, {seeds} times in different
order, and chose for the unseen part, whose networks, environments and models come from other
topologies and generators.

The utility is the policy's own: one unit for each percent of gap below the incumbent's, a fifth of
one for an answer at once rather than at the deadline, one for each kilojoule. 0 % of the gap is
`{single}`, the single backend that turned out best on the whole ({single_u:.3f}); 100 % is an
oracle ({best_u:.3f}). Intervals are 95 %, from resampling tasks and seeds, paired.

A decision took {p50:.2f} ms in the median and {p99:.2f} ms at the 99th percentile, features and
refusals included, and at worst {worst:.2%} of the deadline. The backend chosen had no answer in
time on {late:.1f} tasks of {tasks}; the incumbent stays there.
"""


def write(
    path: Path, found: Mapping[str, Any], table: Table, choices: Mapping[str, Choices]
) -> None:
    """Write the page and its pictures.

    Raises
    ------
    InputError
        A file cannot be written.
    """
    from qb_controller.commands.policy_score import losses

    parts = [
        _head(found),
        f"![gap closed by each]({path.stem}-closed.png)",
        _selectors(found),
        "## By family of tasks",
        "Here the single best is the best one for the family, which an operator of that one "
        "application would pin.",
        f"![utility by family]({path.stem}-families.png)",
        _families(found["families"]),
        "## Where the policy lost most",
        markdown(losses(table, choices["qip"])),
    ]
    try:
        path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
        _draw_closed(found, path.with_name(f"{path.stem}-closed.png"))
        _draw_families(found["families"], path.with_name(f"{path.stem}-families.png"))
    except OSError as error:
        raise InputError(f"{path}: cannot write: {error.strerror}") from None


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """A table of equal mappings; numbers to four digits."""
    if not rows:
        return "None."
    keys = list(rows[0])
    lines = [keys, ["---"] * len(keys), *([_cell(row[key]) for key in keys] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def pyplot() -> Any:
    """Matplotlib's interface, drawing into files alone."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    return plt


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _head(found: Mapping[str, Any]) -> str:
    policy, single = found["policy"], found["single_best"]
    return HEAD.format(
        training=found["tasks_training"],
        tasks=found["tasks"],
        seeds=found["seeds"],
        single=single["name"],
        single_u=single["utility"],
        best_u=found["virtual_best"]["utility"],
        p50=policy["overhead_ms_p50"],
        p99=policy["overhead_ms_p99"],
        worst=policy["overhead_share_worst"],
        late=policy["late"],
    ).strip()


def _all(found: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Everybody with figures, the best first."""
    everyone = {"the policy": found["policy"], **found["baselines"]}
    return sorted(everyone.items(), key=lambda item: -item[1]["utility"])


def _selectors(found: Mapping[str, Any]) -> str:
    rows = []
    for name, figures in _all(found):
        share, ci = figures["gap_closed"], figures["gap_closed_ci95"]
        low, high = figures["policy_ahead_ci95"]
        rows.append(
            {
                "chooser": name,
                "utility": figures["utility"],
                "regret": figures["regret"],
                "gap closed": "-" if share is None else f"{100 * share:.1f} %",
                "95 %": "-" if ci is None else f"{100 * ci[0]:.0f} to {100 * ci[1]:.0f} %",
                "missed": figures["late"],
                "policy ahead by": f"{figures['policy_ahead']:.3f} ({low:.3f} to {high:.3f})",
            }
        )
    return markdown(rows)


def _families(families: Mapping[str, Any]) -> str:
    rows = [
        {
            "family": name,
            "tasks": one["tasks"],
            "single best": one["single_best"]["name"],
            "its utility": one["single_best"]["utility"],
            "policy": one["policy"]["utility"],
            "random forest": one["utility"]["random-forest"],
            "oracle": one["virtual_best"]["utility"],
        }
        for name, one in families.items()
    ]
    return markdown(rows)


def _draw_closed(found: Mapping[str, Any], path: Path) -> None:
    plt = pyplot()
    shown = [(n, f) for n, f in _all(found) if f["gap_closed"] is not None][::-1]
    figure, panel = plt.subplots(figsize=(7, 0.35 * len(shown) + 1.2))
    for row, (name, figures) in enumerate(shown):
        low, high = figures["gap_closed_ci95"]
        colour = "tab:red" if name == "the policy" else "tab:blue"
        panel.plot((100 * low, 100 * high), (row, row), color=colour, linewidth=2)
        panel.plot(100 * figures["gap_closed"], row, "o", color=colour)
    panel.set_yticks(range(len(shown)), [name for name, _ in shown])
    panel.axvline(0, color="grey", linewidth=0.8)
    panel.axvline(100, color="grey", linewidth=0.8)
    panel.set_xlim(-120, 110)
    panel.set_xlabel("share of the gap from single best to oracle closed, % (95 % interval)")
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _draw_families(families: Mapping[str, Any], path: Path) -> None:
    import numpy as np

    plt = pyplot()
    bars = {
        "single best of the family": [one["single_best"]["utility"] for one in families.values()],
        "random forest": [one["utility"]["random-forest"] for one in families.values()],
        "the policy": [one["policy"]["utility"] for one in families.values()],
        "oracle": [one["virtual_best"]["utility"] for one in families.values()],
    }
    figure, panel = plt.subplots(figsize=(8, 3.6))
    at = np.arange(len(families))
    for i, (label, heights) in enumerate(bars.items()):
        panel.bar(at + 0.2 * (i - 1.5), heights, 0.2, label=label)
    panel.set_xticks(at, list(families))
    panel.set_ylabel("mean utility per task")
    panel.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)
