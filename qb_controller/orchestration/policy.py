"""The Quantum Invocation Policy: which backend gets the problem, if any, and why.

Everything here is a pure function of what it is handed; the clock and the memory are elsewhere.

The policy maximises the expected fall of the MLU in percent, less a small price of time, over
the backends that are predicted to answer in time (90th percentile within the time allowed), so
that an answer is late with a probability below one in ten, and being late costs only the chance:
the installed plan stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from qb_controller.model.decision import Candidate
from qb_controller.orchestration.performance import TRUST, Prediction
from qb_controller.runtime.messages import Settings

NONE = "none"
"""Name of the choice to call no solver."""

TIME_PRICE = 0.2
"""Utility in percent of MLU that is lost by using up the whole time allowed: enough to prefer the
quicker of two equals, too little to give up a visible improvement."""

LEAST_S = 0.01
"""Less time than this is not worth the hand-over to a worker."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What the policy chose.

    Attributes
    ----------
    backend : str
        :data:`NONE` where no solver is to be called.
    reason : str
        One sentence for a network engineer.
    candidates : tuple of Candidate
    """

    backend: str
    reason: str
    candidates: tuple[Candidate, ...] = ()


def needed_gain(installed_mlu: float, settings: Settings) -> float:
    """Share by which the MLU must fall before traffic is moved."""
    return settings.full_gain if installed_mlu >= settings.full_mlu else settings.min_gain


def needless(features: Mapping[str, float], settings: Settings) -> str:
    """Say why no solver need be called; empty where one should.

    A pinned backend is asked whatever the bound says, because an operator wants to see it work.
    """
    if not features["size"]:
        return "there is no traffic to place"
    installed, bound = features["incumbent"], features["bound"]
    if installed < settings.quiet_mlu:
        return (
            f"the busiest link is {installed:.1%} full, below the {settings.quiet_mlu:.0%} "
            "from which placing traffic is worth while"
        )
    if settings.pinned_backend is not None:
        return ""
    needed = needed_gain(installed, settings)
    if bound > 0 and bound >= installed * (1 - needed):
        return (
            f"the installed plan is at most {max(0.0, installed / bound - 1):.1%} above the best "
            f"any plan can do, and traffic moves only for {needed:.0%} or more"
        )
    if features.get("tried", 0):
        return (
            "a solver was asked about practically the same traffic a moment ago and found nothing "
            "better by enough to move traffic"
        )
    return ""


def decide(
    features: Mapping[str, float],
    predictions: Sequence[Prediction],
    settings: Settings,
    allowed_s: float,
) -> Choice:
    """Choose a backend.

    Parameters
    ----------
    features : mapping
        As in :class:`qb_controller.orchestration.application.Task`.
    predictions : sequence of Prediction
        With the refusals of backends and workers filled in.
    settings : Settings
    allowed_s : float
        Seconds left for a solver.
    """
    if allowed_s < LEAST_S:
        left = f"only {seconds(max(0.0, allowed_s))} of the deadline were left for a solver"
        return Choice(NONE, f"{left}; it needs {seconds(LEAST_S)} at least")
    candidates = tuple(_candidate(p, features, settings, allowed_s) for p in predictions)
    if settings.pinned_backend is not None:
        return _pinned(settings.pinned_backend, candidates)
    open_to = [
        (c, p) for c, p in zip(candidates, predictions, strict=True) if c.utility is not None
    ]
    if not open_to:
        reasons = "; ".join(f"{c.backend}: {c.refusal}" for c in candidates) or "none is there"
        return Choice(NONE, f"no backend can be asked ({reasons})", candidates)
    open_to.sort(key=lambda each: (-(each[0].utility or 0.0), each[1].busy_s, each[0].backend))
    return Choice(open_to[0][0].backend, _why(features, open_to, allowed_s), candidates)


def forbidden(backend: str, family: str, settings: Settings) -> bool:
    """Whether the operator excluded a backend, by name or by family."""
    return backend in settings.forbidden or family in settings.forbidden


def _candidate(
    p: Prediction, features: Mapping[str, float], settings: Settings, allowed_s: float
) -> Candidate:
    if forbidden(p.backend, p.family, settings):
        return Candidate(p.backend, p.family, refusal="forbidden by the operator")
    if p.refusal:
        return Candidate(p.backend, p.family, refusal=p.refusal)
    if p.backend != settings.pinned_backend and p.time_s > allowed_s:
        late = f"would take {seconds(p.time_s)}, {seconds(allowed_s)} are left"
        return Candidate(p.backend, p.family, p.time_s, p.gap, refusal=late)
    # Not cut off at zero: of two backends that promise no fall the one with the smaller gap is
    # still the likelier to find one.
    installed = features["incumbent"]
    reachable = (features["bound"] or installed) * (1 + p.gap)
    fall = 1 - reachable / installed if installed > 0 else -p.gap
    utility = 100 * fall - TIME_PRICE * min(1.0, p.busy_s / allowed_s if allowed_s > 0 else 1.0)
    return Candidate(p.backend, p.family, p.time_s, p.gap, utility)


def _pinned(name: str, candidates: Sequence[Candidate]) -> Choice:
    for candidate in candidates:
        if candidate.backend == name:
            if candidate.refusal:
                reason = f"{name} is pinned by the operator but cannot be asked: "
                return Choice(NONE, reason + candidate.refusal, tuple(candidates))
            return Choice(name, f"{name} is pinned by the operator", tuple(candidates))
    known = ", ".join(c.backend for c in candidates)
    reason = f"{name} is pinned by the operator but there is no such backend (there are: {known})"
    return Choice(NONE, reason, tuple(candidates))


def _why(
    features: Mapping[str, float], ranked: Sequence[tuple[Candidate, Prediction]], allowed_s: float
) -> str:
    best = ranked[0][1]
    basis = f"{best.samples} runs" if best.samples >= TRUST else "documented priors"
    text = (
        f"{best.backend} is expected to {_task(features)} within {best.gap:.1%} of the bound "
        f"in {seconds(best.busy_s)} of the {seconds(allowed_s)} left "
        f"(from {basis})"
    )
    if len(ranked) > 1:
        second = ranked[1][1]
        text += f"; next best is {second.backend} with {second.gap:.1%}"
        text += f" in {seconds(second.busy_s)}"
    return text


def _task(features: Mapping[str, float]) -> str:
    if "demands" not in features:
        return f"take {features['size']:.0f} decisions"
    kind = "split over paths" if features["split"] else "on single paths"
    return f"place {features['demands']:.0f} demands {kind}"


def seconds(value: float) -> str:
    """Write a time for people."""
    if value == float("inf"):
        return "for ever"
    return f"{value * 1e3:.0f} ms" if value < 1 else f"{value:.1f} s"
