"""A real HTTP server over the still network, and `qb` run against it in this process."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from qb_controller.cli import main
from qb_controller.northbound.rest import make_app
from tests.northbound.still import StillView


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        return None


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def view() -> StillView:
    return StillView()


@pytest.fixture
def url(view: StillView, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Where it listens; what a test patches stays so until the server is down."""
    server = make_server("127.0.0.1", 0, make_app(view), handler_class=_Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def qb(
    url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Ran]:
    monkeypatch.setenv("QB_URL", url)
    monkeypatch.setattr("qb_controller.commands.live.FIRST_READING_S", 0.0)
    monkeypatch.setattr("qb_controller.commands.live.SETTLE_S", 0.2)

    def run(*argv: str) -> Ran:
        try:
            code = main(argv)
        except SystemExit as end:
            code = int(end.code or 0)
        text = capsys.readouterr()
        return Ran(code, text.out, text.err)

    return run
