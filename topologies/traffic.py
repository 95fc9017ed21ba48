"""Traffic matrices: the type, its JSON file, and the formats other people publish them in."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from topologies.formats import (
    is_sndlib,
    node_index,
    number,
    numbered,
    read_text,
    section,
    sndlib_ends,
    sndlib_section,
    topology_name,
    want_words,
)
from topologies.graph import Topology

Pair = tuple[int, int]


@dataclass(frozen=True)
class Matrix:
    """A traffic matrix.

    Attributes
    ----------
    name : str
    demands : mapping from (source node, destination node) to bit/s
        Only positive ones, none from a node to itself. Rates count whole Ethernet frames
        without checksum (14 bytes of header included), as port counters and HTB do.

    Raises
    ------
    ValueError
        A demand from a node to itself, a rate that is negative or not finite.
    """

    name: str
    demands: Mapping[Pair, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for (src, dst), rate in self.demands.items():
            if src == dst or src < 0 or dst < 0:
                raise ValueError(f"matrix {self.name}: demand {src} -> {dst} is not between nodes")
            if not (rate >= 0 and math.isfinite(rate)):
                raise ValueError(f"matrix {self.name}: demand {src} -> {dst} has rate {rate}")
        kept = {pair: float(rate) for pair, rate in self.demands.items() if rate > 0}
        object.__setattr__(self, "demands", kept)

    @property
    def total(self) -> float:
        """Sum of all demands, bit/s."""
        return sum(self.demands.values())

    def scaled(self, factor: float) -> Matrix:
        """Multiply every demand by ``factor``; link loads and the MLU scale with it."""
        demands = {pair: rate * factor for pair, rate in self.demands.items()}
        return Matrix(self.name, demands)

    def to_json(self) -> str:
        """Text of the matrix file: ``{"name": ..., "demands": [[src, dst, bit/s], ...]}``."""
        rows = [[src, dst, rate] for (src, dst), rate in sorted(self.demands.items())]
        return json.dumps({"name": self.name, "demands": rows})


def write_matrix(matrix: Matrix, path: str) -> None:
    """Write the JSON file of a matrix."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(matrix.to_json() + "\n")


def from_rows(
    rows: object, name: str = "matrix", n_nodes: int | None = None, where: str = "demands"
) -> Matrix:
    """Matrix of ``[[src, dst, bit/s], ...]``, repeated pairs added up.

    Raises
    ------
    ValueError
        A row that is something else, or names a node that is not below ``n_nodes``.
    """
    if not isinstance(rows, Sequence) or isinstance(rows, str):
        raise ValueError(f"{where}: not a list of [src_node, dst_node, bit/s]")
    demands: dict[Pair, float] = {}
    for i, row in enumerate(rows):
        try:
            src, dst, rate = row
            ok = int(src) == src and int(dst) == dst and float(rate) >= 0
        except (TypeError, ValueError):
            ok = False
        if not ok:
            raise ValueError(f"{where}[{i}]: {row!r} is not [src_node, dst_node, bit/s]")
        if n_nodes is not None and not (0 <= src < n_nodes and 0 <= dst < n_nodes):
            raise ValueError(f"{where}[{i}]: {row!r} names a node outside 0..{n_nodes - 1}")
        if src == dst:
            raise ValueError(f"{where}[{i}]: {row!r} begins and ends at the same node")
        pair = (int(src), int(dst))
        demands[pair] = demands.get(pair, 0.0) + float(rate)
    return Matrix(name, demands)


def read_matrices(path: str, topology: Topology, unit: float = 1.0) -> list[Matrix]:
    """Matrices of a file for a topology; the format is told by what the file begins with.

    Known are this project's JSON (one matrix or ``{"matrices": [...]}``), REPETITA ``.demands``
    (kbit/s), SNDlib native (Mbit/s), NumPy archives (``.npz``, see :mod:`topologies.npz`), and
    plain rows: each line holds N x N numbers, row-major, in the order of the topology's nodes.
    Numbers of archives and rows are worth ``unit`` bit/s each.

    Raises
    ------
    ValueError
        The file cannot be read, breaks its format, or does not fit the topology.
    """
    if path.endswith(".npz"):
        from topologies.npz import read_npz_demands  # NumPy is not everywhere

        return [Matrix(topology_name(path), read_npz_demands(path, topology, unit))]
    text = read_text(path)
    start = text.lstrip()[:1000]
    n = len(topology.nodes)
    if start.startswith("{"):
        return _read_json(path, text, n)
    if start.startswith("DEMANDS") and not re.match(r"DEMANDS\s*\(", start):
        return [_read_repetita(path, text, n)]
    if is_sndlib(text):
        return [_read_sndlib(path, text, topology)]
    return _read_plain(path, text, n, unit)


def read_matrix(path: str, topology: Topology, index: int = 0, unit: float = 1.0) -> Matrix:
    """One matrix of :func:`read_matrices`."""
    matrices = read_matrices(path, topology, unit)
    if not 0 <= index < len(matrices):
        raise ValueError(f"{path}: matrix {index} of {len(matrices)} does not exist (from 0)")
    return matrices[index]


def _read_json(path: str, text: str, n: int) -> list[Matrix]:
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}:{error.lineno}: not JSON: {error.msg}") from None
    parts = data.get("matrices", [data])
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise ValueError(f"{path}: 'matrices' is not a list of objects")
    result = []
    for i, part in enumerate(parts):
        name = part.get("name", f"{topology_name(path)}.{i}")
        result.append(from_rows(part.get("demands"), str(name), n, f"{path}: demands"))
    return result


def _read_repetita(path: str, text: str, n: int) -> Matrix:
    """``DEMANDS n``, a heading, n lines ``label src dest bw`` in kbit/s."""
    demands: dict[Pair, float] = {}
    for line, words in section(path, numbered(text), "DEMANDS"):
        want_words(path, line, words, 4, "label src dest bw")
        where = f"{path}:{line}"
        src, dst = (node_index(where, word, n) for word in words[1:3])
        _add(demands, where, src, dst, number(where, words[3]) * 1e3)
    return Matrix(topology_name(path), demands)


def _read_sndlib(path: str, text: str, topology: Topology) -> Matrix:
    """``id ( source target ) routing_unit value max_path_length`` in Mbit/s."""
    index = {node.name: i for i, node in enumerate(topology.nodes)}
    demands: dict[Pair, float] = {}
    for line, words in sndlib_section(path, text, "DEMANDS"):
        where = f"{path}:{line}"
        src, dst = sndlib_ends(where, words, index)
        if len(words) < 7:
            raise ValueError(f"{where}: expected 'id ( source target ) routing_unit value ...'")
        rate = number(where, words[5]) * number(where, words[6]) * 1e6
        _add(demands, where, src, dst, rate)
    return Matrix(topology_name(path), demands)


def _read_plain(path: str, text: str, n: int, unit: float) -> list[Matrix]:
    """Rows of N x N numbers; the diagonal is left out (it never enters the network)."""
    matrices: list[Matrix] = []
    for line, words in numbered(text):
        where = f"{path}:{line}"
        if len(words) != n * n:
            raise ValueError(
                f"{where}: {len(words)} numbers, expected {n * n} ({n} x {n} for this topology)"
            )
        demands: dict[Pair, float] = {}
        for i, word in enumerate(words):
            src, dst = divmod(i, n)
            rate = number(where, word) * unit
            if rate < 0:
                raise ValueError(f"{where}: number {i + 1} is {word}, a rate cannot be negative")
            if src != dst:
                demands[src, dst] = rate
        matrices.append(Matrix(f"{topology_name(path)}.{len(matrices)}", demands))
    if not matrices:
        raise ValueError(f"{path}: the file is empty")
    return matrices


def _add(demands: dict[Pair, float], where: str, src: int, dst: int, rate: float) -> None:
    if rate < 0:
        raise ValueError(f"{where}: a rate cannot be negative")
    if src != dst:
        demands[src, dst] = demands.get((src, dst), 0.0) + rate
