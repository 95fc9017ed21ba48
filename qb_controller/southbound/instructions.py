"""What a switch can be told, and what it then holds (OpenFlow 1.3, sections 6.4 and 6.5)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from qb_controller.errors import InstallError
from qb_controller.model.rules import FlowRule, GroupRule, RuleSet


@dataclass(frozen=True, slots=True)
class Instruction:
    """One flow-mod or group-mod.

    Attributes
    ----------
    op : str
        ``add``: OFPFC_ADD, which in one step takes the place of a flow entry with equal match and
        priority, or OFPGC_ADD, an error where the group exists. ``modify``: OFPGC_MODIFY, groups
        only. ``delete``: OFPFC_DELETE_STRICT or OFPGC_DELETE, which takes the flow entries that
        point at the group with it; neither minds if nothing is there.
    rule : FlowRule or GroupRule
    """

    op: Literal["add", "modify", "delete"]
    rule: FlowRule | GroupRule


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


def groups_used(entry: FlowRule | GroupRule) -> set[int]:
    """Ids of the groups that an entry's actions name."""
    parts = (entry,) if isinstance(entry, FlowRule) else entry.buckets
    return {
        action[1]
        for part in parts
        for action in part.actions
        if action[0] == "group" and len(action) == 2 and isinstance(action[1], int)
    }


def _put(rules: RuleSet, instruction: Instruction) -> None:
    entry = instruction.rule
    for group_id in groups_used(entry):
        if group_id not in rules:
            raise InstallError(f"{entry} points at group {group_id:#x}, which does not exist")
    if isinstance(entry, FlowRule):
        rules[entry.key] = entry
        return
    there = entry.group_id in rules
    if there != (instruction.op == "modify"):
        state = "exists already" if there else "does not exist"
        raise InstallError(f"group {entry.group_id:#x} to {instruction.op} {state}")
    rules[entry.group_id] = entry


def _delete(rules: RuleSet, entry: FlowRule | GroupRule) -> None:
    if isinstance(entry, FlowRule):
        rules.pop(entry.key, None)
        return
    rules.pop(entry.group_id, None)
    for key, other in list(rules.items()):
        if isinstance(other, FlowRule) and entry.group_id in groups_used(other):
            del rules[key]
