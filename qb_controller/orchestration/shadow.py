"""Shadow runs: what another backend would have made of a past task, tried while nothing waits.

A recorded task is solved again by a backend that was not chosen, in the time that the chosen one
had. The performance model learns from it, and the decision learns its regret. A live task goes
first: a shadow run is begun only where it would be over before one is expected, and is called off
when one comes all the same.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from qb_controller.model.decision import Candidate, Decision
from qb_controller.orchestration import outcomes as records
from qb_controller.orchestration.performance import WHOLE
from qb_controller.orchestration.runs import Runs, worth_of
from qb_controller.orchestration.service import Question, Service
from qb_controller.runtime.jobs import Ended, Event, Run

REMEMBERED = 16
"""Tasks kept with their problems; one of 10,000 choices takes a few megabytes."""

SPARE_S = 0.05
"""Time left between the end of a shadow run and the next live task, beyond the engine's grace."""

STOP_S = 0.02
"""How long a live task waits for a shadow run that was called off to leave its worker."""


@dataclass
class _Past:
    """A task that was answered, and the utility of each backend that has tried it since."""

    decision: Decision
    question: Question
    utilities: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class _Job:
    number: int
    backend: str
    past: _Past


class Shadow:
    """Runs one shadow job at a time; driven by whoever knows that the machine idles.

    Parameters
    ----------
    service : Service
        Whose engine, model and journal are used.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._past: deque[_Past] = deque(maxlen=REMEMBERED)
        self._job: _Job | None = None
        self._found: dict[int, dict[str, float]] = {}
        self.done = 0

    def found(self) -> dict[int, dict[str, float]]:
        """Regret of decisions by number that became known since this was last asked."""
        found, self._found = self._found, {}
        return found

    def remember(self, decision: Decision, question: Question, runs: Runs) -> None:
        """Keep an answered task for later; parts of problems are passed over."""
        if decision.formulation != WHOLE or not runs:
            return
        self._past.append(_Past(decision, question, self._worths(decision, question, runs)))

    def step(self, idle_s: float) -> None:
        """Take what has come of the last job; begin another where it fits. Never blocks.

        Parameters
        ----------
        idle_s : float
            Seconds for which no live task is expected.
        """
        self.hear(self._service.engine.poll())
        if self._job is None:
            self._begin(idle_s)

    def stop(self) -> None:
        """Make way for a live task."""
        if self._job is None:
            return
        self._service.engine.cancel(self._job.number)
        end = time.monotonic() + STOP_S
        while self._job is not None and (left := end - time.monotonic()) > 0:
            self.hear(self._service.engine.poll(left), cut=True)
        self._job = None  # where it has not ended yet, its events are nobody's

    def hear(self, events: list[Event], cut: bool = False) -> None:
        """Learn from the end of the job; one that was cut short tells nothing."""
        for event in events:
            if self._job is None or event.number != self._job.number:
                continue
            if isinstance(event, Ended):
                job, self._job = self._job, None
                if not cut:
                    self._learn(job, event.run)

    def _begin(self, idle_s: float) -> None:
        service = self._service
        there = service.engine.availability()
        for past in reversed(self._past):
            budget = past.decision.budget_s
            if budget + service.engine.grace_s + SPARE_S > idle_s:
                continue
            backend = _least_known(past, {n for n in service.advisor.backends if there.free(n)})
            if backend is None:
                continue
            seed = past.question.settings.seed + past.decision.number
            until = time.monotonic() + budget
            number = service.engine.submit(backend, past.question.problem, until, seed)
            self._job = _Job(number, backend, past)
            return

    def _learn(self, job: _Job, run: Run) -> None:
        past, runs = job.past, {job.backend: run}
        if run.status == "unavailable":
            return
        self.done += 1
        self._service.learn(past.decision, runs, records.SHADOW)
        past.utilities.update(self._worths(past.decision, past.question, runs))
        recorded = self._service.journal.get(past.decision.number)
        chosen = past.utilities.get(past.decision.backend)
        if recorded is not None and chosen is not None:
            regret = {
                name: value - chosen
                for name, value in past.utilities.items()
                if name != past.decision.backend
            }
            self._service.journal.finish(replace(recorded, regret=regret))
            self._found[past.decision.number] = regret

    def _worths(self, decision: Decision, question: Question, runs: Runs) -> dict[str, float]:
        devices = self._service.advisor.devices
        return {
            name: worth_of(run, decision.features, question.worth, devices[name])
            for name, run in runs.items()
            if run.status != "unavailable"
        }


def _least_known(past: _Past, free: set[str]) -> str | None:
    """The free backend about which least is known, of those that could have been asked."""
    open_to = [
        candidate
        for candidate in past.decision.candidates
        if _allowed(candidate, past.question.settings.late_risk)
        and candidate.backend in free
        and candidate.backend not in past.utilities
    ]
    if not open_to:
        return None
    return min(open_to, key=_weight).backend


def _allowed(candidate: Candidate, late_risk: float) -> bool:
    """Whether trying it costs nothing but idle time, and the operator has not excluded it.

    A candidate that was refused for being late alone may be tried: perhaps it is not.
    """
    if candidate.formulation != WHOLE or candidate.budget_s is None or candidate.price_per_s:
        return False
    return not candidate.refusal or candidate.forecast.late > late_risk


def _weight(candidate: Candidate) -> float:
    return candidate.forecasts[0].weight


def regret_of(decision: Decision) -> tuple[str, float] | None:
    """The backend that would have been best of those tried, and by how much; None if none was."""
    known: Mapping[str, float] = decision.regret
    if not known:
        return None
    best = max(known, key=known.__getitem__)
    return best, known[best]
