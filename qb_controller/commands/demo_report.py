"""What the demonstration measured: rows, checks in words, the table, the picture, the JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from qb_controller.commands.output import Column, percent, seconds

FAMILIES = {"highs-lp": "classical", "sa-blocks": "annealer", "qaoa-blocks": "gate"}
"""Backends that are pinned one after the other, and the family each stands for."""
SPOKEN = {
    "highs-lp": "HiGHS linear program",
    "highs-mip": "HiGHS integer program",
    "sa-blocks": "simulated annealing",
    "qaoa-blocks": "QAOA on a simulated QPU (statevector)",
    "local-search": "local search",
}
MAX_LOSS = 1e-3
FULL = 0.98
"""Utilisation from which a link counts as full: shaping lets through a percent more or less."""
NEAR_OPTIMUM = 1.03
"""A measured MLU this near to the fractional optimum leaves a plan nothing to gain."""


@dataclass
class Phase:
    """One phase as it was measured.

    Attributes
    ----------
    name, kind : str
        ``kind`` is what the checks look at: ``shortest``, ``auto``, ``pinned:BACKEND``,
        ``shift``, ``cut`` or ``back``.
    begin, end : float
        Seconds of CLOCK_MONOTONIC.
    loss : float
        Share of the packets sent in the window that did not arrive.
    mlu_measured : float
        Mean over the window of link rate by port counters over capacity, of the fullest link.
    mlu_bound : float
        Fractional optimum of this phase's matrix on this phase's network.
    reaction_s : float or None
        From the change to the last flow-mod of the first new plan; None where none was wanted
        or none came.
    window_s : float
        Length of the window, which begins ``settled_s`` after the reaction.
    lost_by_change : int or None
        Packets lost between the change and the window.
    drift : int
        Differences at the end between the switches' rules and those meant.
    """

    name: str
    kind: str
    begin: float
    mlu_bound: float
    end: float = 0.0
    loss: float = 0.0
    sent: int = 0
    lost: int = 0
    mlu_measured: float = 0.0
    window_s: float = 0.0
    settled_s: float = 0.0
    reaction_s: float | None = None
    lost_by_change: int | None = None
    backends: list[str] = field(default_factory=list)
    decisions: list[dict[str, Any]] = field(default_factory=list)
    sender_was_bottleneck: bool = False
    worst_pairs: list[dict[str, Any]] = field(default_factory=list)
    drift: int = 0
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Check:
    """One thing that had to hold, in words with its figure."""

    text: str
    held: bool


def checks(phases: Sequence[Phase]) -> list[Check]:
    """Everything that must hold for the demonstration to have shown what it says."""
    result = []
    for phase in phases:
        if phase.kind == "shortest":
            result.append(_shortest(phase))
        elif phase.kind.startswith("pinned:"):
            backend = phase.kind.partition(":")[2]
            plans = sum(one["backend"] == backend and one["installed"] for one in phase.decisions)
            text = f"{SPOKEN.get(backend, backend)} installed {plans} plan(s) (at least 1)"
            result.append(Check(text, plans > 0))
        elif phase.kind in ("auto", "shift", "cut", "back"):
            text = (
                f"{phase.name}: {phase.lost} of {phase.sent} packets lost from "
                f"{phase.settled_s:.1f} s after it (at most {MAX_LOSS:g} of them)"
            )
            result.append(Check(text, phase.sent > 0 and phase.loss <= MAX_LOSS))
        if phase.kind in ("auto", "shift"):
            result.append(_reaction(phase))
    drift = {phase.name: phase.drift for phase in phases if phase.drift}
    found = ", ".join(f"{count} after {name}" for name, count in drift.items()) or "none"
    result.append(Check(f"rules that differ from what was meant: {found}", not drift))
    kinds = {phase.kind for phase in phases}
    wanted = {"shortest", "auto", "shift", "cut", "back", *(f"pinned:{b}" for b in FAMILIES)}
    missing = sorted(wanted - kinds)
    result.append(
        Check("every phase was run" + (f"; missing: {', '.join(missing)}" if missing else ""),
              not missing)
    )  # fmt: skip
    return result


def _shortest(phase: Phase) -> Check:
    """Shortest paths lose packets where they fill a link, and nowhere else."""
    if phase.mlu_measured < FULL:
        text = (
            f"shortest paths carry this traffic: fullest link {percent(phase.mlu_measured)} full, "
            f"{phase.lost} of {phase.sent} packets lost (at most {MAX_LOSS:g} of them)"
        )
        return Check(text, phase.sent > 0 and phase.loss <= MAX_LOSS)
    text = f"shortest paths lose packets: {percent(phase.loss)} of {phase.sent}"
    return Check(text, phase.loss > 0)


def _reaction(phase: Phase) -> Check:
    """A new plan came, or none could have made a difference worth moving traffic for."""
    if phase.reaction_s is None and phase.mlu_measured <= NEAR_OPTIMUM * phase.mlu_bound:
        text = f"{phase.name}: no new plan was wanted, the fullest link is as the optimum has it"
        return Check(text, True)
    came = "no plan came" if phase.reaction_s is None else seconds(phase.reaction_s)
    return Check(f"{phase.name}: a new plan was installed ({came})", phase.reaction_s is not None)


COLUMNS = (
    Column("phase"),
    Column("loss", lambda value: f"{100 * value:.3f} %", right=True),
    Column("MLU", lambda value: f"{value:.3f}", right=True),
    Column("optimum", lambda value: f"{value:.3f}", right=True),
    Column("reaction", seconds, right=True),
    Column("plans", str, right=True),
    Column("by"),
)


def row(phase: Phase) -> dict[str, Any]:
    """Row of the table of one phase."""
    return {
        "phase": phase.name,
        "loss": phase.loss,
        "MLU": phase.mlu_measured,
        "optimum": phase.mlu_bound,
        "reaction": phase.reaction_s,
        "plans": sum(one["installed"] for one in phase.decisions),
        "by": ", ".join(phase.backends) or None,
    }


DECISION_COLUMNS = (
    Column("decision", str, right=True),
    Column("phase"),
    Column("backend"),
    Column("status"),
    Column("mlu_before", lambda value: f"{value:.3f}", right=True),
    Column("mlu", lambda value: f"{value:.3f}", right=True),
    Column("moved", str, right=True),
    Column("elapsed_s", seconds, right=True),
)


def decision_rows(phases: Sequence[Phase]) -> list[dict[str, Any]]:
    """Decisions that asked a solver, with the phase each fell into.

    Those in a row by which one backend kept what was there are one row, that of the last with how
    many there were.
    """
    asked = (
        {**one, "phase": phase.name}
        for phase in phases
        for one in phase.decisions
        if one["backend"] != "none"
    )
    rows = []
    for _, run in groupby(asked, key=lambda one: (one["phase"], one["backend"], one["status"])):
        alike = list(run)
        if alike[0]["status"] == "kept" and len(alike) > 1:
            alike = [{**alike[-1], "status": f"kept, {len(alike)} times"}]
        rows += alike
    return rows


def backends_used(phases: Sequence[Phase]) -> list[str]:
    """Backends that installed a plan, in the order of their first one."""
    return list(dict.fromkeys(name for phase in phases for name in phase.backends))


Series = list[tuple[float, float]]


def picture(phases: Sequence[Phase], loss: Series, mlu: Series, path: Path) -> None:
    """Draw loss and utilisation of the fullest link over time, phases as bands.

    Parameters
    ----------
    loss, mlu : list of (seconds of CLOCK_MONOTONIC, fraction)
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    start = phases[0].begin
    figure, axes = pyplot.subplots(2, 1, sharex=True, figsize=(12, 6), layout="constrained")
    for values, axis, label, colour in (
        (loss, axes[0], "packets lost, %", "tab:red"),
        (mlu, axes[1], "fullest link, %", "tab:blue"),
    ):
        axis.plot([at - start for at, _ in values], [100 * v for _, v in values], color=colour)
        axis.set_ylabel(label)
        axis.set_ylim(bottom=0)
        for number, phase in enumerate(phases):
            axis.axvspan(phase.begin - start, phase.end - start, alpha=0.12 if number % 2 else 0.04,
                         color="black", linewidth=0)  # fmt: skip
    for phase in phases:
        axes[1].hlines(100 * phase.mlu_bound, phase.begin - start, phase.end - start,
                       color="tab:green", linestyle="--")  # fmt: skip
        middle = (phase.begin + phase.end) / 2 - start
        axes[0].text(middle, 1.02, phase.name, transform=axes[0].get_xaxis_transform(),
                     ha="left", rotation=20, fontsize=8)  # fmt: skip
    axes[1].plot([], [], color="tab:green", linestyle="--", label="fractional optimum")
    axes[1].legend(loc="lower right")
    axes[1].set_xlabel("seconds")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
