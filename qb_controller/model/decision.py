"""The record of a choice: what the policy saw, what it chose, why, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Forecast(NamedTuple):
    """What is expected of a backend that gets so much time. A gap of 0.01 is one percent.

    Attributes
    ----------
    budget_s : float
        Seconds it gets.
    time50_s, time90_s : float
        Seconds to the first valid answer: median and 90th percentile.
    busy_s : float
        Seconds until it is done, median.
    gap10, gap50, gap90 : float
        Gap of its answer to the bound: quantiles.
    late : float
        Probability that no answer is there after ``budget_s``.
    gain : float
        Expected fall of the gap below that of the incumbent, given that an answer comes.
    weight : float
        Outcomes in like situations behind it, counted by how alike and how recent they are; 0
        means that it rests on documented expectations alone.
    """

    budget_s: float
    time50_s: float
    time90_s: float
    busy_s: float
    gap10: float
    gap50: float
    gap90: float
    late: float
    gain: float
    weight: float


class Candidate(NamedTuple):
    """One way to answer, as the policy saw it.

    Attributes
    ----------
    backend : str
        Registry name (``highs-lp``).
    family : str
        ``classical``, ``annealer`` or ``gate``.
    time_s : float or None
        Predicted time to answer in seconds (90th percentile); None where refused.
    gap : float or None
        Predicted gap to the bound (median).
    utility : float or None
        What the policy maximises, against keeping what is there; higher is better.
    refusal : str
        Why it cannot be chosen, empty where it can.
    formulation : str
        ``whole``, or the neighbourhood that is left free (``hot-48``).
    budget_s : float or None
        Seconds it would get.
    energy_j, price : float
        Expected, in joules and in units of money.
    watts, price_per_s : float
        Of its device while it works.
    forecasts : tuple of Forecast
        All that was predicted, by budget, the longest first.
    """

    backend: str
    family: str
    time_s: float | None = None
    gap: float | None = None
    utility: float | None = None
    refusal: str = ""
    formulation: str = "whole"
    budget_s: float | None = None
    energy_j: float = 0.0
    price: float = 0.0
    watts: float = 0.0
    price_per_s: float = 0.0
    forecasts: tuple[Forecast, ...] = ()

    @property
    def forecast(self) -> Forecast:
        """The one for the budget it would get.

        Raises
        ------
        ValueError
            The candidate was refused.
        """
        for each in self.forecasts:
            if each.budget_s == self.budget_s:
                return each
        raise ValueError(f"{self.backend} was refused: {self.refusal}")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a decision.

    Attributes
    ----------
    status : str
        ``improved`` (a new plan was installed), ``kept`` (the installed plan was as good),
        ``late``, ``failed`` or ``rejected`` (verification refused it).
    elapsed_s : float
        Snapshot to verified plan, seconds, measured.
    mlu_before, mlu, bound : float
        Modelled MLU of the installed plan, of the answer, and the lower bound used; of other
        forms of problem their value.
    moved : int
        Pairs whose route changed.
    detail : str
        A sentence for people.
    extra : mapping
        Backend's own figures: raw sample quality, repaired quality, control of equal effort.
    """

    status: str
    elapsed_s: float
    mlu_before: float
    mlu: float
    bound: float
    moved: int
    detail: str
    extra: Mapping[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """One use of the Quantum Invocation Policy.

    Attributes
    ----------
    number : int
        Unique and growing; cookies and ``qb explain`` refer to it.
    application : str
    at : float
        Unix time, seconds.
    deadline_s : float
        Time allowed from snapshot to verified plan.
    features : mapping
        What the policy looked at, by name.
    candidates : tuple of Candidate
    backend : str
        The chosen one.
    reason : str
        One sentence a network engineer understands.
    outcome : Outcome or None
        None until it is known.
    form : str
        Kind of the problem (``routing`` ...); empty in records of older versions.
    formulation : str
        What the backend was given: ``whole``, or the neighbourhood left free (``hot-48``).
    budget_s : float
        Seconds it was given; 0 where no backend was asked.
    hedge : str
        A second backend that raced it on the same problem, empty where none did.
    inputs : mapping
        What else the decision depended on, so that it can be taken again: ``settings``,
        ``worth``, ``spare`` and ``spent``.
    regret : mapping of str to float
        Utility that each backend tried afterwards had over the chosen one (above zero: it would
        have been better); empty until shadow runs have tried some.
    """

    number: int
    application: str
    at: float
    deadline_s: float
    features: Mapping[str, float]
    candidates: tuple[Candidate, ...]
    backend: str
    reason: str
    outcome: Outcome | None = None
    form: str = ""
    formulation: str = "whole"
    budget_s: float = 0.0
    hedge: str = ""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    regret: Mapping[str, float] = field(default_factory=dict)
