"""Where packets go: the rules that the switches hold, followed hop by hop.

Every bucket of a SELECT group is followed with its share; of a FAST_FAILOVER group the first one
whose port is up, as far as the controller knows. Rules that match on fields which a plain IPv4
packet between two hosts does not fix (ports of TCP or UDP, say) are passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from qb_controller.model.network import Host, LinkId, Network
from qb_controller.model.rules import Action, Bucket, FlowRule, GroupRule, MatchValue, RuleSet
from qb_controller.southbound.layout import ETH_IPV4


class Choice(NamedTuple):
    """A bucket taken out of several: switch, group id, index of the bucket."""

    dpid: int
    group_id: int
    bucket: int


@dataclass(frozen=True)
class Packet:
    """What rules can see of a packet: header fields by OXM name, and pushed VLAN tags."""

    fields: Mapping[str, str | int]
    tags: tuple[int, ...] = ()

    def state(self) -> tuple[object, ...]:
        return (*sorted(self.fields.items()), *self.tags)


@dataclass(frozen=True)
class Way:
    """One way that packets may take.

    Attributes
    ----------
    share : float
        Of the packets, by bucket weights.
    dpids : tuple of int
        Switches in order.
    fault : str
        Why they do not arrive; empty where they do.
    choices : tuple of Choice
        Buckets of SELECT groups taken.
    labels : tuple of str
        MAC addresses written on the way, labels and finally the host's own.
    """

    share: float
    dpids: tuple[int, ...]
    fault: str
    choices: tuple[Choice, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True)
class _Front:
    """A packet before a switch (``port`` is where it comes in) or behind it (where it goes out)."""

    packet: Packet
    dpid: int
    port: int
    share: float = 1.0
    dpids: tuple[int, ...] = ()
    choices: tuple[Choice, ...] = ()
    labels: tuple[str, ...] = ()
    seen: frozenset[object] = field(default_factory=frozenset)

    def end(self, fault: str) -> Way:
        return Way(self.share, self.dpids, fault, self.choices, self.labels)


class _Dropped(NamedTuple):
    front: _Front
    why: str


def trace(
    network: Network, rules: Mapping[int, RuleSet], source: Host, target: Host
) -> tuple[Way, ...]:
    """All ways of IPv4 packets from one host to another.

    Parameters
    ----------
    network : Network
        Links that are up.
    rules : mapping of int to RuleSet
        What the switches hold; asked only for switches on the way.
    source, target : Host

    Returns
    -------
    tuple of Way
        Shares add up to one, unless packets are duplicated or dropped within a group.
    """
    header: dict[str, str | int] = {
        "eth_type": ETH_IPV4,
        "eth_src": source.mac,
        "eth_dst": target.mac,
        "ipv4_src": source.ip,
        "ipv4_dst": target.ip,
    }
    hosts = {LinkId(host.dpid, host.port): host for host in network.hosts}
    todo = [_Front(Packet(header), source.dpid, source.port)]
    ways: list[Way] = []
    while todo:
        front = todo.pop(0)
        state = (front.dpid, front.port, front.packet.state())
        front = replace(front, dpids=(*front.dpids, front.dpid))
        if state in front.seen:
            ways.append(front.end(f"loops at {network.name(front.dpid)}"))
            continue
        front = replace(front, seen=front.seen | {state})
        for out in _through(front, rules.get(front.dpid, {}), network, hosts):
            if isinstance(out, _Dropped):
                ways.append(out.front.end(out.why))
                continue
            link = network.link_by_id.get(LinkId(out.dpid, out.port))
            if link is not None:
                todo.append(replace(out, dpid=link.dst, port=link.dst_port))
            else:
                ways.append(out.end(_arrival(out, network, hosts, target)))
    return tuple(ways)


def _arrival(out: _Front, network: Network, hosts: Mapping[LinkId, Host], target: Host) -> str:
    """Fault of a packet that leaves the network here; empty where it is at its goal."""
    host = hosts.get(LinkId(out.dpid, out.port))
    where = f"{network.name(out.dpid)} port {out.port}"
    if host is None:
        return f"leaves by {where}, where no link is up and no host is known"
    if host.mac != target.mac:
        return f"arrives at {host.name} instead"
    if out.packet.fields["eth_dst"] != target.mac or out.packet.tags:
        return f"arrives at {host.name} without its own address put back"
    return ""


def _through(
    front: _Front, rules: RuleSet, network: Network, hosts: Mapping[LinkId, Host]
) -> Iterator[_Front | _Dropped]:
    """What comes out of one switch."""
    table, here = 0, network.name(front.dpid)
    in_port = front.port
    while True:
        rule = lookup(rules, table, front.packet, in_port)
        if rule is None:
            yield _Dropped(front, f"no rule for it in table {table} of {here}")
            return
        switch = _Switch(rules, network, hosts, in_port)
        front, outs = switch.act(front, rule.actions)
        yield from outs
        onward = [action[1] for action in rule.actions if action[0] == "goto"]  # type: ignore[misc]
        if not onward:
            if not outs:
                yield _Dropped(front, f"dropped by a rule of {here}")
            return
        table = int(onward[0])


@dataclass(frozen=True)
class _Switch:
    rules: RuleSet
    network: Network
    hosts: Mapping[LinkId, Host]
    in_port: int

    def act(
        self, front: _Front, actions: tuple[Action, ...]
    ) -> tuple[_Front, list[_Front | _Dropped]]:
        """Apply actions: the packet as they leave it, and what they sent out."""
        outs: list[_Front | _Dropped] = []
        for action in actions:
            kind, value = action[0], action[1] if len(action) == 2 else 0
            packet = front.packet
            if kind == "set_eth_dst":
                packet = Packet({**packet.fields, "eth_dst": str(value)}, packet.tags)
                front = replace(front, packet=packet, labels=(*front.labels, str(value)))
            elif kind == "push_vlan":
                tags = (int(value), *packet.tags)
                front = replace(front, packet=replace(packet, tags=tags))
            elif kind == "pop_vlan":
                front = replace(front, packet=replace(packet, tags=packet.tags[1:]))
            elif kind == "output":
                outs.append(self._send(front, int(value)))
            elif kind == "in_port":
                outs.append(replace(front, port=self.in_port))
            elif kind == "controller":
                outs.append(_Dropped(front, f"goes to the controller at {self._name(front)}"))
            elif kind == "group":
                outs += self._group(front, int(value))
        return front, outs

    def _send(self, front: _Front, port: int) -> _Front | _Dropped:
        if port == self.in_port:
            return _Dropped(front, f"{self._name(front)} would send it back where it came from")
        return replace(front, port=port)

    def _group(self, front: _Front, group_id: int) -> list[_Front | _Dropped]:
        group = self.rules.get(group_id)
        if not isinstance(group, GroupRule):
            return [_Dropped(front, f"group {group_id:#x} is not there at {self._name(front)}")]
        outs: list[_Front | _Dropped] = []
        total = sum(bucket.weight for bucket in group.buckets)
        for index, bucket in enumerate(group.buckets):
            taken = front
            if group.type == "select":
                if not bucket.weight:
                    continue
                choices = front.choices
                if len(group.buckets) > 1:
                    choices = (*choices, Choice(front.dpid, group_id, index))
                share = front.share * bucket.weight / total
                taken = replace(front, share=share, choices=choices)
            elif group.type == "fast_failover" and not self._alive(front.dpid, bucket):
                continue
            outs += self.act(taken, bucket.actions)[1]
            if group.type in ("fast_failover", "indirect"):
                break
        return outs or [_Dropped(front, f"no live way out of a group at {self._name(front)}")]

    def _alive(self, dpid: int, bucket: Bucket) -> bool:
        end = LinkId(dpid, bucket.watch_port)
        return end in self.network.link_by_id or end in self.hosts

    def _name(self, front: _Front) -> str:
        return self.network.name(front.dpid)


def lookup(rules: RuleSet, table: int, packet: Packet, in_port: int) -> FlowRule | None:
    """The rule of a table that a packet meets: of the matching ones that of highest priority."""
    best: FlowRule | None = None
    for rule in rules.values():
        if (
            isinstance(rule, FlowRule)
            and rule.table == table
            and (best is None or rule.priority > best.priority)
            and all(_matches(name, wanted, packet, in_port) for name, wanted in rule.match)
        ):
            best = rule
    return best


def _matches(name: str, wanted: MatchValue, packet: Packet, in_port: int) -> bool:
    if name == "in_port":
        return wanted == in_port
    if name == "vlan_vid":
        return bool(packet.tags) and packet.tags[0] == wanted
    value = packet.fields.get(name)
    if isinstance(wanted, tuple):
        if not isinstance(value, str) or ":" not in value:
            return False
        bits, mask = _number(wanted[0]), _number(wanted[1])
        return _number(value) & mask == bits & mask
    return value == wanted


def _number(mac: str) -> int:
    return int(mac.replace(":", ""), 16)
