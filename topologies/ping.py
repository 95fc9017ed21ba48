"""ICMP echo from inside a traffic process: many targets at once, without a process for each."""

from __future__ import annotations

import contextlib
import heapq
import os
import socket
import struct
import time

ECHO_REPLY, ECHO_REQUEST = 0, 8
HEADER = struct.Struct("!BBHHH")


def checksum(data: bytes) -> int:
    """Internet checksum (RFC 1071) of an even number of bytes."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Pinger:
    """One job: echo requests to some addresses, each repeated until answered or given up.

    Parameters
    ----------
    ident : int
        Identifier of the echo requests, unique among the jobs of this host.
    addresses : list of str
    count : int
        Answers wanted from each address (1 to ask only whether it is there).
    tries : int
        Requests sent for each answer before it counts as missing.
    timeout_s : float
        Wait for an answer, seconds.
    spread_s : float
        First requests are spread evenly over this time, seconds.
    """

    def __init__(
        self, ident: int, addresses: list[str], count: int, tries: int, timeout_s: float,
        spread_s: float,
    ) -> None:  # fmt: skip
        self.ident = ident
        self.tries = tries
        self.timeout_ns = int(timeout_s * 1e9)
        self.sent_ns: dict[int, int] = {}
        self.rtt_ms: dict[str, list[float]] = {address: [] for address in addresses}
        self.retried = 0
        self.waiting: dict[int, str] = {}
        self.heap: list[tuple[int, int, int]] = []
        now = time.monotonic_ns()
        gap = spread_s * 1e9 / max(1, len(addresses))
        for i, address in enumerate(addresses):
            for k in range(count):
                number = i * count + k
                self.waiting[number] = address
                heapq.heappush(self.heap, (now + int(i * gap) + k * 100_000_000, number, 0))

    def run(self, sock: socket.socket, now: int) -> int | None:
        """Send and give up what is due; return when to come again, None when all is done."""
        while self.heap and self.heap[0][0] <= now:
            _, number, tried = heapq.heappop(self.heap)
            address = self.waiting.get(number)
            if address is None:
                continue
            if tried >= self.tries:
                del self.waiting[number]
                continue
            self.retried += tried > 0
            self._send(sock, number, address)
            heapq.heappush(self.heap, (now + self.timeout_ns, number, tried + 1))
        if not self.waiting:
            return None
        return self.heap[0][0] if self.heap else None

    def _send(self, sock: socket.socket, number: int, address: str) -> None:
        body = struct.pack("!I", self.ident) + bytes(44)
        head = HEADER.pack(ECHO_REQUEST, 0, 0, self.ident & 0xFFFF, number & 0xFFFF)
        head = HEADER.pack(
            ECHO_REQUEST, 0, checksum(head + body), self.ident & 0xFFFF, number & 0xFFFF
        )
        self.sent_ns[number] = time.monotonic_ns()
        # A refusal counts as unanswered: the next try comes after the time-out.
        with contextlib.suppress(OSError):
            sock.sendto(head + body, (address, 0))

    def answer(self, address: str, ident: int, number: int, now: int) -> None:
        """Take an echo reply in."""
        if ident != self.ident & 0xFFFF or self.waiting.get(number) != address:
            return
        del self.waiting[number]
        self.rtt_ms[address].append((now - self.sent_ns[number]) / 1e6)


def open_socket() -> socket.socket:
    """Raw ICMP socket that does not block; needs root."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    sock.setblocking(False)
    return sock


def replies(sock: socket.socket) -> list[tuple[str, int, int]]:
    """Echo replies that wait at a socket, as (address, identifier, number)."""
    found: list[tuple[str, int, int]] = []
    while True:
        try:
            data, (address, _) = sock.recvfrom(2048)
        except OSError:
            return found
        start = (data[0] & 15) * 4
        if len(data) >= start + HEADER.size:
            kind, _, _, ident, number = HEADER.unpack_from(data, start)
            if kind == ECHO_REPLY:
                found.append((address, ident, number))


def fresh_ident() -> int:
    """Identifier that no other job of this machine is likely to use."""
    return int.from_bytes(os.urandom(2), "big")
