"""Flow rules, groups and meters as values, independent of any OpenFlow library.

Match fields and actions are plain tuples so that rules compare, hash and print without help.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

MatchValue = int | str | tuple[str, str]
"""An exact value, or (value, mask) for MAC addresses."""

Match = tuple[tuple[str, MatchValue], ...]
"""Sorted pairs of OXM field name (``eth_dst``, ``in_port`` ...) and value."""

Action = tuple[str] | tuple[str, int | str]
"""One of ``("output", port)``, ``("in_port",)``, ``("group", id)``, ``("set_eth_dst", mac)``,
``("push_vlan", vid)``, ``("pop_vlan",)``, ``("set_ip_dscp", code point)``, ``("controller",)``,
``("meter", id)`` (first of all, in flow rules only), ``("goto", table)`` (last of all)."""


class RuleKey(NamedTuple):
    """What identifies a flow rule within a switch, as in the OpenFlow specification."""

    table: int
    priority: int
    match: Match


@dataclass(frozen=True, slots=True)
class FlowRule:
    """One flow entry.

    Attributes
    ----------
    table, priority : int
    match : Match
    actions : tuple of Action
        Applied in order; ``goto`` last; empty drops.
    cookie : int
        64 bits, see :mod:`qb_controller.southbound.cookies`. Takes no part in forwarding.
    """

    table: int
    priority: int
    match: Match
    actions: tuple[Action, ...]
    cookie: int

    @property
    def key(self) -> RuleKey:
        return RuleKey(self.table, self.priority, self.match)


@dataclass(frozen=True, slots=True)
class Bucket:
    """One bucket of a group.

    Attributes
    ----------
    actions : tuple of Action
    weight : int
        Share of hash slots in a ``select`` group, else 0.
    watch_port : int
        Port whose liveness a ``fast_failover`` bucket follows, else 0.
    """

    actions: tuple[Action, ...]
    weight: int = 0
    watch_port: int = 0


@dataclass(frozen=True, slots=True)
class GroupRule:
    """One group entry; ``type`` is ``select``, ``indirect`` or ``fast_failover``."""

    group_id: int
    type: str
    buckets: tuple[Bucket, ...]

    @property
    def key(self) -> int:
        return self.group_id


class MeterKey(NamedTuple):
    """What identifies a meter within a switch."""

    meter: int


@dataclass(frozen=True, slots=True)
class MeterRule:
    """One meter with one band: what comes faster than the rate is dropped.

    Attributes
    ----------
    meter_id : int
    rate : int
        Kbit/s of frames without checksum, Ethernet header included.
    burst : int
        Kbit that may come at once.
    """

    meter_id: int
    rate: int
    burst: int

    @property
    def key(self) -> MeterKey:
        return MeterKey(self.meter_id)


Entry = FlowRule | GroupRule | MeterRule

EntryKey = RuleKey | MeterKey | int

RuleSet = dict[EntryKey, Entry]
"""All entries of one switch: flow rules by :class:`RuleKey`, meters by :class:`MeterKey`, groups by
group id."""


def matches(**fields: MatchValue) -> Match:
    """Build a match in its canonical order."""
    return tuple(sorted(fields.items()))
