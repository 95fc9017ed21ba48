"""What the worker pool and its workers say to one another, and what came of a job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from quantum_backends.problem import Problem
from quantum_backends.solution import Solution


@dataclass(frozen=True, slots=True)
class Job:
    """To a worker: solve this.

    Attributes
    ----------
    number : int
        The pool's own count.
    backend : str
    problem : Problem
        Of any form that the backend takes.
    until : float
        End of the solver's time on the machine-wide monotonic clock, seconds.
    seed : int
    """

    number: int
    backend: str
    problem: Problem
    until: float
    seed: int


@dataclass(frozen=True, slots=True)
class Cancel:
    """To a worker: stop that job and give what you have."""

    number: int


@dataclass(frozen=True, slots=True)
class Ready:
    """From a worker: its libraries are loaded.

    Attributes
    ----------
    family : str
    unusable : mapping of str to str
        Backends that could not be warmed, and why.
    """

    family: str
    unusable: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Progress:
    """From a worker, and on to whoever submitted: a better solution than the last one reported."""

    number: int
    solution: Solution


@dataclass(frozen=True, slots=True)
class Done:
    """From a worker: the job has ended.

    Attributes
    ----------
    number : int
    solution : Solution or None
        None where the solver failed.
    error : str
        What went wrong, empty where nothing did.
    """

    number: int
    solution: Solution | None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """What came of one job.

    Attributes
    ----------
    solution : Solution or None
        The best answer that arrived in time.
    status : str
        ``answered``; ``stopped`` (at the deadline or when cancelled, by asking); ``killed`` (did
        not heed it); ``died`` (the worker process went away); ``failed`` (the solver raised);
        ``unavailable`` (no worker was ready).
    elapsed_s : float
        From the hand-over to the end of the job, seconds.
    first_s : float or None
        Until the first valid answer.
    detail : str
        What went wrong, for people; empty where nothing did.
    """

    solution: Solution | None
    status: str
    elapsed_s: float = 0.0
    first_s: float | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """To whoever submitted the job: nothing more will come of it."""

    number: int
    run: Run


Event = Progress | Ended
