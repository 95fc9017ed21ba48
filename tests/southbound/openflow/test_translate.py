"""Rules survive the way to the wire and back, through Ryu's own serializer and parser."""

from __future__ import annotations

import struct
from types import SimpleNamespace
from typing import Any

import pytest
from ryu.ofproto import ofproto_v1_3, ofproto_v1_3_parser
from ryu.ofproto.ofproto_protocol import ProtocolDesc

from qb_controller.model.rules import Bucket, FlowRule, GroupRule, MeterRule, matches
from qb_controller.southbound.openflow.translate import (
    flow_mod,
    group_mod,
    meter_mod,
    read_flow,
    read_group,
    read_meter,
)

OFP = ofproto_v1_3
EGRESS_MASK = "ff:00:0f:ff:00:00"

FLOWS = [
    FlowRule(0, 500, matches(eth_dst=("0a:00:00:02:00:00", EGRESS_MASK)), (("goto", 1),), 7),
    FlowRule(0, 400, matches(eth_dst="0a:00:10:02:00:01"), (("group", 0x20000003),), 0x51 << 56),
    FlowRule(0, 401, matches(eth_dst="0a:00:10:02:00:01", in_port=3), (("in_port",),), 1),
    FlowRule(0, 600, matches(vlan_vid=17), (("pop_vlan",), ("output", 4)), 1),
    FlowRule(0, 200, matches(eth_type=0x0806), (("controller",),), 1),
    FlowRule(
        1,
        100,
        matches(eth_type=0x0800, ipv4_dst="10.0.0.7"),
        (("set_eth_dst", "00:00:00:00:00:07"), ("output", 1)),
        1,
    ),
    FlowRule(0, 1, matches(), (), 1),
    FlowRule(
        0,
        520,
        matches(
            eth_type=0x0800, in_port=1, eth_src="00:00:00:00:00:01", eth_dst="00:00:00:00:00:02"
        ),
        (("meter", 0x7001), ("set_ip_dscp", 46), ("group", 0x40007000)),
        0x5103_0007_0000_0003,
    ),
    FlowRule(0, 310, matches(eth_type=0x0800, ip_dscp=46), (("set_ip_dscp", 0), ("goto", 2)), 1),
]
GROUPS = [
    GroupRule(
        0x10000002,
        "select",
        (
            Bucket((("set_eth_dst", "0a:00:10:02:00:01"), ("group", 0x20000003)), 48),
            Bucket((("set_eth_dst", "0a:00:10:02:10:01"), ("output", 2)), 16),
        ),
    ),
    GroupRule(0x10000003, "indirect", (Bucket((("set_eth_dst", "0a:00:10:03:00:01"),)),)),
    GroupRule(
        0x20000003,
        "fast_failover",
        (
            Bucket((("output", 3),), watch_port=3),
            Bucket((("push_vlan", 9), ("output", 2)), watch_port=2),
        ),
    ),
]


@pytest.fixture
def dp() -> Any:
    return ProtocolDesc(OFP.OFP_VERSION)


@pytest.mark.parametrize("rule", FLOWS, ids=str)
def test_flow_round_trip(dp: Any, rule: FlowRule) -> None:
    message = flow_mod(dp, rule)
    message.xid = 1
    message.serialize()
    parsed = ofproto_v1_3_parser.OFPFlowMod.parser(
        dp, OFP.OFP_VERSION, OFP.OFPT_FLOW_MOD, len(message.buf), 1, bytes(message.buf)
    )
    assert read_flow(OFP, parsed) == rule


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_group_round_trip(dp: Any, group: GroupRule) -> None:
    message = group_mod(dp, group, "add")
    message.xid = 1
    message.serialize()
    # Ryu parses no group-mod; a group description carries the same buckets behind another head.
    buckets = bytes(message.buf[16:])
    head = struct.pack("!HBxI", 8 + len(buckets), message.type, group.group_id)
    parsed = ofproto_v1_3_parser.OFPGroupDescStats.parser(head + buckets, 0)
    assert read_group(OFP, parsed) == group


def test_delete_is_strict_and_carries_no_instructions(dp: Any) -> None:
    message = flow_mod(dp, FLOWS[1], delete=True)
    assert message.command == OFP.OFPFC_DELETE_STRICT
    assert message.instructions == []


def test_foreign_actions_are_shown_not_lost() -> None:
    action = ofproto_v1_3_parser.OFPActionDecNwTtl()
    stat = SimpleNamespace(
        match=ofproto_v1_3_parser.OFPMatch(),
        instructions=[ofproto_v1_3_parser.OFPInstructionActions(OFP.OFPIT_APPLY_ACTIONS, [action])],
        table_id=0,
        priority=1,
        cookie=0,
    )
    (shown,) = read_flow(OFP, stat).actions
    assert shown[0] == "other"
    assert "DecNwTtl" in str(shown[1])


def test_meter_round_trip(dp: Any) -> None:
    meter = MeterRule(0x7001, 2500, 250)
    for command, number in (("add", OFP.OFPMC_ADD), ("modify", OFP.OFPMC_MODIFY)):
        message = meter_mod(dp, meter, command)
        assert message.command == number
        message.xid = 1
        message.serialize()
        # Ryu parses no meter-mod; a meter's configuration has the same bands behind another head.
        bands = bytes(message.buf[16:])
        head = struct.pack("!HHI", 8 + len(bands), message.flags, meter.meter_id)
        parsed = ofproto_v1_3_parser.OFPMeterConfigStats.parser(head + bands, 0)
        assert read_meter(OFP, parsed) == meter
    assert meter_mod(dp, meter, "delete").bands == []


def test_a_meter_of_another_kind_is_none_of_ours(dp: Any) -> None:
    band = SimpleNamespace(type=OFP.OFPMBT_DROP, rate=5, burst_size=1)
    stat = SimpleNamespace(flags=OFP.OFPMF_PKTPS, meter_id=9, bands=[band])
    assert read_meter(OFP, stat) == MeterRule(9, 0, 0)
