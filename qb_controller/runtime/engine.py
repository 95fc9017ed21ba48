"""What runs jobs: one small Protocol, for processes of this machine and for a cluster alike."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from qb_controller.runtime.jobs import Event
from quantum_backends.problem import Problem


@dataclass(frozen=True, slots=True)
class Availability:
    """Which backends can be asked, and when.

    Attributes
    ----------
    waits : mapping of str to float
        Seconds until a worker is free for each backend: 0 where one is; where all work, the time
        until the first has reached its limit (it may well end sooner).
    refusals : mapping of str to str
        Backends that no worker can run at present, and why.
    room : int
        Jobs that may be begun now, one processor core for each.
    """

    waits: Mapping[str, float] = field(default_factory=dict)
    refusals: Mapping[str, str] = field(default_factory=dict)
    room: int = 0

    def free(self, backend: str) -> bool:
        """Whether a job for this backend would start at once."""
        return self.waits.get(backend, math.inf) <= 0 and self.room > 0


class Seat(Protocol):
    """A worker, as far as it matters here; ``state`` is as in the pool's ``states``."""

    family: str
    state: str
    unusable: Mapping[str, str]


S = TypeVar("S", bound=Seat)


def availability(
    families: Mapping[str, str], seats: Iterable[S], wait: Callable[[S], float], room: int
) -> Availability:
    """Look over the workers.

    Parameters
    ----------
    families : mapping of str to str
        Family by backend.
    seats : iterable of Seat
        All workers, at least one of each family.
    wait : callable
        Seconds until a worker that has loaded is free.
    room : int
        Jobs that may be begun now.
    """
    by_family: dict[str, list[S]] = defaultdict(list)
    for seat in seats:
        by_family[seat.family].append(seat)
    waits, refusals = {}, {}
    for name, family in families.items():
        usable = [seat for seat in by_family[family] if seat.state in ("ready", "busy")]
        fit = [seat for seat in usable if name not in seat.unusable]
        if fit:
            waits[name] = min(map(wait, fit))
        elif usable:
            refusals[name] = usable[0].unusable[name]
        else:
            refusals[name] = f"the {family} worker is {by_family[family][0].state}"
    return Availability(waits, refusals, room)


class Engine(Protocol):
    """Runs jobs on warm workers; driven by one thread, which calls :meth:`poll` often.

    Attributes
    ----------
    grace_s : float
        Seconds between asking a solver to stop and ending its process.
    """

    grace_s: float

    def submit(self, backend: str, problem: Problem, until: float, seed: int) -> int:
        """Begin a job and return its number; never raises and never blocks.

        Parameters
        ----------
        until : float
            When the solver is asked to stop, on ``time.monotonic()``; at the latest ``grace_s``
            after it the job has ended, by force if need be.
        """
        ...

    def cancel(self, number: int) -> None:
        """Ask a job to stop now, with ``grace_s`` to obey. What has ended is passed over."""
        ...

    def poll(self, seconds: float = 0.0) -> list[Event]:
        """Do what is due and return what happened, in order, waiting at most ``seconds`` for it.

        Each job submitted leads to exactly one :class:`~qb_controller.runtime.jobs.Ended`.
        """
        ...

    def availability(self) -> Availability: ...

    def close(self) -> None:
        """End every worker."""
        ...
