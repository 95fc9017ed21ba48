"""Problems straight to warm workers: no network, no cycle, the same policy and the same pool.

:func:`answer` is the whole way from a problem to a checked answer: candidate paths, the policy's
decision, the solver's run, the problem's own check. It always ends in a plan, because the first
paths of all demands are one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from qb_controller.errors import InputError
from qb_controller.orchestration.advisor import Advisor, Circumstances
from qb_controller.orchestration.features import features
from qb_controller.orchestration.performance import WHOLE
from qb_controller.orchestration.policy import NONE, Choice, needless
from qb_controller.orchestration.runs import solve_part
from qb_controller.runtime.jobs import Run
from qb_controller.runtime.messages import Settings
from qb_controller.runtime.workers import WorkerPool
from quantum_backends.candidates import with_candidates
from quantum_backends.problem import Problem
from quantum_backends.registry import BACKENDS
from quantum_backends.routing import RoutingProblem, one_hot
from quantum_backends.solution import Solution
from quantum_backends.testing import known_problems

REFINE_SHARE = 0.35
"""Share of the deadline that candidate paths may take, as in the live cycle."""

RESERVE_S = 0.005
RESERVE_PER_DEMAND_S = 4e-6
"""Time kept back for handing over and checking the answer."""

PATIENCE_S = 120.0
"""How long workers may take to load."""

FIRST_PATHS = "first-paths"
"""What the plan is called that exists before any solver is asked."""


@dataclass(frozen=True)
class Answer:
    """What came of one problem.

    Attributes
    ----------
    problem : Problem
        With its candidate paths.
    solution : Solution
        Checked against the problem, its value recomputed.
    choice : Choice
        The policy's.
    run : Run or None
        None where no solver was asked.
    elapsed_s : float
        From the call to the checked answer.
    detail : str
        What is to be said of it besides the choice's reason; empty where nothing is.
    """

    problem: Any
    solution: Solution
    choice: Choice
    run: Run | None
    elapsed_s: float
    detail: str = ""


@dataclass(frozen=True)
class Steps:
    """What comes before the decision, for one form of problem.

    Attributes
    ----------
    refine : callable
        (problem, seconds) -> the problem with candidate paths and a proven bound.
    first : callable
        Refined problem -> an answer that is there at once.
    """

    refine: Callable[[Any, float], Any]
    first: Callable[[Any], Any]


def _first_paths(problem: RoutingProblem) -> Any:
    return one_hot(problem, problem.layout.first[:-1].astype(np.int64))


STEPS: Mapping[str, Steps] = {"routing": Steps(with_candidates, _first_paths)}
"""By form of problem."""


def backends_for(form: str, pinned: str | None) -> dict[str, Any]:
    """Backends of a form, or the one that is pinned.

    Raises
    ------
    InputError
        The pinned one does not exist or does not take problems of this form.
    """
    fit = {name: backend for name, backend in BACKENDS.items() if form in backend.forms}
    if pinned is None:
        return fit
    if pinned not in fit:
        what = "does not solve such problems" if pinned in BACKENDS else "no such backend"
        raise InputError(f"--backend {pinned}: {what}; there are auto, {', '.join(sorted(fit))}")
    return {pinned: fit[pinned]}


def settings_of(deadline_s: float, split: bool, pinned: str | None, seed: int) -> Settings:
    """Settings of a solve with no traffic to disturb: any gain is worth a change."""
    return Settings(
        deadline_s=deadline_s,
        split=split,
        pinned_backend=pinned,
        min_gain=0.0,
        full_gain=0.0,
        quiet_mlu=0.0,
        seed=seed,
    )


class Solver:
    """Warm workers and the policy, for one problem after another.

    Parameters
    ----------
    backends : mapping of str to Backend
        As :func:`backends_for` gives them.
    families : iterable of str
        Families to start workers for.
    """

    def __init__(self, backends: Mapping[str, Any], families: Iterable[str]) -> None:
        families = set(families)
        self._all = backends
        self._backends = {n: b for n, b in backends.items() if b.family in families}
        self._pool = WorkerPool(self._backends)
        self._advisor = Advisor(self._backends)

    def __enter__(self) -> Solver:
        self._pool.__enter__()
        return self

    def __exit__(self, *problem: object) -> None:
        self._pool.close()

    def warm(self, problem: Problem) -> None:
        """Wait for the workers; meanwhile load here what the way of such a problem needs."""
        self._pool.poll()
        tiny = known_problems(problem.form)[0]
        steps = STEPS[problem.form]
        steps.first(steps.refine(tiny, 1.0))
        for backend in self._all.values():
            backend.refusal(tiny)
        self._pool.wait_ready(PATIENCE_S)

    def answer(self, make: Callable[[], Problem], settings: Settings) -> Answer:
        """Make a problem and solve it within ``settings.deadline_s``, counted from this call."""
        began = time.monotonic()
        problem = make()
        until = began + settings.deadline_s - self._pool.grace_s - RESERVE_S
        until -= RESERVE_PER_DEMAND_S * problem.size
        steps = STEPS[problem.form]
        problem = steps.refine(problem, REFINE_SHARE * settings.deadline_s)
        first = steps.first(problem)
        best = Solution(first, problem.value(first), FIRST_PATHS, time.monotonic() - began)
        choice = self._choose(problem, best.value, settings, until)
        run, detail = None, "no solver was asked; this is the plan of first paths"
        if choice.backend != NONE:
            run = self._run(choice, problem, until, settings.seed)
            best, detail = _better(problem, best, run)
        return Answer(problem, best, choice, run, time.monotonic() - began, detail)

    def _run(self, choice: Choice, problem: Problem, until: float, seed: int) -> Run:
        until = min(until, time.monotonic() + choice.budget_s)
        if choice.formulation == WHOLE:
            return self._pool.solve(choice.backend, problem, until, seed)
        return solve_part(self._pool, choice.backend, problem, choice.formulation, until, seed)

    def _choose(self, problem: Problem, first: float, settings: Settings, until: float) -> Choice:
        known = {"incumbent": first, "allowed_s": until - time.monotonic()}
        seen = features(problem, settings.deadline_s, known)
        if reason := needless(seen, settings):
            return Choice(NONE, reason)
        given = Circumstances(settings, now=time.time(), unavailable=self._pool.unavailable())
        return self._advisor.choose(problem, seen, given)


def families_for(problem: Problem, settings: Settings, backends: Mapping[str, Any]) -> set[str]:
    """Families worth a worker: the classical one, and that of the backend the policy would take.

    The policy is asked beforehand, with the first candidate paths alone and every worker presumed
    ready. A pinned backend needs its own family only.
    """
    if settings.pinned_backend is not None:
        return {backends[settings.pinned_backend].family}
    sketch = STEPS[problem.form].refine(problem, 0.0)
    first = sketch.value(STEPS[problem.form].first(sketch))
    known = {"incumbent": first, "allowed_s": settings.deadline_s}
    seen = features(sketch, settings.deadline_s, known)
    given = Circumstances(settings, now=time.time())
    likely = Advisor(backends).choose(sketch, seen, given).backend
    return {"classical"} | ({backends[likely].family} if likely != NONE else set())


def _better(problem: Problem, first: Solution, run: Run) -> tuple[Solution, str]:
    """The solver's answer where it is one and no worse; else the first plan, and why."""
    if run.solution is None:
        late = run.status in ("stopped", "killed", "answered")
        why = "no solver answered in time" if late else f"the solver failed: {run.detail}"
        return first, f"{why}; this is the plan of first paths"
    found = run.solution
    try:
        problem.check(found.answer)
    except ValueError as error:
        return first, f"{found.backend} gave no plan ({error}); this is the plan of first paths"
    value = problem.value(found.answer)
    if value > first.value:
        return first, f"the plan of {found.backend} is worse than this one of first paths"
    return replace(found, value=value), ""
