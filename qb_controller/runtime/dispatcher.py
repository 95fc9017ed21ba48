"""Many tasks, few workers, no deadline missed: the hybrid runtime.

A task that is handed in has an answer from then on (:mod:`qb_controller.runtime.standby`). It
waits in a bounded queue, earliest deadline first (Liu and Layland 1973: optimal for one
processor), until the policy finds a free worker worth asking, or two to race; the best checked
answer is handed over when the solvers end, or shortly before the deadline whatever they do. One
thread drives it all by calling :meth:`Dispatcher.step`.
"""

from __future__ import annotations

import bisect
import logging
import math
import time
from collections.abc import Callable
from dataclasses import replace

from qb_controller.runtime.engine import Availability, Engine
from qb_controller.runtime.flight import Answer, Assign, Assignment, Flight, Racer
from qb_controller.runtime.jobs import Ended, Event
from qb_controller.runtime.lag import Lag
from qb_controller.runtime.standby import standby
from qb_controller.runtime.task import FINAL, Record, State, Task
from quantum_backends.solution import Solution

QUEUE_LIMIT = 256
"""Tasks that may wait. Two workers take about ten a second, so that more would wait in vain."""

LOOK_AHEAD = 4
"""Waiting tasks that the policy is asked about in one turn, so that a turn stays short; the first
may be waiting for a busy worker while a later one can use a free one."""

RETHINK_S = 0.05
"""The policy is asked again about a waiting task after this time, or when a worker gets free."""

LEAST_S = 0.01
"""Less time than this is not worth the hand-over to a worker."""

STOP_S = 0.004
"""From asking a solver to stop until its last answer is here, measured on an idle machine."""

MARGIN_SHARE = 0.4
"""The margin for this process's own delays never takes more of a task's time than this."""

RETRIES = 3
"""A task whose worker died is given to another so often; it may be what kills them."""

OPTIMAL = 1e-4
"""Relative distance to the proven bound at which an answer ends a race."""

_log = logging.getLogger("qb.dispatcher")


class Dispatcher:
    """Takes tasks in and gives answers out.

    Parameters
    ----------
    engine : Engine
        Runs the jobs; the dispatcher alone drives it.
    assign : callable
        The policy, see :data:`~qb_controller.runtime.flight.Assign`.
    limit : int
        Tasks that may wait at a time.
    clock : callable
        The engine's: ``time.monotonic`` unless in a test.
    """

    def __init__(
        self,
        engine: Engine,
        assign: Assign,
        limit: int = QUEUE_LIMIT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine, self._assign, self._limit, self._clock = engine, assign, limit, clock
        self._flights: dict[str, Flight] = {}
        self._queue: list[Flight] = []  # earliest deadline first
        self._jobs: dict[int, Flight] = {}
        self._answers: list[Answer] = []
        self._lag = Lag()
        self._left_at = clock()
        self._thought: tuple[object, float] = (None, -math.inf)

    @property
    def pending(self) -> int:
        """Tasks that have no answer yet."""
        return len(self._flights)

    @property
    def margin_s(self) -> float:
        """Seconds before its deadline at which an answer is handed over, as measured of late."""
        return self._lag.margin(self._clock())

    def submit(self, task: Task) -> Record:
        """Take a task in; what becomes of it comes out of :meth:`step`, also where it is refused.

        Raises
        ------
        ValueError
            A task of this id is in flight.
        """
        if task.id in self._flights:
            raise ValueError(f"a task {task.id!r} is in flight already")
        began = self._clock()
        record = Record.begin(task.id, began)
        if began >= task.deadline:
            record = record.to(State.REFUSED, began, "its deadline had passed when it came")
            self._answers.append(Answer(task, record, None))
            return record
        found = standby(task)
        flight = Flight(task, record, found, self._clock() - began)
        self._flights[task.id] = flight
        if len(self._queue) < self._limit:
            self._wait(flight)
        elif found is not None:
            self._hand_over(flight, f"{self._limit} tasks wait already")
        else:
            self._end(flight, State.REFUSED, f"{self._limit} tasks wait already")
        return flight.record

    def cancel(self, task_id: str) -> None:
        """Give a task up; one that has its answer is passed over."""
        flight = self._flights.get(task_id)
        if flight is not None:
            self._end(flight, State.CANCELLED, "the asker gave it up")

    def step(self, seconds: float = 0.0) -> list[Answer]:
        """Do what is due, waiting at most ``seconds`` for it; return what has ended.

        Answers go out before anything new is begun. Call it again at once while tasks are
        pending: an answer is handed over when this returns it.
        """
        began = self._clock()
        if self._flights:
            self._lag.observe(began - self._left_at, began)
        self._close_due()
        if not self._answers:
            self._begin()
        wait = 0.0 if self._answers else min(seconds, self._next_due())
        polled = self._clock()
        events = self._engine.poll(max(0.0, wait))
        woken = self._clock()
        if wait > 0:
            self._lag.observe(woken - polled - wait, woken)
        for event in events:
            self._take(event)
        self._close_due()
        answers, self._answers = self._answers, []
        self._left_at = self._clock()
        self._lag.observe(self._left_at - woken, self._left_at)
        return answers

    def _wait(self, flight: Flight) -> None:
        bisect.insort(self._queue, flight, key=lambda each: each.task.deadline)
        self._thought = (None, -math.inf)

    def _due(self, flight: Flight) -> float:
        """When the answer has to be handed over at the latest."""
        task = flight.task
        margin = self._lag.margin(self._clock()) + flight.check_s
        return task.deadline - min(margin, MARGIN_SHARE * (task.deadline - flight.since))

    def _until(self, flight: Flight) -> float:
        """When the solvers have to stop, so that their last answer is here in time."""
        return self._due(flight) - STOP_S - flight.check_s

    def _next_due(self) -> float:
        """Seconds until something has to be done whatever happens."""
        now = self._clock()
        due = min((self._due(flight) for flight in self._flights.values()), default=math.inf)
        return min(due - now, RETHINK_S if self._queue else math.inf)

    def _close_due(self) -> None:
        now = self._clock()
        for flight in list(self._flights.values()):
            due = self._due(flight)
            if now >= due:
                self._lag.observe(now - due, now)
                self._hand_over(flight, "the deadline is here")

    def _begin(self) -> None:
        """Ask the policy about the first tasks of the queue, and start what it wants."""
        if not self._queue:
            return
        now, found = self._clock(), self._engine.availability()
        free = frozenset(name for name, wait in found.waits.items() if wait <= 0)
        key = (found.room, free)
        if key == self._thought[0] and now - self._thought[1] < RETHINK_S:
            return
        self._thought = (key, now)
        asked = 0
        for flight in list(self._queue):
            if flight.standby is not None and self._until(flight) - now < LEAST_S:
                self._hand_over(flight, "there is no time for a solver")
                continue
            if asked == LOOK_AHEAD or not found.room:
                break
            asked += 1
            if self._decide(flight, found):
                found = self._engine.availability()

    def _decide(self, flight: Flight, found: Availability) -> bool:
        """Let the policy choose for a task; tell whether a job was begun."""
        now = self._clock()
        waits = {name: wait for name, wait in found.waits.items() if name not in flight.failed}
        found = replace(found, waits=waits, refusals={**found.refusals, **flight.failed})
        flight.change(State.DECIDING, now)
        try:
            wanted = self._assign(flight.task, now, found)
        except Exception as error:  # a task must end in an answer, whatever broke
            _log.exception("the policy failed for task %s", flight.task.id)
            wanted = Assignment(why=f"the policy failed: {type(error).__name__}: {error}")
        if not wanted.backends:
            self._hand_over(flight, wanted.why)
            return False
        backends = [name for name in wanted.backends if found.free(name)][: found.room]
        if wanted.backends[0] not in backends:
            flight.change(State.QUEUED, self._clock(), f"waits for {wanted.backends[0]}")
            return False
        self._queue.remove(flight)
        self._start(flight, backends, wanted)
        return True

    def _start(self, flight: Flight, backends: list[str], wanted: Assignment) -> None:
        now, task = self._clock(), flight.task
        until = min(self._until(flight), now + wanted.seconds)
        flight.accept = wanted.accept
        flight.change(State.RUNNING, now, f"{' and '.join(backends)}: {wanted.why}")
        for backend in backends:
            number = self._engine.submit(backend, task.problem, until, task.seed)
            flight.racers[number] = Racer(backend, now)
            self._jobs[number] = flight

    def _take(self, event: Event) -> None:
        """Hear what a job says; those of tasks that have their answer are passed over."""
        flight = self._jobs.get(event.number)
        if flight is None:
            return
        racer, now = flight.racers[event.number], self._clock()
        if not isinstance(event, Ended):
            racer.best = event.solution
            racer.first_s = racer.first_s if racer.first_s is not None else now - racer.began
            if event.solution.value <= flight.accept:
                self._hand_over(flight, "good enough")
            return
        del self._jobs[event.number]
        racer.run, run = event.run, event.run
        racer.best = run.solution or racer.best
        if run.status == "failed":
            flight.failed[racer.backend] = run.detail
        bound = flight.task.problem.bound * (1 + OPTIMAL)
        optimal = run.solution is not None and run.solution.value <= max(flight.accept, bound)
        if optimal or not flight.running():
            self._settle(flight, run.detail)

    def _settle(self, flight: Flight, detail: str) -> None:
        """No job runs any more, or none needs to: hand over, or try another worker."""
        tries = flight.record.count(State.RUNNING)
        time_left = self._until(flight) - self._clock() >= LEAST_S
        if flight.solved() or tries > RETRIES or not time_left:
            self._hand_over(flight, detail)
        else:
            flight.change(State.QUEUED, self._clock(), detail)
            self._wait(flight)

    def _hand_over(self, flight: Flight, why: str) -> None:
        best = flight.best()
        if best is None:
            self._end(flight, State.FAILED, why or "no backend gave a valid answer")
            return
        late = self._clock() > flight.task.deadline
        text = f"{best.backend}: {why}" if why else best.backend
        self._end(flight, State.LATE if late else State.ANSWERED, text, best)

    def _end(
        self, flight: Flight, state: State, why: str, solution: Solution | None = None
    ) -> None:
        """Close a task and call off what still runs for it."""
        assert state in FINAL
        now = self._clock()
        for number in flight.running():
            self._engine.cancel(number)
            del self._jobs[number]
        if flight in self._queue:
            self._queue.remove(flight)
        del self._flights[flight.task.id]
        flight.change(state, now, why)
        self._answers.append(Answer(flight.task, flight.record, solution, flight.runs(now)))
