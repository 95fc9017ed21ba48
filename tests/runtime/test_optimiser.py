"""The optimiser as the controller sees it: a real process at the end of a real socket pair."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qb_controller.model.telemetry import Demand, NetworkSnapshot
from qb_controller.runtime.messages import (
    ChannelsRequest,
    CycleRequest,
    CycleResult,
    Hello,
    Ping,
    Pong,
    RestResult,
    ScheduleRequest,
    ScheduleResult,
    Settings,
)
from qb_controller.runtime.wire import Decoder, encode
from quantum_backends.schedule_instances import random_schedule
from tests.orchestration.networks import diamond, snapshot
from tests.runtime import solvers
from tests.runtime.test_workers import gone

PATIENCE = 40.0
ROOT = Path(__file__).parents[2]


def busy() -> NetworkSnapshot:
    return snapshot(diamond(), (Demand(1, 4, 5e6), Demand(2, 4, 4e6)))


class Controller:
    """The controller's end."""

    def __init__(self, state: Path) -> None:
        self.sock, theirs = socket.socketpair()
        command = [sys.executable, "-m", "qb_controller.optimiser", "--fd", str(theirs.fileno())]
        command += ["--state", str(state), "--backends", solvers.SPEC]
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        self.process = subprocess.Popen(
            command,
            pass_fds=(theirs.fileno(),),
            env={**os.environ, "PYTHONPATH": path},
            stderr=subprocess.DEVNULL,
        )
        theirs.close()
        self.sock.settimeout(PATIENCE)
        self._decoder = Decoder()
        self._inbox: list[Any] = []

    def send(self, message: object) -> None:
        self.sock.sendall(encode(message))

    def receive(self) -> Any:
        while not self._inbox:
            data = self.sock.recv(1 << 16)
            assert data, "the optimiser closed the socket"
            self._inbox += self._decoder.feed(data)
        return self._inbox.pop(0)

    def pong(self) -> Pong:
        self.send(Ping(1))
        answer = self.receive()
        assert isinstance(answer, Pong)
        return answer

    def wait_for_workers(self) -> None:
        end = time.monotonic() + PATIENCE
        while not set(self.pong().workers.values()) <= {"ready", "busy"}:  # busy with the past
            assert time.monotonic() < end, "workers did not get ready"
            time.sleep(0.1)

    def workers(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return [int(pid) for each in children for pid in each.read_text().split()]

    def end(self) -> None:
        self.sock.close()
        self.process.kill()
        self.process.wait()


@pytest.fixture()
def controller(tmp_path: Path) -> Iterator[Controller]:
    each = Controller(tmp_path)
    yield each
    each.end()


def request(number: int, backend: str | None = None, deadline_s: float = 5.0) -> CycleRequest:
    return CycleRequest(number, busy(), Settings(deadline_s, pinned_backend=backend))


def test_a_whole_life(controller: Controller, tmp_path: Path) -> None:
    """Hello, a cycle, pings under load, the newest request, a killed worker, a quiet end."""
    assert controller.receive() == Hello((), 1)
    controller.wait_for_workers()

    controller.send(request(1, "descent"))
    result = controller.receive()
    assert isinstance(result, CycleResult)
    assert (result.number, result.decision.number) == (1, 1)
    assert result.plan is not None and result.plan.mlu == pytest.approx(0.5)

    # Pings are answered while a solver runs; of the requests that wait, the newest is taken.
    controller.send(request(2, "obedient", deadline_s=2.0))
    while controller.pong().workers["classical"] != "busy":
        time.sleep(0.01)
    for number in (3, 4, 5):
        controller.send(request(number, "descent"))
    assert controller.pong().busy_s > 0
    assert controller.receive().number == 2
    assert controller.receive().number == 5

    # A worker killed in the middle of a job costs that answer, not the optimiser.
    before = set(controller.workers())
    controller.send(request(6, "silent", deadline_s=30.0))
    while controller.pong().workers["annealer"] != "busy":
        time.sleep(0.01)
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    result = controller.receive()
    assert (result.number, result.plan) == (6, None)
    assert result.decision.outcome.status == "failed"
    controller.wait_for_workers()
    assert not before & set(controller.workers())
    controller.send(request(7, "descent"))
    assert controller.receive().plan is not None

    workers = controller.workers()
    controller.sock.close()
    assert controller.process.wait(PATIENCE) == 0
    assert all(gone(pid) for pid in workers)


def test_scenarios_wait_their_turn_and_too_many_are_refused(controller: Controller) -> None:
    controller.receive()
    controller.wait_for_workers()
    controller.send(request(1, "obedient", deadline_s=2.0))
    while controller.pong().workers["classical"] != "busy":
        time.sleep(0.01)
    for number in range(1, 11):  # eight may wait
        controller.send(ChannelsRequest(number, b'{"scenario": {"channels": "all"}}'))
    controller.send(request(2, "descent"))
    answers = [controller.receive() for _ in range(12)]
    refused = [(each.number, each.code) for each in answers[:2]]
    assert refused == [(9, 503), (10, 503)]
    assert [type(each) for each in answers[2:4]] == [CycleResult, CycleResult]
    waited = answers[4:]
    assert [each.number for each in waited] == list(range(1, 9))
    assert all(isinstance(each, RestResult) and each.code == 400 for each in waited)
    assert "scenario: channels: want a list" in waited[0].body


def test_schedules_of_jobs_are_put_to_the_policy(controller: Controller) -> None:
    controller.receive()
    controller.wait_for_workers()
    problem = random_schedule(12, 2, 0, tightness=1.5)
    settings = Settings().of_another(0.3)
    controller.send(ScheduleRequest(3, pickle.dumps(problem), problem.value(()), settings, 40))
    result = controller.receive()
    assert isinstance(result, ScheduleResult) and result.number == 3
    assert result.decision is not None
    assert (result.decision.application, result.decision.form) == ("jobs", "schedule")
    assert result.decision.number == 41 and not result.plan  # none of these solvers takes it
    assert "takes problems of" in str(result.decision.candidates)
    controller.send(ScheduleRequest(4, b"rubbish", 1.0, settings))
    assert controller.receive() == ScheduleResult(4)


def test_killed_in_the_middle_of_a_cycle_it_starts_again_with_the_next_number(
    controller: Controller, tmp_path: Path
) -> None:
    assert controller.receive().next_decision == 1
    controller.wait_for_workers()
    controller.send(request(1, "deaf", deadline_s=60.0))
    while controller.pong().workers["annealer"] != "busy":
        time.sleep(0.01)
    workers = controller.workers()
    assert len(workers) == 3
    controller.process.kill()
    assert controller.sock.recv(1) == b""
    controller.process.wait()
    assert all(gone(pid) for pid in workers)

    again = Controller(tmp_path)
    try:
        hello = again.receive()
        assert hello.next_decision == 2
        (cut_short,) = hello.recent
        assert cut_short.backend == "deaf"
        assert cut_short.outcome.status == "failed"
        again.wait_for_workers()
        again.send(request(1, "descent"))
        assert again.receive().decision.number == 2
    finally:
        again.end()


def test_sigterm_ends_it_quietly_even_while_a_solver_runs(controller: Controller) -> None:
    controller.receive()
    controller.wait_for_workers()
    controller.send(request(1, "deaf", deadline_s=60.0))
    while controller.pong().workers["annealer"] != "busy":
        time.sleep(0.01)
    workers = controller.workers()
    controller.process.terminate()
    assert controller.process.wait(PATIENCE) == 0
    assert all(gone(pid) for pid in workers)


def test_rubbish_ends_it_with_an_error(controller: Controller) -> None:
    controller.receive()
    controller.sock.sendall(b"\0\0\0\3abc")
    assert controller.process.wait(PATIENCE) == 1


def test_no_eventlet_in_it() -> None:
    code = (
        "import sys, qb_controller.optimiser\n"
        "print([m for m in ('eventlet', 'ryu') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.stdout.strip() == "[]"


def test_messages_need_no_numerical_library() -> None:
    """The controller imports them."""
    code = (
        "import sys, qb_controller.runtime.messages, qb_controller.runtime.wire\n"
        "print([m for m in ('numpy', 'scipy', 'highspy') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.stdout.strip() == "[]"
