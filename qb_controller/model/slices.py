"""Network slices: what a tenant asks for, and how an admitted slice is carried.

A *request* speaks of hosts and rates. A *placement* is what admission decides: a path (and, where
asked for, a link-disjoint backup) for every pipe. A *pipe* is one direction between two hosts. In
the pipe model the tenant names the pairs and each direction has its own rate; in the hose model
the tenant names a set of hosts, each of which may send and receive so much in total, whoever the
other end is (Duffield et al., "A flexible model for resource management in virtual private
networks", SIGCOMM 1999).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import permutations
from typing import Literal, NamedTuple

from qb_controller.model.network import LinkId, Path

Isolation = Literal["shared", "links"]
"""``links``: no packet of anyone else on any directed link that the slice uses."""

Protection = Literal["none", "disjoint"]
"""``disjoint``: a second path without a common link, its capacity held too."""

State = Literal["pending", "admitted", "rejected", "active", "degraded", "expired"]

OWN_DSCP = 46
"""Code point of slice traffic in the network (Expedited Forwarding, RFC 3246)."""


class Ends(NamedTuple):
    """Names of the hosts that a pipe leads from and to."""

    src: str
    dst: str


@dataclass(frozen=True, slots=True)
class SliceRequest:
    """What a tenant asks for.

    Attributes
    ----------
    name : str
        Lower-case letters, digits and hyphens, at most 32, unique among slices not expired.
    pairs : tuple of Ends
        Pipe model: from the first host to the second, and back where ``rate_back`` is above zero.
        Empty in the hose model.
    hosts : tuple of str
        Hose model: at least two. Empty in the pipe model.
    rate : float
        Bit/s committed from first to second (pipe), or that each host may send (hose); above zero.
    rate_back : float
        Bit/s committed from second to first (pipe, 0 for none), or that each host may receive
        (hose).
    latency : float or None
        Most that the propagation delays along a path may add up to, in seconds; None for any.
    isolation : Isolation
    protection : Protection
    priority : int
        1 to 10; the value counts as ``value * priority`` in admission.
    value : float
        Worth per unit of time while admitted, above zero, in units of the operator's choice.
    start, end : float or None
        Unix times in seconds; None for from now on, and for ever.
    """

    name: str
    pairs: tuple[Ends, ...] = ()
    hosts: tuple[str, ...] = ()
    rate: float = 0.0
    rate_back: float = 0.0
    latency: float | None = None
    isolation: Isolation = "shared"
    protection: Protection = "none"
    priority: int = 1
    value: float = 1.0
    start: float | None = None
    end: float | None = None

    @property
    def is_hose(self) -> bool:
        return bool(self.hosts)

    @property
    def worth(self) -> float:
        """What admission maximises the sum of."""
        return self.value * self.priority

    def pipes(self) -> tuple[Ends, ...]:
        """Every direction that may carry traffic, in a fixed order, without repetition."""
        if self.is_hose:
            return tuple(Ends(*two) for two in permutations(self.hosts, 2))
        back = [Ends(dst, src) for src, dst in self.pairs] if self.rate_back > 0 else []
        return tuple(dict.fromkeys([*self.pairs, *back]))

    def limit(self, ends: Ends) -> float:
        """Bit/s that one pipe may carry by itself."""
        if self.is_hose:
            return min(self.rate, self.rate_back)
        forward = self.rate if ends in self.pairs else 0.0
        return forward + (self.rate_back if Ends(ends.dst, ends.src) in self.pairs else 0.0)


@dataclass(frozen=True, slots=True)
class Pipe:
    """How one direction of a slice is carried.

    Attributes
    ----------
    ends : Ends
    path : Path or None
        None where both hosts are behind one switch.
    backup : Path or None
        Has no link in common with ``path``, in either direction of a cable.
    """

    ends: Ends
    path: Path | None
    backup: Path | None = None


@dataclass(frozen=True, slots=True)
class Placement:
    """An admitted slice on the network.

    Attributes
    ----------
    request : SliceRequest
    number : int
        1 to 65,535, the owner in the cookies of its rules; never that of another living slice.
    decision : int
        The decision that brought it, or last moved it.
    pipes : tuple of Pipe
        One for each of ``request.pipes()``, in that order.
    held : mapping of LinkId to float
        Bit/s set aside on each directed link, backups included; with isolation ``links`` the whole
        capacity of the links it uses.
    """

    request: SliceRequest
    number: int
    decision: int
    pipes: tuple[Pipe, ...]
    held: Mapping[LinkId, float] = field(default_factory=dict)

    @property
    def links(self) -> frozenset[LinkId]:
        """Directed links of its paths and backups."""
        paths = [path for pipe in self.pipes for path in (pipe.path, pipe.backup) if path]
        return frozenset(link for path in paths for link in path.links)

    @property
    def private(self) -> frozenset[LinkId]:
        """Links that nobody else may use."""
        return self.links if self.request.isolation == "links" else frozenset()


@dataclass(frozen=True)
class SlicePlan:
    """All placements that shall be in force; a slice not named here is taken off the network.

    Only the verifier of slices makes one, after it has counted what every link holds.

    Attributes
    ----------
    decision : int
    network_version : int
        The network it was verified against.
    placements : tuple of Placement
        By ascending number.
    """

    decision: int
    network_version: int
    placements: tuple[Placement, ...]

    @property
    def private(self) -> frozenset[LinkId]:
        """Links that only their slices may use: closed to base paths, bypasses and other plans."""
        return frozenset().union(*(placement.private for placement in self.placements))

    def held(self) -> dict[LinkId, float]:
        """Bit/s set aside on each directed link, over all slices."""
        held: dict[LinkId, float] = {}
        for placement in self.placements:
            for link, rate in placement.held.items():
                held[link] = held.get(link, 0.0) + rate
        return held
