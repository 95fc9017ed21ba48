"""Steepest descent on binary quadratic models: the control beside every sampler.

What an annealer or a gate device contributes is what it finds beyond the plainest search there
is, from as many starts or in as much time.
"""

from __future__ import annotations

import time

import numpy as np
import numpy.typing as npt
from numba import njit

from quantum_backends.bqm import Bits, Coefficients
from quantum_backends.routing import Floats, Ints

_TRIALS = 4
"""Descents between two looks at the clock."""


def descend(model: Coefficients, starts: npt.ArrayLike) -> tuple[Bits, Floats]:
    """Flip the best bit of each start until none helps.

    Parameters
    ----------
    starts : array (s, n)
        Bits; not changed.

    Returns
    -------
    bits : int array (s, n)
    energy : float array (s,)
        Without the offset.
    """
    bits = np.array(starts, dtype=np.int8, ndmin=2)
    matrix = model.coupling
    start, other = matrix.indptr.astype(np.int64), matrix.indices.astype(np.int64)
    return bits, _descend(model.linear, start, other, matrix.data, bits)


def control(model: Coefficients, starts: int, rng: np.random.Generator) -> float:
    """Lowest energy, without the offset, from all zeros and from random bits."""
    bits = rng.integers(0, 2, (max(starts, 1), len(model)), dtype=np.int8)
    bits[0] = 0
    return float(descend(model, bits)[1].min())


def timed_control(model: Coefficients, seconds: float, rng: np.random.Generator) -> float:
    """Lowest energy, without the offset, of as many descents as begin within the time."""
    end = time.monotonic() + seconds
    lowest = control(model, 1, rng)
    while time.monotonic() < end:
        bits = rng.integers(0, 2, (_TRIALS, len(model)), dtype=np.int8)
        lowest = min(lowest, float(descend(model, bits)[1].min()))
    return lowest


def flip_costs(model: Coefficients, bits: Bits) -> Floats:
    """Change of energy when each bit alone is flipped (n,)."""
    field = model.linear + model.coupling @ bits.astype(float)
    return np.asarray(np.where(bits, -field, field))


@njit(cache=True)
def _descend(linear: Floats, start: Ints, other: Ints, value: Floats, rows: Bits) -> Floats:
    n = len(linear)
    energies = np.zeros(len(rows))
    for s in range(len(rows)):
        bits = rows[s]
        field = linear.copy()
        energy = 0.0
        for i in range(n):
            if bits[i]:
                energy += field[i]  # the part of the earlier ones is in it already
                for t in range(start[i], start[i + 1]):
                    field[other[t]] += value[t]
        while True:
            best, least = -1, -1e-12
            for i in range(n):
                change = -field[i] if bits[i] else field[i]
                if change < least:
                    best, least = i, change
            if best < 0:
                break
            sign = -1.0 if bits[best] else 1.0
            bits[best] = 1 - bits[best]
            energy += least
            for t in range(start[best], start[best + 1]):
                field[other[t]] += sign * value[t]
        energies[s] = energy
    return energies
