"""An OpenFlow 1.3 switch that really forwards, as far as this project uses OpenFlow.

Written from the specification alone, apart from the code under test, so that it can be its judge.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from zlib import crc32

from qb_controller.model.rules import Action, Bucket, FlowRule, GroupRule, MeterRule, RuleSet
from qb_controller.southbound.instructions import Instruction


class SwitchError(Exception):
    """The switch would answer this message with an OFPT_ERROR."""


@dataclass(frozen=True)
class Packet:
    """A packet on the wire; ``flow`` stands for the five-tuple that select groups hash."""

    eth_dst: str
    ipv4_dst: str = ""
    eth_type: int = 0x0800
    flow: int = 0
    vlans: tuple[int, ...] = ()
    eth_src: str = ""
    dscp: int = 0


@dataclass
class FakeSwitch:
    """Tables, groups, meters and ports of one switch. Meters let everything pass."""

    dpid: int
    up: dict[int, bool] = field(default_factory=dict)
    flows: dict[tuple[int, int, object], FlowRule] = field(default_factory=dict)
    groups: dict[int, GroupRule] = field(default_factory=dict)
    meters: dict[int, MeterRule] = field(default_factory=dict)
    to_controller: list[Packet] = field(default_factory=list)
    metered: list[int] = field(default_factory=list)

    # -- control ------------------------------------------------------------------------------

    def handle(self, message: Instruction) -> None:
        """Obey a message that changes an entry; SwitchError where OpenFlow demands an error."""
        if isinstance(message.rule, FlowRule):
            self._flow_mod(message.op, message.rule)
        elif isinstance(message.rule, MeterRule):
            self._meter_mod(message.op, message.rule)
        else:
            self._group_mod(message.op, message.rule)

    def _flow_mod(self, op: str, rule: FlowRule) -> None:
        name = (rule.table, rule.priority, rule.match)
        if op == "delete":
            self.flows.pop(name, None)
            return
        if op != "add":
            raise SwitchError(f"flow-mod {op} is not modelled")
        self._check_groups(rule.actions)
        for action in rule.actions:
            if action[0] == "meter" and action[1] not in self.meters:
                raise SwitchError(f"s{self.dpid}: OFPMMFC_UNKNOWN_METER {action[1]:#x}")
        self.flows[name] = rule

    def _meter_mod(self, op: str, meter: MeterRule) -> None:
        there = meter.meter_id in self.meters
        if op == "delete":
            self.meters.pop(meter.meter_id, None)
            self._delete_users(("meter", meter.meter_id))
            return
        if op == "add" and there:
            raise SwitchError(f"s{self.dpid}: OFPMMFC_METER_EXISTS {meter.meter_id:#x}")
        if op == "modify" and not there:
            raise SwitchError(f"s{self.dpid}: OFPMMFC_UNKNOWN_METER {meter.meter_id:#x}")
        self.meters[meter.meter_id] = meter

    def _delete_users(self, action: Action) -> None:
        """6.4, 6.5: flow entries that use what is deleted go with it."""
        for name in [name for name, rule in self.flows.items() if action in rule.actions]:
            del self.flows[name]

    def _group_mod(self, op: str, group: GroupRule) -> None:
        there = group.group_id in self.groups
        if op == "delete":
            self.groups.pop(group.group_id, None)
            self._delete_users(("group", group.group_id))
            return
        if op == "add" and there:
            raise SwitchError(f"s{self.dpid}: OFPGMFC_GROUP_EXISTS {group.group_id:#x}")
        if op == "modify" and not there:
            raise SwitchError(f"s{self.dpid}: OFPGMFC_UNKNOWN_GROUP {group.group_id:#x}")
        if group.type == "indirect" and len(group.buckets) != 1:
            raise SwitchError(f"s{self.dpid}: an indirect group has one bucket")
        for bucket in group.buckets:
            self._check_groups(bucket.actions)
        self.groups[group.group_id] = group

    def _check_groups(self, actions: tuple[Action, ...]) -> None:
        for action in actions:
            if action[0] == "group" and action[1] not in self.groups:
                raise SwitchError(f"s{self.dpid}: OFPBAC_BAD_OUT_GROUP {action[1]:#x}")

    def rules(self) -> RuleSet:
        """What the switch would report."""
        found: RuleSet = {rule.key: rule for rule in self.flows.values()}
        found.update(self.groups)
        found.update({meter.key: meter for meter in self.meters.values()})
        return found

    # -- forwarding ---------------------------------------------------------------------------

    def forward(self, packet: Packet, in_port: int) -> list[tuple[int, Packet]]:
        """Send a packet through the tables; what comes out of which port (live or not)."""
        out: list[tuple[int, Packet]] = []
        table: int | None = 0
        while table is not None:
            rule = self._lookup(table, packet, in_port)
            if rule is None:
                break  # no table-miss entry: drop
            table, packet = self._run(rule.actions, packet, in_port, out)
        return [(port, sent) for port, sent in out if self.up.get(port, False)]

    def _lookup(self, table: int, packet: Packet, in_port: int) -> FlowRule | None:
        hits = [
            rule
            for rule in self.flows.values()
            if rule.table == table and _matches(rule, packet, in_port)
        ]
        best = max(hits, key=lambda rule: rule.priority, default=None)
        if best and sum(rule.priority == best.priority for rule in hits) > 1:
            raise SwitchError(f"s{self.dpid}: undefined, equal priorities match {packet}: {hits}")
        return best

    def _run(
        self, actions: tuple[Action, ...], packet: Packet, in_port: int, out: list
    ) -> tuple[int | None, Packet]:
        goto = None
        for action in actions:
            match action:
                case ("output", port):
                    if port != in_port:  # 5.12: never to the ingress port by its number
                        out.append((port, packet))
                case ("in_port",):
                    out.append((in_port, packet))
                case ("controller",):
                    self.to_controller.append(packet)
                case ("group", group_id):
                    for bucket in self._buckets(self.groups[group_id], packet):
                        self._run(bucket.actions, packet, in_port, out)  # each on its own copy
                case ("set_eth_dst", mac):
                    packet = replace(packet, eth_dst=mac)
                case ("push_vlan", tag):
                    packet = replace(packet, vlans=(tag, *packet.vlans))
                case ("pop_vlan",):
                    packet = replace(packet, vlans=packet.vlans[1:])
                case ("set_ip_dscp", dscp):
                    packet = replace(packet, dscp=dscp)
                case ("meter", meter):
                    self.metered.append(meter)
                case ("goto", table):
                    goto = table
                case _:
                    raise SwitchError(f"s{self.dpid}: unknown action {action}")
        return goto, packet

    def _buckets(self, group: GroupRule, packet: Packet) -> list[Bucket]:
        if group.type == "indirect":
            return list(group.buckets)
        if group.type == "fast_failover":
            return [b for b in group.buckets if self.up.get(b.watch_port, False)][:1]
        slot = crc32(f"{packet.flow}".encode()) % sum(bucket.weight for bucket in group.buckets)
        for bucket in group.buckets:
            slot -= bucket.weight
            if slot < 0:
                return [bucket]
        raise AssertionError("weights do not add up")


def _matches(rule: FlowRule, packet: Packet, in_port: int) -> bool:
    for name, value in rule.match:
        if name == "in_port":
            ok = value == in_port
        elif name == "eth_type":
            ok = value == packet.eth_type
        elif name == "ipv4_dst":
            ok = packet.eth_type == 0x0800 and value == packet.ipv4_dst
        elif name == "ip_dscp":
            ok = packet.eth_type == 0x0800 and value == packet.dscp
        elif name == "eth_src":
            ok = value == packet.eth_src
        elif name == "vlan_vid":
            ok = packet.vlans[:1] == (value,)
        elif name == "eth_dst":
            ok = _mac_matches(value, packet.eth_dst)
        else:
            raise SwitchError(f"unknown match field {name}")
        if not ok:
            return False
    return True


def _mac_matches(wanted: object, mac: str) -> bool:
    if not isinstance(wanted, tuple):
        return wanted == mac
    value, mask = (int(part.replace(":", ""), 16) for part in wanted)
    return int(mac.replace(":", ""), 16) & mask == value
