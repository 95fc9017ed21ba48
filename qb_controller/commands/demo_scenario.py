"""What the demonstration sends and cuts: matrices scaled to an optimum, and the link to cut."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from qb_controller.commands.instances import routing_problem
from qb_controller.commands.output import only_answers
from qb_controller.commands.traffic import scale_to
from qb_controller.errors import InputError
from topologies.graph import Topology
from topologies.traffic import Matrix

OPTIMUM = 0.90
"""Fractional optimum of the MLU to which every matrix is scaled."""
MAX_AFTER_CUT = 0.95
"""The traffic is lowered before the cut where the optimum without the link would be above this."""
CUT_TRIES = 12
"""Only so many of the busiest links are looked at: one linear program each."""
BUSY = 0.3
"""A link that carries traffic: utilisation from which cutting it is worth showing."""


@dataclass(frozen=True)
class Cut:
    """The link to cut.

    Attributes
    ----------
    a, b : int
        Node indexes of its ends.
    optimum : float
        Fractional optimum without it, at the traffic before it is lowered.
    factor : float
        By which the traffic is multiplied before the cut, 1 where the network can bear it.
    """

    a: int
    b: int
    optimum: float
    factor: float


def matrices(topology: Topology, traffic: str | None, seed: int) -> tuple[Matrix, Matrix]:
    """Matrix of the first phases and the shifted one, both scaled to :data:`OPTIMUM`.

    Without a file both are gravity matrices, of different masses and twelve hours apart; of a
    file they are its first two matrices, and where it has one only the shifted one is gravity.
    """
    from topologies.gravity import gravity
    from topologies.traffic import read_matrices

    shifted = Matrix(f"gravity-{seed + 1}-8h", gravity(topology, seed + 1, 8.0))
    if traffic is None:
        first = Matrix(f"gravity-{seed}-20h", gravity(topology, seed, 20.0))
    else:
        found = read_matrices(traffic, topology)
        first, shifted = found[0], found[1] if len(found) > 1 else shifted
    return scale_to(topology, first, OPTIMUM)[0], scale_to(topology, shifted, OPTIMUM)[0]


def optimum(topology: Topology, matrix: Matrix) -> float:
    """Fractional optimum of the MLU: the best that any routing could do."""
    from quantum_backends.bounds import fractional_mlu

    with only_answers():
        return fractional_mlu(routing_problem(topology, matrix))


def without(topology: Topology, a: int, b: int) -> Topology:
    """The topology without the link between two nodes, both directions."""
    edges = tuple(edge for edge in topology.edges if {edge.src, edge.dst} != {a, b})
    return replace(topology, edges=edges)


def choose_cut(
    topology: Topology, matrix: Matrix, utilisation: Mapping[tuple[int, int], float]
) -> Cut | None:
    """Choose, of the links that carry traffic, the one whose loss leaves the lowest optimum.

    Parameters
    ----------
    utilisation : mapping from (source node, destination node) to measured utilisation

    Returns
    -------
    Cut or None
        None where no loaded link can go without parting the network.
    """
    busy: dict[tuple[int, int], float] = {}
    for (src, dst), value in utilisation.items():
        pair = min(src, dst), max(src, dst)
        busy[pair] = max(busy.get(pair, 0.0), value)
    loaded = [pair for pair in busy if busy[pair] >= BUSY] or [p for p in busy if busy[p] > 0]
    best: Cut | None = None
    for a, b in sorted(loaded, key=lambda pair: -busy[pair])[:CUT_TRIES]:
        try:
            value = optimum(without(topology, a, b), matrix)
        except InputError:  # the network would fall apart
            continue
        if best is None or value < best.optimum:
            best = Cut(a, b, value, min(1.0, MAX_AFTER_CUT / value))
    return best
