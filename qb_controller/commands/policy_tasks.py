"""A stream of tasks for measuring the policy: many families, each with its own deadline.

Task number i is drawn from its number alone, so that a shorter stream is a part of a longer one.
Every other task is *unseen*: its network comes from a generator or a topology, its channels from
an environment, its model from a family that no training task has.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from qb_controller.commands.bench_files import Files
    from quantum_backends.problem import Problem
    from quantum_backends.routing import RoutingProblem

SHORTEST_S, LONGEST_S = 0.05, 10.0
LONG_S, LONG_SHARE = 2.0, 0.125
"""Range of the deadlines. They are drawn log-uniformly up to two seconds and beyond; one in eight
lies beyond, or nearly all of the time would go there: ten seconds for a dozen backends are two
minutes a task."""

PATTERN = (
    "te-single", "channels", "te-kept", "bqm", "te-single", "part", "slices",
    "te-split", "flow", "te-kept", "bqm", "te-single", "channels", "part", "slices", "jobs",
)  # fmt: skip
"""Families in the order in which they come. ``te-single`` and ``te-kept`` are traffic engineering
on single paths without and with a plan in force, ``te-split`` with split plans, ``part`` is a
sub-problem from decomposition, ``slices`` the admission of network slices, ``jobs`` the schedule of
a quantum cloud."""

REFINE_S = 3.0
"""Seconds for candidate paths and bound, which a task comes with; no deadline runs meanwhile."""

FREE = (8, 12, 24, 48, 96)
"""Demands that sub-problems leave free."""

CHANGE = 0.4
"""Standard deviation of the logarithm of each demand's change since the plan in force was made."""

BUILT_IN = ("abilene", "nsfnet", "b4", "geant")

SLICE_ROUNDS = 3
"""Of pricing new paths for slices; as for candidate paths no deadline runs meanwhile."""

Rng = np.random.Generator


@dataclass(frozen=True)
class Spec:
    """One task before its problem is made.

    Attributes
    ----------
    index : int
        Its number in the stream.
    family : str
        One of :data:`PATTERN`.
    unseen : bool
        Whether it belongs to the part that nobody learns from.
    seed : int
        Of the stream that it is drawn from, and of the solvers.
    deadline_s : float
    make : callable
        The problem, with candidate paths and bound where its form has them.
    """

    index: int
    family: str
    unseen: bool
    seed: int
    deadline_s: float
    make: Callable[[], Problem]

    @property
    def id(self) -> str:
        """Name in the records, the same for the same task."""
        return f"{self.family}-{self.seed}-{self.index}"


def stream(
    count: int, seed: int, seeds: int, longest_s: float, files: Sequence[Files] = ()
) -> list[Spec]:
    """The first tasks whose deadline is short enough.

    Parameters
    ----------
    count : int
    seed, seeds : int
        Pairs of a training and an unseen task are drawn from ``seed``, ``seed + 1`` ... in turn.
    longest_s : float
        Tasks with a later deadline are passed over.
    files : sequence of Files
        Published instances; half of the networks come from them then, those of every second
        topology for the unseen part alone.
    """
    found: list[Spec] = []
    for spec in _endless(seed, seeds, files):
        if spec.deadline_s <= longest_s:
            found.append(spec)
        if len(found) == count:
            break
    return found


def _endless(seed: int, seeds: int, files: Sequence[Files]) -> Iterator[Spec]:
    halves = _halves(files)
    index = 0
    while True:
        pair, unseen = divmod(index, 2)
        family, of = PATTERN[pair % len(PATTERN)], seed + pair % seeds
        rng = np.random.default_rng((of, index))
        low, high = (LONG_S, LONGEST_S) if rng.random() < LONG_SHARE else (SHORTEST_S, LONG_S)
        deadline = math.exp(rng.uniform(math.log(low), math.log(high)))
        drawn = int(rng.integers(2**31))
        make = partial(_MAKERS[family], drawn, bool(unseen), halves[unseen])
        yield Spec(index, family, bool(unseen), of, round(deadline, 4), make)
        index += 1


def _halves(files: Sequence[Files]) -> tuple[list[Files], list[Files]]:
    """Files for training and unseen ones, by topology: every second in the order of names."""
    names = sorted({each.graph for each in files})
    return (
        [each for each in files if names.index(each.graph) % 2 == 0],
        [each for each in files if names.index(each.graph) % 2 == 1],
    )


def network(rng: Rng, unseen: bool, files: Sequence[Files], split: bool = False) -> RoutingProblem:
    """A network with demands, without candidate paths.

    For training rings with random chords; unseen are dense meshes and built-in backbones. Of the
    files one topology is as likely as another, so that many matrices of one do not crowd out.
    """
    from qb_controller.commands.instances import read_instance, routing_problem
    from quantum_backends.instances import dense_mesh
    from quantum_backends.testing import random_problem

    nodes = int(math.exp(rng.uniform(math.log(8), math.log(45))))
    seed = int(rng.integers(2**31))
    if files and rng.random() < 0.5:
        graph = rng.choice(sorted({each.graph for each in files}))
        fitting = [each for each in files if each.graph == graph]
        chosen = fitting[int(rng.integers(len(fitting)))]
        return routing_problem(*read_instance(chosen.graph, chosen.demands), split)
    if not unseen:
        return random_problem(nodes, int(rng.integers(1, 5)), seed, split)
    if rng.random() < 0.5:
        return _backbone(str(rng.choice(BUILT_IN)), seed, split)
    return dense_mesh(max(nodes, 12), seed, split=split)


def _backbone(name: str, seed: int, split: bool) -> RoutingProblem:
    from qb_controller.commands.instances import routing_problem
    from topologies import load
    from topologies.gravity import gravity
    from topologies.traffic import Matrix

    topology = load(name)
    matrix = Matrix(f"{name}-{seed}", gravity(topology, seed, seed % 24))
    return routing_problem(topology, matrix, split)


def _single(seed: int, unseen: bool, files: Sequence[Files]) -> Problem:
    return _refined(network(np.random.default_rng(seed), unseen, files))


def _split(seed: int, unseen: bool, files: Sequence[Files]) -> Problem:
    return _refined(network(np.random.default_rng(seed), unseen, files, split=True))


def _kept(seed: int, unseen: bool, files: Sequence[Files]) -> Any:
    """A plan is in force that was good for the traffic before it changed."""
    from quantum_backends.greedy import greedy

    rng = np.random.default_rng(seed)
    now = _refined(network(rng, unseen, files))
    change = rng.lognormal(0, CHANGE, now.n_demands)
    return replace(now, incumbent=greedy(replace(now, volume=now.volume / change)))


def _part(seed: int, unseen: bool, files: Sequence[Files]) -> Problem:
    from quantum_backends.reductions.neighbourhood import Neighbourhood

    free = int(np.random.default_rng((seed, 1)).choice(FREE))
    return Neighbourhood(_kept(seed, unseen, files), free).problem


def _refined(problem: RoutingProblem) -> RoutingProblem:
    from quantum_backends.candidates import with_candidates

    return with_candidates(problem, REFINE_S)


def _flow(seed: int, unseen: bool, files: Sequence[Files]) -> Problem:
    """Maximum total flow; half of the demands' volume, roughly, is more than fits."""
    from qb_controller.commands.instances import DISJOINT
    from quantum_backends.flow import FlowProblem
    from quantum_backends.flow_paths import edge_disjoint

    of = network(np.random.default_rng(seed), unseen, files)
    graph = (of.n_nodes, of.tail, of.head)
    paths = edge_disjoint(*graph, of.source, of.target, DISJOINT)
    return FlowProblem(*graph, of.capacity, of.source, of.target, 2 * of.volume, paths)


def _channels(seed: int, unseen: bool, files: Sequence[Files]) -> Problem:
    """Channels of access points: in offices for training, in streets and on queen graphs unseen."""
    from qb_controller.applications.wireless import formulate, users_now
    from qb_controller.applications.wireless_radio import air_of
    from qb_controller.applications.wireless_scenario import generate
    from quantum_backends.choices import colouring, queen_graph

    rng = np.random.default_rng(seed)
    points = int(math.exp(rng.uniform(math.log(10), math.log(600))))
    if unseen and rng.random() < 0.3:
        side = int(rng.integers(5, 13))
        return colouring(queen_graph(side, side), side * side, side)
    environment = "urban-micro" if unseen else "indoor-office"
    scenario = generate(points, int(rng.choice((3, 6, 12))), seed, environment)
    air = air_of(scenario)
    return formulate(scenario, air, users_now(scenario, air)).problem


def _slices(seed: int, unseen: bool, files: Sequence[Files]) -> Problem:
    """Slices on built-in backbones; for training packings that have nothing of a network."""
    from qb_controller.applications.slices import formulate
    from qb_controller.commands.bench_slices_instances import network_of, requests_for
    from quantum_backends.packing import random_packing
    from quantum_backends.packing_lp import priced
    from topologies import load

    rng = np.random.default_rng(seed)
    count = int(math.exp(rng.uniform(math.log(10), math.log(500))))
    if not unseen:
        options, links = int(rng.integers(2, 6)), int(rng.integers(20, 100))
        return priced(random_packing(count, options, links, seed, float(rng.uniform(1.5, 3))))
    network = network_of(load(str(rng.choice(BUILT_IN))))
    return formulate(network, requests_for(network, count, seed), rounds=SLICE_ROUNDS).problem


def _bqm(seed: int, unseen: bool, files: Sequence[Files]) -> Problem:
    """Models of bits: normal coefficients and spin glasses on random graphs for training; unseen
    are spin glasses on regular graphs and on square lattices.
    """
    import dimod
    import networkx as nx

    from quantum_backends.bqm import BinaryProblem, random_model

    rng = np.random.default_rng(seed)
    size = int(math.exp(rng.uniform(math.log(10), math.log(800))))
    kind = rng.random()
    if unseen and kind < 0.5:
        size += size % 2  # of odd size there is no graph of odd degree
        graph = nx.random_regular_graph(int(rng.choice((3, 5, 9))), size, seed=seed)
    elif unseen:
        side = max(3, round(math.sqrt(size)))
        graph = nx.convert_node_labels_to_integers(nx.grid_2d_graph(side, side, periodic=True))
    elif kind < 0.5:
        return random_model(size, float(rng.choice((0.02, 0.1, 0.5))), seed)
    else:
        graph = nx.gnm_random_graph(size, int(rng.uniform(1.5, 6) * size), seed=seed)
    glass = dimod.generators.ran_r(int(rng.choice((1, 5))), graph, seed=seed)
    return BinaryProblem(glass.change_vartype("BINARY", inplace=False))


def _jobs(seed: int, unseen: bool, files: Sequence[Files]) -> Problem:
    """What waits in a simulated quantum cloud; for training requests drawn without one."""
    from qb_controller.commands.policy_job_tasks import drawn_schedule, waiting_jobs

    rng = np.random.default_rng(seed)
    return waiting_jobs(rng) if unseen else drawn_schedule(rng)


_MAKERS: dict[str, Callable[[int, bool, Sequence[Files]], Problem]] = {
    "te-single": _single,
    "te-kept": _kept,
    "te-split": _split,
    "part": _part,
    "flow": _flow,
    "channels": _channels,
    "slices": _slices,
    "bqm": _bqm,
    "jobs": _jobs,
}
