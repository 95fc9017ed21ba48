"""A clock that a test turns, and an engine that does what a test scripts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from qb_controller.runtime.engine import Availability
from qb_controller.runtime.jobs import Ended, Event, Progress, Run
from quantum_backends.problem import Problem
from quantum_backends.solution import Solution


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Submitted:
    backend: str
    problem: Problem
    until: float
    seed: int


Script = Callable[[Submitted], list[tuple[float, Solution | Run]]]
"""What a job does: (seconds after its begin, a better answer or its end), in order."""


class FakeEngine:
    """Runs scripts by backend; polling turns the clock to the next thing that happens."""

    grace_s = 0.05

    def __init__(self, clock: Clock, room: int = 2, **scripts: Script) -> None:
        self.clock, self.cores = clock, room
        self.scripts = scripts
        self.jobs: dict[int, Submitted] = {}
        self.cancelled: list[str] = []
        self.busy: dict[int, str] = {}
        self._coming: dict[int, list[tuple[float, Event]]] = defaultdict(list)

    def submit(self, backend: str, problem: Problem, until: float, seed: int) -> int:
        number = len(self.jobs) + 1
        self.jobs[number] = job = Submitted(backend, problem, until, seed)
        self.busy[number] = backend
        for after, what in self.scripts[backend](job):
            event = Ended(number, what) if isinstance(what, Run) else Progress(number, what)
            self._coming[number].append((self.clock.now + after, event))
        return number

    def cancel(self, number: int) -> None:
        self.cancelled.append(self.jobs[number].backend)
        self._coming.pop(number, None)
        self.busy.pop(number, None)

    def poll(self, seconds: float = 0.0) -> list[Event]:
        coming = sorted(
            (
                (at, number, i)
                for number, all_ in self._coming.items()
                for i, (at, _) in enumerate(all_)
            )
        )
        if not coming or coming[0][0] > self.clock.now + seconds:
            self.clock.now += seconds if seconds < 1e9 else 0.0
            return []
        at, number, i = coming[0]
        self.clock.now = max(self.clock.now, at)
        event = self._coming[number].pop(i)[1]
        if isinstance(event, Ended):
            self.busy.pop(number, None)
        return [event]

    def availability(self) -> Availability:
        taken = set(self.busy.values())
        waits = {name: 0.1 if name in taken else 0.0 for name in self.scripts}
        return Availability(waits, {}, max(0, self.cores - len(self.busy)))

    def close(self) -> None:
        return None
