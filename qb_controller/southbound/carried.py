"""How slices are carried: which label each path has, and which path each pipe takes now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from qb_controller.model.network import Host, Path
from qb_controller.model.slices import Placement
from qb_controller.southbound.labels import Label

PipeState = Literal["primary", "backup", "local", "base"]
"""``local``: both hosts are behind one switch. ``base``: no path of the pipe is whole, or a host
moved away from its ends; its packets are best effort on the base layer or a plan's path."""


@dataclass(frozen=True, slots=True)
class SlicePath:
    """A path of a slice with its label, whether packets take it now or not.

    Attributes
    ----------
    pipe : int
        Position of the pipe in the placement.
    path : Path
    label : Label
        Says this path of this pipe and nothing else, for good.
    decision : int
        The decision that brought this path (its rules carry the number in their cookies).
    """

    pipe: int
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
        Pipes with an unknown host are left out: nothing is installed for them.
    ways : tuple of SlicePath
        Every path of these pipes that is whole, backups included.
    """

    number: int
    placement: Placement | None
    pipes: tuple[CarriedPipe, ...] = ()
    ways: tuple[SlicePath, ...] = ()

    @property
    def missing(self) -> tuple[int, ...]:
        """Positions of the pipes that are not carried as promised, lower first."""
        if self.placement is None:
            return ()
        kept = {pipe.position for pipe in self.pipes if pipe.state != "base"}
        return tuple(n for n in range(len(self.placement.pipes)) if n not in kept)
