"""Multiplicative weights: from the sum of squared utilisations to the maximum.

A plan of least ``sum_e u_e^2`` may lie tens of percent above the least maximum. With the right
weights of the links it does not: they are found in rounds, each of which answers the present
weights and then multiplies each weight by something that grows with the link's utilisation.
Plotkin, Shmoys and Tardos (Math. Oper. Res. 20, 1995) do so for fractional packing; Arora, Hazan
and Kale (Theory of Computing 8, 2012) show it to be one method, of which the regret is bounded
where each factor is ``exp(rate * gain)``. The gain of link e here is ``ln(u_e / u_max)``, so that
the factor is ``(u_e / u_max)^rate``, which leaves the hottest link as it is; the rate falls like
``1 / (1 + round / 4)`` to let the weights settle: a constant rate of 2 diverges. Single paths are
not convex and their answers are not the best ones, so that no bound carries over, and every plan
counts by its true maximum.
"""

from __future__ import annotations

import numpy as np

from quantum_backends.routing import Floats

_LEAST = 1e-3
"""Utilisations below this share of the highest count as this share: no weight falls to zero."""


def reweight(weight: Floats, utilisation: Floats, turn: int) -> Floats:
    """Weights for the next round, mean one.

    Parameters
    ----------
    weight, utilisation : float arrays (m,)
        Of the round that is over.
    turn : int
        Its number, from 0.
    """
    highest = float(utilisation.max()) or 1.0
    raised = weight * np.maximum(utilisation / highest, _LEAST) ** (1 / (1 + turn / 4))
    return np.asarray(raised / raised.mean())
