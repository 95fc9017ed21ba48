"""One cycle, from a snapshot to a verified plan.

snapshot -> formulate -> decide -> solve -> interpret -> verify. Whatever goes wrong on the way
ends in a result whose plan is None: the network keeps what it has.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from qb_controller.errors import VerificationError
from qb_controller.model.decision import Decision, Outcome
from qb_controller.model.plan import Plan, Route, VerifiedPlan
from qb_controller.model.telemetry import NetworkSnapshot
from qb_controller.orchestration.application import Application, Task
from qb_controller.orchestration.journal import Journal
from qb_controller.orchestration.loads import loads, moved, sound
from qb_controller.orchestration.policy import NONE, needed_gain, needless
from qb_controller.orchestration.runs import Runs, best_of, missed
from qb_controller.orchestration.service import Question, Service
from qb_controller.orchestration.shadow import Shadow
from qb_controller.orchestration.verify import verify
from qb_controller.runtime.messages import CycleRequest, CycleResult, Settings
from qb_controller.runtime.worker import DEFAULT_BACKENDS
from qb_controller.runtime.workers import WorkerPool
from quantum_backends.solver import Backend
from quantum_backends.testing import tiny_problem

REFINE_SHARE = 0.35
"""Share of the deadline that widening the choice of paths and proving a bound may take. Paths
matter more than solvers: over the four shortest paths alone the optimum can be twice as high."""

RESERVE_BASE_S = 0.01
RESERVE_PER_DEMAND_S = 5e-5
"""Time kept back for rounding, verifying and handing over, measured at 12 to 53 nodes."""

SAME_TRAFFIC = 0.01
"""Relative change of the present MLU and of the bound below which a search that found nothing is
not repeated."""

RETRY_CYCLES = 30
"""A search that found nothing is repeated after so many cycles all the same."""

SILENT_PERIODS = 5
"""After so many usual pauses without a request, none is expected soon."""

_log = logging.getLogger("qb.cycle")


@dataclass(frozen=True)
class _Vain:
    """A search that found nothing worth moving for, and in which circumstances."""

    routes: tuple[Route, ...]
    settings: Settings
    installed_mlu: float
    bound: float
    decision: int


class Orchestrator:
    """Runs the cycles of one application; one at a time.

    Parameters
    ----------
    application : Application
    pool : WorkerPool
    backends : mapping of str to Backend
        To ask them what they refuse; they solve in the pool.
    journal : Journal
    clock : callable
        Unix time in seconds, for the records.
    """

    def __init__(
        self,
        application: Application[Any],
        pool: WorkerPool,
        backends: Mapping[str, Backend[Any]],
        journal: Journal,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._application = application
        self._service = Service(pool, backends, journal, clock)
        self._shadow = Shadow(self._service)
        self._asked_at = float("-inf")  # when the last request came, monotonic
        self._period_s = 0.0  # time between the last two
        self._pool = pool
        self._backends = backends
        self._journal = journal
        self._clock = clock
        self._vain: _Vain | None = None

    def warm(self) -> None:
        """Load what a backend needs to say whether it refuses, before a deadline runs."""
        tiny = tiny_problem(split=False)
        for name in self._backends:
            self._service.refusal(name, tiny)
            self._pool.poll()

    def idle(self) -> None:
        """Use the time until the next request: look after the workers, try what was not chosen."""
        since = time.monotonic() - self._asked_at
        silent = since > SILENT_PERIODS * self._period_s
        self._shadow.step(float("inf") if silent else self._period_s - since)

    def lend(self) -> Service:
        """The service, for a question of another application; nothing runs in the background."""
        self._shadow.stop()
        return self._service

    def run_cycle(self, request: CycleRequest) -> CycleResult:
        """Answer a request; never raises for anything that the request or a solver contains."""
        began = time.monotonic()
        self._shadow.stop()
        self._period_s, self._asked_at = began - self._asked_at, began
        number = max(self._journal.next_number(), request.known_decision + 1)
        decision = Decision(
            number,
            self._application.name,
            self._clock(),
            request.settings.deadline_s,
            {},
            (),
            NONE,
            "",
        )
        try:
            decision, plan = self._steps(request, decision, began)
        except Exception as error:  # a cycle must end in an answer, whatever broke
            _log.exception("cycle %d (decision %d) failed", request.number, number)
            what = f"the cycle failed: {type(error).__name__}: {error}"
            outcome = Outcome("failed", time.monotonic() - began, 0.0, 0.0, 0.0, 0, what)
            reason = decision.reason or "the cycle failed before a backend was chosen"
            decision, plan = replace(decision, reason=reason, outcome=outcome), None
        self._journal.finish(decision)
        return CycleResult(request.number, decision, plan, self._shadow.found())

    def _steps(
        self, request: CycleRequest, decision: Decision, began: float
    ) -> tuple[Decision, VerifiedPlan | None]:
        application, settings = self._application, request.settings
        snapshot = application.observe(request.snapshot)
        task = application.formulate(snapshot, settings)
        reason = needless(self._known(task, settings, decision.number), settings)
        if not reason:
            task = application.refine(task, REFINE_SHARE * settings.deadline_s)
            reason = needless(self._known(task, settings, decision.number), settings)
        reserve = RESERVE_BASE_S + RESERVE_PER_DEMAND_S * task.problem.n_demands
        until = began + settings.deadline_s - reserve - self._pool.grace_s
        question = Question(
            task.problem,
            application.name,
            settings,
            until,
            self._known(task, settings, decision.number),
            decision.number,
        )
        decision = self._service.decide(question, reason)
        runs = self._service.run(decision, question)
        plan, outcome = self._conclude(decision, task, snapshot, settings, runs, began)
        decision = replace(decision, outcome=outcome)
        self._service.learn(decision, runs)
        self._shadow.remember(decision, question, runs)
        return decision, plan

    def _conclude(
        self,
        decision: Decision,
        task: Task,
        snapshot: NetworkSnapshot,
        settings: Settings,
        runs: Runs,
        began: float,
    ) -> tuple[VerifiedPlan | None, Outcome]:
        """Turn what the solver gave, if anything, into a plan or a reason to keep what is there."""
        before = task.features["incumbent"]
        run = runs[best_of(runs)] if runs else None
        plan, status, detail = None, "kept", ""
        if run is not None and run.solution is not None:
            proposal = self._application.interpret(task, run.solution, decision.number)
            plan, status, detail = self._consider(proposal, task, snapshot, settings)
        elif run is not None:
            status, detail = missed(run)
        if plan is None and run is not None and status == "kept":
            self._vain = _Vain(task.baseline, settings, before, task.problem.bound, decision.number)
        if plan is None and task.must_change:
            repair = Plan(self._application.name, decision.number, task.baseline)
            plan = verify(repair, snapshot, task.baseline)
            status, detail = "improved", "; ".join(filter(None, (task.must_change, detail)))
        mlu = plan.mlu if plan else before
        count = 0
        if plan is not None:
            after = {route.pair: route for route in plan.plan.routes}
            count = moved(snapshot.network, sound(snapshot.network, snapshot.installed), after)
        outcome = Outcome(
            status,
            time.monotonic() - began,
            before,
            mlu,
            task.problem.bound,
            count,
            detail or decision.reason,
            self._service.figures(runs),
        )
        return plan, outcome

    def _consider(
        self, proposal: Plan, task: Task, snapshot: NetworkSnapshot, settings: Settings
    ) -> tuple[VerifiedPlan | None, str, str]:
        """Verify a proposal and weigh it against what is installed."""
        before = task.features["incumbent"]
        try:
            plan = verify(proposal, snapshot, task.baseline)
        except VerificationError as error:
            # An answer that is merely no better is not a fault; a broken path is.
            after = loads(
                snapshot.network, snapshot.demands, sound(snapshot.network, proposal.routes)
            )
            if after.mlu >= before:
                return None, "kept", f"the answer was no better: {error}"
            return None, "rejected", str(error)
        if self._application.worth_moving(before, plan.mlu, settings):
            return plan, "improved", f"MLU {before:.3f} -> {plan.mlu:.3f}"
        if task.must_change and plan.mlu < before:
            return plan, "improved", f"{task.must_change}; MLU {before:.3f} -> {plan.mlu:.3f}"
        gain = 1 - plan.mlu / before if before > 0 else 0.0
        needed = needed_gain(before, settings)
        return None, "kept", f"the answer is {gain:.1%} better, traffic moves from {needed:.0%} on"

    def _known(self, task: Task, settings: Settings, number: int) -> dict[str, float]:
        """What the problem itself does not show, and what decides whether a solver is needed."""
        vain, problem = self._vain, task.problem
        tried = (
            vain is not None
            and vain.routes == task.baseline
            and replace(settings, seed=0) == replace(vain.settings, seed=0)
            and number - vain.decision <= RETRY_CYCLES
            and not task.must_change
            and _close(vain.installed_mlu, task.features["incumbent"])
            and (problem.bound == 0 or _close(vain.bound, problem.bound))
        )
        size = float(problem.size)
        return {**task.features, "size": size, "bound": problem.bound, "tried": float(tried)}


def solve_once(
    snapshot: NetworkSnapshot,
    settings: Settings,
    application: Application[Any],
    backends: Mapping[str, Backend[Any]],
    state: Path | None = None,
    spec: str = DEFAULT_BACKENDS,
    patience_s: float = 60.0,
) -> CycleResult:
    """Run one cycle with no network and no optimiser process around it.

    Workers are started and warmed first; the deadline counts from then on.

    Parameters
    ----------
    snapshot : NetworkSnapshot
    settings : Settings
    application : Application
    backends : mapping of str to Backend
    state : Path, optional
        Directory of the journal; without one nothing is kept.
    spec : str
        Where worker processes find the same table, as ``module:attribute``.
    patience_s : float
        Seconds to wait for the workers to load; those that are not ready then are refused.
    """
    journal = Journal(state)
    try:
        with WorkerPool(backends, spec) as pool:
            pool.wait_ready(patience_s)
            orchestrator = Orchestrator(application, pool, backends, journal)
            orchestrator.warm()
            return orchestrator.run_cycle(CycleRequest(1, snapshot, settings))
    finally:
        journal.close()


def _close(a: float, b: float) -> bool:
    return abs(a - b) <= SAME_TRAFFIC * max(abs(a), abs(b))
