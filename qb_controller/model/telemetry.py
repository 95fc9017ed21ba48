"""What was measured: demands, link loads, and the snapshot that a cycle starts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from qb_controller.model.network import LinkId, Network
from qb_controller.model.plan import Route


@dataclass(frozen=True, slots=True)
class Demand:
    """Traffic from one ingress to one egress switch.

    Attributes
    ----------
    ingress, egress : int
        Datapath ids, different from each other.
    rate : float
        Bit/s offered at the ingress, not below zero.
    """

    ingress: int
    egress: int
    rate: float


@dataclass(frozen=True)
class NetworkSnapshot:
    """The input of one cycle: the network, its traffic, and the plan that carries it now.

    Attributes
    ----------
    network : Network
    demands : tuple of Demand
        One for each ordered pair of switches with traffic between them.
    installed : tuple of Route
        What the switches do now, one route for each pair; pairs not named follow shortest paths.
    taken_at : float
        Unix time in seconds.
    link_rates : mapping of LinkId to float
        Bit/s measured at the sending port.
    """

    network: Network
    demands: tuple[Demand, ...]
    installed: tuple[Route, ...]
    taken_at: float
    link_rates: Mapping[LinkId, float] = field(default_factory=dict)
