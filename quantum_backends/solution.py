"""The answer of a backend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Solution:
    """An answer and how it came about.

    Attributes
    ----------
    answer : object
        In the problem's own terms; of a routing problem the share of each demand on each of its
        paths (:data:`quantum_backends.routing.Fractions`), one-hot for single-path plans.
    value : float
        The problem's value of it (of a routing problem the MLU), recomputed from the answer.
    backend : str
        Registry name.
    elapsed_s : float
        Time from the call of ``solve`` to this answer, seconds.
    info : mapping
        The backend's own figures; always ``found_s``, when this answer was found. Annealers and
        gate devices add ``simulated`` (what stood in for the device), ``calls``, ``block`` (mean
        size), the sums over the calls of the samples' own and the control's best energy
        (``raw_energy``, ``control_energy``, relative to staying, so lower is better), and how
        often each was lower (``raw_beats_control``, ``raw_equals_control``,
        ``control_beats_raw``).
    """

    answer: Any
    value: float
    backend: str
    elapsed_s: float
    info: Mapping[str, float | str] = field(default_factory=dict)
