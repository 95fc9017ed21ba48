"""Latency of slices, measured: which probes to send when, and what those that came back tell.

A probe is handed to the ingress switch, which sends it into the group of a pipe, so that it gets
the pipe's label and takes the pipe's way, bypasses included; the egress switch hands it back. From
the time that this takes, the ways between controller and switches are taken off: how long each
switch takes to get a frame and hand it back at once is measured by the same means (a *turn*). Half
of a turn is taken to be the way there, half the way back. Either half lies between nothing and the
whole turn, so the latency is known to within half the sum of both switches' turns.

Of the last probes the lower quartile counts: what a busy controller adds only makes times longer,
while a queue that is there all the time makes all of them longer.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from qb_controller.model.delivered import Latency
from qb_controller.southbound import layout
from qb_controller.southbound.carried import Carried
from qb_controller.southbound.labels import Label
from qb_controller.southbound.slice_counters import PipeId

PER_ROUND = 20
"""Pipes probed in one round, a second; the turns of their switches come on top."""

EVERY_S = 1.0
"""A pipe is probed no more often."""

TURN_EVERY_S = 2.0
"""Age of a switch's last turn from which it is measured again."""

BOUND_WEIGHT = 4.0
"""Where not all pipes can be probed in a round, those with a bound on latency come so many times
as often as others."""

WINDOW = 10
"""Probes and turns that count, the last ones."""

LEAST = 3
"""Probes of a pipe, and turns of both its switches, below which nothing is said."""

LOST_S = 2.0
"""A probe that has not come back by then is lost."""

PAUSE_EVERY = 200
"""Pipes looked at between two pauses."""


@dataclass(frozen=True, slots=True)
class Target:
    """A pipe that can be probed: one that has a path now."""

    pipe: PipeId
    ingress: int
    egress: int
    group: int
    label: Label
    bounded: bool


@dataclass(frozen=True, slots=True)
class Shot:
    """A frame to be sent: into a pipe, or to a switch and back where ``target`` is None.

    Attributes
    ----------
    dpid : int
        The switch that gets it.
    target : Target or None
    """

    dpid: int
    target: Target | None = None


def targets(
    slices: Mapping[int, Carried], pause: Callable[[], None] = lambda: None
) -> dict[PipeId, Target]:
    """Every pipe with a path, by its name; calls ``pause`` every few milliseconds."""
    found: dict[PipeId, Target] = {}
    looked = 0
    for number, carried in slices.items():
        place = carried.placement
        for pipe in carried.pipes if place is not None else ():
            looked += 1
            if looked % PAUSE_EVERY == 0:
                pause()
            slot = carried.slot_of(pipe)
            if pipe.way is None or slot is None or place is None:
                continue
            name = (number, pipe.position)
            ends = pipe.source.dpid, pipe.target.dpid
            group = layout.slice_group(number, slot)
            bounded = place.request.latency is not None
            found[name] = Target(name, *ends, group, pipe.way.label, bounded)
    return found


@dataclass
class _Window:
    """What became of the last probes of one path; None for a lost one."""

    label: Label
    times: deque[float | None] = field(default_factory=lambda: deque(maxlen=WINDOW))


class Prober:
    """Keeps book of probes; holds no socket, the time is passed in."""

    def __init__(self) -> None:
        self._targets: Mapping[PipeId, Target] = {}
        self._windows: dict[PipeId, _Window] = {}
        self._turns: dict[int, deque[float]] = {}
        self._last: dict[PipeId | int, float] = {}
        self._flying: dict[int, tuple[Shot, float]] = {}
        self._count = 0

    def know(self, found: Mapping[PipeId, Target]) -> None:
        """Pipes are these from now on; a path that is another is measured anew."""
        self._targets = found
        for name in [name for name in self._windows if name not in found]:
            del self._windows[name]
            self._last.pop(name, None)
        for name, window in self._windows.items():
            if window.label != found[name].label:
                self._windows[name] = _Window(found[name].label)

    def due(self, connected: Collection[int], now: float) -> list[Shot]:
        """What to send within the next second, each turn before the probes that need it.

        Parameters
        ----------
        connected : collection of int
            Switches that can be asked.
        now : float
            Seconds, any clock.
        """
        self._expire(connected, now)
        for name in list(self._windows):
            target = self._targets[name]
            if target.ingress not in connected or target.egress not in connected:
                del self._windows[name]  # what was true some time ago
        ready = (
            target
            for name, target in self._targets.items()
            if now - self._last.get(name, -1e9) >= EVERY_S
            and target.ingress in connected
            and target.egress in connected
        )
        chosen = heapq.nlargest(PER_ROUND, ready, key=lambda target: self._urgency(target, now))
        shots: list[Shot] = []
        for target in chosen:
            for dpid in (target.ingress, target.egress):
                if now - self._last.get(dpid, -1e9) >= TURN_EVERY_S:
                    self._last[dpid] = now
                    shots.append(Shot(dpid))
            self._last[target.pipe] = now
            shots.append(Shot(target.ingress, target))
        return shots

    def _urgency(self, target: Target, now: float) -> float:
        waited = min(now - self._last.get(target.pipe, -1e9), 1e6)
        return waited * BOUND_WEIGHT if target.bounded else waited

    def sent(self, shot: Shot, now: float) -> int:
        """A frame is sent now; the number that it carries."""
        self._count += 1
        self._flying[self._count] = (shot, now)
        return self._count

    def arrived(self, number: int, dpid: int, now: float) -> None:
        """A frame came back from a switch; one that was given up is passed over."""
        flying = self._flying.get(number)
        if flying is None:
            return
        shot, began = flying
        if dpid != (shot.target.egress if shot.target else shot.dpid):
            return  # handed back too early: it is not through
        del self._flying[number]
        if shot.target is None:
            self._turns.setdefault(dpid, deque(maxlen=WINDOW)).append(now - began)
        else:
            self._note(shot.target, now - began)

    def _note(self, target: Target, seconds: float | None) -> None:
        current = self._targets.get(target.pipe)
        if current is None or current.label != target.label:
            return
        window = self._windows.setdefault(target.pipe, _Window(target.label))
        window.times.append(seconds)

    def _expire(self, connected: Collection[int], now: float) -> None:
        for number, (shot, began) in list(self._flying.items()):
            target = shot.target
            ends = (target.ingress, target.egress) if target else (shot.dpid,)
            if not all(dpid in connected for dpid in ends):
                del self._flying[number]  # nobody knows whether it came through
            elif now - began > LOST_S:
                del self._flying[number]
                if target is not None:
                    self._note(target, None)

    def latency(self, pipe: PipeId) -> Latency | None:
        """What the last probes of a pipe tell; None where there were none."""
        window = self._windows.get(pipe)
        if window is None or not window.times:
            return None
        times = [seconds for seconds in window.times if seconds is not None]
        sent, lost = len(window.times), len(window.times) - len(times)
        back = list(window.times)[::-1]
        silent = next((n for n, seconds in enumerate(back) if seconds is not None), len(back))
        target = self._targets[pipe]
        turns = [self._turns.get(dpid, ()) for dpid in (target.ingress, target.egress)]
        if min(len(times), *map(len, turns)) < LEAST:
            return Latency(None, 0.0, sent, lost, silent)
        error = sum(lower_quartile(each) for each in turns) / 2
        return Latency(max(0.0, lower_quartile(times) - error), error, sent, lost, silent)


def lower_quartile(values: Collection[float]) -> float:
    """The value that a quarter of all are below; the least of up to three."""
    ordered: Sequence[float] = sorted(values)
    return ordered[(len(ordered) - 1) // 4]
