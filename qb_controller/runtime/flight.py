"""A task on its way through the dispatcher, and what comes out of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from qb_controller.runtime.engine import Availability
from qb_controller.runtime.jobs import Run
from qb_controller.runtime.standby import checked
from qb_controller.runtime.task import Record, State, Task
from quantum_backends.solution import Solution


@dataclass(frozen=True, slots=True)
class Assignment:
    """What the policy wants done for a task.

    Attributes
    ----------
    backends : tuple of str
        The chosen one first; further ones race with it where a core is free for them. None at
        all: the task's incumbent is the answer. One whose workers are all busy is waited for.
    seconds : float
        The solvers' time, where it shall be less than the deadline allows.
    accept : float
        An answer of at most this value ends the race as soon as it is reported.
    why : str
        One sentence for people.
    """

    backends: tuple[str, ...] = ()
    seconds: float = math.inf
    accept: float = -math.inf
    why: str = ""


Assign = Callable[[Task, float, Availability], Assignment]
"""The policy: (task, now, which workers are free) -> assignment. Takes about a millisecond."""


@dataclass(frozen=True)
class Answer:
    """What became of a task.

    Attributes
    ----------
    task : Task
    record : Record
        Its whole life; the last change is when the answer was handed over.
    solution : Solution or None
        Checked, its value recomputed. Its ``backend`` is ``incumbent`` or ``greedy`` where no
        solver found a better one; None where there is none or none was wanted.
    runs : tuple of (str, Run)
        Every job that worked on it, with its backend. One that was called off is ``stopped``.
    """

    task: Task
    record: Record
    solution: Solution | None
    runs: tuple[tuple[str, Run], ...] = ()

    @property
    def state(self) -> State:
        return self.record.state

    @property
    def retries(self) -> int:
        """How often a job had to be begun anew."""
        return max(0, self.record.count(State.RUNNING) - 1)


@dataclass
class Racer:
    """One job of a task; :attr:`run` is None while it runs."""

    backend: str
    began: float
    best: Solution | None = None
    first_s: float | None = None
    run: Run | None = None


@dataclass(eq=False)
class Flight:
    """A task that has no answer yet.

    Attributes
    ----------
    task : Task
    record : Record
    standby : Solution or None
        The answer of last resort.
    check_s : float
        How long checking an answer takes.
    racers : dict
        Its jobs by number, ended ones too.
    failed : dict
        Backends that raised an error on this problem, and which.
    accept : float
        See :class:`Assignment`.
    """

    task: Task
    record: Record
    standby: Solution | None
    check_s: float
    racers: dict[int, Racer] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    accept: float = -math.inf

    @property
    def since(self) -> float:
        """When it came in."""
        return self.record.history[0].at

    def change(self, state: State, at: float, why: str = "") -> None:
        self.record = self.record.to(state, at, why)

    def running(self) -> list[int]:
        """Jobs that have not ended."""
        return [number for number, racer in self.racers.items() if racer.run is None]

    def best(self) -> Solution | None:
        """The best valid answer: what solvers claim is checked, and does not count if wrong."""
        for claim in self._claims():
            found = checked(self.task.problem, claim)
            if found is not None and (self.standby is None or found.value <= self.standby.value):
                return found
        return self.standby

    def solved(self) -> bool:
        """Whether some solver came to its own end or to that of its time."""
        ends = ("answered", "stopped", "killed")
        return any(racer.run and racer.run.status in ends for racer in self.racers.values())

    def _claims(self) -> Iterator[Solution]:
        claims = [racer.best for racer in self.racers.values() if racer.best is not None]
        yield from sorted(claims, key=lambda claim: claim.value)

    def runs(self, now: float) -> tuple[tuple[str, Run], ...]:
        """What its jobs did; those still at it are counted as stopped now."""
        return tuple(
            (r.backend, r.run or Run(r.best, "stopped", now - r.began, r.first_s))
            for r in self.racers.values()
        )
