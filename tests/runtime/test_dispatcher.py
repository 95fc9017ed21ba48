"""The dispatcher with a scripted engine and a clock that only the test turns."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from qb_controller.runtime.dispatcher import RETRIES, Dispatcher
from qb_controller.runtime.engine import Availability
from qb_controller.runtime.flight import Answer, Assign, Assignment
from qb_controller.runtime.jobs import Run
from qb_controller.runtime.task import State, Task
from quantum_backends.routing import RoutingProblem
from quantum_backends.solution import Solution
from quantum_backends.testing import tiny_problem
from tests.runtime.fakes import Clock, FakeEngine, Script, Submitted

BEST = ((1.0, 0.0), (0.0, 1.0), (0.0, 1.0))
"""The diamond's optimum: 0.8."""
FAIR = ((1.0, 0.0), (1.0, 0.0), (0.0, 1.0))
"""1.0"""
POOR = ((1.0, 0.0), (1.0, 0.0), (1.0, 0.0))
"""1.4: everything on one side."""


def answer(shares: Any, value: float, name: str = "solver") -> Solution:
    return Solution(shares, value, name, 0.0)


def done(shares: Any = None, value: float = 0.0, status: str = "answered", detail: str = "") -> Run:
    return Run(None if shares is None else answer(shares, value), status, detail=detail)


def after(seconds: float, what: Solution | Run) -> Script:
    return lambda job: [(seconds, what)]


def never(job: Submitted) -> list[tuple[float, Solution | Run]]:
    return []


def choose(*backends: str, **more: Any) -> Assign:
    return lambda task, now, found: Assignment(backends, **more)


class Room:
    """A dispatcher with what it stands on."""

    def __init__(self, assign: Assign, room: int = 2, limit: int = 256, **scripts: Script) -> None:
        self.clock = Clock()
        self.engine = FakeEngine(self.clock, room, **scripts)
        self.dispatcher = Dispatcher(self.engine, assign, limit, self.clock)

    def task(self, name: str = "a", seconds: float = 1.0, **more: Any) -> Task:
        problem = more.pop("problem", replace(tiny_problem(), bound=0.7))
        return Task(name, "test", problem, self.clock.now + seconds, incumbent=POOR, **more)

    def finish(self) -> list[Answer]:
        found = []
        for _ in range(1000):
            if not self.dispatcher.pending:
                break
            found += self.dispatcher.step(10.0)
        return found + self.dispatcher.step()

    def only(self, task: Task) -> Answer:
        self.dispatcher.submit(task)
        (found,) = self.finish()
        assert found.record.history[-1].at <= task.deadline
        return found


def states(found: Answer) -> list[str]:
    return [change.state.value for change in found.record.history]


def value(found: Answer) -> float:
    assert found.solution is not None
    return found.solution.value


def test_an_answer_takes_its_way_through_the_states() -> None:
    room = Room(choose("solver"), solver=after(0.2, done(BEST, 0.8)))
    found = room.only(room.task())
    assert states(found) == ["queued", "deciding", "running", "answered"]
    assert [change.at for change in found.record.history] == [100.0, 100.0, 100.0, 100.2]
    assert found.solution is not None and found.solution.answer == BEST
    assert [name for name, _ in found.runs] == ["solver"]


@pytest.mark.parametrize("seconds", [0.05, 0.5, 2.0])
def test_at_the_deadline_the_best_so_far_is_handed_over(seconds: float) -> None:
    room = Room(choose("solver"), solver=after(0.01, answer(FAIR, 1.0)))
    found = room.only(room.task(seconds=seconds))
    assert (found.state, value(found)) == (State.ANSWERED, 1.0)
    assert room.engine.cancelled == ["solver"]
    assert room.engine.jobs[1].until < found.task.deadline
    assert found.runs[0][1].status == "stopped"


def test_a_solver_that_says_nothing_leaves_the_incumbent() -> None:
    room = Room(choose("solver"), solver=never)
    found = room.only(room.task())
    assert found.solution is not None
    assert (found.state, found.solution.backend, value(found)) == (State.ANSWERED, "incumbent", 1.4)


def test_without_an_incumbent_a_greedy_answer_is_there_at_once() -> None:
    room = Room(choose())
    found = room.only(replace(room.task(), incumbent=None))
    assert found.solution is not None
    assert (found.solution.backend, value(found)) == ("greedy", 0.8)


def test_an_incumbent_that_is_not_allowed_any_more_is_not_the_answer() -> None:
    room = Room(choose())
    found = room.only(replace(room.task(), incumbent=((0.5, 0.5), (1.0, 0.0), (1.0, 0.0))))
    assert found.solution is not None and found.solution.backend == "greedy"


@pytest.mark.parametrize(
    "claim",
    [
        answer(((1.0,), (1.0,), (1.0,)), 0.1),
        answer(((0.5, 0.5), (1.0, 0.0), (1.0, 0.0)), 0.1),
        answer(((2.0, -1.0), (1.0, 0.0), (1.0, 0.0)), 0.1),
        answer(None, 0.1),
        answer(7, 0.1),
    ],
)
def test_what_is_no_answer_is_not_handed_over(claim: Solution) -> None:
    room = Room(choose("solver"), solver=after(0.1, Run(claim, "answered")))
    assert value(room.only(room.task())) == 1.4


def test_values_are_recomputed_and_never_worse_than_what_stands() -> None:
    room = Room(choose("solver"), solver=after(0.1, done(FAIR, 0.3)))
    assert value(room.only(room.task())) == pytest.approx(1.0)
    room = Room(choose("solver"), solver=after(0.1, done(POOR, 0.3)))
    task = replace(room.task(), incumbent=FAIR)
    assert value(room.only(task)) == pytest.approx(1.0)


def test_the_earliest_deadline_goes_first() -> None:
    room = Room(choose("solver"), room=1, solver=after(0.1, done(BEST, 0.8)))
    for name, seconds in (("late", 3.0), ("soon", 1.0), ("middle", 2.0)):
        room.dispatcher.submit(room.task(name, seconds))
    assert [found.task.id for found in room.finish()] == ["soon", "middle", "late"]


def test_what_has_to_wait_too_long_is_answered_by_its_incumbent_in_time() -> None:
    room = Room(choose("solver"), room=1, solver=after(0.5, done(BEST, 0.8)))
    tasks = [room.task(str(i), 0.6) for i in range(5)]
    for task in tasks:
        room.dispatcher.submit(task)
    found = room.finish()
    assert all(each.record.history[-1].at <= each.task.deadline for each in found)
    assert sorted(value(each) for each in found) == [0.8, 1.4, 1.4, 1.4, 1.4]


def test_no_worker_is_disturbed_without_time() -> None:
    room = Room(choose("solver"), solver=never)
    found = room.only(room.task(seconds=0.01))
    assert (states(found), value(found)) == (["queued", "answered"], 1.4)
    assert not room.engine.jobs


def test_a_full_queue_answers_at_once_or_refuses_with_a_reason() -> None:
    room = Room(choose("solver"), limit=1, solver=never)
    pathless = RoutingProblem(2, [0], [1], [1.0], [0], [1], [1.0])  # type: ignore[arg-type]
    room.dispatcher.submit(room.task("first"))
    assert room.dispatcher.submit(room.task("second")).state is State.ANSWERED
    third = replace(room.task("third", problem=pathless), incumbent=None)
    assert room.dispatcher.submit(third).state is State.REFUSED
    second, refused = room.dispatcher.step()
    assert value(second) == 1.4
    assert (refused.task.id, refused.solution) == ("third", None)
    assert "1 tasks wait already" in refused.record.history[-1].why


def test_what_comes_after_its_deadline_is_refused() -> None:
    room = Room(choose("solver"), solver=never)
    assert room.dispatcher.submit(room.task(seconds=-1.0)).state is State.REFUSED
    (found,) = room.dispatcher.step()
    assert "deadline had passed" in found.record.history[-1].why


def test_two_tasks_of_one_id_are_an_error() -> None:
    room = Room(choose("solver"), solver=never)
    room.dispatcher.submit(room.task())
    with pytest.raises(ValueError, match="a task 'a' is in flight"):
        room.dispatcher.submit(room.task())


def test_a_worker_that_dies_costs_a_retry() -> None:
    ends = iter([done(FAIR, 1.0, "died", "it died"), done(BEST, 0.8)])
    room = Room(choose("solver"), solver=lambda job: [(0.1, next(ends))])
    found = room.only(room.task())
    assert (found.retries, value(found)) == (1, 0.8)
    assert states(found) == [*["queued", "deciding", "running"] * 2, "answered"]
    assert [run.status for _, run in found.runs] == ["died", "answered"]


def test_a_task_that_kills_every_worker_ends_with_the_best_there_was() -> None:
    room = Room(choose("solver"), solver=after(0.01, done(FAIR, 1.0, "died")))
    found = room.only(room.task(seconds=60.0))
    assert (found.retries, value(found)) == (RETRIES, 1.0)


def test_a_backend_that_raised_is_not_asked_again_for_that_task() -> None:
    def assign(task: Task, now: float, found: Availability) -> Assignment:
        fit = [name for name in ("bad", "good") if name not in found.refusals]
        return Assignment(tuple(fit[:1]))

    room = Room(
        assign,
        bad=after(0.1, done(status="failed", detail="boom")),
        good=after(0.1, done(BEST, 0.8)),
    )
    found = room.only(room.task())
    assert [name for name, _ in found.runs] == ["bad", "good"]
    assert value(found) == 0.8


def test_in_a_race_the_better_answer_wins_and_a_proven_one_ends_it() -> None:
    slow, quick = after(0.4, done(BEST, 0.8)), after(0.1, done(FAIR, 1.0))
    room = Room(choose("quick", "slow"), quick=quick, slow=slow)
    found = room.only(room.task())
    assert (value(found), found.record.history[-1].at) == (0.8, 100.4)
    assert not room.engine.cancelled

    room = Room(choose("slow", "quick"), quick=after(0.1, done(BEST, 0.8)), slow=slow)
    found = room.only(room.task(problem=replace(tiny_problem(), bound=0.8)))
    assert (value(found), found.record.history[-1].at) == (0.8, 100.1)
    assert room.engine.cancelled == ["slow"]
    assert dict(found.runs)["slow"].status == "stopped"


def test_an_answer_that_is_good_enough_ends_the_race_while_its_solver_goes_on() -> None:
    room = Room(choose("a", "b", accept=1.0), a=after(0.1, answer(FAIR, 1.0)), b=never)
    found = room.only(room.task())
    assert found.record.history[-1].at == 100.1
    assert sorted(room.engine.cancelled) == ["a", "b"]


def test_nobody_races_without_a_free_core() -> None:
    room = Room(choose("a", "b"), room=1, a=after(0.1, done(BEST, 0.8)), b=never)
    found = room.only(room.task())
    assert [name for name, _ in found.runs] == ["a"]


def test_a_loser_that_dies_costs_nothing() -> None:
    room = Room(choose("a", "b"), a=after(0.2, done(BEST, 0.8)), b=after(0.1, done(status="died")))
    found = room.only(room.task())
    assert (found.retries, value(found)) == (0, 0.8)


def test_a_busy_worker_is_waited_for_when_the_policy_wants_it() -> None:
    room = Room(choose("solver"), solver=after(0.1, done(BEST, 0.8)))
    room.dispatcher.submit(room.task("a", 1.0))
    room.dispatcher.submit(room.task("b", 2.0))
    first, second = room.finish()
    assert (value(first), value(second)) == (0.8, 0.8)
    assert any("waits for solver" in change.why for change in second.record.history)


def test_a_policy_that_fails_costs_the_improvement_alone() -> None:
    def assign(task: Task, now: float, found: Availability) -> Assignment:
        raise ZeroDivisionError("oops")

    found = (room := Room(assign, solver=never)).only(room.task())
    assert value(found) == 1.4
    assert "ZeroDivisionError: oops" in found.record.history[-1].why


def test_giving_up_calls_off_what_runs() -> None:
    room = Room(choose("solver"), solver=never)
    room.dispatcher.submit(room.task())
    room.dispatcher.step()
    room.dispatcher.cancel("a")
    (found,) = room.dispatcher.step()
    assert (found.state, found.solution) == (State.CANCELLED, None)
    assert room.engine.cancelled == ["solver"]
    room.dispatcher.cancel("a")


def test_after_a_delay_answers_leave_earlier() -> None:
    room = Room(choose("solver"), solver=never)
    before = room.dispatcher.margin_s
    room.dispatcher.submit(room.task(seconds=10.0))
    room.dispatcher.step()
    room.clock.now += 0.2  # the process stood still
    room.dispatcher.step()
    assert room.dispatcher.margin_s > before + 0.2
    room.clock.now += 3600
    assert room.dispatcher.margin_s == pytest.approx(before)
