"""What every backend makes of every task, once each at the task's own deadline, kept on disk.

A backend that is told of a long deadline plans for it, so what it would have answered at a shorter
one cannot be read off its progress. Each task has one deadline here and each backend runs on it
for all of that time: nothing is interpolated, and the choice that is judged is that of the backend.
"""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qb_controller.commands.finished import add_line, finished_lines
from qb_controller.commands.policy_tasks import Spec
from qb_controller.errors import InputError, QBError
from qb_controller.orchestration.performance import Outcome, gap_of, incumbent_gap
from qb_controller.orchestration.policy import NONE, utility
from qb_controller.runtime.jobs import Ended, Run
from qb_controller.runtime.task import Worth

if TYPE_CHECKING:
    from qb_controller.runtime.workers import WorkerPool
    from quantum_backends.problem import Problem

PORTFOLIO = (
    "highs-lp", "equilibrium", "flow-mwu", "highs-mip", "local-search", "exhaustive", "cp-sat",
    "lp-rounding", "path-switch", "sa-blocks", "sa-qubo", "tabu-qubo", "mock-dwave-blocks",
    "qaoa-blocks",
)  # fmt: skip
"""Backends that take part where none are named: all but the devices that need a token, variants of
the same sampler, and the noisy simulation, whose calls take longer than most of the deadlines."""

WORTH = Worth(energy=0.001)
"""What answers are worth: one percent of gap is one unit, an answer at once instead of at the
deadline a fifth of it, and a kilojoule one."""

PATIENCE_S = 180.0

PATIENT_S = 3.0
"""How long a solver that is too late may take to stop before its process is ended all the same."""


@dataclass(frozen=True)
class Trial:
    """What one backend did with one task.

    Attributes
    ----------
    elapsed_s : float
        Seconds from the hand-over to the end.
    first_s : float or None
        To the first valid answer.
    value : float or None
        Of the last answer, recomputed by the problem; None where no valid one came in time.
    energy_j, money : float
    status : str
        As :class:`qb_controller.runtime.jobs.Run` has it, or ``invalid``.
    """

    elapsed_s: float
    first_s: float | None
    value: float | None
    energy_j: float
    money: float
    status: str


@dataclass(frozen=True)
class Case:
    """One task with what every backend made of it.

    Attributes
    ----------
    id, family, form : str
    unseen : bool
    seed : int
    deadline_s : float
    features : mapping of str to float
        With ``allowed_s``, the seconds that a solver had.
    refusals : mapping of str to str
    look_s : float
        Seconds that the features and the refusals took, at their first time for this problem.
    trials : mapping of str to Trial
    """

    id: str
    family: str
    form: str
    unseen: bool
    seed: int
    deadline_s: float
    features: Mapping[str, float]
    refusals: Mapping[str, str]
    look_s: float
    trials: Mapping[str, Trial] = field(default_factory=dict)

    def utility(self, backend: str, worth: Worth = WORTH) -> float:
        """What calling a backend was worth against keeping the incumbent, as the policy counts.

        0 for a backend that refuses, since nothing is called then, and for none.
        """
        trial = self.trials.get(backend)
        if backend == NONE or trial is None:
            return 0.0
        gain = 0.0
        if trial.value is not None:
            gain = max(0.0, incumbent_gap(self.features) - gap_of(trial.value, self.features))
        share = trial.elapsed_s / self.features["allowed_s"]
        return utility(worth, gain, share, trial.energy_j, trial.money)

    def missed(self, backend: str) -> bool:
        """Whether a backend was called and had no answer in time."""
        trial = self.trials.get(backend)
        return trial is not None and trial.value is None

    def outcome(self, backend: str) -> Outcome:
        """The trial as the performance model learns it."""
        trial = self.trials[backend]
        first = math.inf if trial.value is None or trial.first_s is None else trial.first_s
        gap = math.nan if trial.value is None else gap_of(trial.value, self.features)
        return Outcome(first, trial.elapsed_s, gap)


class Kept:
    """Finished cases, one JSON object a line; what is there is not run again.

    Parameters
    ----------
    path : Path or None
        None keeps nothing.

    Raises
    ------
    InputError
        A line is no finished case; file and line are named.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._cases: dict[str, Case] = {}
        for number, line in finished_lines(path):
            try:
                case = _case(json.loads(line))
            except (ValueError, KeyError, TypeError):
                raise InputError(f"{path}:{number}: not a finished case") from None
            self._cases[case.id] = case

    def get(self, name: str) -> Case | None:
        return self._cases.get(name)

    def put(self, case: Case) -> None:
        self._cases[case.id] = case
        add_line(self._path, json.dumps(asdict(case)))


def _case(plain: dict[str, Any]) -> Case:
    trials = {name: Trial(**trial) for name, trial in plain["trials"].items()}
    return Case(**{**plain, "trials": trials})


@dataclass(frozen=True)
class Prepared:
    """A task about to be solved: its problem, and what the policy sees of it."""

    problem: Problem
    features: dict[str, float]
    refusals: dict[str, str]
    look_s: float
    grace_s: float


def prepare(spec: Spec, backends: Mapping[str, Any]) -> Prepared:
    """Make a problem and look at it as a decision would, with the time that takes."""
    from qb_controller.commands.direct import GRACE_SHARE, RESERVE_PER_DEMAND_S, RESERVE_S
    from qb_controller.orchestration.advisor import Advisor
    from qb_controller.orchestration.features import features
    from qb_controller.runtime.workers import GRACE_S
    from quantum_backends.greedy import greedy

    problem = spec.make()
    incumbent = getattr(problem, "incumbent", None)
    stands = greedy(problem) if incumbent is None else incumbent
    grace = min(GRACE_S, GRACE_SHARE * spec.deadline_s)
    reserve = RESERVE_S + RESERVE_PER_DEMAND_S * problem.size
    known = {
        "incumbent": problem.value(stands),
        "allowed_s": max(spec.deadline_s - grace - reserve, 0.01),
    }
    advisor = Advisor(backends)
    began = time.perf_counter()
    seen = features(problem, spec.deadline_s, known)
    told = {name: advisor.refusal(name, problem) for name in backends}
    took = time.perf_counter() - began
    refusals = {name: reason for name, reason in told.items() if reason}
    return Prepared(problem, seen, refusals, took, grace)


@contextlib.contextmanager
def pool_of(backends: Mapping[str, Any]) -> Iterator[WorkerPool]:
    """Warm workers for some backends, and everything loaded here that a decision needs."""
    from qb_controller.orchestration.features import features
    from qb_controller.runtime.workers import WorkerPool
    from quantum_backends.greedy import warm
    from quantum_backends.testing import known_problems

    with WorkerPool(backends) as pool:
        for form in {form for backend in backends.values() for form in backend.forms}:
            warm(form)
            tiny = known_problems(form)[0]
            features(tiny, 1.0)
            for backend in backends.values():
                if form in backend.forms:
                    backend.refusal(tiny)
        ready(pool)
        yield pool


def ready(pool: WorkerPool) -> None:
    """Wait until every worker is free; one that was killed starts again."""
    if not pool.wait_ready(PATIENCE_S):
        raise QBError(f"workers did not load within {PATIENCE_S:g} s: {pool.states()}")


def record(
    specs: Sequence[Spec],
    backends: Mapping[str, Any],
    kept: Kept,
    until: float = math.inf,
    heard: Callable[[], object] = lambda: None,
) -> list[Case]:
    """Cases of tasks, run where they are not kept.

    Parameters
    ----------
    specs : sequence of Spec
    backends : mapping of str to Backend
    kept : Kept
    until : float
        On ``time.monotonic()``: later no task is begun; those that are not there are left out.
    heard : callable
        Called after each task.
    """
    missing = [spec for spec in specs if _lacks(kept.get(spec.id), backends)]
    if missing and time.monotonic() < until:
        with pool_of(backends) as pool:
            for spec in missing:
                if time.monotonic() >= until:
                    break
                kept.put(_run(spec, backends, pool))
                heard()
    found = (kept.get(spec.id) for spec in specs)
    return [case for case in found if case is not None and not _lacks(case, backends)]


def _lacks(case: Case | None, backends: Iterable[str]) -> bool:
    """Whether a case is not there, or was run with fewer backends."""
    return case is None or not set(backends) <= {*case.trials, *case.refusals}


def _run(spec: Spec, backends: Mapping[str, Any], pool: WorkerPool) -> Case:
    """Solve one task by every backend that takes it, one after the other."""
    task = prepare(spec, backends)
    trials = {
        name: _trial(name, spec, task, pool) for name in backends if name not in task.refusals
    }
    return Case(
        spec.id,
        spec.family,
        task.problem.form,
        spec.unseen,
        spec.seed,
        spec.deadline_s,
        task.features,
        task.refusals,
        task.look_s,
        trials,
    )


def _trial(name: str, spec: Spec, task: Prepared, pool: WorkerPool) -> Trial:
    from qb_controller.orchestration.runs import device_seconds
    from quantum_backends.device_table import device

    ready(pool)
    began = time.monotonic()
    run = _run_until(pool, name, task, spec.seed)
    elapsed = min(time.monotonic() - began, run.elapsed_s)
    value, status = None, run.status
    if run.solution is not None:
        try:
            task.problem.check(run.solution.answer)
            value = float(task.problem.value(run.solution.answer))
        except ValueError:
            status = "invalid"
    of = device(name)
    busy = device_seconds(run, of)
    return Trial(elapsed, run.first_s, value, of.energy_j(busy), of.cost(busy), status)


def _run_until(pool: WorkerPool, name: str, task: Prepared, seed: int) -> Run:
    """Run a backend for the task's time; what it has not said by then does not count.

    In operation a solver that does not stop is ended then and its last report is the answer. Here
    it may finish, which counts for nothing but spares loading its worker anew for the next run.
    """
    pool.grace_s = PATIENT_S
    began = time.monotonic()
    until = began + task.features["allowed_s"]
    number = pool.submit(name, task.problem, until, seed)
    last, first_s = None, None
    while True:
        for event in pool.poll(1.0):
            at = time.monotonic()
            if event.number != number:
                continue
            if isinstance(event, Ended):
                if at <= until + task.grace_s:
                    return event.run
                limit = task.features["allowed_s"] + task.grace_s
                return Run(last, "stopped", limit, first_s, "did not stop in time")
            if at <= until + task.grace_s:
                last = event.solution
                first_s = first_s if first_s is not None else at - began
