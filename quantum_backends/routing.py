"""The traffic-engineering problem in its structured form: one choice of path per demand.

The one-hot matrix of all choices is never written out. A problem is a list of candidate paths
per demand, held in flat arrays; :meth:`RoutingProblem.incidence` is the same as a sparse matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import chain, pairwise
from typing import Any, ClassVar, cast

import numpy as np
import numpy.typing as npt
from scipy import sparse

from quantum_backends.paths import Floats, Ints, Layout, PathSet, check_paths

Fractions = tuple[tuple[float, ...], ...]
"""For each demand the share of its volume on each candidate path."""


@dataclass(frozen=True, eq=False)
class RoutingProblem:
    """Route demands over candidate paths so that the maximum link utilisation (MLU) is least.

    Attributes
    ----------
    n_nodes : int
        Nodes are ``0 .. n_nodes - 1``.
    tail, head : int array (m,)
        Directed link e leads from ``tail[e]`` to ``head[e]``; parallel links are allowed, and
        self-loops (no path uses them).
    capacity : float array (m,)
        Above zero, in the unit of ``volume`` (bit/s).
    source, target : int array (k,)
        Ends of each demand, different from each other.
    volume : float array (k,)
        Not below zero.
    split : bool
        Whether a demand may be spread over several paths.
    paths : Layout, or sequence (k) of tuples of tuples of int
        Candidate paths of each demand as link indexes in order; empty where not yet computed
        (see :func:`quantum_backends.candidates.with_candidates`). Kept as a :class:`Layout`.
    incumbent : tuple (k) of tuples of float, or None
        What the network does now, as shares over ``paths``.
    move_cost : float
        Price of moving the whole traffic, in the unit of the sum of squared utilisations.
    bound : float
        Proven lower bound on the MLU, 0 where unknown.
    hint : float array (q,), or None
        Shares over ``paths``, flat, of a split routing that is known already; of use where demands
        may be split.

    Raises
    ------
    ValueError
        Anything above does not hold; the text names the array, the index and the value.
    """

    n_nodes: int
    tail: Ints
    head: Ints
    capacity: Floats
    source: Ints
    target: Ints
    volume: Floats
    split: bool = False
    paths: PathSet = ()
    incumbent: Fractions | None = None
    move_cost: float = 0.0
    bound: float = 0.0
    hint: Floats | None = None

    def __post_init__(self) -> None:
        for name in ("tail", "head", "source", "target"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=np.int64))
        for name in ("capacity", "volume"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=np.float64))
        object.__setattr__(self, "paths", Layout.of(self.paths))
        _check_arrays(self)
        if self.paths:
            graph = (self.n_nodes, self.tail, self.head, self.source, self.target)
            check_paths(*graph, self.layout)
        if self.incumbent is not None:
            check_fractions(self, self.incumbent, "incumbent")
        if self.hint is not None and len(self.hint) != len(self.layout.demand):
            raise ValueError(f"hint: {len(self.hint)} shares for {len(self.layout.demand)} paths")

    form: ClassVar[str] = "routing"

    @property
    def size(self) -> int:
        """Demands to route."""
        return self.n_demands

    def check(self, answer: Fractions) -> None:
        """Check that shares fit the paths, and that single paths are single.

        Raises
        ------
        ValueError
            They do not; the text names the demand.
        """
        check_fractions(self, answer)
        if not self.split:
            for i, shares in enumerate(answer):
                if max(shares) != 1.0:
                    raise ValueError(f"fractions[{i}]: {shares} is split, a single path is wanted")

    def value(self, answer: Fractions | Floats) -> float:
        """The MLU of a plan."""
        return self.mlu(answer)

    @property
    def n_links(self) -> int:
        return len(self.tail)

    @property
    def n_demands(self) -> int:
        return len(self.source)

    @property
    def layout(self) -> Layout:
        """The paths in flat arrays."""
        return cast(Layout, self.paths)

    def __getstate__(self) -> dict[str, Any]:
        """Its fields alone, without what was derived from them; unpickling does not check again."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @cached_property
    def incidence(self) -> sparse.csr_array:
        """Choices x links, 1 where the path uses the link (q, m)."""
        layout = self.layout
        shape = (len(layout.demand), self.n_links)
        return sparse.csr_array((np.ones(len(layout.link)), layout.link, layout.start), shape=shape)

    @cached_property
    def present(self) -> Floats:
        """Shares of the incumbent, flat (q,); zeros where there is none."""
        if self.incumbent is None:
            return np.zeros(len(self.layout.demand))
        return flatten(self.incumbent)

    @cached_property
    def choice_volume(self) -> Floats:
        """Volume of the demand behind each choice (q,)."""
        return self.volume[self.layout.demand]

    @cached_property
    def has_paths(self) -> bool:
        """Whether every demand has a candidate path."""
        first = self.layout.first  # compared by slices: np.diff takes twice as long
        return len(first) == self.n_demands + 1 and not (first[1:] == first[:-1]).any()

    @cached_property
    def pairs(self) -> int:
        """Pairs of candidate paths that share a link or a demand, each link's counted apart."""
        on_link = np.bincount(self.layout.link, minlength=self.n_links)
        of_demand = np.diff(self.layout.first)
        both = (on_link * (on_link - 1)).sum() + (of_demand * (of_demand - 1)).sum()
        return int(both) // 2

    def loads(self, fractions: Fractions | Floats) -> Floats:
        """Load on each link (m,) in the unit of ``volume``.

        Parameters
        ----------
        fractions : nested as ``paths``, or already flat (q,)
        """
        flat = fractions if isinstance(fractions, np.ndarray) else flatten(fractions)
        layout = self.layout
        per_choice = flat * self.choice_volume
        weights = np.repeat(per_choice, np.diff(layout.start))
        sums = np.bincount(layout.link, weights=weights, minlength=self.n_links)
        return sums.astype(np.float64)  # integers where there is nothing to add

    def mlu(self, fractions: Fractions | Floats) -> float:
        """Highest load over capacity; 0 where nothing flows."""
        return float(np.max(self.loads(fractions) / self.capacity, initial=0.0))


def flatten(fractions: Fractions) -> Floats:
    """Nested shares as one flat array (q,)."""
    return np.fromiter(chain.from_iterable(fractions), np.float64)


def nest(problem: RoutingProblem, flat: Floats) -> Fractions:
    """Flat shares (q,) nested as the problem's paths; the inverse of :func:`flatten`."""
    values = flat.tolist()
    first = problem.layout.first.tolist()
    return tuple(tuple(values[a:b]) for a, b in pairwise(first))


def tidy(problem: RoutingProblem, shares: Floats) -> Floats:
    """Flat shares without those below a millionth, scaled back to a sum of one."""
    demand = problem.layout.demand
    shares = np.where(shares < 1e-6, 0.0, shares)
    return shares / np.bincount(demand, shares, problem.n_demands)[demand]


def one_hot(problem: RoutingProblem, choice: npt.NDArray[Any]) -> Fractions:
    """Shares of a single-path plan.

    Parameters
    ----------
    choice : int array (k,)
        Flat index of the chosen path of each demand.
    """
    flat = np.zeros(len(problem.layout.demand))
    flat[choice] = 1.0
    return nest(problem, flat)


def check_fractions(problem: RoutingProblem, fractions: Fractions, name: str = "fractions") -> None:
    """Check that shares fit the problem's paths.

    Raises
    ------
    ValueError
        Wrong shape, a share outside 0..1, or shares of a demand that do not add up to one.
    """
    if len(fractions) != len(problem.paths):
        raise ValueError(f"{name}: {len(fractions)} demands, but paths has {len(problem.paths)}")
    layout = problem.layout
    counts = np.fromiter((len(f) for f in fractions), np.int64, len(fractions))
    wrong = np.flatnonzero(counts != np.diff(layout.first))
    if len(wrong):
        i = int(wrong[0])
        raise ValueError(f"{name}[{i}]: {counts[i]} shares for {len(problem.paths[i])} paths")
    # Of the incumbent the flat form is kept: it is asked for again and again.
    flat = problem.present if fractions is problem.incumbent else flatten(fractions)
    bad = np.flatnonzero(~((flat >= -1e-9) & (flat <= 1 + 1e-9)))
    if len(bad):
        raise ValueError(f"{name}[{layout.demand[bad[0]]}]: share {flat[bad[0]]} outside 0..1")
    total = np.bincount(layout.demand, weights=flat, minlength=len(fractions))
    off = np.flatnonzero(np.abs(total - 1) > 1e-6)
    if len(off):
        raise ValueError(f"{name}[{off[0]}]: shares add up to {total[off[0]]}, not 1")


def check_graph(problem: Any) -> None:
    """Check that links and demands have as many entries in every array, and ends that are nodes.

    Raises
    ------
    ValueError
        They have not; the text names the array and the index.
    """
    groups: Sequence[tuple[str, ...]] = (
        ("tail", "head", "capacity"),
        ("source", "target", "volume"),
    )
    for names in groups:
        shapes = {name: getattr(problem, name).shape for name in names}
        if len(set(shapes.values())) > 1 or len(shapes[names[0]]) != 1:
            raise ValueError(f"need one-dimensional arrays of equal length: {shapes}")
    for name in ("tail", "head", "source", "target"):
        values = getattr(problem, name)
        _first_bad(name, values, (values >= 0) & (values < problem.n_nodes), "is not a node")
    _first_bad("target", problem.target, problem.target != problem.source, "equals its source")


def _check_arrays(problem: RoutingProblem) -> None:
    check_graph(problem)
    capacity, volume = problem.capacity, problem.volume
    _first_bad("capacity", capacity, (capacity > 0) & np.isfinite(capacity), "must be above zero")
    _first_bad("volume", volume, (volume >= 0) & np.isfinite(volume), "must not be below zero")
    for name in ("move_cost", "bound"):
        value = getattr(problem, name)
        if not (np.isfinite(value) and value >= 0):
            raise ValueError(f"{name}: {value} must be finite and not below zero")
    if problem.paths and len(problem.paths) != problem.n_demands:
        raise ValueError(f"paths: {len(problem.paths)} entries for {problem.n_demands} demands")


def _first_bad(name: str, values: npt.NDArray[Any], good: npt.NDArray[Any], why: str) -> None:
    bad = np.flatnonzero(~good)
    if len(bad):
        raise ValueError(f"{name}[{bad[0]}]: {values[bad[0]]} {why}")
