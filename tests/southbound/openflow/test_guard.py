"""A real controller and bytes that no sane switch sends, over plain sockets: no root, no switch."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from qb_controller.commands.controller_process import ControllerProcess

HELLO, ERROR, ECHO_REQUEST, ECHO_REPLY, EXPERIMENTER = 0, 1, 2, 3, 4
FEATURES_REQUEST, FEATURES_REPLY, PACKET_IN, MULTIPART_REQUEST, MULTIPART_REPLY = 5, 6, 10, 18, 19


def message(kind: int, body: bytes = b"", xid: int = 1, version: int = 4) -> bytes:
    return struct.pack("!BBHI", version, kind, 8 + len(body), xid) + body


class Peer:
    """The other end of an OpenFlow connection, which may say anything."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=5)
        self.stream = self.sock.makefile("rb")

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def read(self) -> tuple[int, int, bytes] | None:
        """Type, xid and body of the next message, None at the end."""
        head = self.stream.read(8)
        if len(head) < 8:
            return None
        _, kind, length, xid = struct.unpack("!BBHI", head)
        return kind, xid, self.stream.read(length - 8)

    def wait(self, wanted: int) -> int:
        """Xid of the next message of a type."""
        while (found := self.read()) is not None:
            if found[0] == wanted:
                return found[1]
        raise AssertionError(f"closed before a message of type {wanted}")

    def read_to_end(self) -> list[int]:
        kinds = []
        while (found := self.read()) is not None:
            kinds.append(found[0])
        return kinds

    def handshake(self, dpid: int) -> None:
        self.send(message(HELLO))
        xid = self.wait(FEATURES_REQUEST)
        features = struct.pack("!QIBBxxII", dpid, 0, 254, 0, 0x4F, 0)
        self.send(message(FEATURES_REPLY, features, xid))
        xid = self.wait(MULTIPART_REQUEST)  # port descriptions: there are no ports
        self.send(message(MULTIPART_REPLY, struct.pack("!HHxxxx", 13, 0), xid))

    def echo(self) -> None:
        """The connection lives: an echo request is answered."""
        self.send(message(ECHO_REQUEST, xid=4711))
        assert self.wait(ECHO_REPLY) == 4711


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControllerProcess]:
    with ControllerProcess(tmp_path_factory.mktemp("guard"), "--noqb-te") as process:
        process.wait_up()
        yield process


def logged(controller: ControllerProcess, *words: str) -> None:
    """One line of the log has all the words; there is no traceback."""
    controller.wait_for(
        " ".join(words),
        lambda: any(all(w in line for w in words) for line in lines(controller.log)),
        5.0,
    )
    assert "Traceback" not in controller.log.read_text()


def lines(log: Path) -> list[str]:
    return log.read_text(errors="replace").splitlines()


def test_other_versions_and_garbage_are_shown_out(controller: ControllerProcess) -> None:
    old = Peer(controller.openflow_port)
    old.send(message(HELLO, version=1))
    assert ERROR in old.read_to_end()
    logged(controller, "unsupported version 0x1")
    for garbage, version in ((b"GET / HTTP/1.0\r\n\r\n", "0x47"), (b"\xff" * 200, "0xff")):
        peer = Peer(controller.openflow_port)
        peer.send(garbage)
        assert peer.read_to_end() in ([], [HELLO], [HELLO, ECHO_REQUEST])
        logged(controller, "a new connection", f"version {version}", "disconnected")


def test_unknown_messages_are_passed_over(controller: ControllerProcess) -> None:
    switch = Peer(controller.openflow_port)
    switch.handshake(0x99)
    logged(controller, "0000000000000099", "connected")
    switch.send(message(EXPERIMENTER, struct.pack("!II", 0xABCDEF, 7) + b"hello"))
    logged(controller, "experimenter", "0x00abcdef", "passed over")
    for kind, body in ((99, b"12345678"), (PACKET_IN, b"\0\1"), (MULTIPART_REPLY, b"\0\x4d\0\0")):
        switch.send(message(kind, body))
        logged(controller, "0000000000000099", f"type {kind},", "passed over")
    switch.echo()
    switch.send(message(ECHO_REQUEST, version=6))
    logged(controller, "0000000000000099", "version 0x06", "disconnected")
    switch.read_to_end()
    again = Peer(controller.openflow_port)
    again.handshake(0x99)
    again.echo()


def test_a_switch_that_connects_twice_keeps_the_newer_connection(
    controller: ControllerProcess,
) -> None:
    older = Peer(controller.openflow_port)
    older.handshake(0x77)
    newer = Peer(controller.openflow_port)
    newer.handshake(0x77)
    older.read_to_end()
    newer.echo()
    assert controller.rest.get("/v1/status")["switches"] >= 1
