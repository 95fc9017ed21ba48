"""What solvers used up within the last hour, by application."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import NamedTuple

from qb_controller.model.decision import Decision
from qb_controller.orchestration.policy import HOUR_S, Spent


class _Item(NamedTuple):
    at: float
    energy_j: float
    money: float


class Ledger:
    """Adds up energy and money over a sliding hour, so that limits can be kept."""

    def __init__(self) -> None:
        self._items: dict[str, deque[_Item]] = defaultdict(deque)

    def add(self, application: str, at: float, energy_j: float, money: float) -> None:
        """Note what a run used up; ``at`` in Unix seconds, not before that of the last one."""
        self._items[application].append(_Item(at, energy_j, money))

    def take(self, decision: Decision) -> None:
        """Note what a recorded decision used up, if anything."""
        extra = decision.outcome.extra if decision.outcome else {}
        energy, money = float(extra.get("energy_j", 0)), float(extra.get("money", 0))
        if energy or money:
            self.add(decision.application, decision.at, energy, money)

    def spent(self, application: str, now: float) -> Spent:
        """Sum over the hour before ``now``."""
        items = self._items[application]
        while items and items[0].at <= now - HOUR_S:
            items.popleft()
        return Spent(sum(i.energy_j for i in items), sum(i.money for i in items))
