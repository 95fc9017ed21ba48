"""The closed loop on the controller's side: telemetry, snapshot, optimiser, plan, installation.

Plain bookkeeping between the greenlets: it holds no socket and waits for nothing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from qb_controller.model.decision import Decision
from qb_controller.model.plan import VerifiedPlan
from qb_controller.model.telemetry import NetworkSnapshot
from qb_controller.runtime.messages import CycleRequest, CycleResult, Hello, Settings

LOG = logging.getLogger(__name__)

REMEMBERED = 1000
"""Decisions kept for the northbound side; all of them stay in the journal. The oldest that changed
nothing go first, so that those whose rules are live can still be explained; but the newest tenth
stays whatever became of it."""

OVERDUE_S = 5.0
"""Added to the deadline: a request not answered by then is given up and the next one sent."""


class Steering:
    """Asks for cycles one at a time and passes verified plans on.

    Parameters
    ----------
    settings : Settings
        As the operator wants them now; replaced as a whole.
    enabled : bool
        Whether cycles run at all.
    send : callable
        Hands a message to the optimiser; False where it is down.
    install : callable
        Takes a verified plan; False where it came too late for the network it was made for.
    """

    def __init__(
        self,
        settings: Settings,
        enabled: bool,
        send: Callable[[object], bool],
        install: Callable[[VerifiedPlan], bool],
    ) -> None:
        self.settings = settings
        self.enabled = enabled
        self._send = send
        self._install = install
        self._number = 0
        self._asked_at: float | None = None
        self.known_decision = 0
        self.decisions: list[Decision] = []
        self.cycles = 0
        self.last_cycle_at: float | None = None
        self.last_cycle_s: float | None = None
        self._installing: tuple[int, float] | None = None

    def wants_request(self) -> bool:
        """Whether a request made now would be sent: steering is on and no cycle is under way."""
        return self.enabled and (self._asked_at is None or self._overdue(time.monotonic()))

    def _overdue(self, now: float) -> bool:
        late = self.settings.deadline_s + OVERDUE_S
        return self._asked_at is not None and now - self._asked_at >= late

    def request(self, snapshot: NetworkSnapshot) -> None:
        """Ask for a cycle, unless one is under way or steering is off."""
        now = time.monotonic()
        if not self.wants_request() or not snapshot.network.links:
            return
        if self._asked_at is not None:
            LOG.warning("the optimiser owes cycle %d for too long; asking anew", self._number)
        self._number += 1
        request = CycleRequest(self._number, snapshot, self.settings, self.known_decision)
        self._asked_at = now if self._send(request) else None

    def optimiser_down(self) -> None:
        """Forget the cycle that went down with the optimiser."""
        self._asked_at = None

    def received(self, message: object) -> None:
        """Take a message of the optimiser."""
        match message:
            case Hello(recent=recent, next_decision=next_decision):
                known = {decision.number for decision in self.decisions}
                fresh = [d for d in recent if d.number not in known]
                merged = sorted([*fresh, *self.decisions], key=lambda decision: decision.number)
                self.decisions = merged
                self.known_decision = max(self.known_decision, next_decision - 1)
            case CycleResult():
                self._result(message)
            case _:
                LOG.warning("the optimiser sent %s, which nobody waits for", type(message).__name__)

    def _result(self, result: CycleResult) -> None:
        self.decisions = [
            replace(one, regret=result.regret[one.number]) if one.number in result.regret else one
            for one in self.decisions
        ]
        if result.number != self._number:
            LOG.info("cycle %d was given up; its answer is dropped", result.number)
            return
        asked_at, self._asked_at = self._asked_at or time.monotonic(), None
        self.cycles += 1
        self.last_cycle_at = time.time()
        decision = result.decision
        self.known_decision = max(self.known_decision, decision.number)
        if result.plan is not None and not self.enabled:
            decision = _dropped(decision, "traffic engineering was turned off")
        elif result.plan is not None and not self._install(result.plan):
            decision = _dropped(decision, "the network changed")
        elif result.plan is not None:
            self._installing = (decision.number, asked_at)
        else:
            self.last_cycle_s = time.monotonic() - asked_at
        self._remember(decision)

    def heard(self, decision: Decision) -> None:
        """Remember a decision of another application."""
        self.known_decision = max(self.known_decision, decision.number)
        self._remember(decision)

    def _remember(self, decision: Decision) -> None:
        self.decisions.append(decision)
        self.decisions.sort(key=lambda one: one.number)
        if len(self.decisions) > REMEMBERED:
            del self.decisions[_least_telling(self.decisions)]

    def installed(self) -> None:
        """The switches confirmed the flips of the plan taken last: note when."""
        if self._installing is None:
            return
        (number, asked_at), self._installing = self._installing, None
        self.last_cycle_s = time.monotonic() - asked_at
        noted = {"installed_at": time.time(), "installed_after_s": self.last_cycle_s}
        for position, decision in enumerate(self.decisions):
            if decision.number == number and decision.outcome is not None:
                extra = {**decision.outcome.extra, **noted}
                outcome = replace(decision.outcome, extra=extra)
                self.decisions[position] = replace(decision, outcome=outcome)


def _dropped(decision: Decision, why: str) -> Decision:
    """Mark a decision whose plan was not installed."""
    if decision.outcome is None:
        return decision
    detail = f"{why} while it was being made; the plan was not installed"
    outcome = replace(decision.outcome, status="rejected", detail=detail, moved=0)
    return replace(decision, outcome=outcome)


def _least_telling(decisions: Sequence[Decision]) -> int:
    """Position of the oldest decision that changed nothing and is not new, else of the oldest."""
    newest = max(1, len(decisions) // 10)
    kept = (
        position
        for position, decision in enumerate(decisions[:-newest])
        if decision.outcome is not None and decision.outcome.status == "kept"
    )
    return next(kept, 0)
