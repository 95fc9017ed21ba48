"""Maximum flow of many demands over given paths: how much of the demands a network can carry.

Two objectives of one form. *Total* flow serves as much of the demands as fits, some wholly and
some not at all. *Concurrent* flow serves the same share of every demand, and that share is as
large as can be; it is the reciprocal of the least maximum link utilisation of split plans over
the same paths. (Published tables often stop at a share of 1; here it may be larger.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from quantum_backends.paths import Floats, Ints, Layout, check_paths
from quantum_backends.routing import check_graph

Objective = Literal["total", "concurrent"]

_ROUNDING = 1e-9
"""Relative excess over a capacity or a demand that counts as rounding."""


@dataclass(frozen=True, eq=False)
class FlowProblem:
    """Route as much of the demands as possible; an answer is the flow on each path (q,).

    Attributes
    ----------
    n_nodes : int
    tail, head : int array (m,)
        Directed links.
    capacity : float array (m,)
        Above zero, in the unit of ``volume``.
    source, target : int array (k,)
        Ends of each demand, different from each other.
    volume : float array (k,)
        Not below zero; above zero for a concurrent flow.
    paths : Layout
        Candidate paths of each demand, at least one; those of one demand share no link.
    objective : str
        ``total`` or ``concurrent``.
    bound : float
        Proven lower bound on :meth:`value`, 0 where unknown.

    Raises
    ------
    ValueError
        Anything above does not hold; the text says where.
    """

    n_nodes: int
    tail: Ints
    head: Ints
    capacity: Floats
    source: Ints
    target: Ints
    volume: Floats
    paths: Layout
    objective: Objective = "total"
    bound: float = 0.0

    form: ClassVar[str] = "flow"

    def __post_init__(self) -> None:
        if self.objective not in ("total", "concurrent"):
            raise ValueError(f"objective: {self.objective!r} is neither 'total' nor 'concurrent'")
        check_graph(self)
        if len(self.paths.first) != len(self.volume) + 1:
            raise ValueError(
                f"paths: for {len(self.paths.first) - 1} demands, there are {len(self.volume)}"
            )
        without = np.flatnonzero(np.diff(self.paths.first) < 1)
        if len(without):
            raise ValueError(f"paths[{without[0]}]: demand {without[0]} has none")
        for name in ("capacity", "volume"):
            values = getattr(self, name)
            strictly = name == "capacity" or self.objective == "concurrent"
            good = np.isfinite(values) & (values > 0 if strictly else values >= 0)
            if not good.all():
                i = int(np.argmin(good))
                want = "must be above zero" if strictly else "must not be below zero"
                raise ValueError(f"{name}[{i}]: {values[i]} {want}")
        graph = (self.n_nodes, self.tail, self.head, self.source, self.target)
        check_paths(*graph, self.paths)

    @property
    def size(self) -> int:
        """Demands to serve."""
        return len(self.volume)

    @property
    def n_links(self) -> int:
        return len(self.tail)

    def loads(self, answer: Floats) -> Floats:
        """Flow over each link (m,)."""
        weights = np.repeat(answer, np.diff(self.paths.start))
        sums = np.bincount(self.paths.link, weights=weights, minlength=self.n_links)
        return sums.astype(np.float64)

    def served(self, answer: Floats) -> Floats:
        """Flow of each demand (k,)."""
        sums = np.bincount(self.paths.demand, weights=answer, minlength=self.size)
        return sums.astype(np.float64)

    def flow(self, answer: Floats) -> float:
        """What is maximised: the total flow, or the share of every demand that is served."""
        if self.objective == "total":
            return float(np.sum(answer))
        return float(np.min(self.served(answer) / self.volume, initial=np.inf))

    def value(self, answer: Floats) -> float:
        """What is minimised: the volume not served, or the reciprocal of the common share."""
        return self.value_of(self.flow(answer))

    def value_of(self, flow: float) -> float:
        """The value that belongs to a flow; also turns an upper bound into a lower one."""
        if self.objective == "total":
            return max(0.0, float(np.sum(self.volume)) - flow)
        return 1 / flow if flow > 0 else np.inf

    def check(self, answer: Floats) -> None:
        """Check that a flow fits capacities and demands.

        Raises
        ------
        ValueError
            It does not; the text names link or demand.
        """
        shape = (len(self.paths.demand),)
        if not isinstance(answer, np.ndarray) or answer.shape != shape:
            raise ValueError(f"flow: want {shape[0]} numbers, one per path")
        if not (np.isfinite(answer) & (answer >= 0)).all():
            j = int(np.argmin(np.isfinite(answer) & (answer >= 0)))
            raise ValueError(f"flow[{j}]: {answer[j]} must not be below zero")
        _no_more("link", self.loads(answer), self.capacity)
        if self.objective == "total":
            _no_more("demand", self.served(answer), self.volume)


def _no_more(what: str, used: Floats, there: Floats) -> None:
    over = np.flatnonzero(used > there * (1 + _ROUNDING))
    if len(over):
        i = int(over[0])
        raise ValueError(f"{what} {i}: {used[i]} flows, {there[i]} is all there is")
