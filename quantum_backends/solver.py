"""What a backend is: one small Protocol, and the budget it works within."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from quantum_backends.routing import RoutingProblem
from quantum_backends.solution import Solution


def _never() -> bool:
    return False


def ignore(_: Solution) -> None:
    """Report to nobody."""


@dataclass(frozen=True)
class Budget:
    """How long a backend may work, and whom it tells about better answers.

    Attributes
    ----------
    seconds : float
        Wall-clock time from the creation of the budget.
    cancelled : callable
        True once the caller wants no answer any more; backends poll it where their library lets
        them.
    report : callable
        Called with each better answer as it is found (anytime operation).
    """

    seconds: float
    cancelled: Callable[[], bool] = _never
    report: Callable[[Solution], None] = ignore
    started: float = field(default_factory=time.monotonic)

    def elapsed(self) -> float:
        """Seconds since the budget was made."""
        return time.monotonic() - self.started

    def left(self) -> float:
        """Seconds that remain; 0 once they are over or the caller has cancelled."""
        return 0.0 if self.cancelled() else max(0.0, self.seconds - self.elapsed())


class Backend(Protocol):
    """A solver of routing problems.

    Attributes
    ----------
    name : str
        Registry name, such as ``highs-lp``.
    family : str
        ``classical``, ``annealer`` or ``gate``.
    """

    name: str
    family: str

    def refusal(self, problem: RoutingProblem) -> str:
        """Say why this backend does not take the problem; empty where it does."""
        ...

    def warm(self) -> None:
        """Import and compile everything, so that the first solve is not slower than the next."""
        ...

    def solve(self, problem: RoutingProblem, budget: Budget, seed: int) -> Solution:
        """Answer within the budget, as well as the budget allows.

        Never worse than the incumbent, where the problem has one.

        Raises
        ------
        ValueError
            The problem is one that :meth:`refusal` names.
        """
        ...
