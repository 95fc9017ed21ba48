"""What the switches hold, compared with what was meant, in words."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from qb_controller.model.network import Network
from qb_controller.model.rules import Entry, FlowRule, GroupRule, RuleSet
from qb_controller.southbound import cookies, layout, words
from qb_controller.southbound.diff import diff
from qb_controller.southbound.update import Place


@dataclass(frozen=True, slots=True)
class Difference:
    """One way in which a switch is not as it was meant to be.

    Attributes
    ----------
    dpid : int
    switch : str
        Its name.
    kind : str
        ``missing``; ``unexpected``, an entry of this project that nothing asks for; ``foreign``, an
        entry of somebody else; ``differs``; or ``unread``, the switch was not there to be asked.
    entry : FlowRule, GroupRule, MeterRule or None
        As meant; as found for the unexpected and the foreign.
    what : str
        In words, with both versions where they differ.
    """

    dpid: int
    switch: str
    kind: str
    entry: Entry | None
    what: str


def drift(
    held: Mapping[int, RuleSet],
    desired: Mapping[int, RuleSet],
    network: Network,
    retiring: Collection[Place] = frozenset(),
) -> list[Difference]:
    """All differences; empty when the switches hold exactly what was meant.

    Ryu's own LLDP rule is passed over, as are entries that wait for the end of a drain.

    Parameters
    ----------
    held, desired : mapping of int to RuleSet
        By datapath id.
    network : Network
        For names.
    retiring : collection of Place
        What is about to be removed (the keys of :attr:`.update.Retired.due`).
    """
    return [
        difference
        for dpid in sorted(desired.keys() | held.keys())
        for difference in _of_switch(dpid, held, desired, network, retiring)
    ]


def _of_switch(
    dpid: int,
    held: Mapping[int, RuleSet],
    desired: Mapping[int, RuleSet],
    network: Network,
    retiring: Collection[Place],
) -> Iterator[Difference]:
    name = network.name(dpid)
    if dpid not in held:
        yield Difference(dpid, name, "unread", None, f"{name} did not say what it holds")
        return
    found = held[dpid]
    delta = diff(found, desired.get(dpid, {}))
    for entry in delta.adds:
        yield Difference(dpid, name, "missing", entry, words.entry(entry))
    for entry in delta.mods:
        there = found[entry.key]
        what = f"{words.entry(there)}, cookie {_cookie(there)}; meant: {words.entry(entry)}"
        yield Difference(dpid, name, "differs", entry, f"{what}, cookie {_cookie(entry)}")
    for entry in delta.deletes:
        if (dpid, entry.key) not in retiring:
            kind = "unexpected" if _ours(entry) else "foreign"
            yield Difference(dpid, name, kind, entry, words.entry(entry))


def _ours(entry: Entry) -> bool:
    if isinstance(entry, FlowRule):
        return cookies.is_ours(entry.cookie)
    if isinstance(entry, GroupRule):
        return layout.group_kind(entry.group_id)[0] != "foreign"
    return bool(layout.meter_of(entry.meter_id)[0])


def _cookie(entry: Entry) -> str:
    return f"{entry.cookie:#x}" if isinstance(entry, FlowRule) else "none"
