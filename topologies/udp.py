"""The traffic of one host: numbered, time-stamped UDP packets sent on schedule and counted.

A demand is a constant-rate stream from one host to another. Its packets are spread in turn over
many microflows, so that a switch that hashes flows sees many. Microflows differ in their source
*address*: the hash behind SELECT groups in Open vSwitch's userspace datapath (``sym_l4``) takes
ports of TCP and SCTP only, so UDP packets that differ in nothing but ports all go one way. The
addresses belong to no host; ``IP_TRANSPARENT`` lets a root process send from them, and nothing
ever answers to them.

Rates are layer-2: the frame without its checksum, 14 bytes of Ethernet header included, because
that is what port counters and HTB count.
"""

from __future__ import annotations

import heapq
import random
import select
import socket
import struct
import time

from topologies.counters import BIN_NS, CHUNK_NS, Bins, Histogram, duration_class, longest_zero_run

FIRST_PORT = 20_000
SOURCE_PORT = 19_999
MAGIC = 0x71427472
HEADER = struct.Struct("<IIIIQ")
"""Magic, demand key, sequence number, microflow, send time (ns of CLOCK_MONOTONIC)."""
OVERHEAD = 14 + 20 + 8
"""Ethernet, IPv4 and UDP header bytes of a frame."""
MIN_FRAME = OVERHEAD + HEADER.size
MAX_FRAME = 1514
SKIP_NS = 50_000_000
"""A sender later than this leaves packets out (and says so) instead of sending a burst."""
LARGEST_BATCH = 256
"""Packets sent before commands and arrivals get their turn again."""
SO_TIMESTAMPNS = 35
"""Kernel receive times; the number is Linux's on all but a few old architectures."""
IP_TRANSPARENT = 19
"""Of <linux/in.h>; missing in the socket module."""
TIMESPEC = struct.Struct("@qq")


class Stream:
    """Sending side of a demand."""

    __slots__ = ("base_ns", "count", "first", "frame", "interval_ns", "ip", "key", "sent", "seq")

    def __init__(self, key: int, ip: str) -> None:
        self.key = key
        self.ip = ip
        self.frame = MIN_FRAME
        self.interval_ns = 0.0
        self.base_ns = 0.0
        self.count = 0
        self.seq = 0
        self.first = 0
        self.sent = Bins()


class Arrivals:
    """Receiving side of a demand."""

    __slots__ = ("duplicates", "last", "latency", "received", "reordered", "seen")

    def __init__(self) -> None:
        self.received = Bins()
        self.duplicates = Bins()
        self.reordered = Bins()
        self.seen = bytearray()
        self.last: dict[int, int] = {}
        self.latency: dict[int, int] = {}


def open_sockets(ports: int) -> list[socket.socket]:
    """Non-blocking UDP sockets on the ports of the traffic, with kernel receive times."""
    sockets = []
    for i in range(ports):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        sock.bind(("", FIRST_PORT + i))
        sock.setblocking(False)
        sockets.append(sock)
    return sockets


def open_sources(count: int) -> list[socket.socket]:
    """Sockets to send from, each with an address of its own within the hosts' 10.0.0.0/8."""
    sockets = []
    for i in range(count):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.IPPROTO_IP, IP_TRANSPARENT, 1)
        sock.bind((f"10.255.{i}.1", SOURCE_PORT))
        sock.setblocking(False)
        sockets.append(sock)
    return sockets


class Sender:
    """All demands that one host sends, on one schedule.

    Parameters
    ----------
    sockets : list of socket
        One for each microflow that a demand may have.
    seed : int
        Of phases and jitter.
    """

    def __init__(self, sockets: list[socket.socket], seed: int) -> None:
        self.sockets = sockets
        self.random = random.Random(seed)
        self.streams: dict[int, Stream] = {}
        self.heap: list[tuple[float, int]] = []
        self.lateness = Histogram()
        self.skipped = Bins()
        self.refused = Bins()
        self.jitter = 0.1
        self.order: list[tuple[int, int, int]] = []
        self.payload = bytearray(MAX_FRAME - OVERHEAD)

    def replace(self, demands: list[dict], start_ns: int, microflows: int, jitter: float) -> None:
        """Send exactly these demands from ``start_ns`` on; unchanged ones keep their rhythm.

        Each demand is ``{"key", "ip", "interval_ns", "frame"}``; ``microflows`` destination ports
        are used, from as many sources each.
        """
        self.jitter = jitter
        flows = microflows * microflows
        if len(self.order) != flows:
            self.order = [(flow, flow, flow % microflows) for flow in range(flows)]
            self.random.shuffle(self.order)
        due = {key: at for at, key in self.heap}
        self.heap = []
        for demand in demands:
            key = demand["key"]
            stream = self.streams.get(key)
            if stream is None:
                stream = self.streams[key] = Stream(key, demand["ip"])
                stream.first = self.random.randrange(1 << 16)
            interval = float(demand["interval_ns"])
            if key in due and interval == stream.interval_ns:
                at = due[key]
            else:
                stream.base_ns = start_ns + self.random.random() * interval
                stream.count = 0
                at = stream.base_ns
            stream.interval_ns = interval
            stream.frame = demand["frame"]
            heapq.heappush(self.heap, (at, key))

    def stop(self) -> None:
        """Send nothing more; the counts stay."""
        self.heap = []

    def run(self, now: int) -> int | None:
        """Send what is due and return when the next packet is (None: never)."""
        heap = self.heap
        for _ in range(LARGEST_BATCH):
            if not heap or heap[0][0] > now:
                break
            due, key = heap[0]
            stream = self.streams[key]
            late = now - int(due)
            if late > SKIP_NS:
                self._skip(stream, now)
            else:
                self._send(stream, now, late)
                stream.count += 1
            spread = (self.random.random() - 0.5) * self.jitter
            following = stream.base_ns + (stream.count + spread) * stream.interval_ns
            heapq.heapreplace(heap, (following, key))
            now = time.monotonic_ns()
        return int(heap[0][0]) if heap else None

    def _skip(self, stream: Stream, now: int) -> None:
        """Leave out the packets that should have been sent until now."""
        reached = int((now - stream.base_ns) / stream.interval_ns) + 1
        for _ in range(max(1, reached - stream.count)):
            self.skipped.add(now)
        stream.count = max(stream.count + 1, reached)

    def _send(self, stream: Stream, now: int, late: int) -> None:
        flow, source, port = self.order[(stream.first + stream.seq) % len(self.order)]
        HEADER.pack_into(self.payload, 0, MAGIC, stream.key, stream.seq, flow, now)
        view = memoryview(self.payload)[: stream.frame - OVERHEAD]
        try:
            self.sockets[source].sendto(view, (stream.ip, FIRST_PORT + port))
        except OSError:
            self.refused.add(now)
            return
        stream.seq += 1
        stream.sent.add(now)
        self.lateness.add(now // CHUNK_NS, late)

    def sequence_range(self, key: int, first: int, end: int) -> tuple[int, int]:
        """Sequence numbers sent in the bins first .. end-1, as (from, to excluded)."""
        stream = self.streams[key]
        after = stream.sent.between(end, 1 << 62)
        return stream.seq - after - stream.sent.between(first, end), stream.seq - after

    def sent_at(self, key: int, sequence: int) -> float | None:
        """Send time of a packet in seconds, to 10 ms; None where it is forgotten."""
        stream = self.streams[key]
        passed = stream.seq - sum(sum(counts) for counts in stream.sent.chunks.values())
        if sequence < passed:
            return None
        for chunk in sorted(stream.sent.chunks):
            for slot, count in enumerate(stream.sent.chunks[chunk]):
                passed += count
                if sequence < passed:
                    return (chunk * CHUNK_NS + slot * BIN_NS) / 1e9
        return None

    def forget(self, before_chunk: int) -> None:
        """Drop times before a second; totals stay."""
        for stream in self.streams.values():
            stream.sent.forget(before_chunk)
        self.lateness.forget(before_chunk)
        self.skipped.forget(before_chunk)
        self.refused.forget(before_chunk)


class Receiver:
    """All packets that one host receives, by demand."""

    def __init__(self) -> None:
        self.arrivals: dict[int, Arrivals] = {}
        self.latency = Histogram()
        self.foreign = 0
        self.buffer = bytearray(HEADER.size)

    def drain(self, sock: socket.socket, limit: int = 200) -> None:
        """Count the packets that wait at a socket."""
        buffers = [self.buffer]
        offset = time.time_ns() - time.monotonic_ns()
        for _ in range(limit):
            try:
                size, extra, _, _ = sock.recvmsg_into(buffers, 64)
            except BlockingIOError:
                return
            except OSError:
                # An ICMP error of a packet sent earlier, reported on this socket.
                continue
            arrived = time.monotonic_ns()
            for level, kind, data in extra:
                if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
                    seconds, nanoseconds = TIMESPEC.unpack(data)
                    arrived = seconds * 1_000_000_000 + nanoseconds - offset
            if size < HEADER.size:
                self.foreign += 1
                continue
            magic, key, seq, flow, sent = HEADER.unpack(self.buffer)
            if magic != MAGIC:
                self.foreign += 1
                continue
            self.count(key, seq, flow, sent, arrived)

    def count(self, key: int, seq: int, flow: int, sent: int, arrived: int) -> None:
        """Count one packet; reordering is judged within a microflow, as a transport sees it."""
        entry = self.arrivals.get(key)
        if entry is None:
            entry = self.arrivals[key] = Arrivals()
        seen = entry.seen
        if seq >= len(seen):
            seen.extend(bytes(max(seq + 1 - len(seen), 4096)))
        if seen[seq]:
            entry.duplicates.add(sent)
            return
        seen[seq] = 1
        entry.received.add(sent)
        last = entry.last.get(flow, -1)
        if seq < last:
            entry.reordered.add(sent)
        else:
            entry.last[flow] = seq
        latency = arrived - sent
        name = duration_class(latency)
        entry.latency[name] = entry.latency.get(name, 0) + 1
        self.latency.add(sent // CHUNK_NS, latency)

    def longest_loss(self, key: int, first: int, end: int) -> tuple[int, int]:
        """Longest run of packets missing among the sequence numbers first .. end-1."""
        entry = self.arrivals.get(key)
        seen = entry.seen[first:end] if entry else bytearray()
        seen.extend(bytes(max(0, end - first - len(seen))))
        start, length = longest_zero_run(seen)
        return first + start, length

    def forget(self, before_chunk: int) -> None:
        """Drop times before a second; totals stay."""
        for entry in self.arrivals.values():
            for bins in (entry.received, entry.duplicates, entry.reordered):
                bins.forget(before_chunk)
        self.latency.forget(before_chunk)


def watch(sockets: list[socket.socket], poll: select.epoll) -> dict[int, socket.socket]:
    """Register sockets for reading; return them by file descriptor."""
    for sock in sockets:
        poll.register(sock.fileno(), select.EPOLLIN)
    return {sock.fileno(): sock for sock in sockets}
