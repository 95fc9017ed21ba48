"""The one process of a host: sends, receives and pings; obeys JSON lines on standard input.

Started inside the host's network namespace by :mod:`topologies.agents`. It never waits for a
packet: it sleeps until the next one is due, then looks at its sockets, so that receiving costs
no wake-up of its own; the kernel's receive times keep latencies exact all the same.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import sys
import time
from typing import Any

from topologies import ping
from topologies.counters import CHUNK_BINS, CHUNK_NS
from topologies.udp import Receiver, Sender, open_sockets, open_sources, watch

LONGEST_SLEEP_NS = 5_000_000
IDLE_S = 0.5
IDLE_PAUSE_S = 0.002
PORTS = 16


class Agent:
    """State of the process."""

    def __init__(self, seed: int) -> None:
        self.sockets = open_sockets(PORTS)
        self.icmp = ping.open_socket()
        self.sender = Sender(open_sources(PORTS * PORTS), seed)
        self.receiver = Receiver()
        self.pending: tuple[int, dict] | None = None
        self.pings: dict[Any, ping.Pinger] = {}
        self.history_s = 300
        self.forgotten = 0
        self.input = b""
        self.alive = True
        self.poll = select.epoll()
        self.by_fd = watch(self.sockets, self.poll)
        self.poll.register(self.icmp.fileno(), select.EPOLLIN)
        self.poll.register(0, select.EPOLLIN)

    def loop(self) -> None:
        """Work until standard input closes."""
        while self.alive:
            now = time.monotonic_ns()
            due = self.work(now)
            if due is None:
                if self.look(IDLE_S):
                    # Packets come in: take the next ones together.
                    time.sleep(IDLE_PAUSE_S)
            else:
                wait = min(due - time.monotonic_ns(), LONGEST_SLEEP_NS)
                if wait > 0:
                    time.sleep(wait / 1e9)
                self.look(0)

    def work(self, now: int) -> int | None:
        """Do what the clock asks for; return when it asks next."""
        if self.pending and self.pending[0] <= now:
            start, demands = self.pending
            self.pending = None
            self.sender.replace(demands["demands"], start, demands["ports"], demands["jitter"])
        times = [self.sender.run(now), self.pending[0] if self.pending else None]
        for ident, job in list(self.pings.items()):
            due = job.run(self.icmp, now)
            times.append(due)
            if due is None:
                del self.pings[ident]
                say({"id": ident, "rtt_ms": job.rtt_ms, "retried": job.retried})
        chunk = now // CHUNK_NS
        if chunk > self.forgotten + 10:
            self.forgotten = chunk
            self.sender.forget(chunk - self.history_s)
            self.receiver.forget(chunk - self.history_s)
        return min((at for at in times if at is not None), default=None)

    def look(self, timeout_s: float) -> bool:
        """Take in what waits at the sockets and at standard input; whether packets did."""
        events = self.poll.poll(timeout_s)
        packets = False
        for fd, _ in events:
            if fd == 0:
                self.read()
            elif fd == self.icmp.fileno():
                now = time.monotonic_ns()
                for address, ident, number in ping.replies(self.icmp):
                    for job in self.pings.values():
                        job.answer(address, ident, number, now)
            else:
                self.receiver.drain(self.by_fd[fd])
                packets = True
        return packets

    def read(self) -> None:
        """Obey the complete lines of standard input; its end ends the process."""
        data = os.read(0, 1 << 20)
        if not data:
            self.alive = False
            return
        *lines, self.input = (self.input + data).split(b"\n")
        for line in lines:
            message = json.loads(line)
            answer = self.obey(message)
            if answer is not None:
                say({"id": message.get("id"), **answer})

    def obey(self, message: dict) -> dict | None:
        """Do one command; None where the answer comes later."""
        command = message["cmd"]
        if command == "start":
            self.pending = (message["start_ns"], message)
            self.history_s = message["history_s"]
        elif command == "stop":
            self.pending = None
            self.sender.stop()
        elif command == "counts":
            return self.counts(message)
        elif command == "losses":
            return {"losses": {key: self.receiver.longest_loss(int(key), *span)
                               for key, span in message["spans"].items()}}  # fmt: skip
        elif command == "when":
            return {"at": {key: self.sender.sent_at(int(key), seq)
                           for key, seq in message["seqs"].items()}}  # fmt: skip
        elif command == "ping":
            self.pings[message["id"]] = ping.Pinger(
                ping.fresh_ident(), message["addresses"], message["count"], message["tries"],
                message["timeout_s"], message["spread_s"],
            )  # fmt: skip
            return None
        return {}

    def counts(self, message: dict) -> dict:
        """Counts of the packets sent in the bins ``first`` .. ``end`` - 1, both sides."""
        first, end, step = message["first"], message["end"], message["step"]
        chunks = first // CHUNK_BINS, -(-end // CHUNK_BINS)
        sender, receiver = self.sender, self.receiver
        sent = {}
        for key in sender.streams:
            span = sender.sequence_range(key, first, end)
            sent[key] = {"sent": span[1] - span[0], "span": span, "until_end": span[1]}
        received = {}
        for key, entry in receiver.arrivals.items():
            received[key] = {
                "received": entry.received.between(first, end),
                "duplicates": entry.duplicates.between(first, end),
                "reordered": entry.reordered.between(first, end),
                "until_end": entry.received.total - entry.received.between(end, 1 << 62),
                "latency": entry.latency,
            }
        answer = {
            "sent": sent,
            "received": received,
            "late": sender.lateness.between(*chunks),
            "latency": receiver.latency.between(*chunks),
            "skipped": sender.skipped.between(first, end),
            "refused": sender.refused.between(first, end),
            "cpu_s": time.process_time(),
            "kept_from": (self.forgotten - self.history_s) * CHUNK_BINS if self.forgotten else 0,
        }
        if step:
            answer["series"] = {
                "sent": {k: s.sent.series(first, end, step) for k, s in sender.streams.items()},
                "received": {
                    k: e.received.series(first, end, step) for k, e in receiver.arrivals.items()
                },
            }
        return answer


def say(answer: dict) -> None:
    """Write one answer line."""
    data = json.dumps(answer).encode() + b"\n"
    while data:
        data = data[os.write(1, data) :]


def main() -> None:
    """Run until standard input closes."""
    with contextlib.suppress(OSError):
        # The instrument must not be starved by what it measures.
        os.nice(-5)
    Agent(int(sys.argv[1]) if len(sys.argv) > 1 else 0).loop()


if __name__ == "__main__":
    main()
