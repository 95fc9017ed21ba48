"""The conditional value at risk of samples, and angles optimised for it.

The mean over the best share alpha of the samples instead of over all of them (Barkoutsos et al.,
Quantum 4, 256, 2020): a sampler is judged by what is kept of it. Alpha one is the plain mean.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize

from quantum_backends.gate.qaoa import Angles
from quantum_backends.routing import Floats

ALPHA = 0.1
"""Share that counts; Barkoutsos et al. recommend 0.1 to 0.25."""

_STEP = 0.2
"""First step of the optimiser in radians, about a fifth of the trained angles' range."""


def cvar(energies: Floats, alpha: float = ALPHA) -> float:
    """Mean of the lowest ``ceil(alpha s)`` of s energies.

    Raises
    ------
    ValueError
        There are none, or alpha is not above zero and at most one.
    """
    if not 0 < alpha <= 1 or not len(energies):
        raise ValueError(f"the lowest {alpha} of {len(energies)} energies: nothing to average")
    kept = math.ceil(alpha * len(energies))
    return float(np.partition(energies, kept - 1)[:kept].mean())


def exact_cvar(energies: Floats, probability: Floats, alpha: float = ALPHA) -> float:
    """The same in the limit of many samples, from all outcomes and their probabilities."""
    order = np.argsort(energies)
    up_to = np.minimum(np.cumsum(probability[order]), alpha)
    return float(np.diff(up_to, prepend=0.0) @ energies[order] / up_to[-1])


class OutOfTime(Exception):
    """Raised by a cost that may not be measured any more."""


def optimise(cost: Callable[[Angles], float], start: Angles, evaluations: int) -> Angles:
    """Lower a cost by COBYLA (Powell 1994), which needs no derivatives and bears shot noise.

    Parameters
    ----------
    cost : callable
        May raise :class:`OutOfTime`, which ends the search.
    evaluations : int
        Calls of ``cost`` at most.

    Returns
    -------
    Angles
        The best that were measured; ``start`` where none was.
    """
    best, least = start, math.inf
    left = evaluations

    def measured(values: Floats) -> float:
        nonlocal best, least, left
        if not left:
            raise OutOfTime
        left -= 1
        angles = Angles.of(values)
        found = cost(angles)
        if found < least:
            best, least = angles, found
        return found

    with contextlib.suppress(OutOfTime):
        minimize(measured, np.array(start.values), method="COBYLA", options={"rhobeg": _STEP})
    return best
