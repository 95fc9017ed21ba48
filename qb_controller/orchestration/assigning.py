"""The policy as the runtime's dispatcher asks it: task in, assignment out; answers learnt."""

from __future__ import annotations

from dataclasses import replace

from qb_controller.model.decision import Decision, Outcome
from qb_controller.orchestration.policy import NONE
from qb_controller.orchestration.service import Question, Service
from qb_controller.runtime.engine import Availability
from qb_controller.runtime.flight import Answer, Assignment
from qb_controller.runtime.messages import Settings
from qb_controller.runtime.task import State, Task

STATUS = {
    State.ANSWERED: "improved",
    State.LATE: "late",
    State.FAILED: "failed",
    State.REFUSED: "rejected",
    State.CANCELLED: "kept",
}
"""What the end of a task is called in a decision's outcome."""


class Assigner:
    """Implements :data:`qb_controller.runtime.flight.Assign` with the service's policy.

    Parameters
    ----------
    service : Service
    settings : Settings
        Of all tasks; their deadlines are their own.
    """

    def __init__(self, service: Service, settings: Settings) -> None:
        self._service, self._settings = service, settings
        self._decisions: dict[str, Decision] = {}

    def __call__(self, task: Task, now: float, there: Availability) -> Assignment:
        """Decide for one task; asked again, the later decision counts.

        Backends with a free worker come first. Where none is worth asking, one that is busy but
        will be free in time is named, for the dispatcher to wait for.
        """
        earlier = self._decisions.get(task.id)
        question = Question(
            task.problem,
            task.application,
            replace(self._settings, deadline_s=min(3600.0, max(0.01, task.deadline - now))),
            task.deadline,
            self._known(task),
            number=earlier.number if earlier else 0,
            worth=task.worth,
            whole_only=True,
        )
        decision = self._service.decide(question, there=there)
        soon = {name: 0.0 for name, wait in there.waits.items() if now + wait < task.deadline}
        if decision.backend == NONE and any(there.waits[name] > 0 for name in soon):
            anyone = Availability(soon, there.refusals, there.room)
            decision = self._service.decide(question, there=anyone)
        self._decisions[task.id] = decision
        self._service.journal.begin(decision)
        if decision.backend == NONE:
            return Assignment(why=decision.reason)
        names = (decision.backend, decision.hedge) if decision.hedge else (decision.backend,)
        return Assignment(names, decision.budget_s, why=decision.reason)

    @staticmethod
    def _known(task: Task) -> dict[str, float]:
        if task.incumbent is None or getattr(task.problem, "incumbent", None) is not None:
            return {}
        try:
            return {"incumbent": task.problem.value(task.incumbent)}
        except (ValueError, TypeError, IndexError):
            return {}  # it is no answer to this problem

    def finish(self, answer: Answer) -> Decision | None:
        """Record and learn what became of a task; None where the policy was never asked."""
        decision = self._decisions.pop(answer.task.id, None)
        if decision is None:
            return None
        runs = dict(answer.runs)
        history = answer.record.history
        before = decision.features.get("incumbent", float("nan"))
        value = answer.solution.value if answer.solution is not None else before
        status = STATUS.get(answer.record.state, "kept")
        if status == "improved" and not value < before:
            status = "kept"
        outcome = Outcome(
            status,
            history[-1].at - history[0].at,
            before,
            value,
            answer.task.problem.bound,
            0,
            history[-1].why or decision.reason,
            self._service.figures(runs),
        )
        decision = replace(decision, outcome=outcome)
        self._service.journal.finish(decision)
        self._service.learn(decision, runs)
        return decision
