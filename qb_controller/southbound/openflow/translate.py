"""Rules of this project to OpenFlow 1.3 messages of Ryu, and what switches report back again."""

from __future__ import annotations

from typing import Any

from ryu.lib.packet import ether_types

from qb_controller.model.rules import (
    Action,
    Bucket,
    FlowRule,
    GroupRule,
    MatchValue,
    MeterRule,
    matches,
)
from qb_controller.southbound.instructions import Instruction

_GROUP_TYPES = {"select": "OFPGT_SELECT", "indirect": "OFPGT_INDIRECT", "fast_failover": "OFPGT_FF"}
_VLAN_PRESENT = 0x1000  # OFPVID_PRESENT: OpenFlow 1.3 sets this bit on the id of a tagged frame


def _actions(dp: Any, actions: tuple[Action, ...]) -> tuple[list[Any], dict[str, Any]]:
    """Ryu's actions, and its instructions for what OpenFlow has as such (``goto``, ``meter``)."""
    ofp, parser = dp.ofproto, dp.ofproto_parser
    out: list[Any] = []
    instructions: dict[str, Any] = {}
    for action in actions:
        match action:
            case ("output", int(port)):
                out.append(parser.OFPActionOutput(port))
            case ("in_port",):
                out.append(parser.OFPActionOutput(ofp.OFPP_IN_PORT))
            case ("controller",):
                out.append(parser.OFPActionOutput(ofp.OFPP_CONTROLLER, ofp.OFPCML_NO_BUFFER))
            case ("group", int(group)):
                out.append(parser.OFPActionGroup(group))
            case ("set_eth_dst", str(mac)):
                out.append(parser.OFPActionSetField(eth_dst=mac))
            case ("push_vlan", int(vid)):
                out.append(parser.OFPActionPushVlan(ether_types.ETH_TYPE_8021Q))
                out.append(parser.OFPActionSetField(vlan_vid=vid | _VLAN_PRESENT))
            case ("pop_vlan",):
                out.append(parser.OFPActionPopVlan())
            case ("set_ip_dscp", int(dscp)):
                out.append(parser.OFPActionSetField(ip_dscp=dscp))
            case ("goto", int(table)):
                instructions["goto"] = parser.OFPInstructionGotoTable(table)
            case ("meter", int(meter)):
                instructions["meter"] = parser.OFPInstructionMeter(meter)
            case _:
                raise ValueError(f"unknown action {action!r}")
    return out, instructions


def actions_of(dp: Any, actions: tuple[Action, ...]) -> list[Any]:
    """Ryu's actions of what a packet-out may say."""
    return _actions(dp, actions)[0]


def flow_mod(dp: Any, rule: FlowRule, *, delete: bool = False) -> Any:
    """Make the message that adds (or replaces) a flow rule, or deletes exactly it."""
    ofp, parser = dp.ofproto, dp.ofproto_parser
    fields = dict(rule.match)
    if isinstance(fields.get("vlan_vid"), int):
        fields["vlan_vid"] = int(fields["vlan_vid"]) | _VLAN_PRESENT  # type: ignore[arg-type]
    common = {
        "datapath": dp,
        "table_id": rule.table,
        "priority": rule.priority,
        "match": parser.OFPMatch(**fields),
        "out_port": ofp.OFPP_ANY,
        "out_group": ofp.OFPG_ANY,
    }
    if delete:
        return parser.OFPFlowMod(command=ofp.OFPFC_DELETE_STRICT, **common)
    actions, others = _actions(dp, rule.actions)
    apply = [parser.OFPInstructionActions(ofp.OFPIT_APPLY_ACTIONS, actions)] if actions else []
    found = (others.get("meter"), *apply, others.get("goto"))  # in the order they are carried out
    instructions = [instruction for instruction in found if instruction is not None]
    return parser.OFPFlowMod(
        command=ofp.OFPFC_ADD, cookie=rule.cookie, instructions=instructions, **common
    )


def group_mod(dp: Any, group: GroupRule, command: str) -> Any:
    """Make a group message; ``command`` is ``add``, ``modify`` or ``delete``."""
    ofp, parser = dp.ofproto, dp.ofproto_parser
    buckets = []
    for bucket in group.buckets if command != "delete" else ():
        actions, _ = _actions(dp, bucket.actions)
        buckets.append(
            parser.OFPBucket(
                weight=bucket.weight,
                watch_port=bucket.watch_port or ofp.OFPP_ANY,
                watch_group=ofp.OFPG_ANY,
                actions=actions,
            )
        )
    return parser.OFPGroupMod(
        dp,
        getattr(ofp, f"OFPGC_{command.upper()}"),
        getattr(ofp, _GROUP_TYPES[group.type]),
        group.group_id,
        buckets,
    )


def meter_mod(dp: Any, meter: MeterRule, command: str) -> Any:
    """Make a meter message; ``command`` is ``add``, ``modify`` or ``delete``."""
    ofp, parser = dp.ofproto, dp.ofproto_parser
    bands = [] if command == "delete" else [parser.OFPMeterBandDrop(meter.rate, meter.burst)]
    number = getattr(ofp, f"OFPMC_{command.upper()}")
    return parser.OFPMeterMod(dp, number, _meter_flags(ofp), meter.meter_id, bands)


def _meter_flags(ofp: Any) -> int:
    return int(ofp.OFPMF_KBPS | ofp.OFPMF_BURST | ofp.OFPMF_STATS)


def _read_actions(ofp: Any, actions: list[Any]) -> list[Action]:
    """Actions as reported; what this project never sends becomes ``("other", text)``."""
    out: list[Action] = []
    for action in actions:
        kind = type(action).__name__
        if kind == "OFPActionOutput":
            special = {ofp.OFPP_IN_PORT: "in_port", ofp.OFPP_CONTROLLER: "controller"}
            name = special.get(action.port)
            out.append((name,) if name else ("output", action.port))
        elif kind == "OFPActionGroup":
            out.append(("group", action.group_id))
        elif kind == "OFPActionPopVlan":
            out.append(("pop_vlan",))
        elif kind == "OFPActionPushVlan":
            continue  # the id follows in a set-field action
        elif kind == "OFPActionSetField" and action.key == "vlan_vid":
            out.append(("push_vlan", action.value & ~_VLAN_PRESENT))
        elif kind == "OFPActionSetField" and action.key == "eth_dst":
            out.append(("set_eth_dst", action.value))
        elif kind == "OFPActionSetField" and action.key == "ip_dscp":
            out.append(("set_ip_dscp", action.value))
        else:
            out.append(("other", str(action)))
    return out


def read_flow(ofp: Any, stat: Any) -> FlowRule:
    """One entry of a flow-stats reply as a rule."""
    fields: dict[str, MatchValue] = {}
    for name, value in stat.match.items():
        if name == "vlan_vid" and isinstance(value, int):
            value &= ~_VLAN_PRESENT
        fields[name] = value
    actions: list[Action] = []
    for instruction in stat.instructions:
        kind = type(instruction).__name__
        if kind == "OFPInstructionActions":
            actions += _read_actions(ofp, instruction.actions)
        elif kind == "OFPInstructionGotoTable":
            actions.append(("goto", instruction.table_id))
        elif kind == "OFPInstructionMeter":
            actions.insert(0, ("meter", instruction.meter_id))
        else:
            actions.append(("other", str(instruction)))
    return FlowRule(stat.table_id, stat.priority, matches(**fields), tuple(actions), stat.cookie)


def read_group(ofp: Any, stat: Any) -> GroupRule:
    """One entry of a group-desc reply as a rule."""
    names = {getattr(ofp, number): name for name, number in _GROUP_TYPES.items()}
    kind = names.get(stat.type, f"type {stat.type}")
    buckets = tuple(
        Bucket(
            tuple(_read_actions(ofp, bucket.actions)),
            bucket.weight if kind == "select" else 0,
            bucket.watch_port if kind == "fast_failover" else 0,
        )
        for bucket in stat.buckets
    )
    return GroupRule(stat.group_id, kind, buckets)


def read_meter(ofp: Any, stat: Any) -> MeterRule:
    """One entry of a meter-config reply as a rule; one that this project never makes has rate 0."""
    if stat.flags != _meter_flags(ofp) or [b.type for b in stat.bands] != [ofp.OFPMBT_DROP]:
        return MeterRule(stat.meter_id, 0, 0)
    return MeterRule(stat.meter_id, stat.bands[0].rate, stat.bands[0].burst_size)


def message(dp: Any, instruction: Instruction) -> Any:
    """The message that an instruction is sent as."""
    if isinstance(instruction.rule, FlowRule):
        return flow_mod(dp, instruction.rule, delete=instruction.op == "delete")
    if isinstance(instruction.rule, GroupRule):
        return group_mod(dp, instruction.rule, instruction.op)
    return meter_mod(dp, instruction.rule, instruction.op)
