"""Traffic engineering: place the demands so that the busiest link is as empty as it can be.

Objective, in this order: the maximum link utilisation (MLU), the sum of squared utilisations, the
traffic that is moved.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from qb_controller.applications.estimate import DemandEstimate
from qb_controller.applications.rounding import settle, to_units
from qb_controller.model.network import Link, LinkId, Network, Path, Switch
from qb_controller.model.plan import WEIGHT_TOTAL, Plan, Route, Share
from qb_controller.model.shortest import on_tree, shortest_trees, tree_path
from qb_controller.model.telemetry import Demand, NetworkSnapshot
from qb_controller.orchestration.application import Task
from qb_controller.orchestration.loads import Loads, Pair, loads, sound
from qb_controller.orchestration.policy import needed_gain
from qb_controller.runtime.messages import Settings
from quantum_backends.candidates import with_candidates
from quantum_backends.columns import survivors
from quantum_backends.routing import Layout, PathSet, RoutingProblem, flatten
from quantum_backends.solution import Solution

NEGLIGIBLE = 1e-3
"""The smallest demands stay where they are as long as all of them together are below this share
of the smallest link: even if they met on one link, its utilisation would change by no more."""

MOVE_PRICE = 0.5
"""Moving all traffic must lower the sum of squared utilisations by half (and a part of the traffic
by half that part), unless the MLU itself asks for it."""

SETTLE_SHARE = 0.05
"""Part of the gain that traffic moves for which may be given up again to move fewer pairs: at 2 %
a tenth of a percent of the MLU, far below what a second of measurement can tell."""

NEAR_MAX = 0.9
"""A link counts as near the maximum from this share of the MLU on."""

LinkIndexes = tuple[int, ...]


@dataclass(frozen=True)
class RoutingTask(Task):
    """The routing problem of one snapshot, with what its numbers stand for.

    Attributes
    ----------
    links : tuple of Link
        By link index of the problem.
    pairs : tuple of (int, int)
        Datapath ids by demand index of the problem.
    network : Network
    slack : float
        Relative rise of the MLU that leaving pairs where they are may cost.
    """

    links: tuple[Link, ...]
    pairs: tuple[Pair, ...]
    network: Network
    slack: float


class TrafficEngineering:
    """The traffic-engineering application.

    It remembers the running average of demands and the last candidate paths.

    Implements :class:`qb_controller.orchestration.application.Application`.
    """

    name = "te"

    def __init__(self) -> None:
        self._estimate = DemandEstimate()
        self._last: RoutingTask | None = None

    def observe(self, snapshot: NetworkSnapshot) -> NetworkSnapshot:
        """Average the measured demands over the last cycles, following jumps at once."""
        demands = self._estimate.update(snapshot.demands, snapshot.taken_at)
        return replace(snapshot, demands=demands)

    def formulate(self, snapshot: NetworkSnapshot, settings: Settings) -> RoutingTask:
        """State the problem over the installed and the shortest paths.

        Demands that no path can carry, and the negligible ones, are left out; the latter keep
        their installed route.
        """
        network = snapshot.network
        installed = sound(network, snapshot.installed)
        lost = len(snapshot.installed) - len(installed)
        baseline = dict(installed) if settings.split else _single(installed)
        must_change = ""
        if lost:
            must_change = f"{lost} installed routes use a link or a switch that is gone"
        elif baseline != installed:
            must_change = "installed routes are split and the settings ask for single paths"
        present = loads(network, snapshot.demands, baseline)
        demands = significant(network, snapshot.demands, present)
        links = tuple(sorted(network.links, key=lambda link: link.id))
        problem = _problem(network, links, demands, baseline, settings, present)
        return RoutingTask(
            problem,
            {**_features(network, present, lost), "volatility": self._estimate.noise},
            tuple(baseline.values()),
            must_change,
            links,
            tuple((d.ingress, d.egress) for d in demands),
            network,
            SETTLE_SHARE * settings.min_gain,
        )

    def refine(self, task: RoutingTask, seconds: float) -> RoutingTask:
        """Add the candidate paths of a nearly optimal split routing, and its lower bound.

        Those of the last cycle are tried first, as far as the network still has them.
        """
        problem = with_candidates(task.problem, seconds, _still_there(self._last, task))
        self._last = replace(task, problem=problem)
        return self._last

    def interpret(self, task: RoutingTask, solution: Solution, decision: int) -> Plan:
        """Round the answer to bucket weights and leave in place what need not move.

        Pairs that end on their shortest path are not named in the plan; pairs that are not part
        of the problem keep the route that they have.
        """
        problem = task.problem
        units = to_units(problem, flatten(solution.answer))
        if problem.incumbent is not None:
            present = np.rint(flatten(problem.incumbent) * WEIGHT_TOTAL).astype(np.int64)
            units = settle(problem, units, present, task.slack)
        routes = {route.pair: route for route in task.baseline}
        weights, first = units.tolist(), problem.layout.first.tolist()
        trees = shortest_trees(task.network)
        for i, pair in enumerate(task.pairs):
            route = _route(task, i, weights[first[i] : first[i + 1]])
            if len(route.shares) == 1 and on_tree(trees[pair[1]], route.shares[0].path):
                routes.pop(pair, None)
            else:
                routes[pair] = route
        return Plan(self.name, decision, tuple(routes[pair] for pair in sorted(routes)))

    def worth_moving(self, before: float, after: float, settings: Settings) -> bool:
        """Whether the MLU falls by enough, relative to itself, to move traffic."""
        return after <= before * (1 - needed_gain(before, settings)) and after < before


def significant(network: Network, demands: Iterable[Demand], present: Loads) -> tuple[Demand, ...]:
    """The demands that a plan has to look at, ordered by pair."""
    stranded = {(d.ingress, d.egress) for d in present.stranded}
    rates: dict[Pair, float] = {}
    for d in demands:
        if d.ingress != d.egress and d.rate > 0 and (d.ingress, d.egress) not in stranded:
            rates[d.ingress, d.egress] = rates.get((d.ingress, d.egress), 0.0) + d.rate
    allowance = NEGLIGIBLE * min((link.capacity for link in network.links), default=0.0)
    for pair in sorted(rates, key=lambda pair: (rates[pair], pair)):
        allowance -= rates[pair]
        if allowance < 0:
            break
        del rates[pair]
    return tuple(Demand(*pair, rates[pair]) for pair in sorted(rates))


def _still_there(last: RoutingTask | None, task: RoutingTask) -> Layout | None:
    """The last candidate paths, in the numbers of this task.

    Links are the same where port and far end are, as a port may have got another cable.
    """
    if last is None:
        return None
    link = {(link.id, link.dst): e for e, link in enumerate(task.links)}
    demand = {pair: i for i, pair in enumerate(task.pairs)}
    return survivors(
        last.problem.layout,
        np.array([link.get((then.id, then.dst), -1) for then in last.links], dtype=np.int64),
        np.array([demand.get(pair, -1) for pair in last.pairs], dtype=np.int64),
        len(task.pairs),
    )


def _single(routes: Mapping[Pair, Route]) -> dict[Pair, Route]:
    """Each route reduced to its heaviest path."""
    single = {}
    for pair, route in routes.items():
        best = max(route.shares, key=lambda share: share.weight)
        single[pair] = route if len(route.shares) == 1 else Route(*pair, (Share(best.path),))
    return single


def _features(network: Network, present: Loads, lost: int) -> dict[str, float]:
    """What the problem itself does not show: it has only the significant demands."""
    near = sum(
        present.rates[link.id] / link.capacity >= NEAR_MAX * present.mlu for link in network.links
    )
    return {
        "incumbent": present.mlu,
        "near_max": float(near) if present.mlu > 0 else 0.0,
        "broken": float(lost),
        "stranded": float(len(present.stranded)),
    }


def _by_dpid(network: Network) -> list[Switch]:
    return sorted(network.switches, key=lambda switch: switch.dpid)


def _indexes(index: Mapping[LinkId, int], path: Path) -> LinkIndexes:
    return tuple(index[link] for link in path.links)


def _problem(
    network: Network,
    links: tuple[Link, ...],
    demands: tuple[Demand, ...],
    baseline: Mapping[Pair, Route],
    settings: Settings,
    present: Loads,
) -> RoutingProblem:
    node = {switch.dpid: i for i, switch in enumerate(_by_dpid(network))}
    index = {link.id: e for e, link in enumerate(links)}
    squares = sum((present.rates[link.id] / link.capacity) ** 2 for link in links)
    paths, incumbent = _choices(network, index, demands, baseline)
    return RoutingProblem(
        n_nodes=len(node),
        tail=np.array([node[link.src] for link in links], dtype=np.int64),
        head=np.array([node[link.dst] for link in links], dtype=np.int64),
        capacity=np.array([link.capacity for link in links], dtype=np.float64),
        source=np.array([node[d.ingress] for d in demands], dtype=np.int64),
        target=np.array([node[d.egress] for d in demands], dtype=np.int64),
        volume=np.array([d.rate for d in demands], dtype=np.float64),
        split=settings.split,
        paths=paths,
        incumbent=incumbent,
        move_cost=MOVE_PRICE * squares,
    )


def _choices(
    network: Network,
    index: Mapping[LinkId, int],
    demands: Iterable[Demand],
    baseline: Mapping[Pair, Route],
) -> tuple[PathSet, tuple[tuple[float, ...], ...]]:
    """Installed and shortest paths of each demand, and the share that each carries now."""
    trees = shortest_trees(network)
    all_paths, all_shares = [], []
    for demand in demands:
        pair = (demand.ingress, demand.egress)
        now: dict[LinkIndexes, float] = {}
        route = baseline.get(pair)
        for share in route.shares if route else ():
            now[_indexes(index, share.path)] = share.weight / WEIGHT_TOTAL
        shortest = tree_path(trees[demand.egress], demand.ingress)
        assert shortest is not None  # a demand without a path is not significant
        now.setdefault(_indexes(index, shortest), 0.0 if route else 1.0)
        all_paths.append(tuple(now))
        all_shares.append(tuple(now.values()))
    return tuple(all_paths), tuple(all_shares)


def _route(task: RoutingTask, i: int, weights: Sequence[int]) -> Route:
    """Route of demand i with the given units on its candidate paths."""
    ingress, egress = task.pairs[i]
    shares = [
        Share(Path(tuple(task.links[e].id for e in links), egress), weight)
        for links, weight in zip(task.problem.paths[i], weights, strict=True)
        if weight
    ]
    shares.sort(key=lambda share: (-share.weight, share.path.links))
    return Route(ingress, egress, tuple(shares))
