"""Mininet classes that make a :class:`~topologies.addressing.Plan` work on userspace switches."""

from __future__ import annotations

from typing import Any

from mininet.link import Intf, Link, TCIntf
from mininet.node import Host
from mininet.topo import Topo

from topologies.addressing import Plan
from topologies.shaping import DEFAULT_QUEUE, htb_commands

NEIGHBOUR_MS = 3_600_000
"""Hosts trust an ARP entry for an hour: forwarding must not depend on a controller that answers
ARP every half minute, or a dead controller would look like a dead data plane."""


def host_commands(interface: str) -> list[str]:
    """Shell commands that every host needs once its interface is there.

    Checksums must be computed by the host itself: the userspace switch hands on what it reads,
    and with offload that is a packet without a checksum, so TCP never connects. IPv6 is off
    because its own chatter would end up in the counters.
    """
    neighbour = f"/proc/sys/net/ipv4/neigh/{interface}"
    return [
        f"ethtool -K {interface} tx off rx off >/dev/null 2>&1",
        "for f in all default; do echo 1 >/proc/sys/net/ipv6/conf/$f/disable_ipv6; done"
        " 2>/dev/null",
        f"echo {NEIGHBOUR_MS} >{neighbour}/base_reachable_time_ms",
        f"echo {NEIGHBOUR_MS // 1000} >{neighbour}/gc_stale_time",
    ]


class TcpHost(Host):
    """A host whose TCP works through a userspace Open vSwitch."""

    def config(self, **params: Any) -> dict:
        """Configure as any Mininet host, then what :func:`host_commands` says."""
        result: dict = super().config(**params)
        interface = self.defaultIntf()
        if interface is not None:
            self.cmd("; ".join(host_commands(interface.name)))
        return result


class ShapedIntf(TCIntf):
    """A switch port limited by HTB with a short queue.

    It derives from ``TCIntf`` because Mininet configures those again after Open vSwitch has
    taken the port over and removed its queueing disciplines.
    """

    def config(self, rate: float | None = None, queue: int = DEFAULT_QUEUE, **params: Any) -> dict:
        """Bring the interface up and limit it to ``rate`` bit/s."""
        # What mn --link tc hands to every interface is not for this one.
        kept = {key: value for key, value in params.items() if key in ("mac", "ip", "up")}
        result: dict = Intf.config(self, **kept)
        self.cmd(f"echo 1 >/proc/sys/net/ipv6/conf/{self.name}/disable_ipv6 2>/dev/null")
        if rate:
            self.cmd("; ".join(f"tc {line}" for line in htb_commands(self.name, rate, queue)))
        return result


class QuietIntf(Intf):
    """An interface that is configured together with all others, not by a command of its own."""

    def config(self, **params: Any) -> dict:
        """Do nothing."""
        return {}


class QuietLink(Link):
    """A link whose interface pair is made together with all others."""

    def __init__(self, node1: Any, node2: Any, **params: Any) -> None:
        super().__init__(node1, node2, **{**params, "intf": QuietIntf})

    @classmethod
    def makeIntfPair(cls, *args: Any, **kwargs: Any) -> None:
        """Do nothing."""


class BackboneTopo(Topo):
    """A plan as a Mininet topology.

    Parameters
    ----------
    plan : Plan
    quiet : bool
        Leave making, shaping and configuring to the caller, who does it in batches.
    queue : int
        Packets that wait at a link's port.
    """

    def build(self, plan: Plan, quiet: bool = False, queue: int = DEFAULT_QUEUE) -> None:
        """Add switches, hosts and links."""
        for node in range(len(plan.topology.nodes)):
            self.addSwitch(plan.switch(node), dpid=f"{node + 1:016x}")
        quiet_link = {"cls": QuietLink} if quiet else {}
        for host in plan.hosts:
            name = self.addHost(
                plan.host(host), ip=f"{host.ip}/8", mac=host.mac, cls=Host if quiet else TcpHost
            )
            link = quiet_link or {"cls": Link}
            self.addLink(plan.switch(host.node), name, port1=host.port, port2=0, **link)
        for planned in plan.cables:
            cable = planned.cable
            shaped = {
                "cls": Link,
                "cls1": ShapedIntf,
                "cls2": ShapedIntf,
                "params1": {"rate": cable.ab, "queue": queue},
                "params2": {"rate": cable.ba, "queue": queue},
            }
            self.addLink(
                plan.switch(cable.a), plan.switch(cable.b),
                port1=planned.port_a, port2=planned.port_b, **(quiet_link or shaped),
            )  # fmt: skip
