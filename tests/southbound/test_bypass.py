from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from qb_controller.model.network import LinkId, Network
from qb_controller.southbound import bypass as bypass_module
from qb_controller.southbound.bypass import Bypass, plan_bypasses
from qb_controller.southbound.steps import run
from tests.support.fake_network import network_of, without_cable
from tests.support.plans import networks


def planned(network: Network, before: dict | None = None, taken: set | None = None) -> dict:
    return run(plan_bypasses(network, before or {}, taken or set()))


@given(networks())
def test_bypasses_lead_to_the_far_end_without_the_cable(network: Network) -> None:
    found = planned(network)
    tags = [bypass.tag for bypass in found.values() if bypass.tag]
    assert len(set(tags)) == len(tags)
    for link in network.links:
        bypass = found.get(link.id)
        reachable = planned_reachable(without_cable(network, link.id), link.src)
        assert (bypass is not None) == (link.dst in reachable)
        if bypass:
            assert bypass.path.dpids[0] == link.src
            assert bypass.path.dpids[-1] == link.dst
            assert len(set(bypass.path.dpids)) == len(bypass.path.dpids)
            cable = {link.id, LinkId(link.dst, link.dst_port)}
            assert not cable & set(bypass.path.links)
            assert (bypass.tag == 0) == (len(bypass.path.links) == 1)
            assert network.link_by_id[bypass.path.links[-1]].dst_port == bypass.arrives


def planned_reachable(network: Network, start: int) -> set[int]:
    seen, todo = set(), [start]
    while todo:
        here = todo.pop()
        if here not in seen:
            seen.add(here)
            todo += [link.dst for link in network.links_out[here]]
    return seen


@settings(deadline=None)
@given(networks(), st.integers(0, 99))
def test_only_bypasses_over_a_removed_cable_change_and_get_new_tags(
    network: Network, seed: int
) -> None:
    before = planned(network)
    gone = Random(seed).choice(network.links)
    cable = {gone.id, LinkId(gone.dst, gone.dst_port)}
    after = planned(without_cable(network, gone.id), before)
    old_tags = {bypass.tag for bypass in before.values()}
    for link, bypass in after.items():
        if cable & set(before[link].path.links):
            assert bypass.tag == 0 or bypass.tag not in old_tags
        else:
            assert bypass is before[link]


def test_parallel_cables_need_no_tag() -> None:
    network = network_of([(1, 2), (1, 2)])
    bypass = planned(network)[LinkId(1, 1)]
    assert (bypass.path.links, bypass.tag) == ((LinkId(1, 2),), 0)


def test_links_beyond_the_last_tag_have_no_bypass(monkeypatch) -> None:
    monkeypatch.setattr(bypass_module, "TAGS", range(1, 4))
    network = network_of([(1, 2), (2, 3), (3, 1)])
    found = planned(network, taken={2})
    assert {link: bypass.tag for link, bypass in found.items()} == {
        LinkId(1, 1): 1,
        LinkId(1, 2): 3,
    }
    assert all(isinstance(bypass, Bypass) for bypass in found.values())
