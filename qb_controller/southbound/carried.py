"""How slices are carried: which label each path has, and which path each pipe takes now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from qb_controller.model.network import Host, Path
from qb_controller.model.slices import Placement
from qb_controller.southbound.labels import Label

HostPair = tuple[str, str]
"""MAC addresses of sender and receiver."""

PipeState = Literal["primary", "backup", "local", "base"]
"""``local``: both hosts are behind one switch. ``base``: no path of the pipe is whole, or a host
moved away from its ends; its packets are best effort on the base layer or a plan's path."""


@dataclass(frozen=True, slots=True)
class SlicePath:
    """A path of a slice with its label, whether packets take it now or not.

    Attributes
    ----------
    slot : int
        Of the pipe: its place in the numbers of groups.
    path : Path
    label : Label
        Says this path of this pipe and nothing else, for good.
    decision : int
        The decision that brought this path (its rules carry the number in their cookies).
    """

    slot: int
    path: Path
    label: Label
    decision: int


@dataclass(frozen=True, slots=True)
class CarriedPipe:
    """One pipe whose hosts are both known.

    Attributes
    ----------
    position : int
        In the placement.
    source, target : Host
    state : PipeState
    way : SlicePath or None
        The path taken now; None where the state is ``local`` or ``base``.
    """

    position: int
    source: Host
    target: Host
    state: PipeState
    way: SlicePath | None


@dataclass(frozen=True, slots=True)
class Carried:
    """A slice as the switches carry it.

    Attributes
    ----------
    number : int
    placement : Placement or None
        None where the slice was found in the switches and nobody said yet what it is.
    pipes : tuple of CarriedPipe
        Pipes with an unknown host, and those whose packets another slice carries, are left out:
        nothing is installed for them.
    ways : tuple of SlicePath
        Every path of these pipes that is whole, backups included.
    slots : mapping of (MAC address, MAC address) to int
        Slots of the pipes with a path, by their hosts. A slot is not given to another pair of hosts
        while a switch holds its group: packets of the one would take the path of the other.
    """

    number: int
    placement: Placement | None
    pipes: tuple[CarriedPipe, ...] = ()
    ways: tuple[SlicePath, ...] = ()
    slots: Mapping[HostPair, int] = field(default_factory=dict)

    def slot_of(self, pipe: CarriedPipe) -> int | None:
        """Slot of a pipe, None where it has no path."""
        return self.slots.get((pipe.source.mac, pipe.target.mac))

    @property
    def missing(self) -> tuple[int, ...]:
        """Positions of the pipes that are not carried as promised, lower first."""
        if self.placement is None:
            return ()
        kept = {pipe.position for pipe in self.pipes if pipe.state != "base"}
        return tuple(n for n in range(len(self.placement.pipes)) if n not in kept)
