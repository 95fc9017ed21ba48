"""Fake switches joined by cables, with packets in flight that move one hop at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from random import Random

from qb_controller.model.network import Host, Link, LinkId, Network, Switch
from qb_controller.model.rules import RuleSet
from qb_controller.southbound.instructions import Instruction
from qb_controller.southbound.update import Phase
from tests.support.fake_switch import FakeSwitch, Packet, SwitchError

HOP_LIMIT = 64


def host_of(dpid: int, port: int = 100) -> Host:
    """The host that tests put behind a switch."""
    mac = f"00:00:00:00:{dpid >> 8:02x}:{dpid & 255:02x}"
    return Host(f"h{dpid}", mac, f"10.0.{dpid >> 8}.{dpid & 255}", dpid, port)


def network_of(
    edges: Iterable[tuple[int, int]], hosts: Iterable[Host] | None = None, version: int = 1
) -> Network:
    """A network of cables (parallel ones allowed), ports numbered as they come, host per switch."""
    links: list[Link] = []
    ports: dict[int, int] = {}
    for a, b in edges:
        pa, pb = ports.get(a, 0) + 1, ports.get(b, 0) + (2 if a == b else 1)
        ports[a], ports[b] = pa, pb
        links += [Link(a, pa, b, pb, 10e6), Link(b, pb, a, pa, 10e6)]
    dpids = sorted(ports)
    found = tuple(hosts) if hosts is not None else tuple(host_of(dpid) for dpid in dpids)
    switches = tuple(Switch(dpid, f"s{dpid}") for dpid in dpids)
    return Network(switches, tuple(links), found, version)


def without_cable(network: Network, link: LinkId) -> Network:
    """The network as the controller sees it once a cable is gone."""
    there = network.link_by_id[link]
    both = {link, LinkId(there.dst, there.dst_port)}
    links = tuple(other for other in network.links if other.id not in both)
    return Network(network.switches, links, network.hosts, network.version + 1)


@dataclass
class Flight:
    """A packet under way."""

    packet: Packet
    source: Host
    target: Host
    started: float
    at: tuple[int, int]
    hops: list[LinkId] = field(default_factory=list)


@dataclass
class FakeNetwork:
    """Switches, cables, hosts, and packets in flight.

    ``delivered`` collects what arrived at the right host with the right address; everything else
    (lost, looped, duplicated, at the wrong door) is an error in ``wrong``.
    """

    network: Network
    switches: dict[int, FakeSwitch] = field(default_factory=dict)
    flights: list[Flight] = field(default_factory=list)
    delivered: list[Flight] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    cut: set[LinkId] = field(default_factory=set)

    def __post_init__(self) -> None:
        for switch in self.network.switches:
            self.switches[switch.dpid] = FakeSwitch(switch.dpid)
        for link in self.network.links:
            self.switches[link.src].up[link.src_port] = True
        for host in self.network.hosts:
            self.switches[host.dpid].up[host.port] = True

    def rules(self) -> dict[int, RuleSet]:
        """What all switches would report."""
        return {dpid: switch.rules() for dpid, switch in self.switches.items()}

    def cut_cable(self, link: LinkId, up: bool = False) -> None:
        """Take a cable down (or up) at both ends at once."""
        there = self.network.link_by_id[link]
        for end in (link, LinkId(there.dst, there.dst_port)):
            self.switches[end.dpid].up[end.port] = up
            (self.cut.discard if up else self.cut.add)(end)

    def send(
        self, source: Host, target: Host, flow: int = 0, now: float = 0.0, dscp: int = 0
    ) -> None:
        """A host sends a packet to another one."""
        packet = Packet(target.mac, target.ip, flow=flow, eth_src=source.mac, dscp=dscp)
        self.flights.append(Flight(packet, source, target, now, (source.dpid, source.port)))

    def hop(self, flight: Flight) -> None:
        """Move one packet through one switch and over one link."""
        self.flights.remove(flight)
        dpid, in_port = flight.at
        what = f"{flight.source.name}>{flight.target.name} flow {flight.packet.flow} {flight.hops}"
        if len(flight.hops) > HOP_LIMIT:
            self.wrong.append(f"looped: {what}")
            return
        out = self.switches[dpid].forward(flight.packet, in_port)
        if len(out) != 1:
            self.wrong.append(f"{len(out)} copies out of s{dpid} from port {in_port}: {what}")
        for port, packet in out:
            link = self.network.link_by_id.get(LinkId(dpid, port))
            if link is not None:
                hops = [*flight.hops, link.id]
                there = (link.dst, link.dst_port)
                self.flights.append(
                    Flight(packet, flight.source, flight.target, flight.started, there, hops)
                )
            elif (dpid, port) == (flight.target.dpid, flight.target.port):
                meant = replace(
                    flight.packet, eth_dst=flight.target.mac, ipv4_dst=flight.target.ip, vlans=()
                )
                if replace(packet, dscp=0) != replace(meant, dscp=0):
                    self.wrong.append(f"arrived as {packet}: {what}")
                self.delivered.append(replace(flight, packet=packet))
            else:
                self.wrong.append(f"came out of s{dpid} port {port}: {what}")

    def drain(self) -> None:
        """Let every packet arrive."""
        while self.flights:
            self.hop(self.flights[0])

    def obey(self, phase: Phase, random: Random, between: Callable[[], None]) -> None:
        """Carry out one phase: any order across and, for want of barriers, within switches."""
        todo: list[tuple[int, Instruction]] = [
            (dpid, order) for dpid, orders in phase.items() for order in orders
        ]
        random.shuffle(todo)
        for dpid, order in todo:
            try:
                self.switches[dpid].handle(order)
            except SwitchError as error:
                self.wrong.append(str(error))
            between()
