"""Workers killed at random while tasks come in: none is lost, none answered wrongly."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qb_controller.commands import runtime_trial
from qb_controller.commands.runtime_trial import Report, Stream
from qb_controller.runtime.flight import Answer
from qb_controller.runtime.jobs import Run
from qb_controller.runtime.task import Record, State, Task
from qb_controller.runtime.workers import WorkerPool
from quantum_backends.solution import Solution
from quantum_backends.testing import tiny_problem
from tests.runtime import solvers
from tests.runtime.test_workers import diamond


def test_no_task_is_lost_when_workers_are_killed() -> None:
    """Among the solvers are some that are deaf, raise, or die by themselves, besides."""
    problems = [diamond(), replace(diamond(), bound=0.5)]
    stream = Stream(problems, 60, 20.0, (0.05, 0.8), kill_every_s=0.1, seed=3)
    with WorkerPool(solvers.ALL, solvers.SPEC, copies={"classical": 2}) as pool:
        assert pool.wait_ready(30.0)
        found = runtime_trial.run(stream, pool, solvers.ALL)
    assert (found.tasks, found.lost, found.wrong, found.no_answer) == (60, 0, 0, 0)
    assert found.kills >= 5
    assert found.by_solver > 0 and found.jobs


def test_the_report_sees_what_is_wrong() -> None:
    """The judge of the test above, handed wrong answers."""
    task = Task("a", "test", tiny_problem(), 10.0)
    record = Record.begin("a", 0.0).to(State.ANSWERED, 1.0)
    best = ((1.0, 0.0), (0.0, 1.0), (0.0, 1.0))

    def report(solution: Solution | None, at: float = 9.0) -> Report:
        found = Report(tasks=1)
        found.take(Answer(task, record, solution), at)
        return found

    good = report(Solution(best, 0.8, "x", 0.0))
    assert (good.wrong, good.late, good.no_answer) == (0, 0, 0)
    assert report(Solution(best, 0.7, "x", 0.0)).wrong == 1
    assert report(Solution(((1.0,),), 0.8, "x", 0.0)).wrong == 1
    assert report(Solution(((1.0, 0.0),) * 3, 1.4, "x", 0.0)).wrong == 1  # the greedy one has 0.8
    assert report(Solution(best, 0.8, "x", 0.0), at=10.5).late == 1
    assert report(None).figures()["without_valid_answer_at_deadline"] == 1


@pytest.mark.parametrize(("jobs_begun", "raced"), [((1,), 0), ((2,), 1), ((1, 1), 0), ((1, 2), 1)])
def test_a_race_is_told_from_a_retry(jobs_begun: tuple[int, ...], raced: int) -> None:
    """``jobs_begun``: how many jobs each running of the task had."""
    record = Record.begin("a", 0.0)
    for _ in jobs_begun:
        record = record.to(State.DECIDING, 0.1).to(State.RUNNING, 0.1).to(State.QUEUED, 0.2)
    runs = (("x", Run(None, "died")),) * sum(jobs_begun)
    found = Report(tasks=1)
    task = Task("a", "test", tiny_problem(), 10.0)
    found.take(Answer(task, record.to(State.FAILED, 0.3), None, runs), 9.0)
    assert (found.raced, found.retries) == (raced, len(jobs_begun) - 1)
