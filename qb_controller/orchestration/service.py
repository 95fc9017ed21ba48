"""The policy as a service: any problem with a deadline in, a decision and an answer out.

The live cycle, ``qb solve`` and every application come through here; nothing in it knows what a
network is. :func:`answer` does everything at once; :class:`Service` keeps workers warm and a
memory between calls.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from qb_controller.model.decision import Decision, Outcome
from qb_controller.orchestration.features import Features, features
from qb_controller.orchestration.journal import Journal
from qb_controller.orchestration.performance import Observed, Performance
from qb_controller.orchestration.policy import NONE, Choice, decide
from qb_controller.runtime.jobs import Run
from qb_controller.runtime.messages import Settings
from qb_controller.runtime.worker import DEFAULT_BACKENDS
from qb_controller.runtime.workers import WorkerPool
from quantum_backends.problem import Problem
from quantum_backends.solution import Solution
from quantum_backends.solver import Backend

LEARN_FROM = 2000
"""Past decisions that the performance model reads at start."""


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
    """

    problem: Problem
    application: str
    settings: Settings
    until: float
    features: Mapping[str, float] = field(default_factory=dict)
    number: int = 0


class Service:
    """Decides and runs; one question at a time.

    Parameters
    ----------
    pool : WorkerPool
    backends : mapping of str to Backend
        To ask them what they refuse; they solve in the pool.
    journal : Journal
    clock : callable
        Unix time in seconds, for the records.
    """

    def __init__(
        self,
        pool: WorkerPool,
        backends: Mapping[str, Backend[Any]],
        journal: Journal,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.pool = pool
        self.journal = journal
        self._backends = backends
        self._clock = clock
        self._performance = Performance({name: backends[name].family for name in backends})
        for decision in journal.solved(LEARN_FROM):
            self.learn(decision)

    def refusal(self, name: str, problem: Problem) -> str:
        """Why a backend does not take a problem; empty where it does."""
        backend = self._backends[name]
        if problem.form not in backend.forms:
            return f"it takes problems of {' and '.join(backend.forms)}, not of {problem.form}"
        try:
            return backend.refusal(problem)
        except Exception as error:  # a vendor's library may fail in any way; the rest goes on
            return f"could not be asked: {type(error).__name__}: {error}"

    def decide(self, question: Question, needless: str = "") -> Decision:
        """Choose a backend, or none, and say why; nothing is run or recorded.

        Parameters
        ----------
        question : Question
        needless : str
            Why no backend is to be called at all, as the asker knows; empty where one should be.
        """
        problem, settings = question.problem, question.settings
        allowed = question.until - time.monotonic()
        number = question.number or self.journal.next_number()
        seen = features(problem, settings.deadline_s, {**question.features, "allowed_s": allowed})
        choice = Choice(NONE, needless) if needless else self._choose(question, seen, allowed)
        return Decision(
            number,
            question.application,
            self._clock(),
            settings.deadline_s,
            seen,
            choice.candidates,
            choice.backend,
            choice.reason,
            form=problem.form,
        )

    def _choose(self, question: Question, seen: Features, allowed: float) -> Choice:
        problem = question.problem
        self.pool.poll()
        refusals = {name: self.refusal(name, problem) for name in self._backends}
        for name, reason in self.pool.unavailable().items():
            refusals[name] = refusals[name] or reason
        split = bool(seen.get("split", 0))
        predictions = self._performance.predict(problem.size, split, allowed, refusals)
        return decide(seen, predictions, question.settings, allowed)

    def run(self, decision: Decision, question: Question) -> Run | None:
        """Do what was decided; None where no backend was chosen."""
        if decision.backend == NONE:
            return None
        self.journal.begin(decision)
        seed = question.settings.seed + decision.number
        return self.pool.solve(decision.backend, question.problem, question.until, seed)

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
        run = self.run(decision, question)
        solution, outcome = conclude(question, decision, run, began)
        decision = replace(decision, outcome=outcome)
        self.journal.finish(decision)
        self.learn(decision)
        return decision, solution

    def learn(self, decision: Decision) -> None:
        """Take the outcome of a decision into the performance model."""
        outcome = decision.outcome
        if outcome is None or "first_s" not in outcome.extra:
            return
        bound, reached = outcome.bound, float(outcome.extra["answer"])
        self._performance.observe(
            decision.backend,
            int(decision.features["size"]),
            bool(decision.features.get("split", 0)),
            decision.features["allowed_s"],
            Observed(
                float(outcome.extra["first_s"]),
                float(outcome.extra["solver_s"]),
                reached / bound - 1 if bound > 0 else float("nan"),
            ),
        )


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
        Directory of the journal; without one nothing is kept.
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


def conclude(
    question: Question, decision: Decision, run: Run | None, began: float
) -> tuple[Solution | None, Outcome]:
    """Judge what a run brought by the problem's own check and value.

    Parameters
    ----------
    began : float
        When the question was asked, on ``time.monotonic()``.
    """
    problem = question.problem
    incumbent = getattr(problem, "incumbent", None)
    before = problem.value(incumbent) if incumbent is not None else float("nan")
    solution, status, detail, value = None, "kept", decision.reason, before
    if run is not None and run.solution is None:
        status, detail = missed(run)
    elif run is not None and run.solution is not None:
        try:
            problem.check(run.solution.answer)
            value = problem.value(run.solution.answer)
        except ValueError as error:
            status, detail = "rejected", str(error)
        else:
            detail = "the answer was no better than what is there"
            if not value >= before:  # also where nothing is there
                solution, status, detail = run.solution, "improved", f"{before:.4g} -> {value:.4g}"
            else:
                value = before
    elapsed = time.monotonic() - began
    return solution, Outcome(
        status, elapsed, before, value, problem.bound, 0, detail, run_figures(run)
    )


def missed(run: Run) -> tuple[str, str]:
    """Status and sentence for a solver that gave no answer."""
    if run.status in ("stopped", "killed", "answered"):
        return "late", "no answer came before the deadline; what is installed stays"
    return "failed", f"{run.detail}; what is installed stays"


def run_figures(run: Run | None) -> dict[str, float | str]:
    """The figures of a run as an outcome holds them."""
    if run is None:
        return {}
    extra: dict[str, float | str] = {"run": run.status, "solver_s": run.elapsed_s}
    if run.detail:
        extra["run_detail"] = run.detail
    if run.status == "unavailable":
        return extra
    extra["first_s"] = run.first_s if run.first_s is not None else float("inf")
    if run.solution is None:
        extra["answer"] = float("inf")
        return extra
    extra["answer"] = run.solution.value
    return {**run.solution.info, **extra}
