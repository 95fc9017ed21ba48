"""The difference between what a switch holds and what it should hold."""

from __future__ import annotations

from dataclasses import dataclass

from qb_controller.model.rules import Entry, RuleSet
from qb_controller.southbound.layout import left_alone


@dataclass(frozen=True, slots=True)
class Delta:
    """Entries to add, to change (as they should be) and to delete (as they are).

    A flow rule whose cookie alone differs is a change: OpenFlow changes a cookie only by putting
    the entry again, which replaces it in one step and keeps its counters.
    """

    adds: tuple[Entry, ...] = ()
    mods: tuple[Entry, ...] = ()
    deletes: tuple[Entry, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.adds or self.mods or self.deletes)


NO_DELTA = Delta()


def diff(actual: RuleSet, desired: RuleSet) -> Delta:
    """What must change to get from ``actual`` to ``desired``; Ryu's LLDP rule is passed over."""
    if actual == desired:  # in C, and by identity for what the controller itself put there
        return NO_DELTA
    adds, mods = [], []
    for entry, there in zip(desired.values(), map(actual.get, desired), strict=True):
        if there is entry:
            continue
        if there is None:
            adds.append(entry)
        elif there != entry:
            mods.append(entry)
    deletes = (
        entry for key, entry in actual.items() if key not in desired and not left_alone(entry)
    )
    return Delta(tuple(adds), tuple(mods), tuple(deletes))
