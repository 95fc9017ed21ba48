"""QPUs at work: what each runs, what waits for it, and when it is expected to be free."""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from qb_controller.applications.jobs.live.devices import Fleet
from qb_controller.applications.jobs.live.running import Shots
from qb_controller.model.jobs import QpuState
from qb_controller.runtime.jobs import Ended
from qb_controller.runtime.workers import WorkerPool
from quantum_backends.circuit_batch import CircuitBatch

START_S = 4.0
"""Seconds of a core that a worker is expected to need until it is ready."""


@dataclass
class Order:
    """A sub-job at a QPU, or in its queue.

    Attributes
    ----------
    number : int
        The engine's own count.
    job, fragment : int
    shots : dict of int to int
        By experiment of the fragment.
    modelled_s : float
    begun : float
        Unix time; 0 while it waits.
    """

    number: int
    job: int
    fragment: int
    shots: Shots
    modelled_s: float
    begun: float = 0.0


class Floor:
    """The QPU workers with their queues, first come, first served.

    Parameters
    ----------
    fleet : Fleet
    pool : WorkerPool
    """

    def __init__(self, fleet: Fleet, pool: WorkerPool) -> None:
        self.qpus = {qpu.name: qpu for qpu in fleet.qpus}
        self._pool = pool
        self._queues: dict[str, deque[Order]] = {name: deque() for name in self.qpus}
        self._at: dict[str, Order] = {}
        self._numbers: dict[int, str] = {}  # the pool's numbers, to QPU

    def add(self, qpu: str, order: Order) -> None:
        """Queue an order."""
        self._queues[qpu].append(order)

    def feed(self, now: float, batch: Callable[[Order], tuple[CircuitBatch, int]]) -> list[Order]:
        """Hand waiting orders to workers that are ready, with what ``batch`` makes of them.

        Returns
        -------
        list of Order
            Those that begin now.
        """
        workers, begun = self._pool.states(), []
        for name, queue in self._queues.items():
            if not queue or name in self._at or workers[name] != "ready":
                continue
            order = queue.popleft()
            circuits, seed = batch(order)
            order.begun = now
            self._at[name] = order
            self._numbers[self._pool.submit(name, circuits, math.inf, seed)] = name
            begun.append(order)
        return begun

    def ended(self, event: Ended) -> tuple[str, Order]:
        """The QPU and the order that a worker has ended with."""
        name = self._numbers.pop(event.number)
        return name, self._at.pop(name)

    def drop(self, job: int) -> None:
        """Forget a job's waiting orders and stop what runs of it."""
        for name, queue in self._queues.items():
            self._queues[name] = deque(order for order in queue if order.job != job)
        for number, name in self._numbers.items():
            if self._at[name].job == job:
                self._pool.cancel(number)

    def recall(self) -> list[Order]:
        """Take back what waits for QPUs that do not answer."""
        found: list[Order] = []
        for name, queue in self._queues.items():
            if queue and not self.up(name):
                found += queue
                queue.clear()
        return found

    @property
    def idle(self) -> bool:
        """Whether no QPU has anything to do."""
        return not self._at and not any(self._queues.values())

    def ups(self) -> tuple[bool, ...]:
        """Which QPUs answer, in the order of the fleet."""
        return tuple(self.up(name) for name in self.qpus)

    def up(self, name: str) -> bool:
        """Whether a QPU answers or is about to."""
        refusal = self._pool.availability().refusals.get(name, "")
        return not refusal or self._pool.states()[name] == "starting"

    def there(self, name: str) -> bool:
        """Whether a QPU answers, or will once its worker has been started again."""
        return self.up(name) or self._pool.states()[name] == "down"

    def free_at(self, name: str, now: float) -> float:
        """When a QPU has done what it was given, by modelled times."""
        free, workers = now, self._pool.states()
        if workers[name] in ("starting", "down"):
            starting = sum(state in ("starting", "down") for state in workers.values())
            free += START_S * max(1.0, starting / len(os.sched_getaffinity(0)))
        if name in self._at:
            order = self._at[name]
            free = max(now, order.begun + order.modelled_s)
        return free + sum(order.modelled_s for order in self._queues[name])

    def states(self, now: float) -> tuple[QpuState, ...]:
        """As a scheduler sees them."""
        return tuple(
            QpuState(qpu, self.free_at(name, now), self.up(name)) for name, qpu in self.qpus.items()
        )

    def expected_ends(self, now: float) -> dict[str, float]:
        """Seconds until the sub-job that each busy QPU runs is expected to end."""
        return {name: one.begun + one.modelled_s - now for name, one in self._at.items()}
