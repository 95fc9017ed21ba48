"""The record of a choice: what the policy saw, what it chose, why, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Candidate:
    """One backend as the policy saw it.

    Attributes
    ----------
    backend : str
        Registry name (``highs-lp``).
    family : str
        ``classical``, ``annealer`` or ``gate``.
    time_s : float or None
        Predicted time to answer in seconds (90th percentile); None where refused.
    gap : float or None
        Predicted gap to the bound (0.01 is one percent).
    utility : float or None
        What the policy maximises; higher is better.
    refusal : str
        Why it cannot be chosen, empty where it can.
    """

    backend: str
    family: str
    time_s: float | None = None
    gap: float | None = None
    utility: float | None = None
    refusal: str = ""


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
        Modelled MLU of the installed plan, of the answer, and the lower bound used.
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
