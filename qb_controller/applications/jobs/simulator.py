"""One run: requests arrive, a scheduler is asked, QPUs work, fail and are calibrated (SimPy).

The scheduler sees expected times; what happens follows the luck and the outages that were drawn
beforehand. A decision takes no simulated time; how long it took is recorded.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any

import simpy

from qb_controller.applications.jobs.workload import Workload
from qb_controller.model.jobs import (
    Decision,
    Dispatch,
    JobRequest,
    Progress,
    QpuState,
    Schedule,
    Scheduler,
    State,
    SubJob,
)
from qb_controller.model.qpus import Qpu

MEMORY = 400
"""Latest arrivals that a state tells."""

OVERDUE = 0.05
"""Share of its expected length that a sub-job which should have ended is given still."""

Process = Generator[simpy.Event, Any, None]


@dataclass(frozen=True)
class Result:
    """What one run brought.

    Attributes
    ----------
    schedule : Schedule
    arrived : int
    lost : int
        Sub-jobs that outages ended.
    busy_s : float
        QPU seconds used in all.
    decisions : tuple of (int, float)
        Requests waiting and real seconds taken, of each decision.
    """

    schedule: Schedule
    arrived: int
    lost: int
    busy_s: float
    decisions: tuple[tuple[int, float], ...]

    @property
    def served(self) -> int:
        return len(self.schedule.served)


def simulate(workload: Workload, scheduler: Scheduler) -> Result:
    """Run a workload under a scheduler until the last deadline has passed.

    Raises
    ------
    ValueError
        The scheduler orders what cannot be done; the text says what.
    """
    return _Run(workload, scheduler).result()


class _Device:
    """A QPU at work: its queue, what it runs, and whether it answers."""

    def __init__(self, number: int, qpu: Qpu) -> None:
        self.number, self.qpu = number, qpu
        self.queue: deque[tuple[SubJob, float]] = deque()
        self.running: SubJob | None = None
        self.up = True
        self.wake: simpy.Event | None = None
        self.process: simpy.Process | None = None

    def rouse(self) -> None:
        """Let it look at its queue again."""
        if self.wake is not None and not self.wake.triggered:
            self.wake.succeed()

    def free_at(self, now: float) -> float:
        """When all that it was given is expected to have ended."""
        at = now
        if self.running is not None:
            # Overdue, it is expected to take a little longer, not to be free.
            length = self.running.end - self.running.start
            at = max(self.running.end, now + OVERDUE * length)
        for job, ready in self.queue:
            at = max(self.qpu.open(at)[0], ready) + (job.end - job.start)
        return at


class _Run:
    def __init__(self, workload: Workload, scheduler: Scheduler) -> None:
        self.workload, self.scheduler = workload, scheduler
        self.env = simpy.Environment()
        self.devices = {q.name: _Device(i, q) for i, q in enumerate(workload.qpus)}
        self.number = {request.name: i for i, request in enumerate(workload.requests)}
        self.waiting: dict[str, Progress] = {}
        self.arrived = 0
        self.served: dict[str, float] = {}
        self.missed: set[str] = set()
        self.refused: dict[str, float] = {}
        self.done: list[SubJob] = []
        self.lost, self.busy_s = 0, 0.0
        self.decisions: list[tuple[int, float]] = []
        self._pending = False
        self._wake_at = math.inf

    def result(self) -> Result:
        env = self.env
        for device, windows in zip(self.devices.values(), self.workload.outages, strict=True):
            device.process = env.process(self._work(device))
            env.process(self._break(device, windows))
        env.process(self._arrive())
        env.run(until=self.workload.horizon + 1e-6)
        schedule = Schedule(tuple(self.done), self.served, frozenset(self.missed), self.refused)
        return Result(schedule, self.arrived, self.lost, self.busy_s, tuple(self.decisions))

    # What happens by itself.

    def _arrive(self) -> Process:
        for request in self.workload.requests:
            yield self.env.timeout(max(0.0, request.arrival - self.env.now))
            self.arrived += 1
            self.waiting[request.name] = Progress(request)
            self.env.process(self._expire(request))
            self._ask()

    def _expire(self, request: JobRequest) -> Process:
        yield self.env.timeout(request.deadline - self.env.now)
        # An end at the very deadline is in time.
        yield self.env.timeout(1e-7)
        if request.name in self.waiting:
            self._give_up(request.name)
            self._ask()

    def _give_up(self, name: str) -> None:
        del self.waiting[name]
        self.missed.add(name)
        for device in self.devices.values():
            kept = [entry for entry in device.queue if entry[0].request != name]
            device.queue = deque(kept)

    def _break(self, device: _Device, windows: tuple[tuple[float, float], ...]) -> Process:
        for begin, end in windows:
            yield self.env.timeout(max(0.0, begin - self.env.now))
            device.up = False
            back = [job for job, _ in device.queue]
            device.queue.clear()
            if device.running is not None and device.process is not None:
                back.append(device.running)
                self.lost += 1
                device.process.interrupt()
            for job in back:
                self._return(job)
            self._ask()
            yield self.env.timeout(end - self.env.now)
            device.up = True
            device.rouse()
            self._ask()

    def _return(self, job: SubJob) -> None:
        """Shots that a QPU lost are there to be given again."""
        progress = self.waiting.get(job.request)
        if progress is None:
            return
        left = list(progress.left)
        left[job.fragment] += job.shots
        others = tuple(j for j in progress.under_way if j is not job)
        self.waiting[job.request] = replace(progress, left=tuple(left), under_way=others)

    # What QPUs do.

    def _work(self, device: _Device) -> Process:
        env = self.env
        while True:
            if not device.queue or not device.up:
                device.wake = env.event()
                yield device.wake
                continue
            job, ready = device.queue[0]
            begin, close = device.qpu.open(max(env.now, ready))
            length = job.end - job.start
            if begin > env.now:
                yield env.timeout(min(begin, self.workload.horizon + 1) - env.now)
                continue
            opened = device.qpu.open(close)[0]
            if env.now + length > close and not math.isinf(opened) and length < opened - close:
                yield env.timeout(opened - env.now)
                continue
            device.queue.popleft()
            yield from self._run(device, job, length)

    def _run(self, device: _Device, job: SubJob, length: float) -> Process:
        begin = self.env.now
        expected = replace(job, start=begin, end=begin + length)
        self._swap(job, expected)
        device.running = expected
        luck = self.workload.luck[self.number[job.request], job.fragment, device.number]
        try:
            yield self.env.timeout(length * float(luck))
        except simpy.Interrupt:
            self.busy_s += self.env.now - begin
            device.running = None
            return
        self.busy_s += self.env.now - begin
        device.running = None
        ended = replace(expected, end=self.env.now)
        self.done.append(ended)
        self._finish(expected, ended)
        self._ask()

    def _swap(self, old: SubJob, new: SubJob) -> None:
        progress = self.waiting.get(old.request)
        if progress is not None:
            jobs = tuple(new if job is old else job for job in progress.under_way)
            self.waiting[old.request] = replace(progress, under_way=jobs)

    def _finish(self, job: SubJob, ended: SubJob) -> None:
        progress = self.waiting.get(job.request)
        if progress is None:
            return
        others = tuple(j for j in progress.under_way if j is not job)
        progress = replace(progress, under_way=others, done=(*progress.done, ended))
        if others or any(progress.left):
            self.waiting[job.request] = progress
        else:
            del self.waiting[job.request]
            self.served[job.request] = self.env.now

    # What the scheduler is asked, and what comes of it.

    def _ask(self) -> None:
        """Ask once for all that happens at this moment."""
        if not self._pending:
            self._pending = True
            event = self.env.timeout(0)
            event.callbacks.append(self._decide)

    def _decide(self, _: simpy.Event) -> None:
        self._pending = False
        if not self.waiting:
            return
        now = self.env.now
        latest = self.workload.requests[max(0, self.arrived - MEMORY) : self.arrived]
        states = tuple(QpuState(d.qpu, d.free_at(now), d.up) for d in self.devices.values())
        state = State(states, tuple(self.waiting.values()), self.workload.latency, latest)
        began = time.perf_counter()
        decision = self.scheduler(state, now)
        self.decisions.append((len(state.waiting), time.perf_counter() - began))
        self._apply(decision)

    def _apply(self, decision: Decision) -> None:
        for name in decision.refused:
            if name in self.waiting:
                self.refused[name] = self.env.now
                self._give_up(name)
        for order in decision.dispatches:
            self._dispatch(order)
        if self.env.now < decision.wake_at < min(self._wake_at, math.inf):
            self._wake_at = decision.wake_at
            event = self.env.timeout(decision.wake_at - self.env.now)
            event.callbacks.append(self._woken)

    def _woken(self, _: simpy.Event) -> None:
        self._wake_at = math.inf
        self._ask()

    def _dispatch(self, order: Dispatch) -> None:
        progress = self.waiting.get(order.request)
        device = self.devices.get(order.qpu)
        if progress is None or device is None:
            raise ValueError(f"{order}: no such request or QPU")
        plan = progress.request.variants[order.variant]
        if progress.variant not in (None, order.variant):
            raise ValueError(f"{order}: it is served as variant {progress.variant}")
        fragment = plan.fragments[order.fragment]
        left = list(progress.left or (part.shots for part in plan.fragments))
        if not 1 <= order.shots <= left[order.fragment] or fragment.qubits > device.qpu.qubits:
            raise ValueError(f"{order}: {left[order.fragment]} shots left, {fragment.qubits} wide")
        left[order.fragment] -= order.shots
        length = device.qpu.busy_s(fragment, order.shots)
        start = device.free_at(self.env.now)
        job = SubJob(
            order.request,
            order.variant,
            order.fragment,
            order.qpu,
            order.shots,
            start,
            start + length,
        )
        self.waiting[order.request] = replace(
            progress,
            variant=order.variant,
            left=tuple(left),
            under_way=(*progress.under_way, job),
        )
        device.queue.append((job, self._ready(progress, order, device)))
        device.rouse()

    def _ready(self, progress: Progress, order: Dispatch, device: _Device) -> float:
        """When the results that a fragment waits for have travelled to its QPU."""
        plan, latency = progress.request.variants[order.variant], self.workload.latency
        at = self.env.now
        for up in plan.fragments[order.fragment].after:
            done = [job for job in progress.done if job.fragment == up]
            if sum(job.shots for job in done) < plan.fragments[up].shots:
                raise ValueError(f"{order}: it waits for fragment {up}")
            for job in done:
                site = self.devices[job.qpu].qpu.site
                at = max(at, job.end + latency.between(site, device.qpu.site))
        return at
