"""Questions to switches that wait for the answer (the calling greenlet waits, the hub does not)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import eventlet
from ryu.app.ofctl import api as ofctl
from ryu.app.ofctl.exception import InvalidDatapath, OFError, UnexpectedMultiReply

from qb_controller.errors import InstallError
from qb_controller.model.rules import Entry as Rule
from qb_controller.model.rules import FlowRule, RuleSet
from qb_controller.southbound.cookies import mask_of
from qb_controller.southbound.openflow.replies import Entry, read_entries_late
from qb_controller.southbound.openflow.translate import read_flow, read_group, read_meter

read_entries_late()

ANSWER_S = 5.0
"""A switch that does not answer a request within this many seconds counts as gone."""

LLDP_PRIORITY = 0xFFFF

PIECE = 10
"""Entries parsed before other greenlets get a turn; about a millisecond of work."""


class Refused(InstallError):
    """The switch answered that it does not do this."""


def ask(app: Any, message: Any, reply: type, *, multi: bool = False) -> Any:
    """Send a request and wait for its answer.

    Parameters
    ----------
    app : RyuApp
        Who asks.
    message : ryu message
        Bound to its datapath.
    reply : type
        Class of the answer.
    multi : bool
        Whether the answer may come in parts; then a list of parts is returned.

    Raises
    ------
    InstallError
        The switch is gone, refused, or did not answer within :data:`ANSWER_S`.
    """
    dpid = message.datapath.id
    try:
        with eventlet.Timeout(ANSWER_S):
            return ofctl.send_msg(app, message, reply_cls=reply, reply_multi=multi)
    except eventlet.Timeout:
        raise InstallError(f"switch {dpid:016x} did not answer within {ANSWER_S:g} s") from None
    except InvalidDatapath:
        raise InstallError(f"switch {dpid:016x} is not connected") from None
    except (OFError, UnexpectedMultiReply) as error:
        raise Refused(f"switch {dpid:016x} refused a request: {error}") from None


def barrier(app: Any, dp: Any) -> None:
    """Wait until the switch has carried out everything sent before."""
    ask(app, dp.ofproto_parser.OFPBarrierRequest(dp), dp.ofproto_parser.OFPBarrierReply)


def in_pieces(entries: Iterable[Any]) -> Iterator[Any]:
    """The same entries, with turns for other greenlets in between."""
    for count, entry in enumerate(entries, 1):
        yield entry
        if count % PIECE == 0:
            eventlet.sleep(0)


def flow_stats(app: Any, dp: Any) -> Iterator[Any]:
    """Every flow entry of a switch as reported, with its counters."""
    parser = dp.ofproto_parser
    parts = ask(app, parser.OFPFlowStatsRequest(dp), parser.OFPFlowStatsReply, multi=True)
    return in_pieces(stat for part in parts for stat in part.body)


def group_descriptions(app: Any, dp: Any) -> Iterator[Any]:
    """Every group of a switch with its buckets."""
    parser = dp.ofproto_parser
    parts = ask(app, parser.OFPGroupDescStatsRequest(dp), parser.OFPGroupDescStatsReply, multi=True)
    return in_pieces(stat for part in parts for stat in part.body)


def slice_flow_stats(app: Any, dp: Any) -> Iterator[Any]:
    """The flow entries of slices alone, with their counters."""
    ofp, parser = dp.ofproto, dp.ofproto_parser
    cookie, mask = mask_of("slices")
    request = parser.OFPFlowStatsRequest(
        dp, 0, ofp.OFPTT_ALL, ofp.OFPP_ANY, ofp.OFPG_ANY, cookie, mask
    )
    parts = ask(app, request, parser.OFPFlowStatsReply, multi=True)
    return in_pieces(stat for part in parts for stat in part.body)


def meter_descriptions(app: Any, dp: Any) -> list[Any]:
    """Every meter of a switch; none where it has no meters at all."""
    parser = dp.ofproto_parser
    request = parser.OFPMeterConfigStatsRequest(dp, 0, dp.ofproto.OFPM_ALL)
    try:
        parts = ask(app, request, parser.OFPMeterConfigStatsReply, multi=True)
    except Refused:
        return []
    return [stat for part in parts for stat in part.body]


def meter_stats(app: Any, dp: Any) -> list[Any]:
    """Counters of every meter of a switch; none where it has no meters at all."""
    parser = dp.ofproto_parser
    request = parser.OFPMeterStatsRequest(dp, 0, dp.ofproto.OFPM_ALL)
    try:
        parts = ask(app, request, parser.OFPMeterStatsReply, multi=True)
    except Refused:
        return []
    return [stat for part in parts for stat in part.body]


def group_stats(app: Any, dp: Any) -> Iterator[Any]:
    """Counters of every group of a switch."""
    return in_pieces(_group_entries(app, dp))


def group_counters(app: Any, dp: Any) -> Iterator[tuple[int, int, float]]:
    """Group, bytes and age in seconds of every group of a switch: all that telemetry needs."""
    return (entry.group_counters() for entry in _group_entries(app, dp))


def _group_entries(app: Any, dp: Any) -> list[Entry]:
    parser = dp.ofproto_parser
    request = parser.OFPGroupStatsRequest(dp, 0, dp.ofproto.OFPG_ALL)
    parts = ask(app, request, parser.OFPGroupStatsReply, multi=True)
    return [stat for part in parts for stat in part.body]


def port_stats(app: Any, dp: Any) -> list[Any]:
    """Counters of every port of a switch."""
    parser = dp.ofproto_parser
    request = parser.OFPPortStatsRequest(dp, 0, dp.ofproto.OFPP_ANY)
    parts = ask(app, request, parser.OFPPortStatsReply, multi=True)
    return [stat for part in parts for stat in part.body]


def is_discovery(rule: Rule) -> bool:
    """Whether a rule is the LLDP rule of Ryu's own topology discovery."""
    return (
        isinstance(rule, FlowRule)
        and rule.priority == LLDP_PRIORITY
        and ("eth_type", 0x88CC) in rule.match
    )


def read_rules(app: Any, dp: Any) -> RuleSet:
    """Every rule, group and meter that a switch holds now, but for Ryu's own LLDP rule."""
    rules: RuleSet = {}
    for stat in flow_stats(app, dp):
        rule = read_flow(dp.ofproto, stat)
        if not is_discovery(rule):
            rules[rule.key] = rule
    for stat in group_descriptions(app, dp):
        group = read_group(dp.ofproto, stat)
        rules[group.group_id] = group
    for stat in meter_descriptions(app, dp):
        meter = read_meter(dp.ofproto, stat)
        rules[meter.key] = meter
    return rules
