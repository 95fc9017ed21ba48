"""The classes of a port, tried on a real interface."""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
from collections.abc import Iterator
from contextlib import suppress

import pytest

from topologies.shaping import apply, htb_commands

PORT, PEER = f"qsh{os.getpid() % 100_000}a", f"qsh{os.getpid() % 100_000}b"
MARKED, OTHER = 46 << 2, 10 << 2
FRAME = 200


@pytest.fixture
def port() -> Iterator[str]:
    """One end of a cable that nobody listens at."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    made = subprocess.run(
        ["ip", "link", "add", PORT, "type", "veth", "peer", "name", PEER],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip(f"cannot make an interface: {made.stderr.strip()}")
    try:
        for end in (PORT, PEER):
            subprocess.run(["ip", "link", "set", end, "up"], check=True)
        yield PORT
    finally:
        subprocess.run(["ip", "link", "del", PORT], check=True)


def frame(tos: int, tag: int | None = None) -> bytes:
    head = bytes.fromhex("0a0010020001000000000001")
    head += b"" if tag is None else struct.pack("!HH", 0x8100, tag)
    body = struct.pack("!BBHHHBBH4s4s", 0x45, tos, FRAME, 0, 0, 64, 17, 0, b"\n\0\0\1", b"\n\0\0\2")
    return head + b"\x08\x00" + body.ljust(FRAME, b"\0")


def send(port: str, *frames: bytes) -> None:
    """As Open vSwitch sends: through a packet socket bound to nothing."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
        for one in frames:
            with suppress(OSError):  # dropped by the queue
                sock.sendto(one, (port, 0))


def packets(port: str) -> dict[str, int]:
    """Packets taken in by each class."""
    out = subprocess.run(
        ["tc", "-s", "-j", "qdisc", "show", "dev", port], capture_output=True, text=True, check=True
    ).stdout
    names = {"10:": "guaranteed", "20:": "best effort"}
    return {
        names[row["handle"]]: row["packets"] + row["qlen"]
        for row in json.loads(out)
        if row["handle"] in names
    }


def test_marked_packets_are_guaranteed_with_a_bypass_tag_and_without(port: str) -> None:
    apply(htb_commands(port, 100e6))
    before = packets(port)
    kinds = [frame(MARKED), frame(MARKED | 1), *(frame(MARKED, tag) for tag in (1, 0x45, 4094))]
    others = [frame(0), frame(OTHER), *(frame(OTHER, tag) for tag in (1, 0xB8, 0x4B8))]
    send(port, *kinds, *others)
    after = packets(port)
    assert after["guaranteed"] - before["guaranteed"] == len(kinds)
    # The kernel may send packets of its own (they are best effort).
    assert after["best effort"] - before["best effort"] >= len(others)


def test_whoever_sends_into_a_full_queue_hears_no_error(port: str) -> None:
    """Open vSwitch would drop what stands behind such a packet in its batch."""
    apply(htb_commands(port, 100e3, queue=10))
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
        for tos in (0, MARKED):
            for _ in range(200):
                sock.sendto(frame(tos), (port, 0))


def test_a_full_best_effort_queue_keeps_no_guaranteed_packet_out(port: str) -> None:
    apply(htb_commands(port, 100e3, queue=10))
    send(port, *[frame(0)] * 100)
    before = packets(port)
    send(port, *[frame(MARKED)] * 5)
    assert packets(port)["guaranteed"] - before["guaranteed"] == 5
