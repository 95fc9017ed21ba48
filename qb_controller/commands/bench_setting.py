"""What every live benchmark needs: its options, its networks, its traffic matrices."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from qb_controller.commands.instances import routing_problem
from qb_controller.commands.lab import Lab
from qb_controller.commands.output import only_answers
from topologies import load
from topologies.graph import Topology, scaled
from topologies.gravity import gravity
from topologies.traffic import Matrix, read_matrix

OPTIMUM = 0.9
"""Fractional optimum that made traffic is scaled to; REPETITA's matrices have it already."""


@dataclass(frozen=True)
class Setting:
    """Options of a run.

    Attributes
    ----------
    seed : int
        Of made traffic.
    quick : bool
        Fewer repetitions.
    data : Path or None
        Absolute; has a folder ``repetita``.
    prefix : str
        Before all names of a network.
    directory : Path
        For state and logs of this benchmark.
    """

    seed: int
    quick: bool
    data: Path | None
    prefix: str
    directory: Path

    def lab(self, topology: str, largest: float, *options: str, queue: int | None = None) -> Lab:
        """Return a network with controller, not started yet; ``largest`` in Mbit/s."""
        return Lab(self.directory, topology, self.prefix, largest, *options, queue=queue)

    def file(self, name: str) -> str | None:
        """Path of a file of REPETITA, None where it is not there."""
        path = self.data / "repetita" / name if self.data is not None else None
        return str(path) if path is not None and path.exists() else None


def abilene(setting: Setting, largest: float, count: int) -> tuple[str, Topology, list[Matrix]]:
    """Abilene and its matrices: REPETITA's where they are, else built-in with gravity traffic.

    Returns
    -------
    tuple
        What ``--topology`` takes; the topology scaled to ``largest`` Mbit/s; up to ``count``
        matrices scaled alike, in bit/s.
    """
    graph = setting.file("Abilene.graph")
    files = [setting.file(f"Abilene.{i:04d}.demands") for i in range(count)]
    if graph is not None and files[0] is not None:
        topology, matrices = repetita(graph, [file for file in files if file], largest)
        return graph, topology, matrices
    topology = scaled(load("abilene"), largest * 1e6)
    hours = [24.0 * i / count for i in range(count)]
    made = [
        Matrix(f"gravity-{setting.seed}-{hour:g}h", gravity(topology, setting.seed, hour))
        for hour in hours
    ]
    return "abilene", topology, [m.scaled(OPTIMUM / optimum(topology, m)) for m in made]


def repetita(graph: str, files: list[str], largest: float) -> tuple[Topology, list[Matrix]]:
    """Read a topology scaled to ``largest`` Mbit/s and matrices scaled by the same factor."""
    original = load(graph)
    live = scaled(original, largest * 1e6)
    factor = live.edges[0].capacity / original.edges[0].capacity
    return live, [read_matrix(file, original).scaled(factor) for file in files]


def optimum(topology: Topology, matrix: Matrix) -> float:
    """Least possible MLU of a matrix, splitting freely."""
    from quantum_backends.bounds import fractional_mlu

    with only_answers():
        return fractional_mlu(routing_problem(topology, matrix))


def two_matrices(setting: Setting, largest: float) -> tuple[str, Topology, list[Matrix]]:
    """Abilene with two matrices to step between."""
    graph, topology, matrices = abilene(setting, largest, 2)
    if len(matrices) < 2:
        last = len(topology.nodes) - 1
        turned = {(last - a, last - b): r for (a, b), r in matrices[0].demands.items()}
        mirror = Matrix(f"{matrices[0].name}-mirrored", turned)
        factor = optimum(topology, matrices[0]) / optimum(topology, mirror)
        matrices = [matrices[0], mirror.scaled(factor)]
    return graph, topology, matrices


def rows(matrix: Matrix) -> list[list[float]]:
    """Demands as the live network takes them: node, node, bit/s."""
    return [[a, b, rate] for (a, b), rate in sorted(matrix.demands.items())]
