"""Which promise of a slice is broken, and what that comes from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from qb_controller.model.delivered import PipeQuality
from qb_controller.model.network import LinkId, Network, Path
from qb_controller.model.slice_life import Slice, gone_link, link_text
from qb_controller.model.slices import Ends

TOLERATED = 0.02
"""Share of what a tenant is entitled to that may be lost before the promise counts as broken."""

LATE_SHARE, LATE_PER_LINK_S = 0.1, 5e-4
"""What a path may take longer than its bound: a share of it, and for each link the sending of a
frame and a switch's work, which are no propagation."""

SILENT = 4
"""Probes lost in a row from which a pipe counts as broken."""

FULL = 0.95
"""Share of a link's capacity from which it counts as full."""

RECENT_S = 30.0
"""After a change of its state what a slice lacks is put down to that."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What is looked at for causes.

    Attributes
    ----------
    network : Network
    rates : mapping of LinkId to float
        Bit/s on every link.
    of_slices : callable
        Bit/s that slices send over a link.
    now : float
        Unix time.
    """

    network: Network
    rates: Mapping[LinkId, float]
    of_slices: Callable[[LinkId], float]
    now: float


def broken(one: Slice, pipes: Sequence[PipeQuality], where: Situation) -> str:
    """The worst of what is not kept, with its cause; empty where all is."""
    worst = max(pipes, key=lambda pipe: pipe.loss or 0.0)
    if worst.loss is not None and worst.loss > TOLERATED:
        text = f"loses {worst.loss:.1%} of what was promised"
        return _told(one, worst.ends, text, where, "its rules or classes are not as meant")
    for pipe in pipes:
        if pipe.latency is not None and pipe.latency.silent >= SILENT:
            text = f"lets nothing through: the last {pipe.latency.silent} probes were lost"
            return _told(one, pipe.ends, text, where, "its rules are not as meant")
    late = max(pipes, key=lambda pipe: _excess(one, pipe))
    if _excess(one, late) > 0 and late.latency is not None and late.latency.seconds is not None:
        text = (
            f"takes {1e3 * late.latency.seconds:.3g} ms (measured, "
            f"+-{1e3 * late.latency.error_s:.2g}) instead of {1e3 * (one.request.latency or 0):.3g}"
        )
        return _told(one, late.ends, text, where, "a link of it is slower than known")
    return ""


def _excess(one: Slice, pipe: PipeQuality) -> float:
    """Seconds that a pipe surely takes more than it may; at most 0 where that is not so."""
    bound, found = one.request.latency, pipe.latency
    if bound is None or found is None or found.seconds is None:
        return 0.0
    hops = max((len(path.links) for path in _paths(one, pipe.ends)), default=0)
    return found.seconds - found.error_s - bound * (1 + LATE_SHARE) - LATE_PER_LINK_S * hops


def _told(one: Slice, ends: Ends, text: str, where: Situation, otherwise: str) -> str:
    return f"{ends.src} -> {ends.dst} {text}: {cause(one, ends, where, otherwise)}"


def _paths(one: Slice, ends: Ends) -> list[Path]:
    pipes = one.placement.pipes if one.placement is not None else ()
    return [pipe.path for pipe in pipes if pipe.ends == ends and pipe.path is not None]


def cause(one: Slice, ends: Ends, where: Situation, otherwise: str) -> str:
    """Where it comes from: a link that is gone or full, a change just now, or none of these."""
    network = where.network
    for path in _paths(one, ends):
        gone = gone_link(path, network)
        if gone is not None:
            return f"{link_text(path, gone, network)} is gone"
        for link_id in path.links:
            capacity, rate = network.link_by_id[link_id].capacity, where.rates.get(link_id, 0.0)
            if rate >= FULL * capacity:
                return _full(link_text(path, link_id, network), rate, capacity, where, link_id)
    if where.now - one.since < RECENT_S:
        text = f"it became {one.state} {where.now - one.since:.0f} s ago"
        return text + (f" ({one.detail})" if one.detail else "")
    return f"no link of its path is full or gone: {otherwise} (qb drift)"


def _full(link: str, rate: float, capacity: float, where: Situation, link_id: LinkId) -> str:
    mine = where.of_slices(link_id)
    text = f"{link} is full ({rate / 1e6:.3g} of {capacity / 1e6:.3g} Mbit/s)"
    if mine >= FULL * capacity:
        return f"{text}, its class of slices over-full ({mine / 1e6:.3g} Mbit/s)"
    return text
