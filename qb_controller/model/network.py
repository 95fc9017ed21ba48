"""The network as the controller knows it: switches, directed links, hosts, paths.

Everything here is frozen; a change makes a new :class:`Network` with a higher ``version``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple


class LinkId(NamedTuple):
    """A directed link, named by the port that sends into it.

    Attributes
    ----------
    dpid : int
        Datapath id of the sending switch.
    port : int
        OpenFlow port number on that switch.
    """

    dpid: int
    port: int


@dataclass(frozen=True, slots=True)
class Switch:
    """An OpenFlow switch: its datapath id and the name people call it by (``s3``)."""

    dpid: int
    name: str


@dataclass(frozen=True, slots=True)
class Link:
    """A directed link between two switches.

    Attributes
    ----------
    src, src_port : int
        Sending datapath id and its port number.
    dst, dst_port : int
        Receiving datapath id and its port number.
    capacity : float
        Bit/s.
    delay : float
        Propagation delay in seconds, 0 where unknown.
    """

    src: int
    src_port: int
    dst: int
    dst_port: int
    capacity: float
    delay: float = 0.0

    @property
    def id(self) -> LinkId:
        return LinkId(self.src, self.src_port)


@dataclass(frozen=True, slots=True)
class Host:
    """An end system and where it is attached.

    Attributes
    ----------
    name : str
        As in the topology (``h7``), else derived from the MAC address.
    mac, ip : str
        Lower-case colon notation and dotted quad.
    dpid, port : int
        The switch and the port it was last seen behind.
    more_ips : tuple of str
        Other addresses that it answers to.
    """

    name: str
    mac: str
    ip: str
    dpid: int
    port: int
    more_ips: tuple[str, ...] = ()

    @property
    def ips(self) -> tuple[str, ...]:
        """All its addresses, the one that was heard first in front."""
        return (self.ip, *self.more_ips)


@dataclass(frozen=True)
class Network:
    """One consistent view of the network.

    Attributes
    ----------
    switches, links, hosts
        Only what is up now. ``links`` are directed; a cable is two of them.
    version : int
        Grows with every change; equal versions mean equal networks within one controller run.
    """

    switches: tuple[Switch, ...]
    links: tuple[Link, ...]
    hosts: tuple[Host, ...] = ()
    version: int = 0

    @cached_property
    def link_by_id(self) -> dict[LinkId, Link]:
        return {link.id: link for link in self.links}

    @cached_property
    def switch_by_dpid(self) -> dict[int, Switch]:
        return {switch.dpid: switch for switch in self.switches}

    @cached_property
    def links_out(self) -> dict[int, tuple[Link, ...]]:
        """Links that leave each switch, in port order; every switch has an entry."""
        out: dict[int, list[Link]] = {switch.dpid: [] for switch in self.switches}
        for link in sorted(self.links, key=lambda link: link.id):
            out.setdefault(link.src, []).append(link)
        return {dpid: tuple(links) for dpid, links in out.items()}

    @cached_property
    def hosts_at(self) -> dict[int, tuple[Host, ...]]:
        """Hosts behind each switch; switches without one have no entry."""
        at: dict[int, list[Host]] = {}
        for host in sorted(self.hosts, key=lambda host: host.mac):
            at.setdefault(host.dpid, []).append(host)
        return {dpid: tuple(hosts) for dpid, hosts in at.items()}

    @cached_property
    def switch_of_host(self) -> dict[str, int]:
        """Datapath id of the switch that each host is behind, by the host's name."""
        return {host.name: host.dpid for host in self.hosts}

    def name(self, dpid: int) -> str:
        """Name of a switch, or its datapath id in hexadecimal where it is not there."""
        switch = self.switch_by_dpid.get(dpid)
        return switch.name if switch else f"{dpid:016x}"


@dataclass(frozen=True, slots=True)
class Path:
    """A loop-free path from an ingress to an egress switch.

    Attributes
    ----------
    links : tuple of LinkId
        The sending ports in order, at least one.
    egress : int
        Datapath id where the last link ends (a :class:`LinkId` does not tell).
    """

    links: tuple[LinkId, ...]
    egress: int

    @property
    def ingress(self) -> int:
        return self.links[0].dpid

    @property
    def dpids(self) -> tuple[int, ...]:
        """Every switch on the path in order, both ends included."""
        return (*(link.dpid for link in self.links), self.egress)


def path_of(links: Iterable[Link]) -> Path:
    """Make a path from consecutive links.

    Raises
    ------
    ValueError
        The links are empty, do not follow one another, or visit a switch twice.
    """
    chain = tuple(links)
    if not chain:
        raise ValueError("a path needs at least one link")
    for before, after in pairwise(chain):
        if before.dst != after.src:
            raise ValueError(f"link into {before.dst} is followed by a link out of {after.src}")
    path = Path(tuple(link.id for link in chain), chain[-1].dst)
    if len(set(path.dpids)) != len(path.dpids):
        raise ValueError(f"path visits a switch twice: {path.dpids}")
    return path
