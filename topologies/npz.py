"""Traffic matrices as NumPy archives (``.npz``), as NCFlow's benchmark publishes them.

The archive holds ``tm`` (N x N, row by source, in the order of the topology's nodes) and may hold
``edges`` (M x 2, node indexes of each directed link) and ``capacity`` (one number, or one per
edge). Needs NumPy, which is imported only here.
"""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import replace
from typing import Any

from topologies.graph import Edge, Topology


def read_npz_demands(path: str, topology: Topology, unit: float) -> dict[tuple[int, int], float]:
    """Positive demands in bit/s by (source, destination); the diagonal is left out.

    Raises
    ------
    ValueError
        No such archive, no ``tm`` in it, not N x N numbers, one of them negative or not finite.
    """
    import numpy as np

    n = len(topology.nodes)
    arrays = _arrays(path)
    if "tm" not in arrays:
        raise ValueError(f"{path}: no array 'tm' in it; there are {', '.join(arrays) or 'none'}")
    matrix = _numbers(path, "tm", arrays["tm"])
    if matrix.shape != (n, n):
        shape = " x ".join(map(str, matrix.shape)) or "a single number"
        raise ValueError(f"{path}: tm is {shape}, expected {n} x {n} for this topology")
    bad = np.argwhere(~(np.isfinite(matrix) & (matrix >= 0)))
    if len(bad):
        i, j = bad[0]
        raise ValueError(
            f"{path}: tm[{i}, {j}] is {matrix[i, j]}, want a rate that is not negative"
        )
    rows, columns = np.nonzero(matrix)
    rates = matrix[rows, columns] * unit
    found = zip(rows.tolist(), columns.tolist(), rates.tolist(), strict=True)
    return {(src, dst): rate for src, dst, rate in found if src != dst}


def with_links_of(path: str, topology: Topology, unit: float = 1.0) -> Topology:
    """The topology with links and capacities as the archive has them, where it has any.

    Parameters
    ----------
    unit : float
        Bit/s of one unit of capacity.

    Raises
    ------
    ValueError
        The links are not those of the topology, which means another order of nodes; or a capacity
        is not above zero.
    """
    import numpy as np

    arrays = _arrays(path)
    edges = topology.edges
    if "edges" in arrays:
        pairs = _numbers(path, "edges", arrays["edges"])
        if pairs.ndim != 2 or pairs.shape[1] != 2:
            raise ValueError(f"{path}: edges is not M x 2")
        there = {(edge.src, edge.dst): edge for edge in edges}
        # An edge from a node to itself carries nothing; readers of graphs leave it out.
        listed = [(int(src), int(dst)) for src, dst in pairs.tolist() if src != dst]
        for pair in listed:
            if pair not in there:
                raise ValueError(f"{path}: edge {pair[0]} -> {pair[1]} is not in {topology.name}")
        if len(set(listed)) != len(there):
            raise ValueError(
                f"{path}: {len(set(listed))} edges, {topology.name} has {len(there)} links"
            )
        edges = tuple(there[pair] for pair in dict.fromkeys(listed))
    if "capacity" in arrays:
        values = _numbers(path, "capacity", arrays["capacity"]) * unit
        if values.shape not in ((), (1,), (len(edges),)):
            raise ValueError(f"{path}: capacity has {values.size} numbers for {len(edges)} links")
        if not (np.isfinite(values) & (values > 0)).all():
            raise ValueError(f"{path}: capacity must be above zero")
        each = np.broadcast_to(values.reshape(-1), (len(edges),)).tolist()
        edges = tuple(_sized(edge, value) for edge, value in zip(edges, each, strict=True))
    return replace(topology, edges=edges)


def _sized(edge: Edge, capacity: float) -> Edge:
    return replace(edge, capacity=capacity)


def _arrays(path: str) -> dict[str, Any]:
    """All arrays of an archive."""
    try:
        import numpy as np
    except ImportError:
        raise ValueError(f"{path}: reading an .npz file needs NumPy, which is missing") from None
    try:
        with np.load(path, allow_pickle=False) as archive:
            if not hasattr(archive, "files"):
                raise ValueError("a single array")
            return {name: archive[name] for name in archive.files}
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror or 'not an .npz archive'}") from error
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path}: not a whole .npz archive of numbers: {error}") from error


def _numbers(path: str, name: str, array: Any) -> Any:
    if array.dtype.kind not in "iuf":
        raise ValueError(f"{path}: {name} holds {array.dtype}, not numbers")
    return array.astype("float64")
