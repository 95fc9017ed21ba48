"""What every slice sent, got through, and lost at its meters, from the switches' counters.

Three counters tell it: the rule at a pipe's ingress counts what its host sent (before the meter, as
Open vSwitch counts), the meter what it dropped, the rules of its labels at the egress what arrived.
Totals only grow, whatever happens to the rules: a new path has a new rule, a switch that comes back
begins at zero.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from qb_controller.model.rules import FlowRule, MeterKey
from qb_controller.southbound import layout
from qb_controller.southbound.carried import Carried
from qb_controller.southbound.cookies import decode

PipeId = tuple[int, int]
"""Number of a slice and position of a pipe."""

MeterId = tuple[int, int]
"""Number of a slice and index of a meter (:func:`~.slice_rules.meter_index`)."""


class Count(NamedTuple):
    """A total, and when its switch said so.

    Attributes
    ----------
    seconds : float
        Of the monotonic clock, when the switch's answer was there.
    packets, bytes : int
        Frames without checksum.
    """

    seconds: float = 0.0
    packets: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class SliceCounts:
    """Totals at one moment.

    Attributes
    ----------
    at : float
        Seconds of the monotonic clock, when all switches had answered. What switches say may be
        older by their counters' lag, so that rates want some seconds between two of these.
    sent : mapping of PipeId to Count
        By the hosts, drops of the meters included.
    delivered : mapping of PipeId to Count
        At the egress switches. Pipes within one switch have none: what they sent and no meter
        dropped is delivered. Nor has what went over the base layer.
    dropped : mapping of MeterId to Count
        By meters, because a host sent more than it was promised.
    """

    at: float = 0.0
    sent: Mapping[PipeId, Count] = field(default_factory=dict)
    delivered: Mapping[PipeId, Count] = field(default_factory=dict)
    dropped: Mapping[MeterId, Count] = field(default_factory=dict)


class SliceCounters:
    """Adds up readings: :meth:`begin`, the readings of all switches in any order, :meth:`end`.

    Parameters
    ----------
    fresh_s : float
        An entry seen for the first time that is younger counts from its beginning; an older one
        was there before this controller, and counts from now on.
    """

    def __init__(self, fresh_s: float) -> None:
        self._fresh_s = fresh_s
        self._last: dict[Hashable, tuple[Count, float]] = {}
        self._seen: set[Hashable] = set()
        self._by_label: dict[str, PipeId] = {}
        self._by_ends: dict[tuple[int, str, str], PipeId] = {}
        self._sent: dict[PipeId, Count] = {}
        self._delivered: dict[PipeId, Count] = {}
        self._dropped: dict[MeterId, Count] = {}
        self.switches: frozenset[int] = frozenset()
        """Datapath ids of the switches that have something to tell."""
        self.counts = SliceCounts()
        """As of the last :meth:`end`."""

    def begin(self, slices: Mapping[int, Carried]) -> None:
        """A round of readings begins; what the slices are now."""
        self._seen = set()
        switches: set[int] = set()
        for number, carried in slices.items():
            for pipe in carried.pipes:
                ends = (number, pipe.source.mac, pipe.target.mac)
                self._by_ends[ends] = (number, pipe.position)
                switches |= {pipe.source.dpid, pipe.target.dpid}
            at = {carried.slot_of(pipe): pipe.position for pipe in carried.pipes}
            for way in carried.ways:
                self._by_label[way.label.mac] = (number, at[way.slot])
                switches |= {way.path.ingress, way.path.egress}
        for table in (self._sent, self._delivered, self._dropped):
            for known in [known for known in table if known[0] not in slices]:
                del table[known]
        if not slices:
            self._by_label, self._by_ends = {}, {}
        self.switches = frozenset(switches)

    def flow(self, dpid: int, rule: FlowRule, count: Count, age_s: float) -> None:
        """A flow entry of a slice as a switch reported it."""
        cookie = decode(rule.cookie)
        if cookie is None or rule.table != layout.CLASSIFY:
            return
        match = dict(rule.match)
        address = str(match.get("eth_dst"))
        if rule.priority == layout.SLICE:
            ends = (cookie.owner, str(match.get("eth_src")), address)
            self._add(self._sent, self._by_ends.get(ends), (dpid, rule.key), count, age_s)
        elif rule.priority == layout.ONE_HOP:
            pipe = self._by_label.get(address)
            self._add(self._delivered, pipe, (dpid, rule.key), count, age_s)

    def meter(self, dpid: int, meter: int, dropped: Count, age_s: float) -> None:
        """What a meter of a switch dropped."""
        found = layout.meter_of(meter)
        self._add(
            self._dropped, found if found[0] else None, (dpid, MeterKey(meter)), dropped, age_s
        )

    def end(self, now: float) -> None:
        """All switches were read."""
        self._last = {place: last for place, last in self._last.items() if place in self._seen}
        self.counts = SliceCounts(now, dict(self._sent), dict(self._delivered), dict(self._dropped))

    def _add(
        self,
        table: dict[PipeId, Count],
        name: PipeId | None,
        place: Hashable,
        count: Count,
        age_s: float,
    ) -> None:
        if name is None:
            return
        self._seen.add(place)
        last, last_age = self._last.get(place, (None, 0.0))
        self._last[place] = (count, age_s)
        if last is None:
            new = count if age_s <= self._fresh_s else count._replace(packets=0, bytes=0)
        elif count.packets < last.packets or count.bytes < last.bytes or age_s < last_age:
            new = count
        else:
            new = count._replace(
                packets=count.packets - last.packets, bytes=count.bytes - last.bytes
            )
        old = table.get(name, Count())
        table[name] = Count(
            max(old.seconds, new.seconds), old.packets + new.packets, old.bytes + new.bytes
        )
