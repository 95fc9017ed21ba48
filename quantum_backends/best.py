"""The best answer so far of one call of ``solve``, whatever the form of the problem."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from quantum_backends.solution import Solution
from quantum_backends.solver import Budget, ignore


class BestSoFar(ABC):
    """Reports each better answer to the budget, and knows when the last one was found.

    A form's own class keeps the answer in whatever shape its loops work on, tells a better one
    from others, and calls :meth:`found`.

    Parameters
    ----------
    budget : Budget
    name : str
        The backend's.
    """

    def __init__(self, budget: Budget, name: str) -> None:
        self._budget, self._name = budget, name
        self._began = self._at = budget.elapsed()

    @abstractmethod
    def answer(self) -> tuple[Any, float]:
        """The answer as the form has it, and its value."""

    def found(self) -> None:
        """What is kept is better than what was."""
        self._at = self._budget.elapsed()
        if self._budget.report is not ignore:  # putting a large answer together takes milliseconds
            self._budget.report(self._solution({}, self._at))

    def solution(self, info: Mapping[str, float | str] | None = None) -> Solution:
        """The final answer; ``found_s`` in its info is when it was found."""
        extra: dict[str, float | str] = {"found_s": self._at - self._began, **(info or {})}
        return self._solution(extra, self._budget.elapsed())

    def _solution(self, info: Mapping[str, float | str], at: float) -> Solution:
        answer, value = self.answer()
        return Solution(answer, value, self._name, at - self._began, info)
