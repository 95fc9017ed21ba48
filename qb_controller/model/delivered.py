"""What slices were given, beside what they were promised."""

from __future__ import annotations

from dataclasses import dataclass

from qb_controller.model.slices import Ends


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
    """

    ends: Ends
    promised: float
    offered: float | None = None
    delivered: float | None = None
    loss: float | None = None
    delay_s: float = 0.0


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
