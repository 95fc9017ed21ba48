"""Where things are in a switch: tables, priorities and group numbers.

Table 0 classifies, table 1 delivers, table 2 lets packets of hosts in. Higher priorities are more
special: packets on a bypass, then packets of slices at their ingress, then packets that reached
their egress, then labelled packets in transit, then other packets from hosts. Those go through
table 2, so that one rule takes the mark of slices off all that are in none.
"""

from __future__ import annotations

from qb_controller.model.rules import Entry, EntryKey, FlowRule, MeterKey

CLASSIFY = 0
DELIVER = 1
ENTER = 2

BYPASS = 600
"""``vlan_vid=tag``: a packet on its way around a broken link."""
SLICE = 520
"""From one host of a slice to another: metered, marked, into the pipe's own group."""
LOOKALIKE = 510
"""To a host whose own address begins like a label (random addresses sometimes do): unmarked, and to
table 2."""
PROBE = 505
"""A probe of this controller that reached the end of its path: to the controller."""
EGRESS = 500
"""Any label towards this switch: go to table 1."""
ONE_HOP = 501
"""As :data:`EGRESS`, for one label whose path has a single link: it meets no transit rule, so this
one carries its cookie."""
HAIRPIN = 401
"""A label that arrives on the very port it would leave by, or be bypassed by."""
TRANSIT = 400
"""A label on its way."""
FORGED = 315
"""A packet without a label to the address that only probes have: dropped."""
MARKED = 310
"""A packet that a host marked as if it were in a slice: unmarked, and to table 2."""
FROM_HOST = 300
"""Any other IPv4 packet without a label: to table 2."""
INGRESS = 300
"""In table 2: from a host to a host: into the pair group."""
ARP = 200
"""To the controller."""
NEIGHBOUR = 110
"""In table 1: from one host of a hose to another behind the same switch: past its meter."""
LOCAL = 100
"""In table 1: to a host behind this switch."""

ETH_IPV4 = 0x0800
ETH_ARP = 0x0806
ETH_LLDP = 0x88CC

PROBE_IP = "192.0.0.8"
"""Destination of probes: IPv4's dummy address (RFC 7600), which no host may have."""

_PAIR = 0x10000000
_PROTECT = 0x20000000
_HAIRPIN = 0x30000000
_SLICE = 0x40000000
_KINDS = {_PAIR: "pair", _PROTECT: "protect", _HAIRPIN: "hairpin", _SLICE: "slice"}

PIPES = 1 << 11
"""Pipes of one slice at most: the room for their slots in group numbers."""

_METERS_BITS = 12

RECEIVING = 1 << 11
"""Index of the first meter of a receiving host within its slice; those of pipes and senders are
below."""


def pair_group(egress: int) -> int:
    """Group at an ingress that labels packets towards an egress number."""
    return _PAIR | egress


def protect_group(port: int) -> int:
    """Group that sends out of a port, or around it while it is down."""
    return _PROTECT | port


def hairpin_group(port: int) -> int:
    """As :func:`protect_group`, for packets that arrived on the port where the bypass begins."""
    return _HAIRPIN | port


def slice_group(number: int, slot: int, standby: bool = False) -> int:
    """Group at the ingress of a slice's pipe, or that which holds its backup ready.

    Raises
    ------
    ValueError
        The slice has more than :data:`PIPES` pipes.
    """
    if not 0 <= slot < PIPES:
        raise ValueError(f"slice {number} has no room for a pipe {slot}; there is for {PIPES}")
    return _SLICE | number << 12 | slot << 1 | standby


def slice_of(group_number: int) -> tuple[int, int, bool]:
    """Slice, slot, and whether it is the backup's, of a group of kind ``slice``."""
    return group_number >> 12, group_number >> 1 & (PIPES - 1), bool(group_number & 1)


def meter_id(number: int, index: int) -> int:
    """Meter of a slice."""
    return number << _METERS_BITS | index


def meter_of(meter: int) -> tuple[int, int]:
    """Slice and index of a meter; no slice has number 0."""
    return meter >> _METERS_BITS, meter & (1 << _METERS_BITS) - 1


def group_kind(group_id: int) -> tuple[str, int]:
    """``pair`` with an egress number, ``protect`` or ``hairpin`` with a port, ``slice`` with what
    :func:`slice_of` takes, else ``foreign``.
    """
    kind = _KINDS.get(group_id & 0xF0000000)
    return (kind, group_id & 0x0FFFFFFF) if kind else ("foreign", group_id)


def is_entrance(entry: Entry) -> bool:
    """Whether a flow rule lets packets from hosts in (all others meet labelled packets only)."""
    if not isinstance(entry, FlowRule):
        return False
    if entry.table == CLASSIFY:
        return entry.priority in (SLICE, LOOKALIKE, FORGED, MARKED, FROM_HOST, ARP)
    return entry.table == ENTER


def is_overlay(entry: Entry) -> bool:
    """Whether taking an entry away is a flip: packets then take another way, at once."""
    return isinstance(entry, FlowRule) and (entry.table, entry.priority) == (CLASSIFY, SLICE)


def left_alone(entry: Entry) -> bool:
    """Whether an entry belongs to Ryu's own topology discovery, which installs one LLDP rule."""
    return (
        isinstance(entry, FlowRule)
        and entry.priority == 0xFFFF
        and dict(entry.match).get("eth_type") == ETH_LLDP
    )


def in_order(key: EntryKey) -> tuple[int, int, int, str]:
    """Sort key for listings: by table, descending priority, match; then groups and meters by id."""
    if isinstance(key, int):
        return (1 << 16, key, 0, "")
    if isinstance(key, MeterKey):
        return (1 << 17, key.meter, 0, "")
    return (key.table, -key.priority, 0, str(key.match))
