"""What is out there: switches, ports, links and hosts, kept from events; a Network on request.

No input or output and no clock of its own: events come in with their time, the
:class:`~qb_controller.model.network.Network` goes out.

Rules that keep phantoms out: a cable counts when LLDP crossed it in both directions and both of its
ports are up; a host is believed only on a port that is no end of a cable and had time to show that;
a switch whose connection broke stays for :data:`LEAVE_GRACE_S`, because its datapath forwards on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from qb_controller.model.network import Host, Link, LinkId, Network, Switch

LEAVE_GRACE_S = 10.0
"""A controller connection lost for longer means the switch itself is gone (the switch would have
tried again about ten times)."""

MOST_ADDRESSES = 8
"""IP addresses of one host; of more, the one that was not heard for longest is forgotten."""

EDGE_AFTER_S = 2.0
"""A port that is up this long without LLDP from a switch leads to hosts (two LLDP rounds)."""


class Knowledge(Protocol):
    """What is known beforehand about a network, from a topology or from defaults."""

    def link(self, src: int, dst: int) -> tuple[float, float]:
        """Capacity (bit/s) and delay (s) of a link between two datapath ids."""
        ...

    def host_name(self, mac: str) -> str:
        """What people call the host with this MAC address."""
        ...


@dataclass(slots=True)
class PortState:
    """A port of a switch: its name, whether it is up, and since when it is in that state."""

    name: str
    up: bool
    since: float


@dataclass(slots=True)
class SwitchState:
    """A switch: its name, its ports by number, and when its connection broke (None: connected)."""

    name: str
    ports: dict[int, PortState]
    lost_at: float | None = None


@dataclass
class Inventory:
    """See the module's text. Methods that take an event return whether the network changed."""

    knowledge: Knowledge
    switches: dict[int, SwitchState] = field(default_factory=dict)
    peers: dict[LinkId, LinkId] = field(default_factory=dict)
    hosts: dict[str, Host] = field(default_factory=dict)
    unconfirmed: dict[LinkId, float] = field(default_factory=dict)
    """Links of a switch that came back, and until when LLDP must have shown them again."""
    changed_at: float = 0.0
    _heard: dict[str, float] = field(default_factory=dict)
    _version: int = 0
    _network: Network | None = None

    def _changed(self, now: float) -> bool:
        self._version += 1
        self._network = None
        self.changed_at = now
        return True

    def switch_connected(
        self, dpid: int, name: str, ports: Mapping[int, PortState], now: float
    ) -> bool:
        """A switch connected, for the first time or again.

        Hosts behind ports that went down or away meanwhile are gone.
        """
        before = self.switches.get(dpid)
        if before is not None and before.lost_at is not None:
            due = now + LEAVE_GRACE_S
            self.unconfirmed |= {
                src: due for src, dst in self.peers.items() if dpid in (src.dpid, dst.dpid)
            }
        old = before.ports if before is not None else {}
        kept = {
            n: old[n] if n in old and old[n].up == port.up else port for n, port in ports.items()
        }
        self.switches[dpid] = SwitchState(name, kept)
        for n in old:
            if n not in kept or not kept[n].up:
                self._forget_hosts(dpid, n)
        same = before is not None and before.name == name and _alike(old, ports)
        return False if same else self._changed(now)

    def switch_disconnected(self, dpid: int, now: float) -> None:
        """A switch's connection broke; it stays in the network for :data:`LEAVE_GRACE_S`."""
        if dpid in self.switches and self.switches[dpid].lost_at is None:
            self.switches[dpid].lost_at = now

    def expire(self, now: float) -> bool:
        """Drop what stayed away too long: switches with their links and hosts, silent links."""
        silent = {src for src, due in self.unconfirmed.items() if now > due}
        gone = {
            dpid
            for dpid, switch in self.switches.items()
            if switch.lost_at is not None and now - switch.lost_at > LEAVE_GRACE_S
        }
        self.unconfirmed = {s: due for s, due in self.unconfirmed.items() if s not in silent}
        if not gone and not silent:
            return False
        for dpid in gone:
            del self.switches[dpid]
        self.peers = {
            src: dst
            for src, dst in self.peers.items()
            if src not in silent and src.dpid not in gone and dst.dpid not in gone
        }
        self.hosts = {mac: host for mac, host in self.hosts.items() if host.dpid not in gone}
        return self._changed(now)

    def port(self, dpid: int, number: int, name: str, up: bool, now: float) -> bool:
        """A port appeared or changed; hosts behind a port that went down are gone."""
        switch = self.switches.get(dpid)
        if switch is None:
            return False
        before = switch.ports.get(number)
        if before is not None and before.up == up and before.name == name:
            return False
        switch.ports[number] = PortState(name, up, now)
        if not up:
            self._forget_hosts(dpid, number)
        return self._changed(now)

    def port_deleted(self, dpid: int, number: int, now: float) -> bool:
        """A port is no more."""
        switch = self.switches.get(dpid)
        if switch is None or switch.ports.pop(number, None) is None:
            return False
        self._forget_hosts(dpid, number)
        return self._changed(now)

    def link_seen(self, src: LinkId, dst: LinkId, now: float) -> bool:
        """LLDP sent at ``src`` arrived at ``dst``."""
        self.unconfirmed.pop(src, None)
        if self.peers.get(src) == dst:
            return False
        self.peers[src] = dst
        for end in (src, dst):
            self._forget_hosts(end.dpid, end.port)
        return self._changed(now)

    def link_lost(self, src: LinkId, now: float) -> bool:
        """LLDP sent at ``src`` arrives no more.

        While either switch is disconnected the silence says nothing about the cable.
        """
        dst = self.peers.get(src)
        if dst is None or any(self._disconnected(end.dpid) for end in (src, dst)):
            return False
        del self.peers[src]
        return self._changed(now)

    def host_seen(self, mac: str, ip: str, dpid: int, port: int, now: float) -> bool:
        """A host spoke behind a port; believed only where :meth:`is_edge` holds."""
        if not self.is_edge(dpid, port, now):
            return False
        self._heard[ip] = now
        known = self.hosts.get(mac)
        ips = known.ips if known is not None else ()
        if known is not None and (known.dpid, known.port) == (dpid, port) and ip in ips:
            return False
        self._release(ip, mac)
        if ip not in ips:
            ips = self._room_for(ip, ips)
        self.hosts[mac] = Host(self.knowledge.host_name(mac), mac, ips[0], dpid, port, ips[1:])
        owned = {each for host in self.hosts.values() for each in host.ips}
        self._heard = {each: at for each, at in self._heard.items() if each in owned}
        return self._changed(now)

    def _release(self, ip: str, mac: str) -> None:
        """One address has one owner: whoever had it before goes on without it, or is gone."""
        others = [host for host in self.hosts.values() if ip in host.ips and host.mac != mac]
        for host in others:
            left = tuple(each for each in host.ips if each != ip)
            if left:
                self.hosts[host.mac] = replace(host, ip=left[0], more_ips=left[1:])
            else:
                del self.hosts[host.mac]

    def _room_for(self, ip: str, ips: tuple[str, ...]) -> tuple[str, ...]:
        if len(ips) == MOST_ADDRESSES:
            silent = min(ips, key=lambda each: self._heard.get(each, 0.0))
            ips = tuple(each for each in ips if each != silent)
        return (*ips, ip)

    def host_adopted(self, mac: str, ip: str, dpid: int, port: int, now: float) -> bool:
        """A host is known from rules found in a switch (before it spoke to this controller)."""
        state = self.switches.get(dpid)
        if state is None or port not in state.ports or not state.ports[port].up:
            return False
        known = self.hosts.get(mac)
        if known is None:
            self.hosts[mac] = Host(self.knowledge.host_name(mac), mac, ip, dpid, port)
            return self._changed(now)
        elsewhere = (known.dpid, known.port) != (dpid, port)
        if elsewhere or len(known.ips) == MOST_ADDRESSES or self.host_by_ip(ip) is not None:
            return False
        self.hosts[mac] = replace(known, more_ips=(*known.more_ips, ip))
        return self._changed(now)

    def host_by_ip(self, ip: str) -> Host | None:
        """The host that owns an address."""
        return next((host for host in self.hosts.values() if ip in host.ips), None)

    def is_edge(self, dpid: int, port: int, now: float) -> bool:
        """Whether a port leads to hosts and to no switch, as far as is known by now."""
        switch = self.switches.get(dpid)
        state = switch.ports.get(port) if switch else None
        if state is None or not state.up or now - state.since < EDGE_AFTER_S:
            return False
        end = LinkId(dpid, port)
        return end not in self.peers and end not in self.peers.values()

    def edge_ports(self, now: float) -> dict[int, list[int]]:
        """Every port that leads to hosts, by datapath id."""
        found = {
            dpid: [number for number in switch.ports if self.is_edge(dpid, number, now)]
            for dpid, switch in self.switches.items()
        }
        return {dpid: ports for dpid, ports in found.items() if ports}

    def network(self) -> Network:
        """The network as it is now; the same object until something changes."""
        if self._network is None:
            self._network = Network(
                tuple(Switch(dpid, s.name) for dpid, s in sorted(self.switches.items())),
                tuple(self._links()),
                tuple(sorted(self.hosts.values(), key=lambda host: host.mac)),
                self._version,
            )
        return self._network

    def all_connected(self) -> bool:
        """Whether every switch of the network can be given rules now."""
        return all(switch.lost_at is None for switch in self.switches.values())

    def _links(self) -> list[Link]:
        links = []
        for src, dst in sorted(self.peers.items()):
            if self.peers.get(dst) == src and self._up(src) and self._up(dst):
                capacity, delay = self.knowledge.link(src.dpid, dst.dpid)
                links.append(Link(src.dpid, src.port, dst.dpid, dst.port, capacity, delay))
        return links

    def _up(self, end: LinkId) -> bool:
        switch = self.switches.get(end.dpid)
        state = switch.ports.get(end.port) if switch else None
        return state is not None and state.up

    def _disconnected(self, dpid: int) -> bool:
        switch = self.switches.get(dpid)
        return switch is not None and switch.lost_at is not None

    def _forget_hosts(self, dpid: int, port: int) -> None:
        self.hosts = {
            mac: host for mac, host in self.hosts.items() if (host.dpid, host.port) != (dpid, port)
        }


def _alike(before: Mapping[int, PortState], after: Mapping[int, PortState]) -> bool:
    """Whether two sets of ports differ in nothing but time."""
    return {n: (p.name, p.up) for n, p in before.items()} == {
        n: (p.name, p.up) for n, p in after.items()
    }
