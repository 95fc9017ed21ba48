"""The answer of a backend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from quantum_backends.routing import Fractions


@dataclass(frozen=True)
class Solution:
    """A plan and how it came about.

    Attributes
    ----------
    fractions : tuple (k) of tuples of float
        Aligned with the problem's paths; one-hot for single-path plans.
    mlu : float
        Highest load/capacity, recomputed from the plan.
    backend : str
        Registry name.
    elapsed_s : float
        Time from the call of ``solve`` to this answer, seconds.
    info : mapping
        The backend's own figures. Annealers and gate devices give ``raw_gain`` (how far the
        samples themselves lowered the reduced energy, as a share of what a control of equal
        effort did) and ``simulated`` (``yes`` where no real device was asked).
    """

    fractions: Fractions
    mlu: float
    backend: str
    elapsed_s: float
    info: Mapping[str, float | str] = field(default_factory=dict)
