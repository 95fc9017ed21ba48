"""The life of a slice: its states, the ways between them, and the events that tell of it.

::

    pending --> admitted --> active <--> degraded
       |            |           |            |
       |            +-----------+------------+--> expired (its end came, or it was deleted)
       +--> rejected, expired

``pending`` waits for its start or for a decision, ``admitted`` has a place that the switches are
being told of, ``active`` has all its rules confirmed by barriers, ``degraded`` misses something
that its text names. A slice that was rejected or has expired may be asked for again under its name.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from qb_controller.model.network import LinkId, Network, Path
from qb_controller.model.slices import Placement, SliceRequest, State

MOVES: Mapping[State, frozenset[State]] = {
    "pending": frozenset({"admitted", "active", "rejected", "expired"}),
    "admitted": frozenset({"active", "degraded", "pending", "expired"}),
    "active": frozenset({"degraded", "pending", "expired"}),
    "degraded": frozenset({"active", "pending", "expired"}),
    "rejected": frozenset({"pending", "expired"}),
    "expired": frozenset({"pending"}),
}
"""States that each state may be followed by. What runs becomes pending when it is to be changed,
and active again where the change was rejected."""

LIVING: frozenset[State] = frozenset({"pending", "admitted", "active", "degraded"})
"""States in which a name is taken."""

Kind = Literal[
    "asked",
    "changed",
    "admitted",
    "rejected",
    "active",
    "moved",
    "degraded",
    "expired",
    "deleted",
    "violation",
    "kept",
]


Told = tuple[float, str, Kind, str]
"""What is to be told: Unix time, name of the slice, kind, text."""

WAITS = "waits for its start; until then nothing is reserved for it"


@dataclass(frozen=True, slots=True)
class Slice:
    """A request and what became of it.

    Attributes
    ----------
    request : SliceRequest
    number : int
        1 to 65,535, the owner in the cookies of its rules.
    state : State
    since : float
        Unix time of the state.
    asked_at : float
        Unix time of the request.
    detail : str
        What it waits for, why it was rejected, or what is missing; empty where nothing is.
    placement : Placement or None
        Where it runs; None before it is admitted and where nothing can carry it. While a change is
        pending, the place of what was asked for before.
    decision : int
        The decision that admitted, rejected or last moved it; 0 before.
    """

    request: SliceRequest
    number: int
    state: State
    since: float
    asked_at: float
    detail: str = ""
    placement: Placement | None = None
    decision: int = 0

    @property
    def name(self) -> str:
        return self.request.name

    @property
    def is_changing(self) -> bool:
        """Whether it runs as what was asked for before, while a change is decided."""
        return self.state == "pending" and self.placement is not None


class Event(NamedTuple):
    """Something that happened to a slice.

    Attributes
    ----------
    number : int
        From 1 on, without gaps in one state directory.
    at : float
        Unix time.
    slice : str
        Its name.
    kind : Kind
    text : str
        For people.
    """

    number: int
    at: float
    slice: str
    kind: Kind
    text: str


def followed_by(one: Slice, state: State, now: float, detail: str = "") -> Slice:
    """The slice in another state.

    Raises
    ------
    ValueError
        That state cannot follow.
    """
    if state not in MOVES[one.state]:
        raise ValueError(f"slice {one.name}: {one.state} is not followed by {state}")
    return replace(one, state=state, since=now, detail=detail)


def degraded(one: Slice, now: float, text: str) -> Slice:
    """The slice with something missing; a pending one goes on waiting."""
    if one.state in ("pending", "degraded"):
        return replace(one, detail=text)
    return followed_by(one, "degraded", now, text)


def ended(one: Slice, now: float, text: str) -> Slice:
    """The slice after its end."""
    return replace(followed_by(one, "expired", now, text), placement=None)


def placed(one: Slice, placement: Placement, lacks: str, now: float) -> tuple[Slice, Told | None]:
    """The slice where a decision put it, and what is to be told of that.

    Parameters
    ----------
    one : Slice
        Pending or running.
    placement : Placement
    lacks : str
        What the place does not give it, empty where it gives all.
    now : float
        Unix time.
    """
    number = placement.decision
    if one.state == "pending":
        after = followed_by(one, "admitted", now)
        after = replace(after, placement=placement, decision=number)
        if lacks:
            after = followed_by(after, "degraded", now, lacks)
        what = "the change is admitted" if one.placement else "admitted"
        text = f"{what} by decision {number}" + (f", but {lacks}" if lacks else "")
        return after, (now, one.name, "admitted", text)
    if placement == one.placement and not lacks:
        return one, None
    after = replace(one, placement=placement, decision=number)
    if lacks and (one.state, one.detail) != ("degraded", lacks):
        return degraded(after, now, lacks), (now, one.name, "degraded", lacks)
    if one.placement is not None and placement.pipes != one.placement.pipes:
        count = sum(a != b for a, b in zip(placement.pipes, one.placement.pipes, strict=False))
        text = f"{count} of {len(placement.pipes)} pipes moved by decision {number}"
        return after, (now, one.name, "moved", text)
    return after, None


def refused(one: Slice, reason: str, decision: int, now: float) -> tuple[Slice, Told | None]:
    """The slice after a decision that gave it no place, and what is to be told of that."""
    if one.state == "pending":
        after = replace(
            followed_by(one, "rejected", now, reason), decision=decision, placement=None
        )
        return after, (now, one.name, "rejected", reason)
    text = f"it is carried as best effort: {reason}"
    if one.placement is None and one.detail == text:
        return one, None
    return replace(degraded(one, now, text), placement=None), (now, one.name, "degraded", text)


def waits_for(one: Slice, now: float, hosts: Collection[str]) -> str:
    """What a slice waits for before it can be decided; empty where for nothing."""
    if one.request.start is not None and one.request.start > now:
        return WAITS
    for pipe in one.request.pipes():
        for host in pipe:
            if host not in hosts:
                return f"waits for host {host} to be seen"
    return ""


def gone_link(path: Path | None, network: Network) -> LinkId | None:
    """First link of a path that is not there or leads elsewhere; None where the path is whole."""
    if path is None:
        return None
    for link_id, onward in zip(path.links, path.dpids[1:], strict=True):
        link = network.link_by_id.get(link_id)
        if link is None or link.dst != onward:
            return link_id
    return None


def missing(placement: Placement, network: Network) -> str:
    """What of a placement the network has no longer, in words; empty where all is there."""
    hosts = network.switch_of_host
    for pipe in placement.pipes:
        for host in pipe.ends:
            if host not in hosts:
                return f"host {host} is gone"
        ends = hosts[pipe.ends.src], hosts[pipe.ends.dst]
        meant = (pipe.path.ingress, pipe.path.egress) if pipe.path else (ends[0], ends[0])
        if ends != meant:
            return f"{pipe.ends.src} or {pipe.ends.dst} is at another switch"
    for pipe in placement.pipes:
        if text := _broken(pipe.path, pipe.backup, network):
            return text
    return ""


def _broken(path: Path | None, backup: Path | None, network: Network) -> str:
    first, second = gone_link(path, network), gone_link(backup, network)
    if first is not None and path is not None:
        cut = f"{link_text(path, first, network)} is gone"
        if backup is None:
            return f"{cut}: no rate is promised on the way around it"
        return cut + (": its backup carries it" if second is None else ", and its backup, too")
    if second is not None and backup is not None:
        return f"{link_text(backup, second, network)} of its backup is gone"
    return ""


def link_text(path: Path, link: LinkId, network: Network) -> str:
    """``link s1 -> s2`` of a path that has it."""
    onward = path.dpids[path.links.index(link) + 1]
    return f"link {network.name(link.dpid)} -> {network.name(onward)}"
