"""The controller's side of the jobs process, with the real process behind it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import eventlet
import pytest

from qb_controller.applications.jobs.live import store
from qb_controller.errors import OptimiserError
from qb_controller.runtime.messages import JobsRequest
from qb_controller.runtime.wire import Decoder, encode
from qb_controller.southbound.openflow import jobs_client
from qb_controller.southbound.openflow.jobs_client import JobsClient


def listed(number: int) -> JobsRequest:
    return JobsRequest(number, "list")


def test_it_is_started_by_the_first_question_and_again_when_it_dies(tmp_path: Path) -> None:
    client = JobsClient(str(tmp_path), encode, Decoder)
    try:
        client.resume()  # nothing was left behind
        assert client.client.pid is None
        assert client.ask(listed).body == "[]\n"
        first = client.client.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        with eventlet.Timeout(20):
            while client.client.pid in (None, first):
                eventlet.sleep(0.05)
        assert client.ask(listed).code == 200
    finally:
        client.stop()


def test_whoever_waits_is_told_when_it_dies(tmp_path: Path) -> None:
    client = JobsClient(str(tmp_path), encode, Decoder)
    try:
        asked = eventlet.spawn(client.ask, listed)
        while client.client.pid is None:
            eventlet.sleep(0.01)
        os.kill(client.client.pid, signal.SIGKILL)  # before it has loaded anything
        with pytest.raises(OptimiserError, match="the jobs process ended before it answered"):
            asked.wait()
    finally:
        client.stop()


def test_it_looks_where_the_jobs_are_kept(tmp_path: Path) -> None:
    assert jobs_client.FILE == store.FILE
    store.Store(tmp_path).close()
    assert (tmp_path / jobs_client.FILE).exists()
