"""A task: one problem to be answered by a deadline, what its answer is worth, and its life.

A :class:`Task` never changes. What happens to it is a :class:`Record`, which only grows along
:data:`TRANSITIONS`; both are plain values, so that whoever holds one may keep it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from quantum_backends.problem import Problem


class State(StrEnum):
    """Where a task is in its life."""

    QUEUED = "queued"
    """Taken in; waits for its turn."""
    DECIDING = "deciding"
    """The policy chooses for it."""
    RUNNING = "running"
    """At least one backend works on it."""
    ANSWERED = "answered"
    """A valid answer was handed over by the deadline."""
    LATE = "late"
    """A valid answer was handed over after the deadline."""
    FAILED = "failed"
    """There was no valid answer to hand over."""
    REFUSED = "refused"
    """Not taken in."""
    CANCELLED = "cancelled"
    """The asker wanted no answer any more."""


_ENDS = frozenset({State.ANSWERED, State.LATE, State.FAILED, State.CANCELLED})

TRANSITIONS = {
    State.QUEUED: _ENDS | {State.DECIDING, State.REFUSED},
    State.DECIDING: _ENDS | {State.RUNNING, State.QUEUED},  # back: every fit worker is taken
    State.RUNNING: _ENDS | {State.QUEUED},  # back: its worker died and there is time for another
    State.ANSWERED: frozenset(),
    State.LATE: frozenset(),
    State.FAILED: frozenset(),
    State.REFUSED: frozenset(),
    State.CANCELLED: frozenset(),
}
"""Every change of state that is allowed."""

FINAL = frozenset(state for state, following in TRANSITIONS.items() if not following)
"""The states that a task ends in."""


@dataclass(frozen=True, slots=True)
class Worth:
    """What an answer is worth to the asker, in one unit of utility for all of it.

    Attributes
    ----------
    quality : float
        Utility lost per percent of gap between the answer and the proven bound.
    early : float
        Utility of an answer at once over the same answer at the deadline; in between by the
        share of the time that is left. The default prefers the quicker of two equals and never
        gives up a visible improvement.
    energy : float
        Utility lost per joule spent.
    price : float
        Utility lost per unit of money spent, the currency being that of the devices' prices.

    Raises
    ------
    ValueError
        A weight is negative or not finite.
    """

    quality: float = 1.0
    early: float = 0.2
    energy: float = 0.0
    price: float = 0.0

    def __post_init__(self) -> None:
        for name in ("quality", "early", "energy", "price"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"worth of {name} is {value}, must be finite and not below zero")


@dataclass(frozen=True, eq=False)
class Task:
    """One problem to be answered by a deadline.

    Attributes
    ----------
    id : str
        Unique among the tasks in flight.
    application : str
        Who asks; part of every record.
    problem : Problem
        Of any form.
    deadline : float
        When the answer must have been handed over, seconds on the runtime's clock.
    worth : Worth
    incumbent : object or None
        An answer in the problem's own terms that holds where nothing better is found, such as
        the installed plan; None where there is none, then the problem's own incumbent is used.
    seed : int
        Of the solvers that draw.

    Raises
    ------
    ValueError
        The deadline is not a finite number.
    """

    id: str
    application: str
    problem: Problem
    deadline: float
    worth: Worth = Worth()
    incumbent: Any = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not math.isfinite(self.deadline):
            raise ValueError(f"task {self.id}: deadline {self.deadline} is not a point in time")


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of a record: the state taken, when (the runtime's clock), and why."""

    state: State
    at: float
    why: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """The life of a task so far.

    Attributes
    ----------
    task_id : str
    history : tuple of Change
        Oldest first, at least one.
    """

    task_id: str
    history: tuple[Change, ...]

    @staticmethod
    def begin(task_id: str, at: float) -> Record:
        """A task that has just been handed in."""
        return Record(task_id, (Change(State.QUEUED, at),))

    @property
    def state(self) -> State:
        return self.history[-1].state

    def to(self, state: State, at: float, why: str = "") -> Record:
        """The record with one more change.

        Raises
        ------
        ValueError
            :data:`TRANSITIONS` does not allow it.
        """
        if state not in TRANSITIONS[self.state]:
            raise ValueError(f"task {self.task_id} is {self.state}, it cannot become {state}")
        return replace(self, history=(*self.history, Change(state, at, why)))

    def count(self, state: State) -> int:
        """How often the task was in a state."""
        return sum(change.state is state for change in self.history)
