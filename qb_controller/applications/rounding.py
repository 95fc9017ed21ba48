"""From fractions of a solver to whole bucket weights, moving no more than the answer is worth.

All functions work on *units*: integers (q,), one for each candidate path of a problem (in the
order of its layout), that add up to :data:`WEIGHT_TOTAL` for each demand.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from qb_controller.model.plan import WEIGHT_TOTAL
from quantum_backends.routing import Floats, RoutingProblem

Units = npt.NDArray[np.int64]

MAX_SHARES = 8
"""Paths of one split route. A linear program rarely uses more than three; switches have few
buckets to a group."""

_PASSES = 3


def to_units(problem: RoutingProblem, fractions: Floats) -> Units:
    """Round fractions to units.

    Shares below one unit are dropped (so are all but the largest :data:`MAX_SHARES`); the rest
    is rounded down, and what is missing is handed out unit by unit where the busiest link of the
    path stays emptiest, the largest demands first. Single-path plans get the largest share.

    Parameters
    ----------
    problem : RoutingProblem
        With paths.
    fractions : float array (q,)
    """
    layout = problem.layout
    top = _largest(problem, fractions)
    units = np.zeros(len(layout.demand), dtype=np.int64)
    units[top] = WEIGHT_TOTAL
    if not problem.split:
        return units
    load = _Links(problem, problem.loads(fractions))
    spread = np.flatnonzero(fractions[top] < 1 - 1e-9)
    for i in spread[np.argsort(-problem.volume[spread], kind="stable")].tolist():
        a, b = int(layout.first[i]), int(layout.first[i + 1])
        units[a:b] = _round_one(fractions[a:b].tolist(), a, float(problem.volume[i]), load)
    return units


def _largest(problem: RoutingProblem, fractions: Floats) -> npt.NDArray[np.int64]:
    """Flat index of each demand's largest fraction, the first of equals."""
    order = np.lexsort((np.arange(len(fractions)), -fractions, problem.layout.demand))
    return order[problem.layout.first[:-1]]


def _round_one(fractions: list[float], first: int, volume: float, load: _Links) -> list[int]:
    """Units of one demand, whose first choice is ``first``; keeps the loads up to date."""
    kept = [j for j, share in enumerate(fractions) if share * WEIGHT_TOTAL >= 1]
    kept = sorted(kept, key=lambda j: -fractions[j])[:MAX_SHARES]
    kept = kept or [max(range(len(fractions)), key=fractions.__getitem__)]
    total = sum(fractions[j] for j in kept)
    unit = volume / WEIGHT_TOTAL
    units = [0] * len(fractions)
    for j in kept:
        units[j] = int(fractions[j] / total * WEIGHT_TOTAL + 1e-9)
    for j, share in enumerate(fractions):
        load.add(first + j, units[j] * unit - share * volume)
    for _ in range(WEIGHT_TOTAL - sum(units)):
        best = min(kept, key=lambda j: load.worst(first + j, unit))
        units[best] += 1
        load.add(first + best, unit)
    return units


def settle(problem: RoutingProblem, units: Units, incumbent: Units, slack: float) -> Units:
    """Take back the moves that are not worth it, smallest demands first.

    A pair goes back to what it does now where the MLU stays within the slack of the answer's, and
    the sum of squared utilisations does not rise by more than the problem's ``move_cost`` sets
    against moving that pair's traffic.

    Parameters
    ----------
    problem : RoutingProblem
    units, incumbent : int array (q,)
        The answer, and what is installed.
    slack : float
        Relative rise of the MLU that leaving pairs where they are may cost in all.

    Returns
    -------
    int array (q,)
    """
    layout = problem.layout
    units = units.copy()
    load = _Links(problem, problem.loads(units / WEIGHT_TOTAL))
    limit = load.highest() * (1 + slack)
    total = float(problem.volume.sum())
    changed = np.unique(layout.demand[units != incumbent])
    changed = changed[np.argsort(problem.volume[changed], kind="stable")]
    first = layout.first.tolist()
    difference = (incumbent - units).tolist()
    for _ in range(_PASSES):
        left = []
        for i in changed.tolist():
            a, b = first[i], first[i + 1]
            unit = float(problem.volume[i]) / WEIGHT_TOTAL
            leaving = sum(map(abs, difference[a:b])) / 2 * unit
            price = problem.move_cost * leaving / total if total else 0.0
            shift: dict[int, float] = {}
            for j in range(a, b):
                if difference[j]:
                    for link in load.links(j):
                        shift[link] = shift.get(link, 0.0) + difference[j] * unit
            if load.allows(shift, limit, price):
                load.apply(shift)
                units[a:b] = incumbent[a:b]
            else:
                left.append(i)
        if len(left) == len(changed):
            break
        changed = np.array(left, dtype=np.int64)
    return units


class _Links:
    """Loads in plain Python numbers: each step touches a few links only."""

    def __init__(self, problem: RoutingProblem, load: Floats) -> None:
        self._load = load.tolist()
        self._capacity = problem.capacity.tolist()
        self._start = problem.layout.start.tolist()
        self._link = problem.layout.link.tolist()

    def links(self, choice: int) -> list[int]:
        return self._link[self._start[choice] : self._start[choice + 1]]

    def highest(self) -> float:
        return max((x / c for x, c in zip(self._load, self._capacity, strict=True)), default=0.0)

    def add(self, choice: int, rate: float) -> None:
        if rate:
            for link in self.links(choice):
                self._load[link] += rate

    def worst(self, choice: int, rate: float) -> float:
        return max((self._load[e] + rate) / self._capacity[e] for e in self.links(choice))

    def allows(self, shift: dict[int, float], limit: float, price: float) -> bool:
        rise = 0.0
        for link, rate in shift.items():
            before = self._load[link] / self._capacity[link]
            after = (self._load[link] + rate) / self._capacity[link]
            if after > limit and rate > 0:
                return False
            rise += after * after - before * before
        return rise <= price

    def apply(self, shift: dict[int, float]) -> None:
        for link, rate in shift.items():
            self._load[link] += rate
