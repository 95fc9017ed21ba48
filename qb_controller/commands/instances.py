"""Routing problems from topologies and traffic matrices, for commands that need no network."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qb_controller.errors import InputError
from topologies import load, scaled
from topologies.graph import Topology
from topologies.npz import with_links_of
from topologies.traffic import Matrix, read_matrix

if TYPE_CHECKING:
    from quantum_backends.flow import FlowProblem
    from quantum_backends.flow import Objective as FlowObjective
    from quantum_backends.routing import RoutingProblem

DISJOINT = 4
"""Edge-disjoint paths of a demand in flow problems, as in NCFlow's benchmark."""


def read_instance(
    graph: str,
    demands: str,
    index: int = 0,
    largest: float | None = None,
    capacity: float | None = None,
    unit: float = 1.0,
) -> tuple[Topology, Matrix]:
    """Read a topology and a matrix for it.

    Parameters
    ----------
    graph : str
        Built-in name or file.
    demands : str
        File; an ``.npz`` archive that has links or capacities of its own sets them.
    index : int
        Which matrix of the file.
    largest : float, optional
        Scale capacities so that the largest is this many bit/s.
    capacity : float, optional
        Give every link this capacity in units; wins over the file's.
    unit : float
        Bit/s of one unit, in files of plain numbers and for ``capacity``.

    Raises
    ------
    ValueError
        A file cannot be read or breaks its format.
    """
    topology = load(graph)
    if demands.endswith(".npz"):
        topology = with_links_of(demands, topology, unit)
    if largest is not None:
        topology = scaled(topology, largest)
    if capacity is not None:
        edges = tuple(replace(edge, capacity=capacity * unit) for edge in topology.edges)
        topology = replace(topology, edges=edges)
    return topology, read_matrix(demands, topology, index, unit)


def routing_problem(topology: Topology, matrix: Matrix, split: bool = False) -> RoutingProblem:
    """Structured problem of a matrix on a topology, without candidate paths.

    Links are numbered as ``topology.edges``, demands by (source, target).

    Raises
    ------
    InputError
        A demand between nodes with no path from one to the other; both are named.
    """
    from quantum_backends.routing import RoutingProblem

    _check_connected(topology, matrix)
    return RoutingProblem(**_arrays(topology, matrix), split=split)


def flow_problem(
    topology: Topology, matrix: Matrix, objective: FlowObjective, k: int = DISJOINT
) -> FlowProblem:
    """Maximum flow of a matrix over up to k edge-disjoint paths of each demand.

    Raises
    ------
    InputError
        A demand between nodes with no path from one to the other; both are named.
    """
    from quantum_backends.flow import FlowProblem
    from quantum_backends.flow_paths import edge_disjoint

    parts = _arrays(topology, matrix)
    ends = {name: parts[name] for name in ("n_nodes", "tail", "head", "source", "target")}
    try:
        paths = edge_disjoint(**ends, k=k)
    except ValueError:
        _check_connected(topology, matrix)
        raise
    return FlowProblem(**parts, paths=paths, objective=objective)


def _arrays(topology: Topology, matrix: Matrix) -> dict[str, Any]:
    """What problems of every form begin with."""
    import numpy as np

    pairs = sorted(matrix.demands)
    ends = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    volumes = map(matrix.demands.__getitem__, pairs)
    return {
        "n_nodes": len(topology.nodes),
        "tail": np.array([edge.src for edge in topology.edges], dtype=np.int64),
        "head": np.array([edge.dst for edge in topology.edges], dtype=np.int64),
        "capacity": np.array([edge.capacity for edge in topology.edges], dtype=np.float64),
        "source": ends[:, 0].copy(),
        "target": ends[:, 1].copy(),
        "volume": np.fromiter(volumes, np.float64, len(pairs)),
    }


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
