"""What slices were given, beside what they were promised."""

from __future__ import annotations

from dataclasses import dataclass

from qb_controller.model.slices import Ends


@dataclass(frozen=True, slots=True)
class Latency:
    """What probes on a pipe's path and in its class tell.

    Attributes
    ----------
    seconds : float or None
        From the ingress switch to the egress switch: the lower quartile of the last probes; None
        while too few arrived.
    error_s : float
        The true value is within ``seconds`` plus or minus so much: the way to the controller and
        back is measured, how it divides into there and back is not known.
    sent, lost : int
        Of the last probes; those under way not counted. A lost one is no latency.
    silent : int
        How many of the last in a row were lost.
    """

    seconds: float | None
    error_s: float
    sent: int
    lost: int
    silent: int


@dataclass(frozen=True, slots=True)
class PipeQuality:
    """One pipe over the last interval between two readings of the counters.

    Attributes
    ----------
    ends : Ends
    promised : float
        Bit/s.
    offered : float or None
        Bit/s that arrived at the ingress for it; None where there are no two readings yet.
    delivered : float or None
        Bit/s that left at the egress.
    loss : float or None
        Share of the packets that were lost out of those within the promise; None without traffic.
    delay_s : float
        Of the path it takes, by what is known of its links' propagation delays; not measured.
    latency : Latency or None
        Measured by probes; None where there were none, as within one switch.
    """

    ends: Ends
    promised: float
    offered: float | None = None
    delivered: float | None = None
    loss: float | None = None
    delay_s: float = 0.0
    latency: Latency | None = None


@dataclass(frozen=True, slots=True)
class Delivered:
    """A slice over the last interval.

    Attributes
    ----------
    at : float
        Unix time of the later reading.
    pipes : tuple of PipeQuality
        In the order of the request's pipes.
    violation : str
        What was promised and not kept, with its cause; empty where all was.
    """

    at: float
    pipes: tuple[PipeQuality, ...]
    violation: str = ""

    @property
    def offered(self) -> float:
        """Bit/s over all pipes."""
        return sum(pipe.offered or 0.0 for pipe in self.pipes)

    @property
    def delivered(self) -> float:
        """Bit/s over all pipes."""
        return sum(pipe.delivered or 0.0 for pipe in self.pipes)

    @property
    def loss(self) -> float | None:
        """The worst of all pipes; None where none has traffic."""
        return max((pipe.loss for pipe in self.pipes if pipe.loss is not None), default=None)

    @property
    def latency(self) -> Latency | None:
        """The longest of all pipes; None where none was measured."""
        found = [pipe.latency for pipe in self.pipes if pipe.latency is not None]
        known = [(each.seconds, n) for n, each in enumerate(found) if each.seconds is not None]
        return found[max(known)[1]] if known else None
