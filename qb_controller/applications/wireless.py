"""The wireless application: channels of access points, and which station uses which.

Channels with the stations in place are one choice per access point with costs of pairs: each
station adds, for every access point it hears, what that one costs it on an overlapping channel.
For the least interference that cost is exact. For the highest proportional-fair utility it is
the utility lost to that interferer alone, a bound on the loss in company; stations are then moved
by best response on the true utility, and channels chosen again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from qb_controller.applications.wireless_radio import (
    Air,
    Floats,
    air_of,
    quality,
    spectral_efficiency,
    strongest,
)
from qb_controller.errors import VerificationError
from qb_controller.model.radio import Configuration, RadioQuality, Scenario
from quantum_backends.choice_search import descended
from quantum_backends.choices import ChoiceProblem, Chosen
from quantum_backends.solution import Solution

OBJECTIVES = ("interference", "utility")

NEGLIGIBLE = 1e-6
"""Costs of a pair of access points below this share of the largest are left out."""

AGREEMENT = 1e-5
"""Relative difference up to which a claimed value and its recomputation count as the same, beside
the negligible costs left out: signals are in single precision."""

PASSES = 5
"""How often each station may move; later passes move few."""

LEAST_EFFICIENCY = 1e-3
"""Bit/s per hertz below which a station counts as having these, so that logarithms stay finite."""


@dataclass(frozen=True)
class ChannelTask:
    """A choice of channels, with what its numbers stand for.

    Attributes
    ----------
    scenario : Scenario
    air : Air
    objective : str
        ``interference`` or ``utility``.
    users : tuple of int
        Access point of each station.
    problem : ChoiceProblem
        Group i is access point i, option c its c-th channel.
    left_out : float
        Most that the negligible pairs can add to the problem's value.
    """

    scenario: Scenario
    air: Air
    objective: str
    users: tuple[int, ...]
    problem: ChoiceProblem
    left_out: float


def users_now(scenario: Scenario, air: Air) -> tuple[int, ...]:
    """The access point each station uses now; the strongest where it uses none."""
    best = strongest(air)
    return tuple(
        best[i] if station.access_point is None else station.access_point
        for i, station in enumerate(scenario.stations)
    )


def formulate(
    scenario: Scenario, air: Air, users: tuple[int, ...], objective: str = "interference"
) -> ChannelTask:
    """State the choice of channels for stations in place.

    A change of channel costs ``change_cost`` times the demand share of the access point.
    """
    active = np.bincount(users, minlength=len(air.signal)) > 0
    levels = np.unique(air.overlap[air.overlap > 0]).tolist()
    pairs = {}
    for share in levels:
        cost = _pair_costs(air, np.asarray(users), share, objective)
        cost *= active[:, None]
        pairs[share] = cost + cost.T
    problem, left_out = _problem(scenario, air, users, pairs)
    return ChannelTask(scenario, air, objective, users, problem, left_out)


def _pair_costs(
    air: Air, users: npt.NDArray[np.int64], share: float, objective: str
) -> npt.NDArray[np.float64]:
    """What each access point (row) costs each other one's (column's) stations (a, a)."""
    order = np.argsort(users, kind="stable")
    served, starts = np.unique(users[order], return_index=True)
    loss = air.signal[:, order]
    mine = loss[users[order], np.arange(len(users))]
    if objective == "interference":
        loss /= mine
        np.minimum(loss, 1.0, out=loss)
        loss *= share * air.demand[order].astype(np.float32)
    else:
        alone = spectral_efficiency(mine, np.ones_like(mine))
        company = spectral_efficiency(mine, 1 + loss * np.float32(share))
        ratio = np.maximum(alone, LEAST_EFFICIENCY) / np.maximum(company, LEAST_EFFICIENCY)
        loss = np.log(ratio) * air.demand[order].astype(np.float32)
    cost = np.zeros((len(loss), len(loss)))
    cost[:, served] = np.add.reduceat(loss, starts, axis=1, dtype=np.float64)
    np.fill_diagonal(cost, 0.0)
    return cost


def _problem(
    scenario: Scenario,
    air: Air,
    users: tuple[int, ...],
    pairs: Mapping[float, npt.NDArray[np.float64]],
) -> tuple[ChoiceProblem, float]:
    """Couple the options of each pair of access points by what they share of the spectrum."""
    a, c = len(air.signal), len(air.overlap)
    least = NEGLIGIBLE * max(float(cost.max(initial=0.0)) for cost in pairs.values())
    coupling, left_out = sparse.csr_array((a * c, a * c)), 0.0
    for share, cost in pairs.items():
        kept = sparse.csr_array(np.where(cost > least, cost, 0.0))
        left_out += float(cost.sum() - kept.sum()) / 2
        coupling = coupling + sparse.kron(kept, sparse.csr_array(air.overlap == share), "csr")
    unary, incumbent = _leaving(scenario, air, users)
    problem = ChoiceProblem(
        np.arange(a + 1) * c,
        unary,
        coupling.indptr,
        coupling.indices,
        coupling.data,
        incumbent,
    )
    return problem, left_out


def _leaving(scenario: Scenario, air: Air, users: tuple[int, ...]) -> tuple[Floats, Chosen | None]:
    """Cost of each option for leaving the present channel, and the present choice if whole."""
    a, c = len(air.signal), len(air.overlap)
    index = {number: i for i, number in enumerate(scenario.channels)}
    now = [index.get(p.channel, -1) if p.channel else -1 for p in scenario.access_points]
    carried = np.bincount(users, air.demand, a)
    unary = np.zeros((a, c))
    for i, channel in enumerate(now):
        if channel >= 0:
            unary[i] = scenario.change_cost * carried[i]
            unary[i, channel] = 0.0
    return unary.ravel(), tuple(now) if all(x >= 0 for x in now) else None


def settled(task: ChannelTask, configuration: Configuration) -> Configuration:
    """Better the channels of a configuration one access point at a time, until none gains."""
    index = {number: i for i, number in enumerate(task.scenario.channels)}
    start = tuple(index[number] for number in configuration.channels)
    answer = descended(task.problem, start)
    return Configuration(tuple(task.scenario.channels[c] for c in answer), task.users)


def interpret(task: ChannelTask, solution: Solution) -> Configuration:
    """Channel numbers from an answer."""
    numbers = task.scenario.channels
    return Configuration(tuple(numbers[c] for c in solution.answer), task.users)


def verify(task: ChannelTask, solution: Solution) -> RadioQuality:
    """Judge an answer by the scenario, not by what the solver says of it.

    Raises
    ------
    VerificationError
        The answer is none, or the interference that the scenario gives is not the claimed one.
    """
    try:
        task.problem.check(solution.answer)
    except ValueError as error:
        raise VerificationError(f"{solution.backend}: {error}") from error
    configuration = interpret(task, solution)
    found = quality(task.scenario, task.air, configuration)
    if task.objective == "interference":
        flat = task.problem.flat(solution.answer)
        claimed = solution.value - float(task.problem.unary[flat].sum())
        allowed = AGREEMENT * max(found.interference, 1e-9) + task.left_out
        if abs(claimed - found.interference) > allowed:
            raise VerificationError(
                f"{solution.backend}: claims an interference of {claimed:.9g}, the scenario "
                f"gives {found.interference:.9g}"
            )
    return found


def reassociate(scenario: Scenario, air: Air, configuration: Configuration) -> Configuration:
    """Let each station in turn move to the access point that raises the utility most, repeatedly.

    The utility counts everybody at the two access points concerned; the interference that each
    access point causes is held at what it is (one without stations stays on the air here).
    """
    index = {number: i for i, number in enumerate(scenario.channels)}
    channels = np.array([index[number] for number in configuration.channels], dtype=np.int64)
    a = len(air.signal)
    # In double precision, since an access point's own power is taken out of the sum again.
    signal = air.signal.astype(np.float64)
    noise = (air.overlap[:, channels] @ signal)[channels]
    noise -= signal * np.diag(air.overlap)[channels, None]
    efficiency = spectral_efficiency(signal, 1 + np.maximum(noise, 0.0))
    log_rate = np.ascontiguousarray(np.log(np.maximum(efficiency, LEAST_EFFICIENCY)).T)
    users = np.array(configuration.users)
    weight = np.bincount(users, air.demand, a)
    count = np.bincount(users, minlength=a)
    share = np.log(np.arange(1, len(users) + 2))
    for _ in range(PASSES):
        moves = 0
        for i in np.argsort(-air.demand).tolist():
            old, d = users[i], air.demand[i]
            count[old] -= 1
            weight[old] -= d
            # Joining lowers everybody's share of the air time from 1/n to 1/(n + 1).
            more = share[count]
            gain = d * (log_rate[i] - more) - weight * (more - share[np.maximum(count, 1) - 1])
            best = int(np.argmax(gain))
            if gain[best] > gain[old] + 1e-12:
                users[i], moves = best, moves + 1
            count[users[i]] += 1
            weight[users[i]] += d
        if not moves:
            break
    return Configuration(configuration.channels, tuple(users.tolist()))


def value(objective: str, found: RadioQuality) -> float:
    """What is compared; lower is better."""
    return found.interference if objective == "interference" else -found.utility


__all__ = [
    "OBJECTIVES",
    "ChannelTask",
    "air_of",
    "formulate",
    "interpret",
    "quality",
    "reassociate",
    "settled",
    "users_now",
    "value",
    "verify",
]
