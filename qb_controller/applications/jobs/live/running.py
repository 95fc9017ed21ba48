"""A job under way: its shots dealt out to circuits, taken by QPUs, given back, counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qb_controller.applications.jobs.live.planning import Prepared
from qb_controller.model.jobs import Fragment, Progress, SubJob
from quantum_backends.circuit_batch import BatchCounts, CircuitBatch, Quality
from quantum_backends.cutting.experiments import deal, measured, weights_after
from quantum_backends.cutting.pieces import Plan
from quantum_backends.cutting.reconstruct import Estimate, reconstruct

Shots = dict[int, int]
"""Shots by experiment of a fragment."""


@dataclass(frozen=True)
class Part:
    """Shots of a fragment that a QPU has run.

    Attributes
    ----------
    fragment : int
    qpu : str
    shots : mapping of int to int
        By experiment.
    counts : mapping of int to (mapping of int to int)
        By experiment.
    qualities : mapping of int to Quality
        By experiment.
    begun, ended : float
        Unix time.
    modelled_s, computed_s : float
        What the device is modelled to take, and what the simulator needed (of a real device: what
        it took, its own queue included).
    """

    fragment: int
    qpu: str
    shots: Mapping[int, int]
    counts: Mapping[int, Mapping[int, int]]
    qualities: Mapping[int, Quality]
    begun: float
    ended: float
    modelled_s: float
    computed_s: float


@dataclass
class Running:
    """One job while it is neither done nor given up.

    Attributes
    ----------
    prepared : Prepared
    variant : int or None
        Fixed by the first dispatch.
    parts : list of Part
    under_way : dict of int to SubJob
        By a number of the engine's.
    lost : list of (str, int, int)
        Sub-jobs that ended without counts: QPU, fragment, shots.
    """

    prepared: Prepared
    variant: int | None = None
    parts: list[Part] = field(default_factory=list)
    under_way: dict[int, SubJob] = field(default_factory=dict)
    lost: list[tuple[str, int, int]] = field(default_factory=list)
    failures: int = 0
    _own: list[list[Any]] = field(default_factory=list)
    _left: list[Shots | None] = field(default_factory=list)

    @property
    def plan(self) -> Plan:
        assert self.variant is not None
        return self.prepared.plans[self.variant]

    @property
    def fragments(self) -> tuple[Fragment, ...]:
        assert self.variant is not None
        return self.prepared.request.variants[self.variant].fragments

    def choose(self, variant: int) -> None:
        """Fix the way it is served."""
        self.variant = variant
        self._own = self.prepared.experiments(variant)
        self._left = [None] * len(self._own)

    def take_up(self, parts: list[Part]) -> bool:
        """Take over what was counted in an earlier life; False where it is of another plan.

        Plans of one description may differ: another version of what finds cuts may have made them.
        """
        taken = [0] * len(self._own)
        for part in parts:
            if part.fragment >= len(self._own):
                return False
            own = self._own[part.fragment]
            for experiment, counts in part.counts.items():
                if experiment >= len(own):
                    return False
                bits = own[experiment].signs + own[experiment].sent
                if max(counts, default=0) >> bits:
                    return False
            taken[part.fragment] += sum(part.shots.values())
        if any(n > each.shots for n, each in zip(taken, self.fragments, strict=True)):
            return False
        self.parts = parts
        return True

    def progress(self) -> Progress:
        """As a scheduler sees it."""
        if self.variant is None:
            return Progress(self.prepared.request)
        left = tuple(self.left(number) for number in range(len(self._own)))
        request = self.prepared.request.name
        done = tuple(
            SubJob(
                request, self.variant, p.fragment, p.qpu, sum(p.shots.values()), p.begun, p.ended
            )
            for p in self.parts
        )
        under_way = tuple(self.under_way.values())
        return Progress(self.prepared.request, self.variant, left, under_way, done)

    def left(self, fragment: int) -> int:
        """Shots of a fragment that nobody has been given."""
        dealt = self._left[fragment]
        if dealt is not None:
            return sum(dealt.values())
        taken = sum(sum(p.shots.values()) for p in self.parts if p.fragment == fragment)
        return self.fragments[fragment].shots - taken

    def take(self, fragment: int, shots: int) -> Shots:
        """Take shots of a fragment whose upstream fragments are done.

        One circuit after another, so that few are compiled for several QPUs.
        """
        dealt, taken = self._dealt(fragment), {}
        for experiment, there in dealt.items():
            times = min(there, shots)
            if times:
                taken[experiment] = times
                dealt[experiment] -= times
                shots -= times
        return taken

    def give_back(self, fragment: int, shots: Mapping[int, int]) -> None:
        """Shots that a QPU lost."""
        dealt = self._dealt(fragment)
        for experiment, times in shots.items():
            dealt[experiment] = dealt.get(experiment, 0) + times

    def batch(self, fragment: int, shots: Mapping[int, int], modelled_s: float) -> CircuitBatch:
        """What a worker is handed."""
        own = [self._own[fragment][experiment] for experiment in shots]
        circuits, signs = tuple(one.circuit for one in own), tuple(one.signs for one in own)
        return CircuitBatch(circuits, tuple(shots.values()), signs, modelled_s)

    @property
    def complete(self) -> bool:
        """Whether every shot of every fragment has been counted."""
        if self.variant is None or self.under_way:
            return False
        return all(self.fragment_done(number) for number in range(len(self._own)))

    def fragment_done(self, fragment: int) -> bool:
        busy = any(job.fragment == fragment for job in self.under_way.values())
        return not busy and self.left(fragment) == 0

    @property
    def all_given(self) -> bool:
        """Whether no shot waits for a QPU any more."""
        if self.variant is None:
            return False
        return all(self.left(number) == 0 for number in range(len(self._own)))

    def estimate(self) -> Estimate:
        """Put the counts together."""
        results, qualities = [], []
        for number in range(len(self._own)):
            counts, good = self._pooled(number)
            results.append(counts)
            qualities.append(good)
        return reconstruct(self.plan, self._own, results, qualities)

    def _dealt(self, fragment: int) -> Shots:
        found = self._left[fragment]
        if found is None:
            piece, own = self.plan.pieces[fragment], self._own[fragment]
            weights = weights_after(self.plan, piece, own, self._upstream(fragment))
            found = dict(enumerate(deal(self.fragments[fragment].shots, weights)))
            for part in self.parts:
                if part.fragment == fragment:
                    for experiment, times in part.shots.items():
                        found[experiment] -= times
            self._left[fragment] = found
        return found

    def _upstream(self, fragment: int) -> dict[int, NDArray[np.float64]]:
        found: dict[int, NDArray[np.float64]] = {}
        for number in self.plan.pieces[fragment].after:
            piece, own = self.plan.pieces[number], self._own[number]
            found |= measured(self.plan, piece, own, self._pooled(number)[0])
        return found

    def _pooled(self, fragment: int) -> tuple[list[Mapping[int, int]], list[Quality]]:
        """Counts of all QPUs together, and their mean qualities by shots."""
        counts: list[dict[int, int]] = [{} for _ in self._own[fragment]]
        sums = np.zeros((len(counts), 4))
        for part in self.parts:
            if part.fragment != fragment:
                continue
            for experiment, found in part.counts.items():
                for bits, times in found.items():
                    counts[experiment][bits] = counts[experiment].get(bits, 0) + times
                good, shots = part.qualities[experiment], part.shots[experiment]
                sums[experiment] += (
                    shots * good.success,
                    shots * good.gates,
                    shots * good.readout,
                    shots,
                )
        means = [row[:3] / row[3] if row[3] else np.ones(3) for row in sums]
        return list(counts), [Quality(*(float(x) for x in row)) for row in means]


def part_of(
    fragment: int,
    qpu: str,
    shots: Mapping[int, int],
    answer: BatchCounts,
    times: tuple[float, float, float, float],
) -> Part:
    """A worker's answer as a part; times are begun, ended, modelled, computed."""
    return Part(
        fragment,
        qpu,
        dict(shots),
        dict(zip(shots, answer.counts, strict=True)),
        dict(zip(shots, answer.qualities, strict=True)),
        *times,
    )
