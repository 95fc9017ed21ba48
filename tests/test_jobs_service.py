"""The jobs process as the controller sees it: at the end of a real socket pair, with workers."""

from __future__ import annotations

import json
import os
import queue
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client

from qb_controller.jobs_service import listen
from qb_controller.northbound.rest import make_app
from qb_controller.runtime.messages import JobsRequest, RestResult, ScheduleRequest
from qb_controller.runtime.wire import Decoder, encode
from tests.northbound.still import StillView

ROOT = Path(__file__).parents[1]
PATIENCE_S = 60.0

BELL = 'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[2];\nh q[0];\ncx q[0],q[1];\n'


class Service:
    """The controller's end."""

    def __init__(self, state: Path) -> None:
        self.sock, theirs = socket.socketpair()
        command = [sys.executable, "-m", "qb_controller.jobs_service", "--fd", str(theirs.fileno())]
        command += ["--state", str(state), "--parent", str(os.getpid())]
        command += ["--fleet", "tests.applications.jobs.live.small:fleet"]
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        self.process = subprocess.Popen(
            command,
            pass_fds=(theirs.fileno(),),
            env={**os.environ, "PYTHONPATH": path},
            stderr=subprocess.DEVNULL,
        )
        theirs.close()
        self.sock.settimeout(PATIENCE_S)
        self._count, self._decoder = 100, Decoder()
        self.questions: list[ScheduleRequest] = []
        """What it asked itself; nobody answers."""

    def ask(self, action: str, name: str = "", body: Any = None) -> tuple[int, Any]:
        self._count += 1
        data = b"" if body is None else json.dumps(body).encode()
        self.sock.sendall(encode(JobsRequest(self._count, action, name, data)))
        result = None
        while result is None:
            data = self.sock.recv(1 << 16)
            assert data, "the process closed the socket"
            for message in self._decoder.feed(data):
                if isinstance(message, ScheduleRequest):
                    self.questions.append(message)
                elif message.number == self._count:
                    result = message
        assert isinstance(result, RestResult)
        assert result.number == self._count
        return result.code, json.loads(result.body)

    def until_over(self, name: str) -> Any:
        end = time.monotonic() + PATIENCE_S
        while True:
            told = self.ask("show", name)[1]
            if told["status"] not in ("waiting", "running"):
                return told
            assert time.monotonic() < end, told
            time.sleep(0.05)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.sock.close()


class LiveView(StillView):
    """A view whose jobs are the process's."""

    service: Service

    def jobs(self, action: str, name: str, body: bytes) -> tuple[int, str]:
        code, value = self.service.ask(action, name, json.loads(body) if body else None)
        return code, json.dumps(value)


def test_jobs_over_rest(tmp_path: Path) -> None:
    view = LiveView()
    view.service = Service(tmp_path)
    client = Client(make_app(view))
    body = {"circuit": BELL, "observable": "ZZ", "shots": 400, "deadline_s": 90}
    try:
        for change, code, named in (
            ({"circuit": BELL.replace("q[1]", "q[9]")}, 400, "line 5"),
            ({"shots": 0}, 400, "shots: "),
            ({"deadline_s": -1}, 400, "deadline_s: -1 is in the past"),
            ({"observable": "Z"}, 400, "observable: "),
            ({"shots": 900_000, "deadline_s": 1}, 409, "the earliest possible is"),
        ):
            answer = client.post("/v1/jobs", json=body | change)
            assert answer.status_code == code, answer.text
            assert named in answer.json["error"]
        assert client.get("/v1/jobs").json == []
        taken = client.post("/v1/jobs", json=body)
        assert taken.status_code == 201
        view.service.until_over(taken.json["job"])
        told = client.get("/v1/jobs/j1").json
        assert told["status"] == "done"
        assert told["value"] == pytest.approx(1, abs=4 * told["error"])
        assert client.delete("/v1/jobs/j1").status_code == 409
        assert client.get("/v1/jobs/j2").status_code == 404
    finally:
        view.service.kill()


def test_a_job_outlives_the_process(tmp_path: Path) -> None:
    body = {"circuit": "ghz:3", "observable": "ZII", "shots": 4000, "deadline_s": 90}
    service = Service(tmp_path)
    try:
        assert service.ask("list") == (200, [])
        code, taken = service.ask("submit", body=body)
        assert (code, taken["job"]) == (201, "j1")
        assert service.ask("submit", body={**body, "shots": 0})[0] == 400
    finally:
        service.kill()
    service = Service(tmp_path)
    try:
        told = service.until_over("j1")
        assert told["status"] == "done"
        assert told["value"] == pytest.approx(0, abs=4 * told["error"])
        assert [row["job"] for row in service.ask("list")[1]] == ["j1"]
        service.sock.close()  # the controller goes: so does the process, by itself
        assert service.process.wait(PATIENCE_S) == 0
    finally:
        service.kill()


def test_a_job_sent_again_with_its_key_stays_one_job(tmp_path: Path) -> None:
    """Whoever heard no answer sends it again; also after the process was killed meanwhile."""
    body = {"circuit": "ghz:3", "observable": "ZZZ", "shots": 400, "deadline_s": 90, "key": "a1"}
    service = Service(tmp_path)
    try:
        service.sock.sendall(encode(JobsRequest(1, "submit", "", json.dumps(body).encode())))
        service.ask("list")  # its answer to the first one is not looked at
        again = service.ask("submit", body=body)
        assert (again[0], again[1]["job"], again[1]["key"]) == (200, "j1", "a1")
        code, said = service.ask("submit", body={**body, "shots": 500})
        assert code == 400
        assert "key: 'a1' is that of j1" in said["error"]
    finally:
        service.kill()
    service = Service(tmp_path)
    try:
        assert service.ask("submit", body=body)[0] == 200
        for _ in range(2):  # without a key every one is new
            assert service.ask("submit", body={**body, "key": ""})[0] == 201
        assert [row["job"] for row in service.ask("list")[1]] == ["j3", "j2", "j1"]
        assert service.until_over("j1")["status"] == "done"
    finally:
        service.kill()


def test_clients_are_answered_while_the_policy_thinks(tmp_path: Path) -> None:
    """More jobs than can be served in time: the policy is asked, and clients wait for nothing."""
    service = Service(tmp_path)
    try:
        body = {"circuit": "ghz:3", "observable": "ZZZ", "shots": 12_000, "deadline_s": 90}
        service.until_over(service.ask("submit", body=body)[1]["job"])  # the workers are there now
        for _ in range(8):
            assert service.ask("submit", body={**body, "deadline_s": 10})[0] == 201
        waits = []
        while len(waits) < 60:
            before = time.monotonic()
            service.ask("list")
            waits.append(time.monotonic() - before)
            time.sleep(0.02)
        assert service.questions
        assert max(waits) < 1.0
    finally:
        service.kill()


def test_whoever_listens_to_rubbish_ends() -> None:
    ours, theirs = socket.socketpair()
    inbox: queue.SimpleQueue[JobsRequest | None] = queue.SimpleQueue()
    listening = theirs, inbox, lambda answer: None
    threading.Thread(target=listen, args=listening, daemon=True).start()
    ours.sendall(encode(JobsRequest(1, "list")))
    assert inbox.get(timeout=10.0) == JobsRequest(1, "list")
    ours.sendall(bytes(8))
    assert inbox.get(timeout=10.0) is None
