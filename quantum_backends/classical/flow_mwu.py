"""Maximum flow by multiplicative weights on the links, with a proven distance to the optimum.

A link of utilisation u has the price ``exp(steep (u - 1))``; each demand in turn sends flow over
its cheapest path while that costs less than the flow is worth, which is exact coordinate ascent
on ``sum of flow - sum_e c_e / steep exp(steep (u_e - 1))``. Nobody pays more than one for a path,
so links of equal capacity are never filled beyond it (of unequal ones the narrowest decides how
far a step goes, and a little may have to be cut off): flows on the way are feasible. The steepness
grows from sweep to sweep, and with it what is lost on nearly full links falls. The prices are at
the same time a point of the dual program, whose value is an upper bound (weak duality). For a
concurrent flow the same prices, taken relative to the fullest link, balance demands that are
served whole, and the result is scaled.

A relative of Garg and Koenemann (FOCS 1998) and Fleischer (2000); block steps instead of uniform
ones, because a single demand is small against a link.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from quantum_backends import flow_kernels as kernels
from quantum_backends.flow import FlowProblem
from quantum_backends.flow_search import BestFlow, fitted, market_of, warm
from quantum_backends.solution import Solution
from quantum_backends.solver import Budget, check_accepted

CLOSE = 0.01
"""Proven relative distance to the optimum at which the search ends. The flow itself is then closer
to the optimum than the bound, mostly within a thousandth."""

_FIRST, _LAST = 5.0, 1000.0
"""Steepness of the first sweep, and where it stops growing."""

_GROWTH = (1.2, 1.08, 1.03)
"""Growth of the steepness per sweep in each pass. Where nearly all links are full, a slow pass
gets closer; a fast one suffices elsewhere and comes first."""

_CHECK = 4
"""Sweeps between two looks at flow and bound, which together cost as much as a sweep."""


class FlowMwu:
    """Near-optimal flows in a few sweeps; anytime, deterministic."""

    name = "flow-mwu"
    family = "classical"
    forms = ("flow",)

    def refusal(self, problem: FlowProblem) -> str:
        return ""

    def warm(self) -> None:
        warm(self.solve)

    def solve(self, problem: FlowProblem, budget: Budget, seed: int) -> Solution:
        check_accepted(self.name, self.refusal(problem))
        best = BestFlow(problem, budget, self.name)
        search = _total if problem.objective == "total" else _concurrent
        sweeps, bound = search(problem, budget, best) if problem.volume.any() else (0, 0.0)
        return best.solution({"sweeps": sweeps, "flow_bound": bound})


def _schedule() -> Iterator[float]:
    """Steepness of each sweep, pass after pass."""
    for growth in _GROWTH:
        sweeps = math.ceil(math.log(_LAST / _FIRST) / math.log(growth) / _CHECK) * _CHECK
        yield from np.geomspace(_FIRST, _LAST, sweeps).tolist()


def _total(problem: FlowProblem, budget: Budget, best: BestFlow) -> tuple[int, float]:
    """Sweeps made and the least upper bound proven."""
    market, order = market_of(problem), np.arange(problem.size)
    bound = float(problem.volume.sum())
    cost = np.empty(len(problem.paths.demand))
    sweep = 0
    for sweep, steep in enumerate(_schedule()):
        if sweep % _CHECK == 0 and problem.flow(best.flow) >= bound * (1 - CLOSE):
            break
        if not budget.left():
            break
        kernels.reprice(market, steep, 1.0)
        kernels.trade_all(market, order, steep, cost)
        if sweep % _CHECK == _CHECK - 1:
            worth, surplus, _ = kernels.dual(market)
            bound = min(bound, worth + surplus)
            market.load[:] = problem.loads(market.flow)  # rounding adds up otherwise
            filled = market._replace(flow=market.flow.copy(), load=market.load.copy())
            kernels.fill(filled, order)
            over = bool((filled.load > problem.capacity).any())
            best.offer(fitted(problem, filled.flow) if over else filled.flow)
    return sweep, bound


def _concurrent(problem: FlowProblem, budget: Budget, best: BestFlow) -> tuple[int, float]:
    """Sweeps made and the least upper bound on the common share proven."""
    market, order = market_of(problem), np.arange(problem.size)
    market.flow[problem.paths.first[:-1]] = problem.volume
    bound = float("inf")
    cost = np.empty(len(problem.paths.demand))
    sweeps = 0
    for relative in _schedule():
        market.load[:] = problem.loads(market.flow)
        top = float(np.max(market.load / market.capacity))
        best.offer(fitted(problem, market.flow))
        if problem.flow(best.flow) >= bound * (1 - CLOSE) or not budget.left():
            break
        steep = relative / top
        kernels.reprice(market, steep, top)
        kernels.level_all(market, order, steep, cost)
        worth, _, spent = kernels.dual(market)
        bound = min(bound, worth / spent)
        sweeps += 1
    return sweeps, bound
