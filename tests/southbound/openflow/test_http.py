"""The REST interface's server: pieces go out when they come, one stream stops nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import eventlet
import pytest
from eventlet.green import socket

from qb_controller.errors import ConfigError
from qb_controller.southbound.openflow import http
from qb_controller.southbound.openflow.news import News


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ask(port: int, path: str) -> Any:
    client = socket.create_connection(("127.0.0.1", port))
    client.settimeout(5)
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return client


def test_a_piece_goes_out_when_it_comes_and_others_are_served_meanwhile() -> None:
    news, count = News(), [0]

    def application(environ: dict[str, Any], start: Callable[..., Any]) -> Iterator[bytes]:
        start("200 OK", [("Content-Type", "text/plain")])
        yield b"first"
        if environ["PATH_INFO"] == "/stream":
            news.wait(lambda: count[0] > 0, 10)
            yield b"second"

    port = free_port()
    server = http.serve(application, "127.0.0.1", port)
    try:
        stream = ask(port, "/stream")
        seen = b""
        while b"first" not in seen:
            seen += stream.recv(4096)
        assert b"second" not in seen
        assert b"first" in ask(port, "/other").recv(4096)
        count[0] = 1
        news.happened()
        while b"second" not in seen:
            seen += stream.recv(4096)
    finally:
        server.kill()


def test_an_address_that_is_taken_is_named() -> None:
    port = free_port()
    server = http.serve(lambda environ, start: [], "127.0.0.1", port)
    eventlet.sleep(0)
    try:
        with pytest.raises(ConfigError, match=f"--qb-rest-port {port}"):
            http.serve(lambda environ, start: [], "127.0.0.1", port)
    finally:
        server.kill()
