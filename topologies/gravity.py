"""Seeded gravity matrices with a daily cycle.

Gravity model: the demand from i to j is proportional to the product of what i sends and what j
takes (Roughan, "Simplifying the synthesis of Internet traffic matrices", CCR 2005, where
exponential masses fit measured matrices). Each site's activity follows the sun: a raised cosine
with its peak at 20:00 local time, local time taken from the longitude.
"""

from __future__ import annotations

import math
import random

from topologies.graph import Topology

PEAK_HOUR = 20.0
NIGHT = 0.3
"""Activity at the quietest hour as a share of that at the peak."""
NOISE = 0.1
"""Standard deviation of the logarithm of each demand's own deviation from the model."""


def gravity(topology: Topology, seed: int = 0, hour: float = 20.0) -> dict[tuple[int, int], float]:
    """Gravity matrix of a moment of the day; its scale has no meaning until it is scaled.

    Parameters
    ----------
    topology : Topology
    seed : int
        Fixes masses and noise; equal seeds give equal matrices on every machine. Matrices of
        one seed and different hours share their masses: they are one network through a day.
    hour : float
        Universal time, 0 to 24 (taken modulo 24).

    Returns
    -------
    dict from (source node, destination node) to bit/s
        Every ordered pair of different nodes; the largest possible rate is of the order of the
        largest capacity of the topology. Scale it (:meth:`topologies.traffic.Matrix.scaled`)
        to the load that is wanted.
    """
    hour %= 24.0
    n = len(topology.nodes)
    masses = random.Random(f"gravity-{seed}")
    sends = [masses.expovariate(1.0) for _ in range(n)]
    takes = [masses.expovariate(1.0) for _ in range(n)]
    noise = random.Random(f"noise-{seed}-{hour:.4f}")
    activity = [daily(hour + node.x / 15.0) for node in topology.nodes]
    largest = max((edge.capacity for edge in topology.edges), default=1.0)
    peak = max(sends) * max(takes)
    return {
        (i, j): largest * math.exp(noise.gauss(0.0, NOISE))
        * sends[i] * activity[i] * takes[j] * activity[j] / peak
        for i in range(n)
        for j in range(n)
        if i != j
    }  # fmt: skip


def daily(local_hour: float) -> float:
    """Activity at a local hour: 1 at :data:`PEAK_HOUR`, :data:`NIGHT` twelve hours away."""
    phase = math.cos((local_hour - PEAK_HOUR) / 24.0 * 2 * math.pi)
    return NIGHT + (1.0 - NIGHT) * (1.0 + phase) / 2.0
