"""Where things are in a switch: tables, priorities and group numbers.

Table 0 classifies, table 1 delivers. Higher priorities are more special: packets on a bypass, then
packets that reached their egress, then labelled packets in transit, then packets from hosts.
"""

from __future__ import annotations

from qb_controller.model.rules import FlowRule, GroupRule, RuleKey

CLASSIFY = 0
DELIVER = 1

BYPASS = 600
"""``vlan_vid=tag``: a packet on its way around a broken link."""
LOOKALIKE = 510
"""Ingress rule of a host whose own address begins like a label (random addresses sometimes do)."""
EGRESS = 500
"""Any label towards this switch: go to table 1."""
ONE_HOP = 501
"""As :data:`EGRESS`, for one label whose path has a single link: it meets no transit rule, so this
one carries its cookie."""
HAIRPIN = 401
"""A label that arrives on the very port it would leave by, or be bypassed by."""
TRANSIT = 400
"""A label on its way."""
INGRESS = 300
"""From a host to a host: into the pair group."""
ARP = 200
"""To the controller."""
LOCAL = 100
"""In table 1: to a host behind this switch."""

ETH_IPV4 = 0x0800
ETH_ARP = 0x0806
ETH_LLDP = 0x88CC

_PAIR = 0x10000000
_PROTECT = 0x20000000
_HAIRPIN = 0x30000000
_KINDS = {_PAIR: "pair", _PROTECT: "protect", _HAIRPIN: "hairpin"}


def pair_group(egress: int) -> int:
    """Group at an ingress that labels packets towards an egress number."""
    return _PAIR | egress


def protect_group(port: int) -> int:
    """Group that sends out of a port, or around it while it is down."""
    return _PROTECT | port


def hairpin_group(port: int) -> int:
    """As :func:`protect_group`, for packets that arrived on the port where the bypass begins."""
    return _HAIRPIN | port


def group_kind(group_id: int) -> tuple[str, int]:
    """``pair`` with an egress number, ``protect`` or ``hairpin`` with a port, else ``foreign``."""
    kind = _KINDS.get(group_id & 0xF0000000)
    return (kind, group_id & 0x0FFFFFFF) if kind else ("foreign", group_id)


def is_entrance(entry: FlowRule | GroupRule) -> bool:
    """Whether a flow rule lets packets from hosts in (all others meet labelled packets only)."""
    return (
        isinstance(entry, FlowRule)
        and entry.table == CLASSIFY
        and entry.priority in (LOOKALIKE, INGRESS, ARP)
    )


def left_alone(entry: FlowRule | GroupRule) -> bool:
    """Whether an entry belongs to Ryu's own topology discovery, which installs one LLDP rule."""
    return (
        isinstance(entry, FlowRule)
        and entry.priority == 0xFFFF
        and dict(entry.match).get("eth_type") == ETH_LLDP
    )


def in_order(key: RuleKey | int) -> tuple[int, int, int, str]:
    """Sort key for listings: by table, descending priority, match; groups last by id."""
    if isinstance(key, int):
        return (1 << 16, key, 0, "")
    return (key.table, -key.priority, 0, str(key.match))
