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
        The backend's own figures; always ``found_s``, when this plan was found. Annealers and
        gate devices add ``simulated`` (what stood in for the device), ``calls``, ``block`` (mean
        size), the sums over the calls of the samples' own and the control's best energy
        (``raw_energy``, ``control_energy``, relative to staying, so lower is better), and how
        often each was lower (``raw_beats_control``, ``raw_equals_control``,
        ``control_beats_raw``).
    """

    fractions: Fractions
    mlu: float
    backend: str
    elapsed_s: float
    info: Mapping[str, float | str] = field(default_factory=dict)
