"""What a switch can be told, and what it then holds (OpenFlow 1.3, sections 6.4 and 6.5)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from qb_controller.errors import InstallError
from qb_controller.model.rules import (
    Entry,
    EntryKey,
    FlowRule,
    MeterKey,
    MeterRule,
    RuleSet,
)


@dataclass(frozen=True, slots=True)
class Instruction:
    """One flow-mod, group-mod or meter-mod.

    Attributes
    ----------
    op : str
        ``add``: OFPFC_ADD, which in one step takes the place of a flow entry with equal match and
        priority, or OFPGC_ADD or OFPMC_ADD, an error where the group or meter exists. ``modify``:
        OFPGC_MODIFY or OFPMC_MODIFY, groups and meters only. ``delete``: OFPFC_DELETE_STRICT,
        OFPGC_DELETE or OFPMC_DELETE, which take the flow entries that point at the group or meter
        with it; none minds if nothing is there.
    rule : FlowRule, GroupRule or MeterRule
    """

    op: Literal["add", "modify", "delete"]
    rule: Entry


def apply(rules: RuleSet, instruction: Instruction) -> RuleSet:
    """What a switch holds after one instruction; see :func:`apply_all`."""
    return apply_all(rules, (instruction,))


def apply_all(rules: RuleSet, instructions: Iterable[Instruction]) -> RuleSet:
    """What a switch holds after several instructions, without changing ``rules``.

    Raises
    ------
    InstallError
        The switch would refuse one of them.
    """
    after = dict(rules)
    for instruction in instructions:
        if instruction.op == "delete":
            _delete(after, instruction.rule)
        else:
            _put(after, instruction)
    return after


def used_by(entry: Entry) -> set[EntryKey]:
    """Groups and meters that an entry's actions name."""
    if isinstance(entry, MeterRule):
        return set()
    parts = (entry,) if isinstance(entry, FlowRule) else entry.buckets
    found: set[EntryKey] = set()
    for part in parts:
        for action in part.actions:
            if len(action) == 2 and isinstance(action[1], int):
                if action[0] == "group":
                    found.add(action[1])
                elif action[0] == "meter":
                    found.add(MeterKey(action[1]))
    return found


def _put(rules: RuleSet, instruction: Instruction) -> None:
    entry = instruction.rule
    for key in used_by(entry):
        if key not in rules:
            raise InstallError(f"{entry} points at {_name(key)}, which does not exist")
    if isinstance(entry, FlowRule):
        rules[entry.key] = entry
        return
    there = entry.key in rules
    if there != (instruction.op == "modify"):
        state = "exists already" if there else "does not exist"
        raise InstallError(f"{_name(entry.key)} to {instruction.op} {state}")
    rules[entry.key] = entry


def _delete(rules: RuleSet, entry: Entry) -> None:
    rules.pop(entry.key, None)
    if isinstance(entry, FlowRule):
        return
    for key, other in list(rules.items()):
        if isinstance(other, FlowRule) and entry.key in used_by(other):
            del rules[key]


def _name(key: EntryKey) -> str:
    return f"meter {key.meter:#x}" if isinstance(key, MeterKey) else f"group {key:#x}"
