"""Names, numbers, addresses and ports: the same for the live network and whoever looks at it.

Rule of the ports: hosts first, then links. With H hosts per switch, ports 1..H of every switch
lead to its hosts in order; ports H+1.. lead to its cables in the order of (a, b).
"""

from __future__ import annotations

from dataclasses import dataclass

from topologies.graph import Cable, Topology, cables

MAX_HOSTS = 65_535
MAX_INTERFACE_NAME = 15


@dataclass(frozen=True)
class HostPlan:
    """A host: number n from 1 through the whole network.

    Attributes
    ----------
    number, node, port : int
        Own number, index of its node, port of the switch that it hangs on.
    name, ip, mac : str
    """

    number: int
    node: int
    port: int
    name: str
    ip: str
    mac: str


@dataclass(frozen=True)
class CablePlan:
    """A cable and the port number at each of its ends."""

    cable: Cable
    port_a: int
    port_b: int


@dataclass(frozen=True)
class Plan:
    """All that a live network is built from.

    Attributes
    ----------
    topology : Topology
        With the capacities that the links really get.
    prefix : str
        Put before every switch and host name; empty by default.
    hosts : tuple of HostPlan
    cables : tuple of CablePlan
    """

    topology: Topology
    prefix: str
    hosts: tuple[HostPlan, ...]
    cables: tuple[CablePlan, ...]

    def switch(self, node: int) -> str:
        """Name of the switch of a node, prefix included."""
        return f"{self.prefix}s{node + 1}"

    def host(self, host: HostPlan) -> str:
        """Name of a host, prefix included."""
        return self.prefix + host.name

    def interface(self, node: int, port: int) -> str:
        """Interface of a switch port in the root namespace."""
        return f"{self.switch(node)}-eth{port}"


def host_name(number: int) -> str:
    """``h1``, ``h2``, ... ; with one host per switch host i+1 hangs on node i."""
    return f"h{number}"


def host_ip(number: int) -> str:
    """10.0.x.y of host number x * 256 + y."""
    return f"10.0.{number >> 8}.{number & 255}"


def host_mac(number: int) -> str:
    """00:00:00:00:xx:yy of host number 256 x + y, hexadecimal."""
    return f"00:00:00:00:{number >> 8:02x}:{number & 255:02x}"


def hosts_of(topology: Topology, per_switch: int = 1) -> tuple[HostPlan, ...]:
    """Hosts of a network, ordered by number: node 0's first, then node 1's, ...

    Raises
    ------
    ValueError
        Fewer than none or more than :data:`MAX_HOSTS` in all.
    """
    total = per_switch * len(topology.nodes)
    if per_switch < 0 or total > MAX_HOSTS:
        raise ValueError(
            f"hosts={per_switch} on {len(topology.nodes)} switches: 0 to {MAX_HOSTS} are possible"
        )
    return tuple(
        HostPlan(n, (n - 1) // per_switch, (n - 1) % per_switch + 1, host_name(n), host_ip(n),
                 host_mac(n))
        for n in range(1, total + 1)
    )  # fmt: skip


def plan(topology: Topology, hosts_per_switch: int = 1, prefix: str = "") -> Plan:
    """Number hosts and ports of a network.

    Raises
    ------
    ValueError
        Too many hosts, an edge without its opposite, a prefix that is not made of letters and
        digits or that makes an interface name longer than the kernel's 15 characters.
    """
    if prefix and not (prefix.isalnum() and prefix.isascii() and prefix[0].isalpha()):
        raise ValueError(f"prefix {prefix!r}: letters and digits only, a letter first")
    next_port = [hosts_per_switch + 1] * len(topology.nodes)
    planned = []
    for cable in cables(topology):
        planned.append(CablePlan(cable, next_port[cable.a], next_port[cable.b]))
        next_port[cable.a] += 1
        next_port[cable.b] += 1
    result = Plan(topology, prefix, hosts_of(topology, hosts_per_switch), tuple(planned))
    for node, port in enumerate(next_port):
        longest = result.interface(node, max(1, port - 1))
        if len(longest) > MAX_INTERFACE_NAME:
            raise ValueError(
                f"prefix {prefix!r}: the interface {longest} would be longer than "
                f"{MAX_INTERFACE_NAME} characters"
            )
    return result
