"""Problems straight to warm workers: no network, no cycle, the same policy and the same runtime.

:meth:`Solver.answer` is the whole way from a problem to a checked answer: candidate paths, the
policy's decision, the solvers' runs, the problem's own check. It always ends in a plan, because
a greedy one is there before any solver is asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from qb_controller.errors import InputError
from qb_controller.model.decision import Decision
from qb_controller.orchestration.advisor import Advisor, Circumstances
from qb_controller.orchestration.features import features
from qb_controller.orchestration.journal import Journal
from qb_controller.orchestration.policy import NONE, needless
from qb_controller.orchestration.runs import Runs, best_of
from qb_controller.orchestration.service import Question, Service
from qb_controller.runtime.dispatcher import OPTIMAL
from qb_controller.runtime.jobs import Event, Progress
from qb_controller.runtime.messages import Settings
from qb_controller.runtime.standby import GREEDY
from qb_controller.runtime.task import Worth
from qb_controller.runtime.workers import GRACE_S, WorkerPool
from quantum_backends.candidates import with_candidates
from quantum_backends.greedy import greedy
from quantum_backends.greedy import warm as warm_greedy
from quantum_backends.problem import Problem
from quantum_backends.registry import BACKENDS
from quantum_backends.routing import nest
from quantum_backends.solution import Solution
from quantum_backends.testing import known_problems

APPLICATION = "solve"
"""Who asks, in the decisions."""

REFINE_SHARE = 0.35
"""Share of the deadline that candidate paths may take, as in the live cycle."""

RESERVE_S = 0.005
RESERVE_PER_DEMAND_S = 4e-6
"""Time kept back for handing over and checking the answer."""

PATIENCE_S = 120.0
"""How long workers may take to load."""

WORTH = Worth(early=0.002)
"""Nothing waits for the answer before its deadline, so that any gain is worth the time; only of
equals is the quicker one taken."""

CANDIDATES = "candidates"
"""What stands in the place of a backend's name for the routing that candidate paths come from."""

GRACE_SHARE = 0.1
"""Share of a short deadline that a solver may take to stop when it is asked to."""


@dataclass(frozen=True)
class Answer:
    """What came of one problem.

    Attributes
    ----------
    problem : Problem
        With its candidate paths.
    solution : Solution
        Checked against the problem, its value recomputed.
    decision : Decision
        The policy's.
    elapsed_s : float
        From the call to the checked answer.
    curve : tuple of (float, float)
        Seconds since the call and value of each improvement, as it was reported; the first entry
        is the greedy plan.
    detail : str
        What is to be said besides the decision's reason; empty where nothing is.
    """

    problem: Any
    solution: Solution
    decision: Decision
    elapsed_s: float
    curve: tuple[tuple[float, float], ...]
    detail: str = ""


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


def refined(problem: Any, seconds: float) -> Any:
    """The problem with candidate paths and a bound; flow problems are made with their paths."""
    return with_candidates(problem, seconds) if problem.form == "routing" else problem


def families_for(problem: Problem, settings: Settings, backends: Mapping[str, Any]) -> set[str]:
    """Families worth a worker: the classical one, and what the policy would turn to.

    The policy is asked beforehand, with the first candidate paths alone and every worker presumed
    ready. A pinned backend needs its own family only.
    """
    if settings.pinned_backend is not None:
        return {backends[settings.pinned_backend].family}
    sketch = refined(problem, 0.0)
    known = {
        "incumbent": sketch.value(greedy(sketch)),
        "allowed_s": settings.deadline_s,
        "split": float(settings.split),
    }
    seen = features(sketch, settings.deadline_s, known)
    choice = Advisor(backends).choose(sketch, seen, Circumstances(settings, WORTH))
    likely = {choice.backend, choice.hedge} & set(backends)
    return {"classical"} | {backends[name].family for name in likely}


class _Watched(WorkerPool):
    """A pool that remembers when better solutions were reported."""

    curve: list[tuple[float, float]]

    def poll(self, seconds: float = 0.0) -> list[Event]:
        events = super().poll(seconds)
        now = time.monotonic()
        for event in events:
            if isinstance(event, Progress):
                self.curve.append((now, event.solution.value))
        return events


class Solver:
    """Warm workers and the policy, for one problem after another.

    Parameters
    ----------
    backends : mapping of str to Backend
        As :func:`backends_for` gives them.
    families : iterable of str
        Families to start workers for; the others' backends take no part.
    """

    def __init__(self, backends: Mapping[str, Any], families: Iterable[str]) -> None:
        wanted = set(families)
        self._backends = {n: b for n, b in backends.items() if b.family in wanted}
        self._pool = _Watched(self._backends)
        self._journal = Journal(None)
        self._service = Service(self._pool, self._backends, self._journal)

    def __enter__(self) -> Solver:
        self._pool.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.close()
        self._journal.close()

    def warm(self, form: str) -> None:
        """Wait for the workers; meanwhile load here what the way of such problems needs."""
        warm_greedy(form)
        tiny = refined(known_problems(form)[0], 1.0)
        features(tiny, 1.0)
        for name in self._backends:
            self._service.refusal(name, tiny)
        self.ready()

    def ready(self) -> None:
        """Wait until every worker is free; one whose job had to be killed is started again."""
        self._pool.wait_ready(PATIENCE_S)

    def answer(self, make: Callable[[], Problem], settings: Settings) -> Answer:
        """Make a problem and solve it within ``settings.deadline_s``, counted from this call."""
        began = time.monotonic()
        problem = make()
        self._pool.grace_s = min(GRACE_S, GRACE_SHARE * settings.deadline_s)
        until = began + settings.deadline_s - self._pool.grace_s - RESERVE_S
        until -= RESERVE_PER_DEMAND_S * problem.size
        problem = refined(problem, REFINE_SHARE * settings.deadline_s)
        plan = greedy(problem)
        best = Solution(plan, problem.value(plan), GREEDY, time.monotonic() - began)
        self._pool.curve = [(time.monotonic(), best.value)]
        known = {"incumbent": best.value, "split": float(settings.split)}
        question = Question(problem, APPLICATION, settings, until, known, 1, WORTH)
        seen = features(problem, settings.deadline_s, known)
        decision = self._service.decide(question, needless(seen, settings))
        detail = "no solver was asked; this is the greedy plan"
        if decision.backend != NONE:
            # All the time there is: what the policy would save of it is of use to nobody here.
            free = replace(decision, budget_s=settings.deadline_s)
            best, detail = _better(problem, best, self._service.run(free, question))
        best, detail = _split_at_least(problem, best, detail)
        elapsed = time.monotonic() - began
        curve = [(at - began, value) for at, value in self._pool.curve]
        if best.backend != GREEDY:
            curve.append((elapsed, best.value))
        return Answer(problem, best, decision, elapsed, tuple(curve), detail)


def _split_at_least(problem: Any, best: Solution, detail: str) -> tuple[Solution, str]:
    """The split routing that came with the candidate paths, where that is better."""
    hint = getattr(problem, "hint", None)
    if hint is None:
        return best, detail
    value = problem.value(hint)
    if value >= best.value * (1 - OPTIMAL):
        return best, detail
    plan = nest(problem, hint)
    problem.check(plan)
    found = Solution(plan, value, CANDIDATES, best.elapsed_s)
    return found, "no solver found better than the split routing that the bound was proven with"


def _better(problem: Problem, first: Solution, runs: Runs) -> tuple[Solution, str]:
    """The solvers' answer where it is one and no worse; else the first plan, and why."""
    run = runs[best_of(runs)]
    found = run.solution
    if found is None:
        late = run.status in ("stopped", "killed", "answered")
        why = "no solver answered in time" if late else f"the solver failed: {run.detail}"
        return first, f"{why}; this is the greedy plan"
    try:
        problem.check(found.answer)
    except ValueError as error:
        return first, f"{found.backend} gave no plan ({error}); this is the greedy plan"
    value = problem.value(found.answer)
    if value > first.value:
        return first, f"{found.backend} found nothing better; this is the greedy plan"
    return replace(found, value=value), run.detail
