"""Whether slices get what they were promised, from the counters of their own rules.

A pipe is counted where it enters and where it leaves the network. The two switches are read at
different moments and count with a lag, so rates are compared and not counts, each by its switch's
own clock. Over some seconds either rate may be wrong by the lag's share of them, so what differs by
no more than twice that is no loss: a short window shows a large loss soon, a long one a small one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from qb_controller.model.delivered import Delivered, PipeQuality
from qb_controller.model.network import LinkId, Network, Path
from qb_controller.model.slice_life import Slice, Told, link_text
from qb_controller.model.slices import Ends, Pipe

WINDOW = 8
"""Readings that a rate is taken over, and the shorter window that loss is."""

LONG_WINDOW = 40
"""Readings that loss is taken over, too."""

LEAST_READINGS = 4
"""Below which nothing is said about loss."""

TOLERATED = 0.02
"""Share of what was promised (or, where less is sent, of that) that may be lost before the promise
counts as broken."""

LEAST_PACKETS = 50
"""Packets within a window below which a share of them says nothing."""

FULL = 0.95
"""Share of a link's capacity from which it counts as full."""


class Count(NamedTuple):
    """A counter as a switch reported it: since when, by the switch's own clock, and how much."""

    seconds: float
    packets: int
    bytes: int


class PipeCount(NamedTuple):
    """One pipe's packets where they enter and where they leave the network.

    ``left`` is None where both hosts are behind one switch.
    """

    entered: Count
    left: Count | None


Counts = Mapping[str, Mapping[Ends, PipeCount]]
"""By name of the slice and pipe."""


@dataclass
class Assurance:
    """Keeps readings of a window and compares.

    Parameters
    ----------
    lag_s : float
        Longest time that the switches' counters stay behind.
    """

    lag_s: float
    found: dict[str, Delivered] = field(default_factory=dict)
    _past: dict[tuple[str, Ends], deque[PipeCount]] = field(default_factory=dict)
    _broken: dict[str, int] = field(default_factory=dict)

    def read(
        self,
        counts: Counts,
        slices: Iterable[Slice],
        network: Network,
        rates: Mapping[LinkId, float],
        now: float,
    ) -> list[Told]:
        """Take one reading of all counters; what is to be told of it.

        Parameters
        ----------
        counts : mapping
        slices : iterable of Slice
            Those that are not named in ``counts`` are forgotten.
        network : Network
        rates : mapping of LinkId to float
            Bit/s on every link, to say what a loss comes from.
        now : float
            Unix time.
        """
        told: list[Told] = []
        found: dict[str, Delivered] = {}
        past: dict[tuple[str, Ends], deque[PipeCount]] = {}
        for one in slices:
            if one.placement is None or one.name not in counts:
                continue
            pipes = []
            for pipe in one.placement.pipes:
                key = (one.name, pipe.ends)
                past[key] = _followed(self._past.get(key), counts[one.name].get(pipe.ends))
                pipes.append(_quality(one, pipe, past[key], network, self.lag_s))
            violation = self._violation(one, pipes, network, rates)
            found[one.name] = Delivered(now, tuple(pipes), violation)
            before = self.found.get(one.name)
            was = before.violation if before is not None else ""
            if violation and not was:
                told.append((now, one.name, "violation", violation))
            elif was and not violation:
                told.append((now, one.name, "kept", "all that was promised is kept again"))
        self.found, self._past = found, past
        return told

    def _violation(
        self,
        one: Slice,
        pipes: list[PipeQuality],
        network: Network,
        rates: Mapping[LinkId, float],
    ) -> str:
        """What is not kept, from the second reading in a row that shows it."""
        worst = max(pipes, key=lambda pipe: pipe.loss or 0.0)
        broken = worst.loss is not None and worst.loss > TOLERATED
        self._broken[one.name] = self._broken.get(one.name, 0) + 1 if broken else 0
        if self._broken[one.name] < 2:
            return ""
        return (
            f"{worst.ends.src} -> {worst.ends.dst} loses {worst.loss:.1%} of what was promised: "
            f"{cause(one, worst.ends, network, rates)}"
        )


def cause(one: Slice, ends: Ends, network: Network, rates: Mapping[LinkId, float]) -> str:
    """Where a loss comes from: a link that is gone, one that is full, or neither."""
    if one.state == "degraded" and one.detail:
        return one.detail
    pipe = next((each for each in one.placement.pipes if each.ends == ends), None)  # type: ignore[union-attr]
    for link_id in pipe.path.links if pipe is not None and pipe.path is not None else ():
        link = network.link_by_id.get(link_id)
        if link is not None and rates.get(link_id, 0.0) >= FULL * link.capacity:
            where = link_text(pipe.path, link_id, network)  # type: ignore[union-attr,arg-type]
            return (
                f"{where} is full ({rates[link_id] / 1e6:.3g} of {link.capacity / 1e6:.3g} Mbit/s)"
            )
    return "no link of its path is full or gone: its rules or classes are not as meant (qb drift)"


def _followed(before: deque[PipeCount] | None, count: PipeCount | None) -> deque[PipeCount]:
    """The window with another reading; begun anew where a counter did."""
    window: deque[PipeCount] = deque(maxlen=LONG_WINDOW)
    if count is None:
        return window
    if before and not _began_anew(before[-1], count):
        window.extend(before)
    if not window or count.entered.seconds > window[-1].entered.seconds:
        window.append(count)
    return window


def _began_anew(before: PipeCount, after: PipeCount) -> bool:
    if (before.left is None) != (after.left is None):
        return True
    pairs = [(before.entered, after.entered)]
    if before.left is not None and after.left is not None:
        pairs.append((before.left, after.left))
    return any(new.bytes < old.bytes or new.seconds < old.seconds for old, new in pairs)


def _quality(
    one: Slice, pipe: Pipe, window: deque[PipeCount], network: Network, lag_s: float
) -> PipeQuality:
    promised, delay = one.request.limit(pipe.ends), path_delay(pipe.path, network)
    if len(window) < 2:
        return PipeQuality(pipe.ends, promised, delay_s=delay)
    recent = list(window)[-WINDOW:]
    first, last = recent[0], recent[-1]
    offered = _rate(first.entered, last.entered)
    if first.left is None or last.left is None:  # within one switch nothing else counts it
        return PipeQuality(pipe.ends, promised, offered, min(offered, promised), None, delay)
    delivered = _rate(first.left, last.left)
    found = (_loss(some, promised, lag_s) for some in (recent, list(window)))
    loss = max((each for each in found if each is not None), default=None)
    return PipeQuality(pipe.ends, promised, offered, delivered, loss, delay)


def _loss(window: list[PipeCount], promised: float, lag_s: float) -> float | None:
    """Share lost of what was sent within the promise; None where too little was sent to tell."""
    first, last = window[0], window[-1]
    seconds = last.entered.seconds - first.entered.seconds
    packets = last.entered.packets - first.entered.packets
    if len(window) < LEAST_READINGS or packets < LEAST_PACKETS:
        return None
    assert first.left is not None and last.left is not None
    sent = min(_rate(first.entered, last.entered), promised)
    loss = 1 - _rate(first.left, last.left) / sent
    return loss if loss > 2 * lag_s / seconds else 0.0


def _rate(before: Count, after: Count) -> float:
    seconds = after.seconds - before.seconds
    return 8 * (after.bytes - before.bytes) / seconds if seconds > 0 else 0.0


def path_delay(path: Path | None, network: Network) -> float:
    """Propagation delay of a path, as far as it is known."""
    links = (network.link_by_id.get(link) for link in path.links) if path else ()
    return sum(link.delay for link in links if link is not None)
