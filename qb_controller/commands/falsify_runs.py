"""The stream of ``qb bench falsify``: every task in every mode, through the real service."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from qb_controller.commands.policy_baselines import teach
from qb_controller.commands.policy_table import WORTH, Case, Prepared, pool_of, prepare, ready
from qb_controller.commands.policy_tasks import Spec
from qb_controller.model.decision import Decision
from qb_controller.orchestration.journal import Journal
from qb_controller.orchestration.performance import gap_of, incumbent_gap
from qb_controller.orchestration.policy import NONE, utility
from qb_controller.orchestration.service import Question, Service
from qb_controller.runtime.messages import Settings
from qb_controller.runtime.workers import WorkerPool
from quantum_backends.solution import Solution

FAMILIES = ("classical", "annealer", "gate")
MODES: Mapping[str, tuple[str, ...]] = {
    "qip": (),
    **{one: tuple(each for each in FAMILIES if each != one) for one in FAMILIES},
}
"""Families that each mode forbids."""

WITHOUT_ANSWER = ("late", "failed", "rejected")
"""Outcomes of a decision that called a backend and got nothing from it."""


FELT = 0.01
"""Share of the solver's time that a decision must have taken for a missing answer to be laid at its
door; less would hardly have changed whether one came."""


@dataclass(frozen=True)
class Done:
    """What one mode made of one task.

    Attributes
    ----------
    backend : str
        Chosen; ``none`` where none was called.
    elapsed_s, overhead_s : float
        From the question to the checked answer, and the policy's part of it.
    before, value : float
        The problem's value of what stood there, and of what stands at the deadline.
    completed, missed : bool
        A better answer in time; a backend called that had none in time.
    caused : bool
        Missed for the policy's own time, or so that this cannot be excluded.
    gap, left : float or None
        Gap to the proven bound where there is one; else the share of the incumbent's value left.
    utility, energy_j, modelled_device_s : float
    """

    backend: str
    elapsed_s: float
    overhead_s: float
    before: float
    value: float
    completed: bool
    missed: bool
    caused: bool
    gap: float | None
    left: float | None
    utility: float
    energy_j: float
    modelled_device_s: float


Pair = tuple[Spec, Mapping[str, Done]]
"""A task with what each mode made of it."""


class TimedService(Service):
    """A service that remembers how long its last decision took."""

    took_s = 0.0

    def decide(self, *given: Any, **named: Any) -> Decision:
        began = time.perf_counter()
        decision = super().decide(*given, **named)
        self.took_s = time.perf_counter() - began
        return decision


def run_modes(
    specs: Sequence[Spec],
    backends: Mapping[str, Any],
    learnt: Sequence[Case],
    heard: Callable[[], object] = lambda: None,
) -> list[Pair]:
    """Run tasks in every mode, the modes in turn so that none is always first.

    Parameters
    ----------
    specs : sequence of Spec
    backends : mapping of str to Backend
    learnt : sequence of Case
        What every mode's performance model has seen before; each then learns on from its own runs.
    heard : callable
        Called after each task.
    """
    found: list[Pair] = []
    names = list(MODES)
    with pool_of(backends) as pool:
        services = {mode: _service(pool, backends, learnt) for mode in names}
        for turn, spec in enumerate(specs):
            task = prepare(spec, backends)
            first = turn % len(names)
            order = names[first:] + names[:first]
            found.append(
                (spec, {mode: _one(services[mode], pool, mode, spec, task) for mode in order})
            )
            heard()
    return found


def _service(pool: WorkerPool, backends: Mapping[str, Any], learnt: Sequence[Case]) -> TimedService:
    service = TimedService(pool, backends, Journal(None))
    families = {name: backends[name].family for name in backends}
    service.advisor.performance = teach(families, learnt)
    service.advisor.performance.warm()
    return service


def _one(service: TimedService, pool: WorkerPool, mode: str, spec: Spec, task: Prepared) -> Done:
    ready(pool)
    pool.grace_s = task.grace_s
    settings = Settings(deadline_s=spec.deadline_s, forbidden=MODES[mode], seed=spec.seed)
    known = {"incumbent": task.features["incumbent"]}
    began = time.monotonic()
    until = began + task.features["allowed_s"]
    question = Question(task.problem, "bench", settings, until, known, worth=WORTH)
    decision, solution = service.answer(question)
    return judge(spec, task, decision, solution, time.monotonic() - began, service.took_s)


def judge(
    spec: Spec,
    task: Prepared,
    decision: Decision,
    solution: Solution | None,
    elapsed: float,
    overhead: float,
) -> Done:
    """What came of one task, by the clock and by the problem's own check."""
    assert decision.outcome is not None
    seen, before, late = task.features, task.features["incumbent"], elapsed > spec.deadline_s
    value = before
    if solution is not None and not late:
        task.problem.check(solution.answer)
        value = min(before, task.problem.value(solution.answer))
    missed = decision.backend != NONE and (late or decision.outcome.status in WITHOUT_ANSWER)
    extra, bounded = decision.outcome.extra, seen["bound"] > 0
    energy = float(extra.get("energy_j", 0.0))
    gain = incumbent_gap(seen) - gap_of(value, seen) if before > 0 else 0.0
    share = float(extra.get("solver_s", 0.0)) / seen["allowed_s"]
    return Done(
        decision.backend,
        elapsed,
        overhead,
        before,
        value,
        completed=value < before,
        missed=missed,
        caused=missed
        and (
            elapsed - overhead <= spec.deadline_s if late else overhead > FELT * seen["allowed_s"]
        ),
        gap=gap_of(value, seen) if bounded else None,
        left=value / before if before > 0 and not bounded else None,
        utility=utility(WORTH, gain, share, energy, float(extra.get("money", 0.0))),
        energy_j=energy,
        modelled_device_s=float(extra.get("modelled_device_s", 0.0)),
    )
