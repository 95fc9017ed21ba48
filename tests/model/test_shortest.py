from __future__ import annotations

import random
from dataclasses import replace

import networkx
from hypothesis import given, settings
from hypothesis import strategies as st

from qb_controller.model.network import Link, Network, Switch
from qb_controller.model.shortest import link_cost, shortest_tree, shortest_trees, tree_path
from tests.orchestration.networks import ABILENE, diamond, network, networks


def test_ties_go_to_the_lower_switch_then_the_lower_port() -> None:
    tree = shortest_tree(diamond(), 4)
    assert tree[1].dst == 2
    double = network(((1, 2), (1, 2)))
    assert shortest_tree(double, 2)[1].src_port == 1


def test_delay_comes_before_hops() -> None:
    def both(a: int, pa: int, b: int, pb: int, delay: float) -> tuple[Link, Link]:
        return Link(a, pa, b, pb, 1e6, delay), Link(b, pb, a, pa, 1e6, delay)

    links = (*both(1, 1, 2, 1, 0.010), *both(1, 2, 3, 1, 0.002), *both(3, 2, 2, 2, 0.003))
    net = Network(tuple(Switch(d, f"s{d}") for d in (1, 2, 3)), links)
    path = tree_path(shortest_tree(net, 2), 1)
    assert path is not None and path.dpids == (1, 3, 2)


def test_switches_that_are_cut_off_have_no_entry() -> None:
    net = network(((1, 2), (3, 4)))
    assert set(shortest_tree(net, 1)) == {2}
    assert tree_path(shortest_tree(net, 1), 4) is None
    assert shortest_tree(net, 99) == {}


def test_links_to_unknown_switches_are_passed_over() -> None:
    net = network(((1, 2), (2, 3)))
    net = replace(net, switches=net.switches[:2])
    assert set(shortest_tree(net, 1)) == {2}


def test_equal_networks_give_equal_trees_in_any_order() -> None:
    net = network(ABILENE)
    links = list(net.links)
    random.Random(1).shuffle(links)
    assert shortest_trees(net) == shortest_trees(replace(net, links=tuple(links), version=9))


@settings(max_examples=60, deadline=None)
@given(networks(), st.data())
def test_trees_are_loop_free_and_shortest(net: Network, data: st.DataObject) -> None:
    egress = data.draw(st.sampled_from([switch.dpid for switch in net.switches]))
    graph = networkx.MultiDiGraph()
    for link in net.links:
        graph.add_edge(link.src, link.dst, weight=link_cost(link))
    tree = shortest_tree(net, egress)
    lengths = networkx.single_source_dijkstra_path_length(graph.reverse(), egress)
    assert set(tree) == set(lengths) - {egress}
    for ingress in tree:
        path = tree_path(tree, ingress)
        assert path is not None and path.egress == egress
        assert sum(link_cost(net.link_by_id[step]) for step in path.links) == lengths[ingress]
