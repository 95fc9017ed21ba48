"""Where the switches send a packet now, worked out from the rules they hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from qb_controller.model.network import Host, LinkId, Network
from qb_controller.model.rules import Action, Bucket, FlowRule, GroupRule, RuleSet
from qb_controller.southbound import layout
from qb_controller.southbound.reading import Held

HOP_LIMIT = 64


@dataclass(frozen=True, slots=True)
class Branch:
    """One way that packets of a pair of hosts go.

    Attributes
    ----------
    fraction : float
        Share of the microflows that the weights give it, 0 to 1.
    links : tuple of LinkId
        Links crossed, in order.
    labels : tuple of str
        Destination address on each of them.
    tags : tuple of int
        VLAN number on each of them: 0, or that of the bypass of a broken link.
    end : str
        ``delivered``, or in words where and why not.
    """

    fraction: float
    links: tuple[LinkId, ...]
    labels: tuple[str, ...]
    tags: tuple[int, ...]
    end: str


@dataclass(frozen=True, slots=True)
class _Packet:
    dpid: int
    in_port: int
    eth_src: str
    eth_dst: str
    ip: str
    dscp: int = 0
    vlans: tuple[int, ...] = ()


def trace(
    held: Held,
    network: Network,
    source: Host,
    target: Host,
    is_up: Callable[[int, int], bool] | None = None,
) -> list[Branch]:
    """All ways from one host to another, largest fraction first.

    Parameters
    ----------
    held : mapping of int to RuleSet
        What the switches hold.
    network : Network
    source, target : Host
    is_up : callable of (datapath id, port), optional
        Whether a port is live, as fast failover sees it; links of the network are by default.
    """
    live = is_up or (lambda dpid, port: LinkId(dpid, port) in network.link_by_id)
    branches: list[Branch] = []
    start = _Packet(source.dpid, source.port, source.mac, target.mac, target.ip)
    todo = [(start, Branch(1.0, (), (), (), ""))]
    while todo:
        packet, so_far = todo.pop()
        where = network.name(packet.dpid)
        if len(so_far.links) >= HOP_LIMIT:
            branches.append(replace(so_far, end=f"loops, seen at {where}"))
            continue
        out = list(_through(held.get(packet.dpid, {}), packet, live))
        if not out:
            branches.append(replace(so_far, end=f"dropped at {where}"))
        for part, port, sent in out:
            link = network.link_by_id.get(LinkId(packet.dpid, port))
            here = replace(so_far, fraction=so_far.fraction * part)
            if link is not None:
                there = replace(sent, dpid=link.dst, in_port=link.dst_port)
                tag = sent.vlans[0] if sent.vlans else 0
                todo.append((there, _further(here, link.id, sent.eth_dst, tag)))
            elif (packet.dpid, port) == (target.dpid, target.port) and sent.eth_dst == target.mac:
                branches.append(replace(here, end="delivered"))
            else:
                branches.append(replace(here, end=f"leaves {where} by port {port}"))
    return sorted(branches, key=lambda branch: (-branch.fraction, branch.links))


def _further(branch: Branch, link: LinkId, label: str, tag: int) -> Branch:
    return replace(
        branch,
        links=(*branch.links, link),
        labels=(*branch.labels, label),
        tags=(*branch.tags, tag),
    )


_Live = Callable[[int, int], bool]
_Sent = tuple[float, int, _Packet]
"""Fraction, port and packet of what leaves a switch."""


def _through(rules: RuleSet, packet: _Packet, live: _Live) -> Iterator[_Sent]:
    """What leaves a switch for one packet that comes in."""
    table: int | None = layout.CLASSIFY
    while table is not None:
        fitting = (
            rule
            for rule in rules.values()
            if isinstance(rule, FlowRule) and rule.table == table and _fits(rule, packet)
        )
        rule = max(fitting, key=lambda rule: rule.priority, default=None)
        table = None
        if rule is not None:
            yield from _act(rules, rule.actions, packet, live, 1.0)
            table = next((int(a[1]) for a in rule.actions if a[0] == "goto"), None)  # type: ignore[misc]


def _act(
    rules: RuleSet, actions: tuple[Action, ...], packet: _Packet, live: _Live, fraction: float
) -> Iterator[_Sent]:
    for action in actions:
        match action:
            case ("output", int(port)):
                if port != packet.in_port:
                    yield fraction, port, packet
            case ("in_port",):
                yield fraction, packet.in_port, packet
            case ("set_eth_dst", str(mac)):
                packet = replace(packet, eth_dst=mac)
            case ("set_ip_dscp", int(dscp)):
                packet = replace(packet, dscp=dscp)
            case ("push_vlan", int(tag)):
                packet = replace(packet, vlans=(tag, *packet.vlans))
            case ("pop_vlan",):
                packet = replace(packet, vlans=packet.vlans[1:])
            case ("group", int(group_id)):
                group = rules.get(group_id)
                if isinstance(group, GroupRule):
                    for part, bucket in _chosen(group, packet.dpid, live):
                        yield from _act(rules, bucket.actions, packet, live, fraction * part)


def _chosen(group: GroupRule, dpid: int, live: _Live) -> Iterator[tuple[float, Bucket]]:
    if group.type == "fast_failover":
        up = (bucket for bucket in group.buckets if live(dpid, bucket.watch_port))
        first = next(up, None)
        if first is not None:
            yield 1.0, first
        return
    total = sum(bucket.weight for bucket in group.buckets)
    for bucket in group.buckets:
        yield (bucket.weight / total if total else 1 / len(group.buckets)), bucket


def _fits(rule: FlowRule, packet: _Packet) -> bool:
    for name, wanted in rule.match:
        if name == "eth_dst":
            if isinstance(wanted, tuple):
                if _bits(packet.eth_dst) & _bits(wanted[1]) != _bits(wanted[0]):
                    return False
            elif wanted != packet.eth_dst:
                return False
        elif name == "vlan_vid":
            if packet.vlans[:1] != (wanted,):
                return False
        elif _known(packet).get(name) != wanted:
            return False
    return True


def _known(packet: _Packet) -> dict[str, int | str]:
    return {
        "eth_type": layout.ETH_IPV4,
        "eth_src": packet.eth_src,
        "ipv4_dst": packet.ip,
        "in_port": packet.in_port,
        "ip_dscp": packet.dscp,
    }


def _bits(mac: str) -> int:
    return int(mac.replace(":", ""), 16)
