"""53 switches, 2,756 pairs: a small change must stay small work."""

from __future__ import annotations

from random import Random

from qb_controller.model.network import Network
from qb_controller.model.plan import Plan, Route, Share, VerifiedPlan
from qb_controller.southbound.compile import NOTHING_COMPILED, compile_steps
from qb_controller.southbound.intent import Intent
from qb_controller.southbound.labels import Numbers
from qb_controller.southbound.next_intent import with_network_steps, with_plan
from qb_controller.southbound.steps import run
from qb_controller.southbound.update import NOTHING_RETIRED, plan_update
from tests.support.fake_network import network_of
from tests.support.plans import random_path


def backbone(random: Random) -> Network:
    """53 switches in a chain of neighbourhoods, 89 cables, as large national networks have."""
    edges = [(max(1, node - random.randint(1, 4)), node) for node in range(2, 54)]
    while len(edges) < 89:
        a = random.randint(1, 48)
        edges.append((a, a + random.randint(2, 5)))
    return network_of(edges)


def plan(routes: dict[tuple[int, int], Route], decision: int) -> VerifiedPlan:
    return VerifiedPlan(Plan("te", decision, tuple(routes.values())), 1, 0.0)


def rerouted(network: Network, pairs: list, random: Random) -> dict[tuple[int, int], Route]:
    found = {pair: random_path(network, *pair, random) for pair in pairs}
    return {pair: Route(*pair, (Share(path),)) for pair, path in found.items() if path}


def test_moving_twenty_pairs_among_thousands_is_little_work() -> None:
    random = Random(7)
    network, numbers = backbone(random), Numbers()
    dpids = [switch.dpid for switch in network.switches]
    pairs = [(a, b) for a in dpids for b in dpids if a != b]
    routes = rerouted(network, pairs, random)
    base = run(with_network_steps(Intent(), network, numbers))
    steered = with_plan(base, plan(routes, 1), network, numbers)
    assert len(steered.pairs) > 2000
    everything = run(compile_steps(NOTHING_COMPILED, steered, network, numbers))
    moved = with_plan(
        steered, plan(routes | rerouted(network, random.sample(pairs, 20), random), 2),
        network, numbers,
    )  # fmt: skip
    after = run(compile_steps(everything, moved, network, numbers))
    compiled = [
        part for part, placed in after.placed.items() if placed is not everything.placed[part]
    ]
    assert len(compiled) <= 20
    update = plan_update(everything.rules, after.rules, NOTHING_RETIRED, 0.0, 3.0)
    assert sum(len(orders) for orders in update.steps[-1].values()) == 20  # one group-mod per pair
    assert update.messages <= 20 + 2 * sum(
        len(share.path.links)
        for pair, steering in moved.pairs.items()
        if steering is not steered.pairs.get(pair)
        for share in steering.shares
    )
