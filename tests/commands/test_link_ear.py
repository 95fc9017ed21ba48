"""Counting frames on a real interface by whose they are."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import time
from collections.abc import Iterator

import pytest

from qb_controller.commands.link_ear import LinkEar
from qb_controller.southbound import probe_frames
from topologies.udp import HEADER, MAGIC

PORT, PEER = f"qea{os.getpid() % 100_000}a", f"qea{os.getpid() % 100_000}b"
KEY = 3 << 16 | 4


@pytest.fixture
def cable() -> Iterator[tuple[str, str]]:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    add = ["ip", "link", "add", PORT, "type", "veth", "peer", "name", PEER]
    made = subprocess.run(add, capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"cannot make an interface: {made.stderr.strip()}")
    try:
        for end in (PORT, PEER):
            with open(f"/proc/sys/net/ipv6/conf/{end}/disable_ipv6", "w") as file:
                file.write("1")
            subprocess.run(["ip", "link", "set", end, "up"], check=True)
        yield PORT, PEER
    finally:
        subprocess.run(["ip", "link", "del", PORT], check=True)


def frame(kind: int, key: int = 0, tag: int | None = None) -> bytes:
    head = b"\x0a\0\x10\x02\0\1" + b"\0\0\0\0\0\1"
    head += b"" if tag is None else struct.pack("!HH", 0x8100, tag)
    body = bytes(28) + HEADER.pack(MAGIC, key, 0, 0, 0)
    return head + struct.pack("!H", kind) + body


def test_every_frame_is_counted_once_by_its_owner(cable: tuple[str, str]) -> None:
    sender, receiver = cable
    with LinkEar(receiver, KEY) as ear, socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
        sock.bind((sender, 0))
        probe = probe_frames.frame(bytes(8), 1)
        frames = [
            *[frame(0x0800, KEY)] * 5,
            frame(0x0800, KEY, tag=9),
            frame(0x0800, KEY + 1),
            frame(0x0806),
            frame(0x88CC),
            probe,
            probe[:12] + struct.pack("!HH", 0x8100, 9) + probe[12:],
        ]
        for one in frames:
            sock.send(one)
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as back:
            back.bind((receiver, 0))
            back.send(frame(0x0800, KEY))  # leaves by the interface: none of the link's
        time.sleep(0.3)
    assert ear.counts == {
        "own_packets": 6,
        "lldp_packets": 1,
        "probe_packets": 2,
        "others_packets": 2,
        "counted_by_port_packets": 11,
    }
