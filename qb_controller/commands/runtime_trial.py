"""A stream of tasks through the real runtime, with the machine under load or its workers killed.

No policy is judged here: every task goes to a backend drawn at random among those that take its
problem and are free, every other one to two of them, so that slow and deaf ones have their turn.
"""

from __future__ import annotations

import contextlib
import gc
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from qb_controller.runtime.dispatcher import Dispatcher
from qb_controller.runtime.engine import Availability
from qb_controller.runtime.flight import Answer, Assignment
from qb_controller.runtime.standby import GREEDY, INCUMBENT, standby
from qb_controller.runtime.task import State, Task
from qb_controller.runtime.workers import WorkerPool
from quantum_backends.greedy import warm
from quantum_backends.problem import Problem
from quantum_backends.solver import Backend

TURN_S = 0.02
"""The dispatcher is stepped at least so often."""

ROUNDING = 1e-9


@dataclass(frozen=True)
class Stream:
    """What is asked of the runtime.

    Attributes
    ----------
    problems : sequence of Problem
        Each task draws one.
    tasks : int
    rate : float
        Tasks per second, in the mean; they come at random (Poisson).
    deadline_s : tuple of float
        Shortest and longest time from task to answer; in between log-uniform.
    kill_every_s : float
        Seconds between two kills of a worker drawn at random; 0 for none.
    seed : int
    """

    problems: Sequence[Problem]
    tasks: int
    rate: float
    deadline_s: tuple[float, float] = (0.05, 2.0)
    kill_every_s: float = 0.0
    seed: int = 0


@dataclass
class Report:
    """What came of a stream; the lists have one entry per answer.

    Attributes
    ----------
    tasks, lost : int
        Handed in, and without any end.
    states : dict
        Count by final state.
    lateness_s : list of float
        From the deadline to the moment the asker has the answer; below zero is early.
    overhead_s : list of float
        Of each job that ended by itself: its time less the solver's own.
    wrong, no_answer, late : int
        Answers that break the problem, or claim a value they do not have, or are worse than what
        stood at the start; tasks without a valid answer; tasks answered after their deadline.
    jobs : dict
        Count of jobs by how they ended (:class:`qb_controller.runtime.jobs.Run`).
    by_solver, raced, retries, kills : int
        Answers that a solver gave (the rest: the greedy one), tasks on which two ran, jobs begun
        anew, workers killed.
    """

    tasks: int = 0
    lost: int = 0
    states: dict[str, int] = field(default_factory=dict)
    lateness_s: list[float] = field(default_factory=list)
    overhead_s: list[float] = field(default_factory=list)
    wrong: int = 0
    no_answer: int = 0
    late: int = 0
    jobs: dict[str, int] = field(default_factory=dict)
    by_solver: int = 0
    raced: int = 0
    retries: int = 0
    kills: int = 0
    duration_s: float = 0.0

    def take(self, answer: Answer, at: float) -> None:
        """Count one answer, judged from outside."""
        self.states[answer.state] = self.states.get(answer.state, 0) + 1
        late = at - answer.task.deadline
        self.lateness_s.append(late)
        self.late += late > 0
        self.retries += answer.retries
        self.raced += len(answer.runs) > answer.record.count(State.RUNNING)
        for _, run in answer.runs:
            self.jobs[run.status] = self.jobs.get(run.status, 0) + 1
        if answer.solution is None:
            self.no_answer += 1
            return
        self.wrong += not right(answer)
        self.by_solver += answer.solution.backend not in (INCUMBENT, GREEDY)
        self.overhead_s += [
            run.elapsed_s - run.solution.elapsed_s
            for _, run in answer.runs
            if run.status == "answered" and run.solution is not None
        ]

    def figures(self) -> dict[str, Any]:
        """The report in numbers; times in milliseconds, quantiles by name."""
        return {
            "tasks": self.tasks,
            "lost": self.lost,
            "without_valid_answer_at_deadline": self.lost + self.no_answer + self.late,
            "wrong": self.wrong,
            "states": self.states,
            "jobs": self.jobs,
            "answered_by_solver": self.by_solver,
            "raced": self.raced,
            "retries": self.retries,
            "kills": self.kills,
            "lateness_ms": _quantiles(self.lateness_s),
            "job_overhead_ms": _quantiles(self.overhead_s),
            "duration_s": round(self.duration_s, 1),
        }


def right(answer: Answer) -> bool:
    """Whether an answer is one, is worth what it says, and is no worse than what stood."""
    solution, problem = answer.solution, answer.task.problem
    assert solution is not None
    try:
        problem.check(solution.answer)
        value = problem.value(solution.answer)
    except ValueError:
        return False
    stood = standby(answer.task)
    margin = ROUNDING * max(1.0, abs(value))
    return abs(value - solution.value) <= margin and (
        stood is None or value <= stood.value + margin
    )


def run(
    stream: Stream,
    pool: WorkerPool,
    backends: Mapping[str, Backend[Any]],
    heard: Callable[[], object] = lambda: None,
) -> Report:
    """Send a stream through a pool whose workers are ready.

    Parameters
    ----------
    heard : callable
        Called at each answer, for a progress bar.
    """
    rng = random.Random(stream.seed)
    for form in {problem.form for problem in stream.problems}:
        warm(form)
    for problem in stream.problems:  # what is loaded at the first use is loaded now
        standby(Task("", "trial", problem, 0.0))
    assign = _anyone(stream.problems, backends)
    gc.collect()
    gc.freeze()  # a collection among all that the libraries have made takes a third of a second
    dispatcher = Dispatcher(pool, assign)
    report = Report()
    answers: list[tuple[Answer, float]] = []
    began = time.monotonic()
    coming = began
    kill_at = began + stream.kill_every_s if stream.kill_every_s else float("inf")
    while report.tasks < stream.tasks or dispatcher.pending:
        now = time.monotonic()
        if now >= kill_at:
            report.kills += _kill(pool, rng)
            kill_at += stream.kill_every_s
        if report.tasks < stream.tasks and now >= coming:
            dispatcher.submit(_task(stream, report.tasks, now, rng))
            report.tasks += 1
            coming += rng.expovariate(stream.rate)
        wait = min(TURN_S, max(0.0, coming - time.monotonic()))
        for answer in dispatcher.step(wait if report.tasks < stream.tasks else TURN_S):
            answers.append((answer, time.monotonic()))
            heard()
    report.duration_s = time.monotonic() - began
    for answer, at in answers:  # judged afterwards: it would hold up the stream
        report.take(answer, at)
    report.lost = report.tasks - len({answer.task.id for answer, _ in answers})
    return report


@contextlib.contextmanager
def load(processes: int) -> Iterator[None]:
    """Keep so many processes computing at ordinary priority meanwhile."""
    busy = [
        subprocess.Popen([sys.executable, "-c", "while True: sum(range(10000))"])
        for _ in range(processes)
    ]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def _task(stream: Stream, number: int, now: float, rng: random.Random) -> Task:
    low, high = np.log(stream.deadline_s)
    seconds = float(np.exp(rng.uniform(low, high)))
    problem = rng.choice(stream.problems)
    return Task(str(number), "trial", problem, now + seconds, seed=rng.randrange(1 << 30))


def _anyone(
    problems: Sequence[Problem], backends: Mapping[str, Backend[Any]]
) -> Callable[[Task, float, Availability], Assignment]:
    """Assign to whoever takes the problem and is free; which is drawn by the task's seed."""
    takers = {
        id(problem): [
            name
            for name, backend in backends.items()
            if problem.form in backend.forms and _takes(backend, problem)
        ]
        for problem in problems
    }

    def assign(task: Task, now: float, found: Availability) -> Assignment:
        names = takers[id(task.problem)]
        free = [name for name in names if found.free(name)]
        rng = random.Random(task.seed)
        if not free:  # wait for one, unless none can be asked at all
            soon = [name for name in names if name in found.waits] or names[:1]
            return Assignment(tuple(rng.sample(soon, 1)))
        return Assignment(tuple(rng.sample(free, min(len(free), rng.choice((1, 2))))))

    return assign


def _takes(backend: Backend[Any], problem: Problem) -> bool:
    try:
        return not backend.refusal(problem)
    except ImportError:  # its library is not installed here
        return False


def _kill(pool: WorkerPool, rng: random.Random) -> int:
    """Kill one worker without warning; returns how many were there to be killed, 0 or 1."""
    running = [pid for name, pid in pool.pids().items() if pool.states()[name] != "starting"]
    if not running:
        return 0
    os.kill(rng.choice(running), signal.SIGKILL)
    return 1


def _quantiles(seconds: Sequence[float]) -> dict[str, float]:
    if not seconds:
        return {}
    points = {"p50": 50, "p90": 90, "p99": 99, "p99.9": 99.9, "max": 100}
    return {
        name: round(1e3 * float(np.percentile(seconds, point)), 3) for name, point in points.items()
    }
