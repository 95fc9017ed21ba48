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

SETTLE_SLACK = 1e-3
"""Relative rise of the MLU that leaving a pair where it is may cost: a tenth of a percent is far
below what a second of measurement can tell."""

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
    units = np.zeros(len(layout.demand), dtype=np.int64)
    if not problem.split:
        for i in range(problem.n_demands):
            a, b = layout.first[i], layout.first[i + 1]
            units[a + int(np.argmax(fractions[a:b]))] = WEIGHT_TOTAL
        return units
    load = _Links(problem, problem.loads(fractions))
    for i in np.argsort(-problem.volume, kind="stable").tolist():
        a, b = int(layout.first[i]), int(layout.first[i + 1])
        share = np.where(fractions[a:b] * WEIGHT_TOTAL >= 1, fractions[a:b], 0.0)
        if np.count_nonzero(share) > MAX_SHARES:
            share[np.argsort(-share, kind="stable")[MAX_SHARES:]] = 0.0
        if not share.any():
            share[int(np.argmax(fractions[a:b]))] = 1.0
        exact = share / share.sum() * WEIGHT_TOTAL
        whole = np.floor(exact + 1e-9).astype(np.int64)
        unit = float(problem.volume[i]) / WEIGHT_TOTAL
        for j in range(a, b):
            load.add(j, whole[j - a] * unit - float(fractions[j]) * problem.volume[i])
        used = (np.flatnonzero(share) + a).tolist()
        for _ in range(WEIGHT_TOTAL - int(whole.sum())):
            best = min(used, key=lambda j: load.worst(j, unit))
            whole[best - a] += 1
            load.add(best, unit)
        units[a:b] = whole
    return units


def settle(problem: RoutingProblem, units: Units, incumbent: Units) -> Units:
    """Take back the moves that are not worth it, smallest demands first.

    A pair goes back to what it does now where the MLU stays within :data:`SETTLE_SLACK` of the
    answer's, and the sum of squared utilisations does not rise by more than the problem's
    ``move_cost`` sets against moving that pair's traffic.

    Parameters
    ----------
    problem : RoutingProblem
    units, incumbent : int array (q,)
        The answer, and what is installed.

    Returns
    -------
    int array (q,)
    """
    layout = problem.layout
    units = units.copy()
    load = _Links(problem, problem.loads(units / WEIGHT_TOTAL))
    limit = load.highest() * (1 + SETTLE_SLACK)
    total = float(problem.volume.sum())
    changed = np.unique(layout.demand[units != incumbent])
    changed = changed[np.argsort(problem.volume[changed], kind="stable")]
    for _ in range(_PASSES):
        left = []
        for i in changed.tolist():
            a, b = int(layout.first[i]), int(layout.first[i + 1])
            back = incumbent[a:b] - units[a:b]
            unit = float(problem.volume[i]) / WEIGHT_TOTAL
            leaving = float(np.abs(back).sum()) / 2 * unit
            price = problem.move_cost * leaving / total if total else 0.0
            shift: dict[int, float] = {}
            for j in np.flatnonzero(back).tolist():
                for link in load.links(a + j):
                    shift[link] = shift.get(link, 0.0) + float(back[j]) * unit
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
