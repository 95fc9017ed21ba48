"""Routing problems from topologies and traffic matrices, for commands that need no network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qb_controller.errors import InputError
from topologies.graph import Topology
from topologies.traffic import Matrix

if TYPE_CHECKING:
    from quantum_backends.routing import RoutingProblem


def routing_problem(topology: Topology, matrix: Matrix, split: bool = False) -> RoutingProblem:
    """Structured problem of a matrix on a topology, without candidate paths.

    Links are numbered as ``topology.edges``, demands by (source, target).

    Raises
    ------
    InputError
        A demand between nodes with no path from one to the other; both are named.
    """
    import numpy as np

    from quantum_backends.routing import RoutingProblem

    _check_connected(topology, matrix)
    pairs = sorted(matrix.demands)
    return RoutingProblem(
        n_nodes=len(topology.nodes),
        tail=np.array([edge.src for edge in topology.edges], dtype=np.int64),
        head=np.array([edge.dst for edge in topology.edges], dtype=np.int64),
        capacity=np.array([edge.capacity for edge in topology.edges], dtype=np.float64),
        source=np.array([source for source, _ in pairs], dtype=np.int64),
        target=np.array([target for _, target in pairs], dtype=np.int64),
        volume=np.array([matrix.demands[pair] for pair in pairs], dtype=np.float64),
        split=split,
    )


def _check_connected(topology: Topology, matrix: Matrix) -> None:
    from topologies.graph import reachable

    reached: dict[int, set[int]] = {}
    for source, target in sorted(matrix.demands):
        if source not in reached:
            reached[source] = reachable(topology, source)
        if target not in reached[source]:
            nodes = topology.nodes
            raise InputError(
                f"matrix {matrix.name}: no path from {nodes[source].name} to "
                f"{nodes[target].name} in {topology.name}"
            )
