"""The policy as a service: any problem with a deadline in, a decision and an answer out.

The live cycle, ``qb solve`` and every application come through here; nothing in it knows what a
network is. :func:`answer` does everything at once; :class:`Service` keeps workers warm and a
memory between calls.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from qb_controller.model.decision import Decision, Outcome
from qb_controller.orchestration import outcomes as records
from qb_controller.orchestration.advisor import Advisor, Circumstances
from qb_controller.orchestration.features import Features, features
from qb_controller.orchestration.journal import Journal
from qb_controller.orchestration.ledger import Ledger
from qb_controller.orchestration.outcomes import Outcomes, Row, teach
from qb_controller.orchestration.performance import WHOLE, gap_of
from qb_controller.orchestration.performance import Outcome as Observed
from qb_controller.orchestration.policy import DEFAULT_WORTH, NONE, Choice
from qb_controller.orchestration.runs import Runs, best_of, figures, missed, race, solve_part
from qb_controller.orchestration.watch import Watch
from qb_controller.runtime.engine import Availability, Engine
from qb_controller.runtime.jobs import Run
from qb_controller.runtime.messages import Settings
from qb_controller.runtime.task import Worth
from qb_controller.runtime.worker import DEFAULT_BACKENDS
from qb_controller.runtime.workers import WorkerPool
from quantum_backends.problem import Problem
from quantum_backends.solution import Solution
from quantum_backends.solver import Backend
from quantum_backends.testing import tiny_problem

SPENT_FROM = 2000
"""Past decisions that are read at start for what was used up within the last hour."""


@dataclass(frozen=True)
class Question:
    """A problem with what the policy has to know about it.

    Attributes
    ----------
    problem : Problem
        Whole in itself; its ``incumbent``, where it has one, is what stays without an answer.
    application : str
        Who asks; part of every record.
    settings : Settings
    until : float
        When the solver has to stop, on ``time.monotonic()``.
    features : mapping of str to float
        What the asker knows beyond what the problem itself shows; it wins over equal names.
    number : int
        Of the decision; the next free one where 0.
    worth : Worth
        What quality, time, energy and money are worth to the asker.
    whole_only : bool
        Backends get the whole problem or nothing.
    """

    problem: Problem
    application: str
    settings: Settings
    until: float
    features: Mapping[str, float] = field(default_factory=dict)
    number: int = 0
    worth: Worth = DEFAULT_WORTH
    whole_only: bool = False


class Service:
    """Decides and runs; one question at a time.

    Parameters
    ----------
    engine : Engine
    backends : mapping of str to Backend
        To ask them what they refuse; they solve in the engine.
    journal : Journal
    clock : callable
        Unix time in seconds, for the records.
    outcomes : Outcomes, optional
        The performance model's past; beside the journal's file by default.
    """

    def __init__(
        self,
        engine: Engine,
        backends: Mapping[str, Backend[Any]],
        journal: Journal,
        clock: Callable[[], float] = time.time,
        outcomes: Outcomes | None = None,
    ) -> None:
        self.engine = engine
        self.journal = journal
        self.advisor = Advisor(backends)
        self.clock = clock
        self._outcomes = outcomes or Outcomes(journal.directory)
        self._ledger = Ledger()
        self.advisor.performance.warm()
        features(tiny_problem(), 1.0)  # compiled on first use, like the model
        self.watch = Watch(self.advisor)
        self.watch.start()
        teach(self.advisor.performance, self._outcomes)
        for decision in journal.solved(SPENT_FROM):
            self._ledger.take(decision)

    def refusal(self, name: str, problem: Problem) -> str:
        """Why a backend does not take a problem; empty where it does."""
        return self.advisor.refusal(name, problem)

    def decide(
        self, question: Question, needless: str = "", there: Availability | None = None
    ) -> Decision:
        """Choose a backend, or none, and say why; nothing is run or recorded.

        Parameters
        ----------
        question : Question
        needless : str
            Why no backend is to be called at all, as the asker knows; empty where one should be.
        there : Availability, optional
            Which workers are free, by default as the engine says.
        """
        problem, settings, now = question.problem, question.settings, self.clock()
        known = {**question.features, "allowed_s": question.until - time.monotonic()}
        seen = features(problem, settings.deadline_s, known)
        given = self._circumstances(question, now, there or self.engine.availability())
        choice = Choice(NONE, needless) if needless else self.advisor.choose(problem, seen, given)
        return Decision(
            question.number or self.journal.next_number(),
            question.application,
            now,
            settings.deadline_s,
            seen,
            choice.candidates,
            choice.backend,
            choice.reason,
            form=problem.form,
            formulation=choice.formulation,
            budget_s=choice.budget_s,
            hedge=choice.hedge,
            inputs=_inputs(given) if choice.candidates else {},
        )

    def _circumstances(self, question: Question, now: float, there: Availability) -> Circumstances:
        busy = {name: "its worker is busy" for name, wait in there.waits.items() if wait > 0}
        return Circumstances(
            question.settings,
            question.worth,
            question.application,
            now,
            {**busy, **there.refusals},
            there.room - 1,
            self._ledger.spent(question.application, now),
            not question.whole_only,
        )

    def run(self, decision: Decision, question: Question) -> Runs:
        """Do what was decided; what came of it by backend, nothing where none was chosen."""
        if decision.backend == NONE:
            return {}
        self.journal.begin(decision)
        until = min(question.until, time.monotonic() + decision.budget_s)
        seed = question.settings.seed + decision.number
        if decision.formulation != WHOLE:
            run = solve_part(
                self.engine, decision.backend, question.problem, decision.formulation, until, seed
            )
            return {decision.backend: run}
        names = [decision.backend, decision.hedge] if decision.hedge else [decision.backend]
        return race(self.engine, names, question.problem, until, seed)

    def answer(self, question: Question) -> tuple[Decision, Solution | None]:
        """Decide, run, record and learn.

        Returns
        -------
        Decision
            With its outcome.
        Solution or None
            Checked against the problem; None means that the incumbent stays.
        """
        began = time.monotonic()
        decision = self.decide(question)
        runs = self.run(decision, question)
        solution, outcome = self._conclude(question, decision, runs, began)
        decision = replace(decision, outcome=outcome)
        self.journal.finish(decision)
        self.learn(decision, runs)
        return decision, solution

    def figures(self, runs: Runs) -> dict[str, float | str]:
        """See :func:`qb_controller.orchestration.runs.figures`."""
        return figures(runs, self.advisor.devices)

    def learn(self, decision: Decision, runs: Runs, source: str = records.LIVE) -> None:
        """Take what came of a decision into the performance model and the ledger."""
        self._ledger.take(decision)
        for backend, run in runs.items():
            if run.status == "unavailable":
                continue
            row = Row(
                decision.at,
                source,
                decision.form,
                backend,
                {**decision.features, "allowed_s": decision.budget_s},
                observed(run, decision.features),
                decision.formulation,
            )
            self._outcomes.add(row)
            self.advisor.performance.observe(
                row.backend, row.features, row.outcome, row.form, row.formulation
            )
            self.advisor.learn_ranking(row.form, row.features)

    def _conclude(
        self, question: Question, decision: Decision, runs: Runs, began: float
    ) -> tuple[Solution | None, Outcome]:
        """Judge what a run brought by the problem's own check and value."""
        problem = question.problem
        before = decision.features.get("incumbent", float("nan"))
        solution, status, detail, value = None, "kept", decision.reason, before
        run = runs[best_of(runs)] if runs else None
        if run is not None and run.solution is None:
            status, detail = missed(run)
        elif run is not None and run.solution is not None:
            try:
                problem.check(run.solution.answer)
                value = problem.value(run.solution.answer)
            except ValueError as error:
                status, detail, value = "rejected", str(error), before
            else:
                detail = "the answer was no better than what is there"
                if not value >= before:  # also where nothing is there
                    solution, status = run.solution, "improved"
                    detail = f"{before:.4g} -> {value:.4g}"
        value = value if solution is not None else before
        elapsed = time.monotonic() - began
        extra = self.figures(runs)
        return solution, Outcome(status, elapsed, before, value, problem.bound, 0, detail, extra)


def answer(
    problem: Problem,
    deadline_s: float,
    settings: Settings,
    backends: Mapping[str, Backend[Any]],
    application: str = "solve",
    known: Features | None = None,
    spec: str = DEFAULT_BACKENDS,
    state: Path | None = None,
    patience_s: float = 60.0,
) -> tuple[Decision, Solution | None]:
    """Answer one problem with workers started for it; the deadline counts from when they are warm.

    Parameters
    ----------
    problem : Problem
    deadline_s : float
        Seconds from the call to the answer.
    settings : Settings
        Its own deadline is replaced by ``deadline_s``.
    backends : mapping of str to Backend
    application : str
    known : mapping of str to float, optional
        See :class:`Question`.
    spec : str
        Where worker processes find the same table, as ``module:attribute``.
    state : Path, optional
        Directory of the journal and the model; without one nothing is kept.
    patience_s : float
        Seconds to wait for the workers to load; those that are not ready then are refused.

    Returns
    -------
    Decision, Solution or None
        See :meth:`Service.answer`.
    """
    settings = replace(settings, deadline_s=deadline_s)
    journal = Journal(state)
    try:
        with WorkerPool(backends, spec) as pool:
            pool.wait_ready(patience_s)
            service = Service(pool, backends, journal)
            for name in backends:
                service.refusal(name, problem)  # loads what it needs to say so
            until = time.monotonic() + deadline_s - pool.grace_s
            return service.answer(Question(problem, application, settings, until, known or {}))
    finally:
        journal.close()


def observed(run: Run, seen: Features) -> Observed:
    """A run as the performance model learns it."""
    gap = gap_of(run.solution.value, seen) if run.solution is not None else float("nan")
    first = run.first_s if run.first_s is not None else float("inf")
    return Observed(first, run.elapsed_s, gap)


def _inputs(given: Circumstances) -> dict[str, Any]:
    return {
        "settings": _settings(given.settings),
        "worth": {f.name: getattr(given.worth, f.name) for f in fields(given.worth)},
        "spare": given.spare,
        "spent": {"energy_j": given.spent.energy_j, "money": given.spent.money},
    }


@lru_cache(maxsize=8)
def _settings(settings: Settings) -> Mapping[str, Any]:
    """As JSON holds them; they are the same for many decisions."""
    return {**asdict(settings), "forbidden": list(settings.forbidden)}
