"""What a backend is: one small Protocol, and the budget it works within."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from quantum_backends.problem import Problem
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


P = TypeVar("P", bound=Problem, contravariant=True)


class Backend(Protocol[P]):
    """A solver of problems of one or several forms.

    Attributes
    ----------
    name : str
        Registry name, such as ``highs-lp``.
    family : str
        ``classical``, ``annealer`` or ``gate``.
    forms : tuple of str
        The forms of problem it takes (:attr:`quantum_backends.problem.Problem.form`).
    """

    name: str
    family: str
    forms: tuple[str, ...]

    def refusal(self, problem: P) -> str:
        """Say why this backend does not take a problem of its forms; empty where it does."""
        ...

    def warm(self) -> None:
        """Import and compile everything, so that the first solve is not slower than the next."""
        ...

    def solve(self, problem: P, budget: Budget, seed: int) -> Solution:
        """Answer within the budget, as well as the budget allows.

        Never worse than the incumbent, where the problem has one.

        Raises
        ------
        ValueError
            The problem is one that :meth:`refusal` names.
        """
        ...


def check_accepted(name: str, refusal: str) -> None:
    """Raise ValueError where a backend is asked to solve what it refuses."""
    if refusal:
        raise ValueError(f"{name} refuses this problem: {refusal}")
