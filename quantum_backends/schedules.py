"""Requests on unlike machines before their deadlines: which to serve, how, where and when.

Unrelated parallel machines with release times, precedence with lags between machines, alternative
ways to serve a request, and fragments whose units (shots) may be spread over machines. Serving by
the deadline brings the request's value, otherwise nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import ClassVar

import numpy as np

from quantum_backends.routing import Floats, Ints

Piece = tuple[int, int, int, float]
"""Fragment, machine, shots, start in seconds from now."""

Plan = tuple[Piece, ...]

TOLERANCE = 1e-6
"""Seconds by which times may disagree."""


@dataclass(frozen=True, eq=False)
class ScheduleProblem:
    """Serve requests of the greatest value, less what the machine time they take is worth.

    Times are seconds from now. Request r may be served in one of the variants
    ``first_variant[r] .. first_variant[r + 1] - 1``; variant v consists of the fragments
    ``first_fragment[v] .. first_fragment[v + 1] - 1``, all of whose shots have to end by the
    deadline. A piece of n shots of fragment f on machine m takes
    ``fixed[m] + n * shot_s[f, m]`` without a break.

    Attributes
    ----------
    release, close : float arrays (m,)
        From when to when each machine may be used, with ``release <= close``.
    fixed : float array (m,)
        Time of a piece on each machine, whatever its shots.
    value_of_request, deadline : float arrays (r,)
    first_variant : int array (r + 1,)
    first_fragment : int array (v + 1,)
    shots : int array (f,)
        At least 1.
    shot_s : float array (f, m)
        Time of a shot; infinite where the fragment may not run on the machine.
    ready : float array (f, m)
        No piece of the fragment starts on the machine earlier.
    parent_start : int array (f + 1,)
    parent : int array
        Fragment f waits for ``parent[parent_start[f]:parent_start[f + 1]]``, earlier fragments of
        the same variant: no piece of it starts before each of their pieces has ended and
        the lag from that piece's machine to its own has passed.
    lag : float array (m, m)
    parts : int
        A fragment is spread over at most so many machines.
    price : float array (m,)
        What a second of each machine is worth to requests yet to come, in units of value. What is
        free soon can serve few of them: a second that lies t from now costs
        ``price * (1 - exp(-t / ripens_s))``.
    ripens_s : float
        0: a second costs the same whenever it is.
    bound : float
        Proven lower bound on :meth:`value`; 0 where unknown.

    Raises
    ------
    ValueError
        Anything above does not hold; the text names the array.
    """

    release: Floats
    close: Floats
    fixed: Floats
    value_of_request: Floats
    deadline: Floats
    first_variant: Ints
    first_fragment: Ints
    shots: Ints
    shot_s: Floats
    ready: Floats
    parent_start: Ints
    parent: Ints
    lag: Floats
    parts: int
    price: Floats
    ripens_s: float = 0.0
    bound: float = 0.0

    form: ClassVar[str] = "schedule"
    incumbent: ClassVar[None] = None

    def __post_init__(self) -> None:
        m, f = len(self.release), len(self.shots)
        shapes = {
            "close": (m,),
            "fixed": (m,),
            "price": (m,),
            "lag": (m, m),
            "deadline": self.value_of_request.shape,
            "shot_s": (f, m),
            "ready": (f, m),
            "parent_start": (f + 1,),
            "first_variant": (len(self.value_of_request) + 1,),
        }
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name}: shape {getattr(self, name).shape}, want {shape}")
        for name in ("fixed", "price", "value_of_request", "lag", "shot_s"):
            if not (getattr(self, name) >= 0).all():
                raise ValueError(f"{name}: must not be below zero")
        if self.first_variant[-1] != len(self.first_fragment) - 1 or self.first_fragment[-1] != f:
            raise ValueError("first_variant, first_fragment: must end at the numbers there are")
        if (f and self.shots.min() < 1) or self.parts < 1:
            raise ValueError("shots, parts: must be 1 or more")
        late = self.parent >= np.repeat(np.arange(f), np.diff(self.parent_start))
        if late.any():
            raise ValueError("parent: fragments wait for earlier ones only")

    @property
    def n_requests(self) -> int:
        return len(self.value_of_request)

    @property
    def size(self) -> int:
        """Requests to decide on."""
        return self.n_requests

    @cached_property
    def variant_of(self) -> Ints:
        """Variant of each fragment (f,)."""
        return np.repeat(np.arange(len(self.first_fragment) - 1), np.diff(self.first_fragment))

    @cached_property
    def request_of(self) -> Ints:
        """Request of each variant (v,)."""
        return np.repeat(np.arange(self.n_requests), np.diff(self.first_variant))

    def end(self, piece: Piece) -> float:
        """When a piece ends."""
        fragment, machine, shots, start = piece
        return float(start + self.fixed[machine] + shots * self.shot_s[fragment, machine])

    def served(self, answer: Plan) -> frozenset[int]:
        """The requests that a plan serves."""
        return frozenset(int(self.request_of[self.variant_of[piece[0]]]) for piece in answer)

    def check(self, answer: Plan) -> None:
        """Check that a plan serves what it touches, in time, and overlaps nowhere.

        Raises
        ------
        ValueError
            It does not; the text names the fragment or the machine.
        """
        self._check_pieces(answer)
        self._check_whole(answer)
        self._check_order(answer)
        by_machine = sorted((piece[1], piece[3], self.end(piece)) for piece in answer)
        for (a, _, end), (b, start, _) in pairwise(by_machine):
            if a == b and start < end - TOLERANCE:
                raise ValueError(f"machine {a}: a piece starts at {start} before one ends at {end}")

    def _check_pieces(self, answer: Plan) -> None:
        for piece in answer:
            fragment, machine, shots, start = piece
            if not (0 <= fragment < len(self.shots) and 0 <= machine < len(self.release)):
                raise ValueError(f"piece {piece}: no such fragment or machine")
            if shots < 1 or not math.isfinite(self.shot_s[fragment, machine]):
                raise ValueError(f"fragment {fragment}: {shots} shots on machine {machine}")
            earliest = max(self.release[machine], self.ready[fragment, machine])
            deadline = self.deadline[self.request_of[self.variant_of[fragment]]]
            latest = min(self.close[machine], deadline)
            if start < earliest - TOLERANCE or self.end(piece) > latest + TOLERANCE:
                raise ValueError(
                    f"fragment {fragment}: {start} to {self.end(piece)} on machine {machine}, "
                    f"which may be used from {earliest} to {latest}"
                )

    def _check_whole(self, answer: Plan) -> None:
        given = np.zeros(len(self.shots), np.int64)
        machines: dict[int, list[int]] = {}
        for fragment, machine, shots, _ in answer:
            given[fragment] += shots
            machines.setdefault(fragment, []).append(machine)
        for fragment, used in machines.items():
            if len(used) > self.parts or len(set(used)) < len(used):
                raise ValueError(f"fragment {fragment}: in pieces on machines {used}")
        taken = np.unique(self.variant_of[given > 0])
        if len(np.unique(self.request_of[taken])) < len(taken):
            raise ValueError("a request is served in two variants")
        for v in taken.tolist():
            for f in range(self.first_fragment[v], self.first_fragment[v + 1]):
                if given[f] != self.shots[f]:
                    raise ValueError(f"fragment {f}: {given[f]} of {self.shots[f]} shots")

    def _check_order(self, answer: Plan) -> None:
        pieces: dict[int, list[Piece]] = {}
        for piece in answer:
            pieces.setdefault(piece[0], []).append(piece)
        for fragment, machine, _, start in answer:
            for parent in self.parent[
                self.parent_start[fragment] : self.parent_start[fragment + 1]
            ]:
                for before in pieces.get(int(parent), ()):
                    there = self.end(before) + self.lag[before[1], machine]
                    if start < there - TOLERANCE:
                        raise ValueError(f"fragment {fragment}: starts before {parent} has ended")

    def time_cost(self, machine: int, start: float, end: float) -> float:
        """What a stretch of a machine's time is worth to others."""
        price, tau = float(self.price[machine]), self.ripens_s
        if tau <= 0:
            return price * (end - start)
        start, end = max(start, 0.0), max(end, 0.0)
        return price * (end - start - tau * (math.exp(-start / tau) - math.exp(-end / tau)))

    def value(self, answer: Plan) -> float:
        """The value of what is not served, plus what the time taken is worth."""
        served = list(self.served(answer))
        lost = float(self.value_of_request.sum() - self.value_of_request[served].sum())
        costs = (self.time_cost(piece[1], piece[3], self.end(piece)) for piece in answer)
        return max(lost, 0.0) + sum(costs)
