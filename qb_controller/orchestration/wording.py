"""The policy's reasons in sentences for people who run networks."""

from __future__ import annotations

from collections.abc import Sequence

from qb_controller.model.decision import Candidate, Forecast
from qb_controller.orchestration.features import Features

OTHER_FORM = "it takes problems of "
"""How the refusals begin of backends that take no problem of a form."""

TELLING = 1.0
"""Outcomes in like situations from which a reason calls itself measured."""


TASKS = {
    "flow": ("carry", "demand"),
    "choices": ("choose for", "group"),
    "packing": ("decide on", "request"),
    "schedule": ("schedule", "request"),
    "bqm": ("set", "bit"),
    "program": ("set", "variable"),
}
"""What a solver is asked to do with the things that the size of a form counts; routing has more to
say."""


def why(form: str, features: Features, ranked: Sequence[Candidate], hedge: str) -> str:
    """Say why the first of the ranked candidates was chosen."""
    best = ranked[0]
    chosen = best.forecast
    text = (
        f"{best.backend} is expected to {_task(form, features, best.formulation)} "
        f"{_quality(features, chosen)} in {seconds(chosen.busy_s)} of the "
        f"{seconds(features['allowed_s'])} left ({_basis(chosen)})"
    )
    others = [c for c in ranked[1:] if c.backend != best.backend]
    if others:
        second = others[0].forecast
        text += f"; next best is {others[0].backend} with {second.gap50:.1%}"
        text += f" in {seconds(second.busy_s)}"
    if hedge:
        text += f"; {hedge} races it on an idle core"
    return text


def nobody(candidates: Sequence[Candidate]) -> str:
    """Say why none of the candidates can be asked, a common reason once."""
    by_reason: dict[str, list[str]] = {}
    for candidate in candidates:
        never = candidate.refusal.startswith(OTHER_FORM)
        names = by_reason.setdefault("made for other problems" if never else candidate.refusal, [])
        if candidate.backend not in names:
            names.append(candidate.backend)
    if not by_reason:
        return "no backend can be asked: there is none"
    words = [
        f"{reason} ({_count(names)})"
        for reason, names in sorted(by_reason.items(), key=lambda item: -len(item[1]))
    ]
    return "no backend can be asked: " + ", ".join(words)


def _count(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{len(names)} backends"


def seconds(value: float) -> str:
    """Write a time for people."""
    if value == float("inf"):
        return "for ever"
    return f"{value * 1e3:.0f} ms" if value < 1 else f"{value:.1f} s"


def _quality(features: Features, forecast: Forecast) -> str:
    """The expected gap in words; without a bound it is a share of what is there."""
    if features.get("bound", 0.0) > 0:
        return f"within {forecast.gap50:.1%} of the bound"
    if "incumbent" in features:
        return f"at {forecast.gap50:.1%} of the present cost"
    return "as well as it can"


def _task(form: str, features: Features, formulation: str) -> str:
    if "demands" not in features:
        do, what = TASKS.get(form, ("take", "decision"))
        return f"{do} {features['size']:.0f} {what}{'' if features['size'] == 1 else 's'}"
    kind = "split over paths" if features["split"] else "on single paths"
    if formulation == "whole":
        return f"place {features['demands']:.0f} demands {kind}"
    free = formulation.rpartition("-")[2]
    return f"move the {free} largest demands on the busiest links, and no others,"


def _basis(forecast: Forecast) -> str:
    if forecast.weight < TELLING:
        return "from documented priors"
    return f"from {forecast.weight:.0f} like runs"
