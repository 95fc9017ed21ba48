"""Orders to QPUs: shots taken from jobs, handed to workers, counted, or given back.

Every QPU has a worker process of its own; one that dies is started again, and its shots are run
elsewhere. What is expected of a QPU is its time model; what happened is measured, and both are told
apart everywhere.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import replace

from qb_controller.applications.jobs.live import store as states
from qb_controller.applications.jobs.live.floor import Floor, Order
from qb_controller.applications.jobs.live.open_jobs import OpenJobs
from qb_controller.applications.jobs.live.planning import Prepared
from qb_controller.applications.jobs.live.running import part_of
from qb_controller.model.jobs import Dispatch, SubJob
from qb_controller.runtime.jobs import Ended
from quantum_backends.circuit_batch import BatchCounts, CircuitBatch

MOST_FAILURES = 3
"""A job whose sub-jobs failed (not died) so often is given up."""

_log = logging.getLogger("qb.jobs")


class Orders:
    """Between the open jobs and the floor.

    Parameters
    ----------
    jobs : OpenJobs
    floor : Floor
    """

    def __init__(self, jobs: OpenJobs, floor: Floor) -> None:
        self._jobs, self._floor = jobs, floor
        self._count = 0

    def give(self, number: int, order: Dispatch, now: float) -> None:
        """Queue what a scheduler orders for a job."""
        job = self._jobs.choose(number, order.variant)
        shots = job.take(order.fragment, order.shots)
        if not shots:
            return
        self._count += 1
        qpu, total = self._floor.qpus[order.qpu], sum(shots.values())
        busy = qpu.busy_s(job.fragments[order.fragment], total)
        start = self._floor.free_at(order.qpu, now)
        one = Order(self._count, number, order.fragment, shots, busy)
        request, variant = order.request, order.variant
        job.under_way[one.number] = SubJob(
            request, variant, order.fragment, order.qpu, total, start, start + busy
        )
        self._floor.add(order.qpu, one)

    def feed(self, now: float) -> None:
        """Hand orders to workers that are ready."""
        for order in self._floor.feed(now, self._batch):
            job = self._jobs.get(order.job)
            assert job is not None
            end = order.begun + order.modelled_s
            job.under_way[order.number] = replace(
                job.under_way[order.number], start=order.begun, end=end
            )

    def _batch(self, order: Order) -> tuple[CircuitBatch, int]:
        job = self._jobs.get(order.job)
        assert job is not None
        made = job.batch(order.fragment, order.shots, order.modelled_s)
        return made, _seed(job.prepared, order)

    def recall(self) -> None:
        """Take back what waits for QPUs that do not answer: it is for others."""
        for order in self._floor.recall():
            job = self._jobs.get(order.job)
            assert job is not None
            del job.under_way[order.number]
            job.give_back(order.fragment, order.shots)

    def ended(self, event: Ended, now: float) -> None:
        """Hear a worker that answered, failed or died."""
        name, order = self._floor.ended(event)
        job = self._jobs.get(order.job)
        if job is None or order.number not in job.under_way:
            return  # it was cancelled
        del job.under_way[order.number]
        run = event.run
        if run.status == "answered" and run.solution is not None:
            answer: BatchCounts = run.solution.answer
            computed = float(run.solution.info.get("computed_s", run.elapsed_s))
            times = order.begun, now, order.modelled_s, computed
            part = part_of(order.fragment, name, order.shots, answer, times)
            self._jobs.count(order.job, part)
            return
        total = sum(order.shots.values())
        _log.warning("%s: %d shots lost by %s: %s", job.prepared.request.name, total, name, run)
        self._jobs.lose(order.job, name, order.fragment, order.shots)
        job.failures += run.status == "failed"
        if job.failures >= MOST_FAILURES:
            self.close(order.job, states.FAILED, f"{name}: {run.detail}")

    def close(self, number: int, status: str, detail: str) -> None:
        """Give a job up: its orders leave the queues, what runs of it is stopped."""
        self._floor.drop(number)
        self._jobs.close(number, status, detail)


def _seed(prepared: Prepared, order: Order) -> int:
    """Another seed for every sub-job, the same for the same course of events."""
    text = f"{prepared.submission.seed}/{prepared.request.name}/{order.fragment}/{order.number}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1
