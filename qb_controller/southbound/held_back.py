"""What an update must not do once a switch has refused a part of it.

A packet that is given a label needs every rule of the label's path. Where a switch refused one of
them, the flips onto that label are held back, and what their packets take until then stays. All
else of the update goes on: one switch that refuses (its table is full, say) must not keep the rest
of the network from its repairs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from qb_controller.model.rules import Entry, EntryKey, FlowRule, MeterRule, RuleKey, RuleSet
from qb_controller.southbound import layout
from qb_controller.southbound.cookies import decode
from qb_controller.southbound.instructions import Instruction, used_by
from qb_controller.southbound.labels import egress_mask, parse
from qb_controller.southbound.update import Phase, Place, Retired


@dataclass
class HeldBack:
    """Grows while an update is carried out.

    Attributes
    ----------
    missing : set of Place
        New entries that switches do not hold although the update meant them to.
    ways : set of (str or (str, str))
        Labels with a gap in their path, and masked ones for a whole egress, as rules match them.
    stay : set of str
        Labels that packets go on being given, because what was to end that did not happen.
    """

    missing: set[Place] = field(default_factory=set)
    ways: set[object] = field(default_factory=set)
    stay: set[str] = field(default_factory=set)
    entries: list[Entry] = field(default_factory=list)
    """All that was refused or held back."""

    def __bool__(self) -> bool:
        return bool(self.entries)

    def note(self, dpid: int, held: RuleSet, entries: Iterable[Entry]) -> None:
        """A switch that holds these rules now did not take, or was not sent, some entries."""
        for entry in entries:
            self.entries.append(entry)
            old = held.get(entry.key)
            if old is not None:
                self.stay |= set(_given(old, held))
                continue
            self.missing.add((dpid, entry.key))
            if isinstance(entry, FlowRule) and not layout.is_entrance(entry):
                self.ways |= {value for name, value in entry.match if name == "eth_dst"}

    def split(self, phase: Phase, actual: Mapping[int, RuleSet]) -> Phase:
        """What may be sent of a phase; the rest is noted."""
        fit: Phase = {}
        for dpid, orders in phase.items():
            held = actual.get(dpid, {})
            back: list[Entry] = []
            for order in orders:
                if self._must_wait(dpid, order, held):
                    back.append(order.rule)
                else:
                    fit.setdefault(dpid, []).append(order)
            self.note(dpid, held, back)
        return fit

    def _must_wait(self, dpid: int, order: Instruction, held: RuleSet) -> bool:
        if order.op == "delete" or not self.missing:
            return False
        if any((dpid, key) in self.missing for key in used_by(order.rule)):
            return True
        # Where packets have no other way yet, one with a gap is no worse than none.
        flips = order.rule.key in held or layout.is_overlay(order.rule)
        return flips and any(self._has_gap(label) for label in _given(order.rule, held))

    def _has_gap(self, mac: str) -> bool:
        label = parse(mac)
        return mac in self.ways or (label is not None and egress_mask(label.egress) in self.ways)

    def still_needed(self, retired: Retired) -> Retired:
        """What may be drained after all: not the rules of labels that are given still."""
        if not self:
            return retired
        due = {place: at for place, at in retired.due.items() if not self._needed(place[1])}
        return Retired(due)

    def _needed(self, key: EntryKey) -> bool:
        return isinstance(key, RuleKey) and any(
            name == "eth_dst" and value in self.stay for name, value in key.match
        )

    @property
    def concerns_slices(self) -> bool:
        """Whether anything of it belongs to slices; else it belongs to the trees and the plan."""
        return any(_is_slices(entry) for entry in self.entries)

    @property
    def concerns_plan(self) -> bool:
        return any(not _is_slices(entry) for entry in self.entries)


def _given(entry: Entry, held: RuleSet) -> Iterator[str]:
    """Labels that an entry gives to packets, by itself or by the groups of its switch."""
    if isinstance(entry, MeterRule):
        return
    parts = (entry,) if isinstance(entry, FlowRule) else entry.buckets
    for part in parts:
        yield from (str(a[1]) for a in part.actions if a[0] == "set_eth_dst" and len(a) == 2)
    for key in used_by(entry):
        group = held.get(key)
        if group is not None and not isinstance(group, FlowRule):
            yield from _given(group, held)


def _is_slices(entry: Entry) -> bool:
    if isinstance(entry, FlowRule):
        cookie = decode(entry.cookie)
        return cookie is not None and cookie.app == "slices"
    return isinstance(entry, MeterRule) or layout.group_kind(entry.group_id)[0] == "slice"
