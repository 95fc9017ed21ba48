"""What schedulers look up again and again, worked out once for each request.

A book belongs to one fleet. It is a memo of pure functions: two schedulers with books of their own
decide alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from qb_controller.applications.jobs.estimates import fastest, may_run
from qb_controller.model.jobs import JobRequest, Progress, State
from qb_controller.model.qpus import Latency, Qpu
from quantum_backends.routing import Floats

MOST = 1000
"""Requests remembered although nobody waits for them or learns from them any more."""


@dataclass(frozen=True, eq=False)
class Ways:
    """A request on a fleet.

    Attributes
    ----------
    shot_s : tuple of tuple of float array (m,)
        By variant and fragment the time of a shot on each QPU; infinite where it may not run.
    quickest_s : float
        Least time until done on an empty fleet, shots not split.
    usual : int
        The variant that has it: what whoever does not choose takes.
    """

    shot_s: tuple[tuple[Floats, ...], ...]
    quickest_s: float
    usual: int


@dataclass(frozen=True)
class Task:
    """A fragment with shots that nobody has been given, ready to run.

    Attributes
    ----------
    progress : Progress
    variant, fragment, shots : int
    shot_s : float array (m,)
    """

    progress: Progress
    variant: int
    fragment: int
    shots: int
    shot_s: Floats


class Book:
    """Requests as a fleet sees them.

    Attributes
    ----------
    overhead : float array (m,)
        Fixed time of a sub-job on each QPU.
    lag : float array (m, m)
        Latency between the sites of QPUs.
    blocks : dict
        What :mod:`.formulate` has written down for requests that are not begun, by name.
    """

    def __init__(self) -> None:
        self._names: tuple[str, ...] = ()
        self._ways: dict[str, Ways] = {}
        self.blocks: dict[str, Any] = {}
        self.overhead: Floats = np.empty(0)
        self.lag: Floats = np.empty((0, 0))

    def open(self, state: State) -> None:
        """Begin anew where the fleet is another than before; forget who is long gone."""
        names = tuple(each.qpu.name for each in state.qpus)
        if names == self._names:
            self._forget(state)
            return
        qpus = [each.qpu for each in state.qpus]
        self._names, self._ways, self.blocks = names, {}, {}
        self.overhead = np.array([qpu.overhead_s for qpu in qpus])
        between = state.latency.between
        self.lag = np.array([[between(a.site, b.site) for b in qpus] for a in qpus])

    def _forget(self, state: State) -> None:
        if len(self._ways) <= MOST + 2 * (len(state.waiting) + len(state.recent)):
            return
        known = {progress.request.name for progress in state.waiting}
        known |= {request.name for request in state.recent}
        self._ways = {name: found for name, found in self._ways.items() if name in known}
        self.blocks = {name: found for name, found in self.blocks.items() if name in known}

    def ways(self, request: JobRequest, qpus: Sequence[Qpu], latency: Latency, now: float) -> Ways:
        """Look a request up; fidelities count as they are when it is first seen."""
        found = self._ways.get(request.name)
        if found is None:
            table = []
            for plan in request.variants:
                floor = request.floor(plan)
                rows = [
                    [q.shot_s(part) if may_run(q, part, floor, now) else np.inf for q in qpus]
                    for part in plan.fragments
                ]
                table.append(tuple(np.array(row) for row in rows))
            found = Ways(tuple(table), *fastest(request, qpus, latency, now))
            self._ways[request.name] = found
        return found

    def ready(self, state: State, now: float) -> Iterator[Task]:
        """Fragments that may run now: shots are left, and what they wait for is done."""
        qpus = [each.qpu for each in state.qpus]
        for progress in state.waiting:
            ways = self.ways(progress.request, qpus, state.latency, now)
            variant = ways.usual if progress.variant is None else progress.variant
            plan = progress.request.variants[variant]
            for i, part in enumerate(plan.fragments):
                shots = progress.left[i] if progress.left else part.shots
                if shots and all(is_done(progress, variant, up) for up in part.after):
                    yield Task(progress, variant, i, shots, ways.shot_s[variant][i])


def is_done(progress: Progress, variant: int, fragment: int) -> bool:
    """Whether every shot of a fragment has ended."""
    needed = progress.request.variants[variant].fragments[fragment].shots
    return sum(job.shots for job in progress.done if job.fragment == fragment) >= needed


@dataclass(frozen=True)
class Clock:
    """When QPUs are free, as numbers.

    Attributes
    ----------
    start : float array (m,)
        When each may begin something: it has done what it was given, and is not calibrated then;
        infinite while it does not answer.
    close : float array (m,)
        When that stretch ends.
    again : float array (m,)
        When the next stretch begins; infinite where none comes.
    again_s : float array (m,)
        How long that one is.
    """

    start: Floats
    close: Floats
    again: Floats
    again_s: Floats

    @staticmethod
    def of(state: State, now: float) -> Clock:
        """Read a state."""
        open_at = [
            each.qpu.open(max(each.free_at, now)) if each.up else (np.inf, np.inf)
            for each in state.qpus
        ]
        start, close = np.array(open_at).T
        after = [
            each.qpu.open(end) if end < np.inf else (np.inf, np.inf)
            for each, (_, end) in zip(state.qpus, open_at, strict=True)
        ]
        again = np.array([begin for begin, _ in after])
        again_s = np.array([end - begin if begin < np.inf else 0.0 for begin, end in after])
        return Clock(start, close, again, again_s)

    def free(self, now: float) -> np.ndarray:
        """Which QPUs have nothing to do and may begin now (m,)."""
        return np.asarray(self.start <= now + 1e-9)

    def next_free(self, now: float) -> float:
        """When the first QPU becomes free that is not now, or opens again; infinite if none."""
        later = np.where(self.start > now + 1e-9, self.start, self.again)
        return float(later.min(initial=np.inf))

    def ends(self, work: Floats) -> Floats:
        """When work of given lengths would end; what does not fit waits for the next stretch."""
        end = self.start + work
        waits = (end > self.close) & (work < self.again_s)
        return np.asarray(np.where(waits, self.again + work, end))


def spread(
    start: Floats, overhead: Floats, shot_s: Floats, shots: int, parts: int
) -> list[tuple[int, int]]:
    """Split shots greedily over QPUs so that the last one ends as early as possible.

    Water filling: the QPUs that would begin their first shot earliest, as many as each shorten it.

    Parameters
    ----------
    start, overhead, shot_s : float arrays (m,)
        Infinite start or time of a shot: not to be used.

    Returns
    -------
    list of (int, int)
        QPU and shots; empty where none may be used.
    """
    first = start + overhead
    able = np.flatnonzero(np.isfinite(first) & np.isfinite(shot_s))
    # A QPU that begins late but is fast may do better alone than the earliest.
    able = able[np.argsort(first[able] + shot_s[able], kind="stable")][: 4 * parts]
    chosen: list[int] = []
    rate = credit = 0.0
    end = np.inf
    for m in able.tolist():
        if first[m] >= end or len(chosen) == parts:
            break
        chosen.append(m)
        rate += 1 / shot_s[m]
        credit += first[m] / shot_s[m]
        end = (shots + credit) / rate
    given, left = [], shots
    for m in chosen:
        share = min(left, int((end - first[m]) / shot_s[m]))
        given.append([m, share])
        left -= share
    if given and left:
        given[0][1] += left
    return [(m, share) for m, share in given if share > 0]
