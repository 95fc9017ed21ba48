"""Plans: which paths carry which pair, before and after verification."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from qb_controller.model.network import LinkId, Path

WEIGHT_TOTAL = 64
"""Bucket weights of a split route add up to this (the resolution of a split)."""


@dataclass(frozen=True, slots=True)
class Share:
    """A path and its weight within a route (1 to :data:`WEIGHT_TOTAL`)."""

    path: Path
    weight: int = WEIGHT_TOTAL


@dataclass(frozen=True, slots=True)
class Route:
    """How one pair of switches is carried: one share (single path) or several (split).

    Attributes
    ----------
    ingress, egress : int
        Datapath ids.
    shares : tuple of Share
        At least one; different paths; weights add up to :data:`WEIGHT_TOTAL`.
    """

    ingress: int
    egress: int
    shares: tuple[Share, ...]

    @property
    def pair(self) -> tuple[int, int]:
        return (self.ingress, self.egress)


@dataclass(frozen=True, slots=True)
class Plan:
    """A proposal of an application: routes for the pairs it wants to steer.

    Attributes
    ----------
    owner : str
        The application (``te``).
    decision : int
        Number of the decision that led to it.
    routes : tuple of Route
        Complete: pairs not named go back to shortest paths.
    """

    owner: str
    decision: int
    routes: tuple[Route, ...]


@dataclass(frozen=True)
class VerifiedPlan:
    """A plan that passed verification, with what the verifier computed from the model.

    Only :func:`qb_controller.orchestration.verify.verify` makes one; the rule compiler accepts
    nothing else.

    Attributes
    ----------
    plan : Plan
    network_version : int
        The network it was verified against.
    mlu : float
        Highest load/capacity over all links under the snapshot's demands.
    loads : mapping of LinkId to float
        Bit/s expected on each link.
    """

    plan: Plan
    network_version: int
    mlu: float
    loads: Mapping[LinkId, float] = field(default_factory=dict)
