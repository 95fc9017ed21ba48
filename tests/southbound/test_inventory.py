from __future__ import annotations

import pytest

from qb_controller.knowledge import DefaultKnowledge
from qb_controller.model.network import LinkId
from qb_controller.southbound.inventory import (
    EDGE_AFTER_S,
    LEAVE_GRACE_S,
    MOST_ADDRESSES,
    Inventory,
    PortState,
)

H7 = ("00:00:00:00:00:07", "10.0.0.7")


@pytest.fixture
def inventory() -> Inventory:
    """Two switches, port 1 to a host, port 2 to each other."""
    made = Inventory(DefaultKnowledge(10e6))
    for dpid in (1, 2):
        ports = {n: PortState(f"s{dpid}-eth{n}", True, 0.0) for n in (1, 2)}
        made.switch_connected(dpid, f"s{dpid}", ports, 0.0)
    made.link_seen(LinkId(1, 2), LinkId(2, 2), 0.1)
    made.link_seen(LinkId(2, 2), LinkId(1, 2), 0.2)
    return made


def test_a_cable_needs_lldp_in_both_directions() -> None:
    made = Inventory(DefaultKnowledge(10e6))
    for dpid in (1, 2):
        made.switch_connected(dpid, f"s{dpid}", {2: PortState("", True, 0.0)}, 0.0)
    assert made.link_seen(LinkId(1, 2), LinkId(2, 2), 0.1)
    assert made.network().links == ()
    made.link_seen(LinkId(2, 2), LinkId(1, 2), 0.2)
    assert {link.id for link in made.network().links} == {LinkId(1, 2), LinkId(2, 2)}


def test_a_port_down_takes_the_cable_away_at_once_and_up_brings_it_back(
    inventory: Inventory,
) -> None:
    assert inventory.port(1, 2, "s1-eth2", False, 5.0)
    assert inventory.network().links == ()
    assert inventory.port(1, 2, "s1-eth2", True, 6.0)
    assert len(inventory.network().links) == 2


def test_network_is_one_object_until_something_changes(inventory: Inventory) -> None:
    before = inventory.network()
    assert inventory.network() is before
    assert not inventory.link_seen(LinkId(1, 2), LinkId(2, 2), 3.0)
    assert inventory.network() is before
    inventory.host_seen(*H7, 1, 1, 3.0)
    assert inventory.network().version > before.version


@pytest.mark.parametrize("left", [{2: True}, {1: False, 2: True}])
def test_hosts_behind_a_port_that_a_switch_comes_back_without_are_gone(
    inventory: Inventory, left: dict[int, bool]
) -> None:
    later = EDGE_AFTER_S + 1
    assert inventory.host_seen(*H7, 1, 1, later)
    inventory.switch_disconnected(1, later)
    ports = {n: PortState(f"s1-eth{n}", up, later + 2) for n, up in left.items()}
    assert inventory.switch_connected(1, "s1", ports, later + 2)
    assert inventory.network().hosts == ()
    assert not inventory.host_adopted(*H7, 1, 1, later + 2)


def test_hosts_are_believed_only_on_edge_ports_that_had_time(inventory: Inventory) -> None:
    assert not inventory.host_seen(*H7, 1, 1, EDGE_AFTER_S / 2)
    assert not inventory.host_seen(*H7, 1, 2, EDGE_AFTER_S + 1)  # the port of a cable
    assert inventory.host_seen(*H7, 1, 1, EDGE_AFTER_S + 1)
    assert [host.name for host in inventory.network().hosts] == ["h7"]


def test_a_host_moves_and_leaves(inventory: Inventory) -> None:
    inventory.host_seen(*H7, 1, 1, 3.0)
    assert inventory.host_seen(*H7, 2, 1, 4.0)
    (host,) = inventory.network().hosts
    assert (host.dpid, host.port) == (2, 1)
    inventory.port(2, 1, "s2-eth1", False, 5.0)
    assert inventory.network().hosts == ()


def test_an_address_has_one_owner(inventory: Inventory) -> None:
    inventory.host_seen(*H7, 1, 1, 3.0)
    inventory.host_seen("00:00:00:00:00:08", H7[1], 2, 1, 4.0)
    assert [host.mac for host in inventory.network().hosts] == ["00:00:00:00:00:08"]


SECOND = "10.0.0.70"


def test_a_host_with_two_addresses_does_not_change_with_every_word(inventory: Inventory) -> None:
    assert inventory.host_seen(*H7, 1, 1, 3.0)
    assert inventory.host_seen(H7[0], SECOND, 1, 1, 3.1)
    network = inventory.network()
    for now in range(4, 20):
        assert not inventory.host_seen(H7[0], (H7[1], SECOND)[now % 2], 1, 1, float(now))
    assert inventory.network() is network
    (host,) = network.hosts
    assert host.ips == (H7[1], SECOND)
    for ip in host.ips:
        found = inventory.host_by_ip(ip)
        assert found is not None and found.mac == H7[0]
    assert inventory.host_seen(*H7, 2, 1, 30.0)  # it moves with both
    assert [(one.ips, one.dpid) for one in inventory.network().hosts] == [(host.ips, 2)]


def test_whoever_takes_one_of_two_addresses_leaves_the_other(inventory: Inventory) -> None:
    inventory.host_seen(*H7, 1, 1, 3.0)
    inventory.host_seen(H7[0], SECOND, 1, 1, 3.1)
    inventory.host_seen("00:00:00:00:00:08", H7[1], 2, 1, 4.0)
    hosts = {host.mac: host.ips for host in inventory.network().hosts}
    assert hosts == {H7[0]: (SECOND,), "00:00:00:00:00:08": (H7[1],)}


def test_of_very_many_addresses_those_heard_last_are_kept(inventory: Inventory) -> None:
    for number in range(MOST_ADDRESSES + 3):
        inventory.host_seen(H7[0], f"10.1.0.{number}", 1, 1, 3.0 + number)
        inventory.host_seen(H7[0], "10.1.0.0", 1, 1, 3.5 + number)
    (host,) = inventory.network().hosts
    assert len(host.ips) == MOST_ADDRESSES
    assert host.ip == "10.1.0.0"
    assert f"10.1.0.{MOST_ADDRESSES + 2}" in host.ips


def test_all_addresses_found_in_the_switches_are_taken_over(inventory: Inventory) -> None:
    for ip in (H7[1], SECOND):
        assert inventory.host_adopted(H7[0], ip, 1, 1, 3.0)
    assert not inventory.host_adopted(H7[0], SECOND, 1, 1, 3.0)
    assert [host.ips for host in inventory.network().hosts] == [(H7[1], SECOND)]


def test_a_host_seen_on_what_turns_out_a_cable_is_forgotten() -> None:
    made = Inventory(DefaultKnowledge(10e6))
    for dpid in (1, 2):
        made.switch_connected(dpid, f"s{dpid}", {2: PortState("", True, 0.0)}, 0.0)
    assert made.host_seen(*H7, 1, 2, 3.0)
    made.link_seen(LinkId(1, 2), LinkId(2, 2), 4.0)
    assert made.network().hosts == ()


def test_a_broken_connection_keeps_the_switch_for_a_while(inventory: Inventory) -> None:
    inventory.switch_disconnected(2, 10.0)
    assert not inventory.link_lost(LinkId(1, 2), 10.1)  # silence says nothing about the cable
    assert not inventory.all_connected()
    assert not inventory.expire(10.0 + LEAVE_GRACE_S / 2)
    assert len(inventory.network().links) == 2
    assert inventory.expire(10.1 + LEAVE_GRACE_S)
    assert [switch.dpid for switch in inventory.network().switches] == [1]
    assert inventory.network().links == ()


def test_a_cable_that_stays_silent_after_a_reconnection_goes(inventory: Inventory) -> None:
    ports = {n: PortState(f"s2-eth{n}", True, 11.0) for n in (1, 2)}
    inventory.switch_disconnected(2, 10.0)
    assert not inventory.switch_connected(2, "s2", ports, 11.0)
    inventory.link_seen(LinkId(2, 2), LinkId(1, 2), 12.0)
    assert inventory.expire(11.1 + LEAVE_GRACE_S)
    assert LinkId(1, 2) not in inventory.peers
    assert LinkId(2, 2) in inventory.peers
