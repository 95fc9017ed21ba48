"""The controller's side of the jobs process, with the real process behind it.

In a process of its own, because the controller's sockets are eventlet's and a test's are not.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from qb_controller.applications.jobs.live import store
from qb_controller.southbound.openflow import jobs_client

ROOT = Path(__file__).parents[3]

BEGIN = """
import eventlet
eventlet.monkey_patch()
import os, signal, sys
from qb_controller.errors import OptimiserError
from qb_controller.runtime.messages import JobsRequest
from qb_controller.runtime.wire import Decoder, encode
from qb_controller.southbound.openflow.jobs_client import JobsClient

client = JobsClient(sys.argv[1], encode, Decoder, lambda message: False)
listed = lambda number: JobsRequest(number, "list")
"""

STARTED_AND_AGAIN = """
client.resume()
assert client.client.pid is None  # nothing was left behind
assert client.ask(listed).body == "[]\\n"
first = client.client.pid
os.kill(first, signal.SIGKILL)
while client.client.pid in (None, first):
    eventlet.sleep(0.05)
assert client.ask(listed).code == 200
client.stop()
"""

WHO_WAITS_IS_TOLD = """
asked = eventlet.spawn(client.ask, listed)
while client.client.pid is None:
    eventlet.sleep(0.01)
eventlet.sleep(0.1)  # the question is on its way
os.kill(client.client.pid, signal.SIGKILL)  # before it has loaded anything
try:
    asked.wait()
except OptimiserError as error:
    assert "the jobs process ended before it answered" in str(error), error
else:
    raise AssertionError("it answered")
client.stop()
"""

RESUMED = """
client.resume()
assert client.client.pid is not None
client.stop()
"""


def run(script: str, state: Path) -> None:
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(BEGIN + script), str(state)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("script", [STARTED_AND_AGAIN, WHO_WAITS_IS_TOLD])
def test_it_is_started_by_the_first_question_and_supervised(script: str, tmp_path: Path) -> None:
    run(script, tmp_path)


def test_it_is_started_where_jobs_were_left(tmp_path: Path) -> None:
    assert jobs_client.FILE == store.FILE
    store.Store(tmp_path).close()
    run(RESUMED, tmp_path)
