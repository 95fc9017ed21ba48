"""Whether slices get what they were promised: rates and losses from their rules' counters.

A pipe is counted where it enters the network, at its meter, and where it leaves. What its tenant is
entitled to is what was sent and no meter dropped, at most what was promised; in the hose model also
no more, in all, than the receiving host may receive. The switches are read at different moments and
count with a lag: over some seconds a rate may be wrong by the lag's share of them, so what differs
by no more than twice that is no loss. A short window shows a large loss soon, a long one a small
one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from qb_controller.model.delivered import Delivered, Latency, PipeQuality
from qb_controller.model.network import LinkId, Network, Path
from qb_controller.model.slice_life import Slice, Told, gone_link
from qb_controller.model.slices import Pipe, Placement
from qb_controller.slicing.promises import Situation, broken
from qb_controller.southbound.slice_counters import Count, PipeId, SliceCounts
from qb_controller.southbound.slice_rules import meter_index, receiving_index

WINDOW = 8
"""Readings that a rate is taken over, and the shorter window that loss is."""

LONG_WINDOW = 40
"""Readings that loss is taken over, too."""

LEAST_READINGS = 4
"""Below which nothing is said about loss."""

LEAST_PACKETS = 50
"""Packets within a window below which a share of them says nothing."""

SETTLE_S = 3.0
"""After a slice was placed or moved: old labels drain for a second, and what an old rule counted
between its last reading and its end is known to nobody."""

PAUSE_EVERY = 20
"""Slices looked at between two pauses."""


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
    """What every slice was given, by name."""
    _past: deque[SliceCounts] = field(default_factory=lambda: deque(maxlen=LONG_WINDOW))
    _begun: dict[str, tuple[object, float]] = field(default_factory=dict)
    _broken: dict[str, int] = field(default_factory=dict)

    def read(
        self,
        counts: SliceCounts,
        slices: Iterable[Slice],
        network: Network,
        rates: Mapping[LinkId, float],
        now: float,
        pause: Callable[[], None] = lambda: None,
        latency: Callable[[PipeId], Latency | None] = lambda pipe: None,
    ) -> list[Told]:
        """Take one reading of all counters; what is to be told of it.

        Parameters
        ----------
        counts : SliceCounts
        slices : iterable of Slice
            Those that run; others are forgotten.
        network : Network
        rates : mapping of LinkId to float
            Bit/s on every link, to say what a loss comes from.
        now : float
            Unix time.
        pause : callable
            Called every few milliseconds.
        latency : callable
            What probes tell of a pipe.
        """
        slices, before = list(slices), self.found
        where = Situation(network, rates, lambda link: on_link(link, slices, before), now)
        self._past.append(counts)
        past = list(self._past)
        told: list[Told] = []
        found: dict[str, Delivered] = {}
        begun: dict[str, tuple[object, float]] = {}
        for turn, one in enumerate(slices):
            place = one.placement
            if turn % PAUSE_EVERY == PAUSE_EVERY - 1:
                pause()
            if place is None:
                continue
            form = (place.request, place.pipes, one.since)
            begun[one.name] = self._begun.get(one.name, (None, 0.0))
            if begun[one.name][0] != form:
                begun[one.name] = (form, counts.at)
            pipes = [
                replace(pipe, latency=latency((place.number, position)))
                for position, pipe in enumerate(
                    qualities(place, past, begun[one.name][1], network, self.lag_s)
                )
            ]
            violation = self._violation(one, pipes, where)
            found[one.name] = Delivered(now, tuple(pipes), violation)
            was = before[one.name].violation if one.name in before else ""
            if violation and not was:
                told.append((now, one.name, "violation", violation))
            elif was and not violation:
                told.append((now, one.name, "kept", "all that was promised is kept again"))
        self.found, self._begun = found, begun
        self._broken = {name: count for name, count in self._broken.items() if name in found}
        return told

    def _violation(self, one: Slice, pipes: Sequence[PipeQuality], where: Situation) -> str:
        """What is not kept, from the second reading in a row that shows it."""
        text = broken(one, pipes, where)
        self._broken[one.name] = self._broken.get(one.name, 0) + 1 if text else 0
        return text if self._broken[one.name] >= 2 else ""


def on_link(link: LinkId, slices: Sequence[Slice], found: Mapping[str, Delivered]) -> float:
    """Bit/s that slices get through over a link, by what each was given last."""
    total = 0.0
    for one in slices:
        given = found.get(one.name)
        for pipe, quality in zip(
            one.placement.pipes if one.placement is not None else (),
            given.pipes if given is not None else (),
            strict=False,
        ):
            if pipe.path is not None and link in pipe.path.links:
                total += quality.delivered or 0.0
    return total


def qualities(
    place: Placement,
    past: Sequence[SliceCounts],
    since: float,
    network: Network,
    lag_s: float,
) -> list[PipeQuality]:
    """Every pipe of a slice.

    Parameters
    ----------
    place : Placement
    past : sequence of SliceCounts
        Readings, oldest first.
    since : float
        When it was placed so: rates are of readings from then on, losses of those after it has
        settled.
    network : Network
    lag_s : float
    """
    here = [each for each in past if each.at >= since]
    settled = [each for each in here if each.at >= since + SETTLE_S]
    now = _shares(place, here[-WINDOW:], lag_s)
    recent, long = _shares(place, settled[-WINDOW:], lag_s), _shares(place, settled, lag_s)
    found = []
    for n, pipe in enumerate(place.pipes):
        loss = _agreed(recent[n], long[n])
        if _is_base(pipe, network):
            loss = None  # nobody counts what goes as best effort
        promised, delay = place.request.limit(pipe.ends), path_delay(pipe.path, network)
        rates = (now[n].offered, now[n].delivered)
        found.append(PipeQuality(pipe.ends, promised, *rates, loss, delay))
    return found


@dataclass(frozen=True, slots=True)
class _Share:
    """Rates of a pipe between two readings, and what it lost of what it is entitled to."""

    offered: float | None = None
    delivered: float | None = None
    loss: float | None = None
    noise: float = 0.0


def _agreed(recent: _Share, long: _Share) -> float | None:
    """The loss of the long window, unless the short one is surely another."""
    if recent.loss is None or long.loss is None:
        return long.loss if recent.loss is None else recent.loss
    return recent.loss if abs(recent.loss - long.loss) > recent.noise else long.loss


def _shares(place: Placement, window: Sequence[SliceCounts], lag_s: float) -> list[_Share]:
    keys = [(place.number, position) for position in range(len(place.pipes))]
    request, sent = place.request, [_grown([x.sent for x in window], key) for key in keys]
    passed = _passed(place, window, [much.rate for much in sent])
    most = [request.limit(pipe.ends) for pipe in place.pipes]
    entitled = [min(two) for two in zip(passed, most, strict=True)]
    if request.is_hose:
        entitled = _receivable(place, entitled)
    grown = [_grown([x.delivered for x in window], key) for key in keys]
    let_in = _let_in(place, window, [each.rate for each in grown])
    shares = []
    for arrived, rate, much, mine in zip(grown, let_in, sent, entitled, strict=True):
        if much.seconds <= 0:
            shares.append(_Share())
        elif arrived.seconds <= 0:  # within one switch, where nothing else counts
            shares.append(_Share(much.rate, mine))
        else:
            loss, noise = None, 2 * lag_s / much.seconds
            if len(window) >= LEAST_READINGS and much.packets >= LEAST_PACKETS:
                loss = 1 - rate / mine if mine else 0.0
                loss = loss if loss > noise else 0.0
            shares.append(_Share(much.rate, rate, loss, noise))
    return shares


def _passed(place: Placement, window: Sequence[SliceCounts], sent: Sequence[float]) -> list[float]:
    """Bit/s of each pipe that its meter let pass."""
    meters = [meter_index(place.request, position) for position in range(len(sent))]
    return _metered(place, window, sent, meters)


def _let_in(
    place: Placement, window: Sequence[SliceCounts], arrived: Sequence[float]
) -> list[float]:
    """Bit/s of each pipe that its receiving host's meter let pass."""
    meters = [receiving_index(place.request, position) for position in range(len(arrived))]
    return _metered(place, window, arrived, meters)


def _metered(
    place: Placement,
    window: Sequence[SliceCounts],
    rates: Sequence[float],
    meters: Sequence[int | None],
) -> list[float]:
    """Bit/s that meters leave of pipes; pipes of one meter share its drops by size."""
    total: dict[int | None, float] = dict.fromkeys(meters, 0.0)
    for meter, rate in zip(meters, rates, strict=True):
        total[meter] += rate
    tables = [each.dropped for each in window]
    left: dict[int | None, float] = {}
    for meter, rate in total.items():
        dropped = 0.0 if meter is None else _grown(tables, (place.number, meter)).rate
        left[meter] = max(0.0, 1 - dropped / rate) if rate else 1.0
    return [rate * left[meter] for meter, rate in zip(meters, rates, strict=True)]


def _receivable(place: Placement, entitled: list[float]) -> list[float]:
    """What hosts may receive of what is sent to them, in proportion."""
    towards: dict[str, float] = {}
    for pipe, rate in zip(place.pipes, entitled, strict=True):
        towards[pipe.ends.dst] = towards.get(pipe.ends.dst, 0.0) + rate
    most = place.request.rate_back
    share = {host: min(1.0, most / rate) if rate else 1.0 for host, rate in towards.items()}
    pairs = zip(place.pipes, entitled, strict=True)
    return [rate * share[pipe.ends.dst] for pipe, rate in pairs]


@dataclass(frozen=True, slots=True)
class _Grown:
    """How much a total grew over a window, and in how many seconds; 0 where that is not known."""

    seconds: float = 0.0
    packets: int = 0
    rate: float = 0.0


def _grown(tables: Sequence[Mapping[tuple[int, int], Count]], key: tuple[int, int]) -> _Grown:
    known = [table[key] for table in tables if key in table]
    if len(known) < 2:
        return _Grown()
    first, last = known[0], known[-1]
    seconds = last.seconds - first.seconds
    if seconds <= 0:
        return _Grown()
    return _Grown(seconds, last.packets - first.packets, 8 * (last.bytes - first.bytes) / seconds)


def _is_base(pipe: Pipe, network: Network) -> bool:
    """Whether neither path nor backup is there."""
    if pipe.path is None or gone_link(pipe.path, network) is None:
        return False
    return pipe.backup is None or gone_link(pipe.backup, network) is not None


def path_delay(path: Path | None, network: Network) -> float:
    """Propagation delay of a path, as far as it is known."""
    links = (network.link_by_id.get(link) for link in path.links) if path else ()
    return sum(link.delay for link in links if link is not None)
