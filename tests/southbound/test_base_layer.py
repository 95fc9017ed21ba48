"""The base layer while links come and go: what is whole stays, and nothing loops."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from qb_controller.model.network import LinkId, Network
from qb_controller.model.plan import Plan, Route, VerifiedPlan
from qb_controller.model.shortest import shortest_tree
from qb_controller.southbound.base_layer import next_links, off_the_shortest
from qb_controller.southbound.intent import Tree
from tests.support.executor import Executor
from tests.support.fake_network import FakeNetwork, network_of, without_cable
from tests.support.plans import RING, networks

SEEDS = st.integers(0, 1 << 30)


@settings(max_examples=200, deadline=None)
@given(networks(), SEEDS)
def test_whatever_the_old_tree_was_the_new_one_leads_everybody_to_the_egress(
    network: Network, seed: int
) -> None:
    random = Random(seed)
    egress = random.choice(network.switches).dpid
    shortest = shortest_tree(network, egress)
    old = {
        switch.dpid: random.choice([*network.links_out[switch.dpid]]).id
        for switch in network.switches
        if switch.dpid != egress and random.random() < 0.8
    }
    if old and random.random() < 0.3:
        old[random.choice(list(old))] = LinkId(999, 9)
    found = next_links(old, shortest, egress, network)
    assert found.keys() == shortest.keys()
    before, after = Tree(egress, 0, old), Tree(egress, 1, found)
    for dpid in shortest:
        path = after.path(dpid, network)
        assert path is not None
        whole = _path(before, dpid, network)
        assert path == (whole or path)
    assert next_links({}, shortest, egress, network) == {d: k.id for d, k in shortest.items()}


def _path(tree: Tree, dpid: int, network: Network) -> object:
    """As Tree.path, but for trees that may loop."""
    here, seen = dpid, set()
    while here != tree.egress and here not in seen:
        seen.add(here)
        link = network.link_by_id.get(tree.next_link.get(here, LinkId(0, 0)))
        if link is None:
            return None
        here = link.dst
    return tree.path(dpid, network) if here == tree.egress else None


def test_a_link_that_comes_back_moves_nothing_until_the_next_plan() -> None:
    ring = network_of(RING)
    cable = ring.links[0].id
    executor = Executor(FakeNetwork(ring), Random(1), ring, keep_trees=True)
    executor.see(ring)
    executor.settle()
    executor.see(without_cable(ring, cable))
    executor.settle()
    cut = executor.intent.trees
    rules = executor.fake.rules()

    executor.see(ring)
    executor.step()
    assert {egress: tree.next_link for egress, tree in executor.intent.trees.items()} == {
        egress: tree.next_link for egress, tree in cut.items()
    }
    pair_groups = [key for held in rules.values() for key in held if isinstance(key, int)]
    assert pair_groups
    for dpid, held in executor.fake.rules().items():
        for key, entry in held.items():
            if isinstance(key, int) and key >> 28 == 1:
                assert entry == rules[dpid][key]

    pairs = [(a.dpid, b.dpid) for a in ring.switches for b in ring.switches if a is not b]
    named = {route.pair: route for route in off_the_shortest(executor.intent, ring, pairs)}
    assert named
    stays = Route(*next(iter(named)), next(iter(named.values())).shares)
    executor.take(VerifiedPlan(Plan("te", 1, (stays,)), ring.version, 0.0))
    executor.settle()
    assert list(executor.intent.pairs) == [stays.pair]
    assert not list(off_the_shortest(executor.intent, ring, pairs))
    for egress, tree in executor.intent.trees.items():
        shortest = {dpid: link.id for dpid, link in shortest_tree(ring, egress).items()}
        assert tree.next_link == shortest
