"""Topologies as data, traffic matrices, and the scripts that make them live with Mininet."""

from __future__ import annotations

import os

from topologies.builtin import NAMES, by_name
from topologies.graph import Edge, Node, Topology, scaled

__all__ = ["NAMES", "Edge", "Node", "Topology", "load", "scaled"]


def load(name_or_path: str, default_capacity: float = 1e9) -> Topology:
    """Topology of a built-in name (see :data:`NAMES`) or of a file.

    Parameters
    ----------
    name_or_path : str
        ``abilene``, ``ring:8`` ..., or a REPETITA ``.graph``, Topology Zoo GraphML or SNDlib
        native file. A path with a separator or an existing file is never taken for a name.
    default_capacity : float
        Bit/s of links to which a GraphML file gives no speed.

    Raises
    ------
    ValueError
        Neither a known name nor a file, or a file that does not hold what it should; the text
        names file, line and fault.
    """
    if os.sep not in name_or_path and not os.path.isfile(name_or_path):
        topology = by_name(name_or_path)
        if topology is not None:
            return topology
    # Only here, because the traffic processes import this package and must start fast.
    from topologies.formats import read_topology

    if not os.path.isfile(name_or_path):
        raise ValueError(
            f"{name_or_path}: neither a topology ({', '.join(NAMES)}) nor a file that exists"
        )
    return read_topology(name_or_path, default_capacity)
