"""The Quantum Invocation Policy: which backend gets the problem, for how long, if any, and why.

A pure function of what it is handed; the clock, the memory and the devices are elsewhere.

For each arm (a backend on a formulation) and each budget the expected utility, against keeping
what is there, is ::

    worth.quality * 100 * gain * (1 - late)      fall of the gap in percent, if an answer comes
    - worth.early * busy / allowed               time used up
    - worth.energy * joules - worth.price * money

with ``gain``, ``late`` and ``busy`` as predicted. The arm and the budget with the greatest one
are chosen, among those with ``late`` at most ``settings.late_risk`` whose device is known to be
there and which fit into what the operator lets an application spend. None is chosen where the best
has less than nothing to offer. A second backend races the first where that is expected to raise
the utility by more than a core is worth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from qb_controller.model.decision import Candidate, Forecast
from qb_controller.orchestration.features import Features
from qb_controller.orchestration.hedging import hedge_for
from qb_controller.orchestration.performance import WHOLE, Prediction, incumbent_gap
from qb_controller.orchestration.wording import nobody, seconds, why
from qb_controller.runtime.messages import Settings
from qb_controller.runtime.task import Worth
from quantum_backends.devices import Device

NONE = "none"
"""Name of the choice to call no solver."""

LEAST_S = 0.01
"""Less time than this, in seconds, is not worth the hand-over to a worker."""

BUDGET_SHARES = (1.0, 0.4, 0.15)
"""Shares of the time left that a solver may be given: all of it, and twice less by a factor of
two and a half, about what halves the distance of an improving answer from its end."""

SHORT_S = 0.15
"""With less time left than this, in seconds, only all of it is considered: there is little to save,
and weighing less takes longer."""

HOUR_S = 3600.0

FORBIDDEN = "forbidden by the operator"


@dataclass(frozen=True, slots=True)
class Spent:
    """What an application's solvers used up within the last hour: joules and money."""

    energy_j: float = 0.0
    money: float = 0.0


NOTHING = Spent()
DEFAULT_WORTH = Worth()


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
    formulation : str
    budget_s : float
        Seconds for the solver.
    hedge : str
        A second backend to race the first, empty for none.
    """

    backend: str
    reason: str
    candidates: tuple[Candidate, ...] = ()
    formulation: str = WHOLE
    budget_s: float = 0.0
    hedge: str = ""


def needed_gain(installed_mlu: float, settings: Settings) -> float:
    """Share by which the MLU must fall before traffic is moved."""
    return settings.full_gain if installed_mlu >= settings.full_mlu else settings.min_gain


def needless(features: Features, settings: Settings) -> str:
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


def budgets(allowed_s: float, worth: Worth = DEFAULT_WORTH) -> tuple[float, ...]:
    """The budgets to predict for, the longest first; all of it where time saved is of no use."""
    if allowed_s < SHORT_S or not worth.early:
        return (allowed_s,)
    return tuple(share * allowed_s for share in BUDGET_SHARES)


def decide(
    features: Features,
    predictions: Sequence[Prediction],
    devices: Mapping[str, Device],
    now: float,
    settings: Settings,
    worth: Worth = DEFAULT_WORTH,
    application: str = "",
    spent: Spent = NOTHING,
    spare: int = 0,
    form: str = "",
) -> Choice:
    """Choose a backend, a formulation, a budget and perhaps a second backend.

    Parameters
    ----------
    features : mapping
        As in :mod:`qb_controller.orchestration.features`, with ``allowed_s``, the seconds left for
        a solver.
    predictions : sequence of Prediction
        For the budgets of :func:`budgets`, with the refusals of backends and workers filled in.
    devices : mapping of str to Device
        What stands behind each backend, with its status.
    now : float
        Unix time in seconds, against which a status is stale or not.
    settings : Settings
    worth : Worth
        What quality, time, energy and money are worth to the asker.
    application : str
    spent : Spent
    spare : int
        Workers of other families that stand idle with a core to run on.
    form : str
        Of the problem, for the words of the reason.
    """
    allowed = features["allowed_s"]
    if allowed < LEAST_S:
        left = f"only {seconds(max(0.0, allowed))} of the deadline were left for a solver"
        return Choice(NONE, f"{left}; it needs {seconds(LEAST_S)} at least")
    candidates = tuple(
        _candidate(p, devices[p.backend], features, now, settings, worth, application, spent)
        for p in predictions
    )
    if settings.pinned_backend is not None:
        return _pinned(settings.pinned_backend, candidates, allowed)
    open_to = sorted((c for c in candidates if not c.refusal), key=_preference)
    if not open_to:
        return Choice(NONE, nobody(candidates), candidates)
    best = open_to[0]
    assert best.budget_s is not None and best.utility is not None
    if best.utility <= 0 and "incumbent" in features:
        return Choice(NONE, _not_worth(best, features), candidates)
    hedge = ""
    if spare > 0:
        then = Spent(spent.energy_j + best.energy_j, spent.money + best.price)
        others = [c for c in open_to[1:] if not _too_dear(c.energy_j, c.price, settings, then)]
        hedge = hedge_for(best, others, worth, incumbent_gap(features))
    reason = why(form, features, open_to, hedge)
    return Choice(best.backend, reason, candidates, best.formulation, best.budget_s, hedge)


def utility(worth: Worth, gain: float, time_share: float, energy_j: float, money: float) -> float:
    """What an answer is worth against keeping what is there.

    Parameters
    ----------
    gain : float
        Fall of the gap; 0.01 is one percent.
    time_share : float
        Time used up over time allowed; more than all of it costs no more.
    """
    return (
        worth.quality * 100 * gain
        - worth.early * min(1.0, time_share)
        - worth.energy * energy_j
        - worth.price * money
    )


def forbidden(backend: str, family: str, settings: Settings, application: str = "") -> bool:
    """Whether the operator excluded a backend, by name or by family."""
    names = {backend, family, f"{application}:{backend}", f"{application}:{family}"}
    return not names.isdisjoint(settings.forbidden)


def _candidate(
    p: Prediction,
    device: Device,
    features: Features,
    now: float,
    settings: Settings,
    worth: Worth,
    application: str,
    spent: Spent,
) -> Candidate:
    """One arm with its best budget, or with the reason against it."""
    if settings.forbidden and forbidden(p.backend, p.family, settings, application):
        found = _unasked(p.backend, p.family, p.formulation, FORBIDDEN, *_rates(device))
        return found._replace(forecasts=p.forecasts)
    if reason := p.refusal or device.abstain(now):
        return _unasked(p.backend, p.family, p.formulation, reason, *_rates(device))
    allowed = features["allowed_s"]
    risk = 1.0 if p.backend == settings.pinned_backend else settings.late_risk
    watts, per_s = _rates(device)
    limited = settings.energy_per_hour_j is not None or settings.money_per_hour is not None
    best, cheapest = None, None
    for f in p.forecasts:
        if f.late > risk:
            continue
        rated = _rate(f, watts, per_s, allowed, worth)
        if limited and _too_dear(rated.energy_j, rated.money, settings, spent):
            cheapest = rated
        elif best is None or rated > best:
            best = rated
    if best is not None:
        return _told(p, watts, per_s, "", best)
    if cheapest is not None:
        reason = _too_dear(cheapest.energy_j, cheapest.money, settings, spent)
        return _told(p, watts, per_s, reason, cheapest)
    longest = _rate(p.forecasts[0], watts, per_s, allowed, worth)
    late = f"would take {seconds(longest.forecast.time90_s)}, {seconds(allowed)} are left"
    return _told(p, watts, per_s, late, longest)


class _Rated(NamedTuple):
    """A budget with what it is worth; the greater is the better one."""

    utility: float
    better: float
    shorter: float
    energy_j: float
    money: float
    forecast: Forecast


def _rate(f: Forecast, watts: float, per_s: float, allowed: float, worth: Worth) -> _Rated:
    busy = f.busy_s if f.busy_s < f.budget_s else f.budget_s
    energy, money = watts * busy, per_s * busy
    value = utility(worth, f.gain * (1 - f.late), busy / allowed, energy, money)
    return _Rated(value, -f.gap50, -f.budget_s, energy, money, f)


def _told(p: Prediction, watts: float, per_s: float, refusal: str, rated: _Rated) -> Candidate:
    best = rated.forecast
    return Candidate(
        p.backend,
        p.family,
        best.time90_s,
        best.gap50,
        None if refusal else rated.utility,
        refusal,
        p.formulation,
        best.budget_s,
        rated.energy_j,
        rated.money,
        watts,
        per_s,
        p.forecasts,
    )


@lru_cache(maxsize=1024)
def _unasked(
    backend: str, family: str, formulation: str, refusal: str, watts: float, price_per_s: float
) -> Candidate:
    """A refusal; most of them are the same in each decision."""
    return Candidate(
        backend,
        family,
        refusal=refusal,
        formulation=formulation,
        watts=watts,
        price_per_s=price_per_s,
    )


def _rates(device: Device) -> tuple[float, float]:
    """Watts and money per second."""
    return device.power.watts, device.price.per_s if device.price else 0.0


def _too_dear(energy_j: float, money: float, settings: Settings, spent: Spent) -> str:
    """Why the operator's limits exclude a run; empty where they do not."""
    most_j, most = settings.energy_per_hour_j, settings.money_per_hour
    if most_j is not None and spent.energy_j + energy_j > most_j:
        return (
            f"needs {energy_j:.3g} J, and {spent.energy_j:.3g} of the {most_j:.3g} J allowed in "
            "an hour are used up"
        )
    if most is not None and spent.money + money > most:
        return (
            f"costs {money:.3g}, and {spent.money:.3g} of the {most:.3g} allowed in an hour are "
            "spent"
        )
    return ""


def _preference(candidate: Candidate) -> tuple[float, float, float, str, str]:
    """Greatest utility first; of equals the better, then the quicker one."""
    return (
        -(candidate.utility or 0.0),
        candidate.gap or 0.0,
        candidate.forecast.busy_s,
        candidate.backend,
        candidate.formulation,
    )


def _not_worth(best: Candidate, features: Features) -> str:
    whole = "the bound" if features.get("bound", 0.0) > 0 else "what it costs now"
    return (
        f"no backend is expected to gain more than it costs: {best.backend}, the best, would "
        f"improve the plan by {100 * best.forecast.gain:.2f} percent of {whole} in "
        f"{seconds(best.forecast.busy_s)}"
    )


def _pinned(name: str, candidates: Sequence[Candidate], allowed: float) -> Choice:
    for candidate in candidates:
        if candidate.backend == name and candidate.formulation == WHOLE:
            if candidate.refusal:
                reason = f"{name} is pinned by the operator but cannot be asked: "
                return Choice(NONE, reason + candidate.refusal, tuple(candidates))
            reason = f"{name} is pinned by the operator"
            return Choice(name, reason, tuple(candidates), budget_s=allowed)
    known = ", ".join(c.backend for c in candidates if c.formulation == WHOLE)
    reason = f"{name} is pinned by the operator but there is no such backend (there are: {known})"
    return Choice(NONE, reason, tuple(candidates))
