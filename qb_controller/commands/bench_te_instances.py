"""What ``qb bench te`` runs on: published files, and dense meshes made from seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from qb_controller.commands.bench_files import Files, choose, published_optima, repetita
from qb_controller.commands.instances import read_instance, routing_problem
from quantum_backends.bounds import fractional_mlu
from quantum_backends.instances import dense_mesh
from quantum_backends.routing import RoutingProblem

MESHES = ((50, 0), (50, 1), (50, 2), (100, 0), (100, 1), (100, 2))
"""Nodes and seed of each mesh."""

GROUPS = ((25, "up to 25 nodes"), (61, "up to 61 nodes"), (10_000, "more nodes"))
"""Zoo networks by size; dense ones are a group of their own."""

DENSE, DENSE_FROM = "dense", 5
"""Directed links per node from which a network counts as dense; backbones have 2 to 4."""


@dataclass(frozen=True)
class Instance:
    """One problem to be solved again and again.

    Attributes
    ----------
    name : str
    group : str
        What it is reported with.
    make : callable
        From what is parsed to the problem; its time counts.
    bound : callable
        The fractional optimum; its time does not.
    seeded : int
        Seed it was made from, -1 for files.
    """

    name: str
    group: str
    make: Callable[[], RoutingProblem]
    bound: Callable[[], float]
    seeded: int = -1


def instances(data: str, split: bool, wanted: str | None, quick: str) -> list[Instance]:
    """Files of a folder and the meshes, of which names begin with the words wanted.

    Parameters
    ----------
    data : str
    split : bool
    wanted : str or None
        Words joined by commas; ``quick``, where that is not empty, narrows further.

    Raises
    ------
    InputError
        A word fits nothing.
    """
    optima = published_optima(data)
    meshes = {f"mesh-{nodes}-{seed}": (nodes, seed) for nodes, seed in MESHES}
    files = {each.name: each for each in repetita(data)}
    names = choose([*files, *meshes], wanted)
    if quick:
        names = [name for name in names if name.startswith(tuple(quick.split(",")))]
    return [
        _of_file(files[name], split, optima) if name in files else _of_mesh(*meshes[name], split)
        for name in names
    ]


def _of_file(files: Files, split: bool, optima: Mapping[str, float]) -> Instance:
    topology, matrix = read_instance(files.graph, files.demands)
    size = len(topology.nodes)
    dense = len(topology.edges) > DENSE_FROM * size
    group = DENSE if dense else next(name for limit, name in GROUPS if size <= limit)
    make = partial(routing_problem, topology, matrix, split)

    def bound() -> float:
        return optima.get(files.name) or fractional_mlu(make())

    return Instance(files.name, group, make, bound)


def _of_mesh(nodes: int, seed: int, split: bool) -> Instance:
    problem = dense_mesh(nodes, seed, split=split)
    make = partial(replace, problem)
    return Instance(f"mesh-{nodes}-{seed}", DENSE, make, partial(fractional_mlu, problem), seed)
