"""Jobs that are not over yet: what is under way of each, and every change of it in the store."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from qb_controller.applications.jobs.live import store as states
from qb_controller.applications.jobs.live.planning import Prepared, prepare
from qb_controller.applications.jobs.live.running import Part, Running
from qb_controller.applications.jobs.live.store import Record, Store
from qb_controller.errors import QBError
from qb_controller.model.jobs import JobRequest, Progress
from qb_controller.model.qpus import Qpu

RECENT = 120
"""Latest arrivals that the scheduler is told of."""

_log = logging.getLogger("qb.jobs")


class OpenJobs:
    """The jobs that somebody waits for.

    Parameters
    ----------
    store : Store
    clock : callable
        Unix time.

    Attributes
    ----------
    recent : deque of JobRequest
        The latest arrivals, those that are over too.
    """

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store, self._clock = store, clock
        self._jobs: dict[int, Running] = {}
        self.recent: deque[JobRequest] = deque(maxlen=RECENT)

    def __len__(self) -> int:
        return len(self._jobs)

    def __iter__(self) -> Iterator[tuple[int, Running]]:
        """Numbers and jobs, oldest first; they may end meanwhile."""
        return iter(list(self._jobs.items()))

    def get(self, number: int) -> Running | None:
        """What is under way of a job; None where it is over."""
        return self._jobs.get(number)

    def progress(self) -> tuple[Progress, ...]:
        """As a scheduler sees them."""
        return tuple(job.progress() for job in self._jobs.values())

    # -- how they begin -------------------------------------------------------------------------

    def add(self, prepared: Prepared, expected_end: float) -> Record:
        """Keep a new job."""
        arrival = prepared.request.arrival
        record = self._store.add(prepared.submission, prepared.qubits, arrival, expected_end)
        self._take(record.number, Running(prepared))
        return record

    def resume(self, qpus: Sequence[Qpu]) -> None:
        """Take up the jobs of an earlier life, with all that was counted for them."""
        for record in self._store.unfinished():
            try:
                prepared = prepare(record.submission, record.name, record.arrival, qpus)
            except QBError as error:
                self.close(record.number, states.FAILED, str(error))
                continue
            self._take(record.number, self._as_it_was(record, prepared))

    def _as_it_was(self, record: Record, prepared: Prepared) -> Running:
        job = Running(prepared)
        parts = self._store.parts(record.number)
        ways = [plan.name for plan in prepared.request.variants]
        if record.way in ways:
            job.choose(ways.index(record.way))
        if parts and not (job.variant is not None and job.take_up(parts)):
            self._store.forget_parts(record.number)  # fleet or cuts are others than they were
            job = Running(prepared)
        job.lost = [
            (qpu, fragment, n) for qpu, fragment, n in (record.result or {}).get("lost", ())
        ]
        return job

    def _take(self, number: int, job: Running) -> None:
        self._jobs[number] = job
        self.recent.append(job.prepared.request)

    # -- what becomes of them -------------------------------------------------------------------

    def choose(self, number: int, variant: int) -> Running:
        """Fix the way a job is served, where that is not done yet."""
        job = self._jobs[number]
        if job.variant is None:
            job.choose(variant)
            way = job.prepared.request.variants[variant].name
            self._store.change(number, status=states.RUNNING, way=way)
        return job

    def count(self, number: int, part: Part) -> None:
        """Keep what a QPU has counted."""
        self._jobs[number].parts.append(part)
        self._store.keep(number, part)

    def lose(self, number: int, qpu: str, fragment: int, shots: dict[int, int]) -> None:
        """A QPU ended without counts: the shots are for others."""
        job = self._jobs[number]
        job.lost.append((qpu, fragment, sum(shots.values())))
        self._store.change(number, result={"lost": [list(one) for one in job.lost]})
        job.give_back(fragment, shots)

    # -- how they end ---------------------------------------------------------------------------

    def finish(self, number: int) -> None:
        """Put the counts of a complete job together."""
        job = self._jobs[number]
        try:
            found = job.estimate()
        except Exception as error:  # a fault in one job must not end all others
            _log.exception("%s cannot be put together", job.prepared.request.name)
            what = f"its counts cannot be put together: {type(error).__name__}: {error}"
            self.close(number, states.FAILED, what)
            return
        ended = max(part.ended for part in job.parts)
        result = {
            "value": found.value,
            "error": found.error,
            "sampling_error": found.sampling,
            "noise_error": found.noise,
            "fidelity": found.fidelity,
            "lost": [list(one) for one in job.lost],
        }
        late = ended > job.prepared.request.deadline
        detail = "late: its last shots began before the deadline and ended after" if late else ""
        self._store.change(number, status=states.DONE, ended=ended, detail=detail, result=result)
        del self._jobs[number]

    def close(self, number: int, status: str, detail: str) -> None:
        """Give a job up."""
        self._jobs.pop(number, None)
        self._store.change(number, status=status, ended=self._clock(), detail=detail)
