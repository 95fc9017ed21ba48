"""What every form of problem has in common.

A *form* is a kind of question with its own kind of answer, such as routing demands over paths or
choosing one option per group. The forms are few, and each is one frozen class: its arrays, how an
answer is checked, and how it is scored. A backend says which forms it takes.
"""

from __future__ import annotations

from typing import Any, Protocol


class Problem(Protocol):
    """One question, whole in itself: no backend needs anything besides.

    Attributes
    ----------
    form : str
        Name of the kind, the same for all of its class (``routing``, ``flow`` ...).
    """

    @property
    def form(self) -> str: ...

    @property
    def size(self) -> int:
        """Number of decisions to take: demands to route, groups to choose from, bits."""
        ...

    @property
    def bound(self) -> float:
        """Proven lower bound on :meth:`value` over all answers; 0 where unknown."""
        ...

    def check(self, answer: Any) -> None:
        """Check that an answer is one.

        Raises
        ------
        ValueError
            It has the wrong shape or breaks a constraint; the text says where.
        """
        ...

    def value(self, answer: Any) -> float:
        """What is minimised, computed from the answer alone; lower is better, never below 0."""
        ...
