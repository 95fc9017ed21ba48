"""What every solver of flows shares: where it starts, and the best flow so far."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from quantum_backends.best import BestSoFar
from quantum_backends.flow import FlowProblem
from quantum_backends.flow_kernels import Market, fill
from quantum_backends.routing import Floats, Ints
from quantum_backends.solution import Solution
from quantum_backends.solver import Budget
from quantum_backends.testing import known_problems


def market_of(problem: FlowProblem) -> Market:
    """The arrays of a problem with no flow on any path."""
    layout, m = problem.paths, problem.n_links
    least = np.minimum.reduceat(problem.capacity[layout.link], layout.start[:-1])
    empty = np.zeros(len(layout.demand)), np.zeros(m), np.zeros(m)
    return Market(
        layout.first, layout.start, layout.link, problem.volume, problem.capacity, least, *empty
    )


def warm(solve: Callable[[FlowProblem, Budget, int], Solution]) -> None:
    """Have a solver load and compile what it needs, on tiny problems of both objectives."""
    for problem in known_problems("flow"):
        assert isinstance(problem, FlowProblem)
        solve(problem, Budget(1.0), 0)


def by_length(problem: FlowProblem) -> Ints:
    """Demands with short first paths first: they use least of the network."""
    return np.argsort(np.diff(problem.paths.start)[problem.paths.first[:-1]], kind="stable")


def first_flow(problem: FlowProblem) -> Floats:
    """A feasible flow without any search: demands fill their paths, short ones first.

    For a concurrent flow every demand keeps to its first path.
    """
    market = market_of(problem)
    if problem.objective == "total":
        fill(market, by_length(problem))
        return market.flow
    market.flow[problem.paths.first[:-1]] = problem.volume
    return fitted(problem, market.flow)


def fitted(problem: FlowProblem, flow: Floats) -> Floats:
    """Make a flow feasible: nothing below zero, and no more than demands and links allow.

    A total flow is cut where it is too much; a concurrent one is scaled as a whole, down or up,
    until its fullest link is full.
    """
    flow = np.maximum(flow, 0.0)
    demand, start = problem.paths.demand, problem.paths.start
    if problem.objective == "total":
        ratio = _at_most_one(problem.volume, problem.served(flow))
        flow = flow * ratio[demand]
        used = _at_most_one(problem.capacity, problem.loads(flow))
        return flow * np.minimum.reduceat(used[problem.paths.link], start[:-1])
    top = float(np.max(problem.loads(flow) / problem.capacity, initial=0.0))
    return flow / top if top > 0 else flow


def _at_most_one(there: Floats, used: Floats) -> Floats:
    return np.where(used > there, there / np.where(used > 0, used, 1.0), 1.0)


class BestFlow(BestSoFar):
    """The best flow so far of one call of ``solve``; reports each better one to the budget.

    Parameters
    ----------
    problem : FlowProblem
    budget : Budget
    name : str
        The backend's.
    """

    def __init__(self, problem: FlowProblem, budget: Budget, name: str) -> None:
        super().__init__(budget, name)
        self._problem = problem
        self.flow = first_flow(problem) if problem.size else np.empty(0)
        self.value = problem.value(self.flow) if problem.size else 0.0

    def offer(self, flow: Floats) -> bool:
        """Keep a feasible flow if it is better; tell whether it was."""
        value = self._problem.value(flow)
        if not value < self.value:
            return False
        self.flow, self.value = flow.copy(), value
        self.found()
        return True

    def answer(self) -> tuple[Floats, float]:
        return self.flow, self.value
