"""Slices that come and go: windows decided together beside first come, first served.

Requests of one or several pairs arrive as a Poisson process and hold for exponentially distributed
times; time is simulated, not waited for. Revenue is a request's worth per unit of time, times the
time it is carried.

**ours**: the requests of a short window are decided together at its end, running slices may move,
and capacity has a price of admission: the dual prices of a relaxation in which the last requests
come again and again (bid prices, Talluri and van Ryzin, Management Science 44, 1998). The wait for
the window's end is revenue lost. ``path-switch`` solves each window and the policy is not asked,
so that thousands of windows take minutes.

**greedy**: every request is decided the moment it comes: its densest option that fits.

**bound**: what somebody who knows all arrivals could earn at most. Time is cut into blocks, in each
of which a link can carry its capacity times the block's length; prices of these, out of a
relaxation, bound the revenue over all paths of the network (Lagrange).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from qb_controller.applications.slice_graph import GRAIN, ground_of
from qb_controller.applications.slice_options import Catalogue, asked_of
from qb_controller.applications.slices import RESERVABLE, first_weights, formulate, interpret
from qb_controller.applications.verify_slices import verify
from qb_controller.commands.bench_slices_instances import (
    OFFERED,
    contended,
    drawn_request,
    networks,
    scaled,
)
from qb_controller.commands.output import Column
from qb_controller.model.network import LinkId, Network
from qb_controller.model.slices import Placement, SliceRequest
from quantum_backends.packing_lp import Master
from quantum_backends.packing_search import density_greedy
from quantum_backends.registry import BACKENDS
from quantum_backends.routing import Floats
from quantum_backends.solver import Budget

ARRIVALS, QUICK_ARRIVALS = 2000, 300
SEEDS, QUICK_SEEDS = 10, 3
HOLDING = 100.0
"""Mean time that a request holds; one arrives per unit of time."""

WINDOW = 4.0
"""Length of a window."""

BUDGET_S = 0.05
"""Seconds that the solver gets for a window."""

LEARN_EVERY, LEARN_FROM = 100, 300
"""Prices of admission are made anew after so many arrivals, out of so many."""

PRICE_SHARE = 0.5
"""Of the relaxation's prices that admission asks for. They are those of requests that can be split
and replaced at will, dearer than capacity is for whole ones. A third to two thirds earned most on
seeds 1, 101 and 102; the first of them is among those measured by default."""

BLOCK = 20.0
"""Length of the bound's blocks of time."""

COLUMNS = (
    Column("topology"),
    Column("way"),
    Column("acceptance", "{:.4f}".format, right=True),
    Column("revenue", "{:.6g}".format, right=True),
    Column("of_bound", "{:.4f}".format, right=True),
    Column("over_greedy", "{:.4f}".format, right=True),
    Column("low", "{:.4f}".format, right=True),
    Column("high", "{:.4f}".format, right=True),
)


@dataclass(frozen=True)
class Arrival:
    """A request with its time."""

    request: SliceRequest
    at: float
    until: float


def measure(seed: int, quick: bool) -> dict[str, Any]:
    """All seeds on Abilene; ``runs`` by seed and way, and ``summary`` with paired intervals."""
    name, network = networks(None, ["abilene"])[0]
    seeds = range(seed, seed + (QUICK_SEEDS if quick else SEEDS))
    count = QUICK_ARRIVALS if quick else ARRIVALS
    BACKENDS["path-switch"].warm()
    runs: list[dict[str, Any]] = []
    for each in seeds:
        arrivals = arrivals_on(network, count, each)
        bound = clairvoyant(network, arrivals)
        for way, follow in (("ours", ours), ("greedy", first_come)):
            served = follow(network, arrivals)
            revenue = sum(served.values())
            runs.append(
                {
                    "topology": name,
                    "seed": each,
                    "way": way,
                    "arrivals": count,
                    "acceptance": len(served) / count,
                    "revenue": revenue,
                    "bound": bound,
                    "of_bound": revenue / bound,
                }
            )
    return {"runs": runs, "summary": summary(runs)}


def summary(runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Means by way; revenue over greedy's with a paired 95 % interval over the seeds."""
    base = {run["seed"]: run["revenue"] for run in runs if run["way"] == "greedy"}
    found = []
    for way in dict.fromkeys(run["way"] for run in runs):
        mine = [run for run in runs if run["way"] == way]
        ratios = np.array([run["revenue"] / base[run["seed"]] for run in mine])
        half = _half_width(ratios)
        found.append(
            {
                "topology": mine[0]["topology"],
                "way": way,
                "seeds": len(mine),
                **{
                    key: float(np.mean([run[key] for run in mine]))
                    for key in ("acceptance", "revenue", "of_bound")
                },
                "over_greedy": float(ratios.mean()),
                "low": float(ratios.mean()) - half,
                "high": float(ratios.mean()) + half,
            }
        )
    return found


def _half_width(values: Floats) -> float:
    """Of Student's 95 % interval of the mean."""
    from scipy.stats import t

    if len(values) < 2:
        return math.inf
    return float(t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values)))


def arrivals_on(network: Network, count: int, seed: int) -> list[Arrival]:
    """Arrivals whose worth in the steady state is :data:`OFFERED` times what fits."""
    rng = np.random.default_rng(seed)
    drawn = [drawn_request(network, f"a{i + 1}", rng, hoses=False) for i in range(count)]
    shared = [replace(request, isolation="shared") for request in drawn]
    # As many as are there at a time ask for so many times what fits.
    requests = scaled(shared, contended(network, shared[: round(HOLDING)]), network)
    at = np.cumsum(rng.exponential(1.0, count))
    holds = rng.exponential(HOLDING, count)
    return [
        Arrival(request, float(begin), float(begin + hold))
        for request, begin, hold in zip(requests, at, holds, strict=True)
    ]


def first_come(network: Network, arrivals: Sequence[Arrival]) -> dict[str, float]:
    """Revenue of each request served when every one is decided as it comes."""
    running: list[tuple[float, Placement]] = []
    served: dict[str, float] = {}
    for arrival in arrivals:
        running = [each for each in running if each[0] > arrival.at]
        placed = [placement for _, placement in running]
        task = formulate(network, [arrival.request], placed, rounds=-1, move_cost=1.0)
        answer = density_greedy(task.problem)
        # Nobody is moved: of the running ones every option but the first is worth nothing.
        if answer[-1]:
            placements = interpret(task, (*(0,) * len(placed), answer[-1]))
            new = next(p for p in placements if p.request.name == arrival.request.name)
            running.append((arrival.until, new))
            served[arrival.request.name] = arrival.request.worth * (arrival.until - arrival.at)
    return served


def ours(network: Network, arrivals: Sequence[Arrival], seed: int = 0) -> dict[str, float]:
    """Revenue of each request served when windows are decided together."""
    until = {arrival.request.name: arrival.until for arrival in arrivals}
    placed: tuple[Placement, ...] = ()
    served: dict[str, float] = {}
    charge: dict[LinkId, float] = {}
    last, done, learnt = arrivals[-1].at + WINDOW, 0, 0
    for turn in range(1, math.ceil(last / WINDOW) + 1):
        now = turn * WINDOW
        window = []
        while done < len(arrivals) and arrivals[done].at <= now:
            window.append(arrivals[done])
            done += 1
        window = [arrival for arrival in window if arrival.until > now]
        if not window:
            continue
        if done >= learnt + LEARN_EVERY:
            charge = admission_prices(network, arrivals[max(0, done - LEARN_FROM) : done])
            learnt = done
        placed = tuple(each for each in placed if until[each.request.name] > now)
        before = {each.request.name for each in placed}
        requests = [arrival.request for arrival in window]
        task = formulate(network, requests, placed, rounds=1, charge=charge)
        problem = task.problem
        found = BACKENDS["path-switch"].solve(problem, Budget(BUDGET_S), seed + turn)
        plan = verify(interpret(task, found.answer), network, 0, RESERVABLE)
        placed = plan.placements
        for placement in placed:
            request = placement.request
            if request.name not in before:
                served[request.name] = request.worth * (until[request.name] - now)
    return served


def admission_prices(network: Network, past: Sequence[Arrival]) -> dict[LinkId, float]:
    """Worth of a bit/s on each link for a unit of time, were the past to come again and again.

    In the long run a request that comes once in so long holds its rate for a share of the time:
    the relaxation with all rates and worths so much smaller gives the prices.
    """
    span = max(past[-1].at - past[0].at, HOLDING)
    parts = []
    for arrival in past:
        share = (arrival.until - arrival.at) / span
        request = arrival.request
        parts.append(
            replace(
                request,
                rate=request.rate * share,
                rate_back=request.rate_back * share,
                value=request.value * share,
            )
        )
    task = formulate(network, parts, rounds=2)
    return {
        link.id: PRICE_SHARE * float(price)
        for link, price in zip(task.ground.links, task.problem.price, strict=True)
    }


def clairvoyant(network: Network, arrivals: Sequence[Arrival]) -> float:
    """Most revenue that anybody could earn, proven over all paths.

    Prices of each link in each block come from the relaxation over a few paths; for each request
    the cheapest way under the prices of its own time is then found among all paths, and what is
    left of its revenue counts.
    """
    ground = ground_of(network, RESERVABLE)
    m, end = len(ground.links), max(arrival.until for arrival in arrivals)
    blocks = math.ceil(end / BLOCK)
    share = _shares(arrivals, blocks)
    asked = asked_of(ground, [arrival.request for arrival in arrivals])
    none = np.zeros(m, bool)
    catalogue = Catalogue(ground, asked, none, none)
    for weight in first_weights(ground):
        catalogue.add(catalogue.find(weight, weight, quick=False))
    request, start, resource, amount = catalogue.everything()
    revenue = np.array([a.request.worth * (a.until - a.at) for a in arrivals])
    master = Master(len(arrivals), np.tile(ground.capacity * BLOCK, blocks))
    master.add(
        *(np.arange(len(arrivals)), np.zeros(len(arrivals)), np.zeros(len(arrivals) + 1, np.int64)),
        *(np.zeros(0, np.int64), np.zeros(0)),
    )
    master.add(request, revenue[request], *_in_time(request, start, resource, amount, share, m))
    found = master.solve()
    assert found is not None
    price = found.price.reshape(blocks, m)
    total = float((price * ground.capacity * BLOCK).sum())
    for i, arrival in enumerate(arrivals):
        weight = share[i] @ price + 1e-18
        alone = Catalogue(ground, asked_of(ground, [arrival.request]), none, none)
        begin, stop, other, last, link, fine = alone.find(weight, weight, quick=False)
        sums = np.concatenate(([0.0], np.cumsum(weight[link])))
        paid = sums[stop] - sums[begin] + sums[last] - sums[other]
        paid = np.maximum(0.0, paid - 4 * m * GRAIN * weight.max()) * alone.asked.limit
        if fine.all():
            total += max(0.0, float(revenue[i] - paid.sum()))
    return total


def _shares(arrivals: Sequence[Arrival], blocks: int) -> Floats:
    """Time that each request holds within each block (a, blocks)."""
    edges = BLOCK * np.arange(blocks + 1)
    at = np.array([arrival.at for arrival in arrivals])[:, None]
    until = np.array([arrival.until for arrival in arrivals])[:, None]
    return np.clip(np.minimum(until, edges[1:]) - np.maximum(at, edges[:-1]), 0.0, None)


def _in_time(
    request: np.ndarray,
    start: np.ndarray,
    resource: np.ndarray,
    amount: Floats,
    share: Floats,
    m: int,
) -> tuple[np.ndarray, np.ndarray, Floats]:
    """What options hold of each link in each block; resource ``block * m + link``."""
    counts, resources, amounts = [0], [], []
    for o, i in enumerate(request.tolist()):
        when = np.flatnonzero(share[i])
        part = slice(start[o], start[o + 1])
        resources.append((when[:, None] * m + resource[part]).ravel())
        amounts.append(np.outer(share[i][when], amount[part]).ravel())
        counts.append(len(resources[-1]))
    return np.cumsum(counts), np.concatenate(resources), np.concatenate(amounts)


__all__ = ["COLUMNS", "OFFERED", "measure", "summary"]
