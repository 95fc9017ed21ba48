"""Two-phase updates (Reitblatt et al., "Abstractions for Network Update", SIGCOMM 2012).

From what the switches hold to what they should hold, in phases that are each confirmed by barriers
before the next begins:

1. meters, and groups that links need, 2. groups of pairs and pipes, 3. flow rules that labelled
packets meet, 4. the flips: changed groups and meters, rules that let packets of hosts in, and the
end of those that put them into a slice, 5. to 7. deletions of what has drained, in the reverse
order.

Nothing of phases 1 to 3 is reached before phase 4, and nothing is deleted before every packet that
could need it has left. Drains do not block: what is to go is remembered with its time, other
updates may happen meanwhile, and what is wanted again stays.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field

from qb_controller.model.rules import Entry, EntryKey, FlowRule, GroupRule, MeterRule, RuleSet
from qb_controller.southbound import cookies, layout
from qb_controller.southbound.diff import Delta, diff
from qb_controller.southbound.instructions import Instruction, apply, apply_all, used_by
from qb_controller.southbound.steps import run

Place = tuple[int, EntryKey]
"""Datapath id and key of an entry."""

Phase = dict[int, list[Instruction]]
"""Instructions by datapath id, in any order; a barrier to each of these switches ends the phase."""


@dataclass(frozen=True, slots=True)
class Retired:
    """Entries nobody means any more, and the time from which they may go.

    Attributes
    ----------
    due : mapping of Place to float
        Infinity while packets are still being sent that need the entry: the drain begins only once
        the flips that end this are confirmed.
    """

    due: Mapping[Place, float] = field(default_factory=dict)

    def keys(self) -> Iterator[EntryKey]:
        """Keys of the entries, for :func:`~.intent.taken_by`."""
        return (key for _, key in self.due)


NOTHING_RETIRED = Retired()


@dataclass(frozen=True, slots=True)
class Update:
    """What to send now, and when to look again.

    Attributes
    ----------
    steps : list of Phase
        To be sent one after the other, each confirmed before the next.
    retired : Retired
        To be handed to the next :func:`plan_update`, provided that every step was confirmed. Else
        hand in the old one again, with ``actual`` as it really is.
    wake_at : float or None
        Time at which to plan again if nothing else happens: at once (``now``) after steps that made
        entries superfluous, at the end of a drain, or None: nothing is left to do.
    """

    steps: list[Phase]
    retired: Retired
    wake_at: float | None

    @property
    def messages(self) -> int:
        """Flow-mods, group-mods and meter-mods in all steps."""
        return sum(len(orders) for step in self.steps for orders in step.values())


def plan_update(
    actual: Mapping[int, RuleSet],
    desired: Mapping[int, RuleSet],
    retired: Retired,
    now: float,
    drain_s: float,
) -> Update:
    """The way from ``actual`` to ``desired``.

    Switches that ``desired`` does not name are left as they are. While a switch that it names is
    not in ``actual`` (not connected) it gets nothing, and no new drain begins anywhere, because it
    may go on sending packets that need the old entries.

    Parameters
    ----------
    actual, desired : mapping of int to RuleSet
        By datapath id.
    retired : Retired
        From the last update whose steps were all confirmed.
    now : float
        Seconds, any clock.
    drain_s : float
        The longest that a packet stays in the network.

    Returns
    -------
    Update
    """
    return run(plan_update_steps(actual, desired, retired, now, drain_s))


def plan_update_steps(
    actual: Mapping[int, RuleSet],
    desired: Mapping[int, RuleSet],
    retired: Retired,
    now: float,
    drain_s: float,
) -> Generator[None, None, Update]:
    """As :func:`plan_update`, pausing between switches (see :mod:`.steps`)."""
    deltas: dict[int, Delta] = {}
    for dpid in sorted(desired.keys() & actual.keys()):
        delta = diff(actual[dpid], desired[dpid])
        if delta:
            deltas[dpid] = delta
            yield
    all_there = desired.keys() <= actual.keys()
    puts = yield from _puts(deltas)
    due: dict[Place, float] = {}
    for dpid, delta in deltas.items():
        for place, entry in _superfluous(dpid, delta):
            before = retired.due.get(place)
            if _is_foreign(entry):
                due[place] = now
            elif before is not None and before < math.inf:
                due[place] = before
            elif all_there and (before is not None or not puts):
                due[place] = now + drain_s
            else:
                due[place] = math.inf
        _groups_last(dpid, delta, due)
        yield
    drops = _drops(deltas, due, now)
    left = {place: time for place, time in due.items() if time > now}
    return Update(puts + drops, Retired(left), _wake(left, now, bool(puts)))


def _puts(deltas: Mapping[int, Delta]) -> Generator[None, None, list[Phase]]:
    """Phases 1 to 4, without the empty ones; pauses between switches."""
    steps: list[Phase] = [{}, {}, {}, {}]
    for dpid, delta in deltas.items():
        for entry in delta.adds:
            order = Instruction("add", entry)
            steps[_phase(entry, new=True)].setdefault(dpid, []).append(order)
        for entry in delta.mods:
            order = Instruction("add" if isinstance(entry, FlowRule) else "modify", entry)
            steps[_phase(entry, new=False)].setdefault(dpid, []).append(order)
        for entry in filter(layout.is_overlay, delta.deletes):
            steps[3].setdefault(dpid, []).append(Instruction("delete", entry))
        yield
    return [step for step in steps if step]


def _phase(entry: Entry, new: bool) -> int:
    if isinstance(entry, FlowRule):
        return 3 if layout.is_entrance(entry) else 2
    if not new:
        return 3
    return 1 if _labels(entry) else 0


def _labels(entry: Entry) -> bool:
    """Whether an entry is a group that puts labels on, and so points at a link's group."""
    return isinstance(entry, GroupRule) and layout.group_kind(entry.group_id)[0] in (
        "pair",
        "slice",
    )


def _drops(deltas: Mapping[int, Delta], due: Mapping[Place, float], now: float) -> list[Phase]:
    """Phases 5 to 7, without the empty ones."""
    steps: list[Phase] = [{}, {}, {}]
    for dpid, delta in deltas.items():
        for place, entry in _superfluous(dpid, delta):
            if due[place] > now:
                continue
            number = 0 if isinstance(entry, FlowRule) else 1 if _labels(entry) else 2
            steps[number].setdefault(dpid, []).append(Instruction("delete", entry))
    return [step for step in steps if step]


def _superfluous(dpid: int, delta: Delta) -> Iterator[tuple[Place, Entry]]:
    for entry in delta.deletes:
        if not layout.is_overlay(entry):
            yield (dpid, entry.key), entry


def _is_foreign(entry: Entry) -> bool:
    """Whether somebody else made an entry: it steals packets now, so it goes without a drain."""
    if isinstance(entry, FlowRule):
        return not cookies.is_ours(entry.cookie)
    if isinstance(entry, MeterRule):
        return not layout.meter_of(entry.meter_id)[0]
    return layout.group_kind(entry.group_id)[0] == "foreign"


def _groups_last(dpid: int, delta: Delta, due: dict[Place, float]) -> None:
    """Groups and meters stay as long as what points at them: a switch would drop that with them."""
    flows_first = sorted(delta.deletes, key=lambda entry: not isinstance(entry, FlowRule))
    for entry in flows_first:  # then groups of pairs and pipes, which point at link groups
        for key in used_by(entry):
            used = (dpid, key)
            if used in due and (dpid, entry.key) in due:
                due[used] = max(due[used], due[dpid, entry.key])


def _wake(left: Mapping[Place, float], now: float, sending: bool) -> float | None:
    earliest = min(left.values(), default=math.inf)
    if sending and math.inf in left.values():
        return now
    return earliest if earliest < math.inf else None


__all__ = [
    "NOTHING_RETIRED",
    "Instruction",
    "Phase",
    "Place",
    "Retired",
    "Update",
    "apply",
    "apply_all",
    "plan_update",
    "plan_update_steps",
]
