"""Traffic on a live network: starting matrices, and reports joined from both ends of a demand."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from topologies.addressing import HostPlan, Plan
from topologies.agent import PORTS
from topologies.agents import Agents
from topologies.counters import BIN_NS, merge_counts, percentiles
from topologies.udp import MAX_FRAME, MIN_FRAME

LEAD_S = 0.3
LEAD_PER_HOST_S = 0.01
"""All hosts start together this long after the command: time for each to get ready."""
GRACE_S = 0.5
"""A packet still missing this long after it was sent counts as lost."""
LATE_MS = 5.0
"""A sender later than this at the 99th percentile was the bottleneck."""


@dataclass(frozen=True)
class Shape:
    """How demands become packets.

    Attributes
    ----------
    size : int
        Bytes of a frame without checksum, Ethernet header included.
    pps : float or None
        Packets per second of every demand, in place of the matrix's rates.
    ports : int
        Destination ports, and sources for each; their product is the number of microflows.
    jitter : float
        Packets leave up to half this share of their interval before or after their time.
    """

    size: int = 1000
    pps: float | None = None
    ports: int = PORTS
    jitter: float = 0.1

    def __post_init__(self) -> None:
        if not MIN_FRAME <= self.size <= MAX_FRAME:
            raise ValueError(f"size {self.size}: frames of {MIN_FRAME} to {MAX_FRAME} bytes")
        if not 1 <= self.ports <= PORTS:
            raise ValueError(f"ports {self.ports}: 1 to {PORTS} are possible")
        if self.pps is not None and not 0 < self.pps <= 50_000:
            raise ValueError(f"pps {self.pps}: above 0, at most 50000")
        if not 0 <= self.jitter <= 1:
            raise ValueError(f"jitter {self.jitter}: a share between 0 and 1")

    def interval_ns(self, rate: float) -> float:
        """Time between two packets of a demand of ``rate`` bit/s."""
        return 1e9 / (self.pps if self.pps is not None else rate / (8 * self.size))


class Traffic:
    """The demands of a network and what became of their packets."""

    def __init__(self, plan: Plan, agents: Agents) -> None:
        self.plan = plan
        self.agents = agents
        self.host = {host.number: host for host in plan.hosts}
        self.pairs: dict[int, tuple[HostPlan, HostPlan]] = {}
        self.started_s: float | None = None
        self.last_s: float | None = None

    def start(self, demands: Mapping[tuple[int, int], float], shape: Shape) -> dict[str, Any]:
        """Send these demands from a moment after now, in place of any others.

        Parameters
        ----------
        demands : mapping from (source host number, destination host number) to bit/s
        shape : Shape

        Returns
        -------
        dict
            ``at`` (seconds of CLOCK_MONOTONIC), ``demands``, ``bps``, ``pps``, ``history_s``.
        """
        at = time.monotonic() + LEAD_S + LEAD_PER_HOST_S * len(self.host)
        history = int(max(20, min(300, 200_000 / max(1, len(demands)))))
        common = {
            "cmd": "start", "start_ns": int(at * 1e9), "ports": shape.ports,
            "jitter": shape.jitter, "history_s": history,
        }  # fmt: skip
        messages: dict[int, dict] = {n: {**common, "demands": []} for n in self.host}
        pps = 0.0
        for (src, dst), rate in demands.items():
            key = src << 16 | dst
            interval = shape.interval_ns(rate)
            self.pairs[key] = self.host[src], self.host[dst]
            pps += 1e9 / interval
            messages[src]["demands"].append(
                {"key": key, "ip": self.host[dst].ip, "interval_ns": interval, "frame": shape.size}
            )
        self.agents.ask_all(messages)
        if self.started_s is None:
            self.started_s = at
        return {
            "at": at, "demands": len(demands), "bps": pps * 8 * shape.size, "pps": pps,
            "history_s": history,
        }  # fmt: skip

    def stop(self) -> dict[str, Any]:
        """Send nothing more."""
        self.agents.everyone({"cmd": "stop"})
        return {"at": time.monotonic()}

    def report(
        self,
        since: float | str = "start",
        until: float | None = None,
        grace_s: float = GRACE_S,
        series_ms: int = 0,
        pairs: bool = True,
        losses: bool = False,
    ) -> dict[str, Any]:
        """Say what became of the packets sent in an interval.

        Parameters
        ----------
        since, until : float
            Seconds of CLOCK_MONOTONIC, rounded to 10 ms; ``since`` may be ``"start"`` or
            ``"last"`` (the end of the report before). ``until`` defaults to ``grace_s`` ago; a
            later one is waited for, so that no packet in flight counts as lost.
        grace_s : float
        series_ms : int
            Also counts per so many milliseconds (a multiple of 10), 0 for none.
        pairs : bool
            Also counts per demand; those with no packet in the interval are left out.
        losses : bool
            Also each demand's longest run of lost packets.

        Raises
        ------
        ValueError
            Nothing was sent yet, or the interval is empty.
        """
        if self.started_s is None:
            raise ValueError("no traffic was started yet")
        begin = self._begin(since)
        end = time.monotonic() - grace_s if until is None else float(until)
        if end <= begin:
            raise ValueError(f"the interval {begin:.2f} to {end:.2f} is empty")
        wait = end + grace_s - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        self.last_s = end
        first, last = int(begin * 1e9) // BIN_NS, int(end * 1e9) // BIN_NS
        step = max(1, series_ms * 1_000_000 // BIN_NS) if series_ms else 0
        answers = self.agents.everyone({"cmd": "counts", "first": first, "end": last, "step": step})
        joined = join(answers, whole=since == "start")
        rows = [self._row(key, entry) for key, entry in sorted(joined.items())]
        if losses:
            self._losses(rows, joined)
        total = {name: sum(row[name] for row in rows)
                 for name in ("sent", "received", "lost", "duplicates", "reordered")}  # fmt: skip
        result: dict[str, Any] = {
            "since": first * BIN_NS / 1e9,
            "until": last * BIN_NS / 1e9,
            **total,
            "loss": total["lost"] / total["sent"] if total["sent"] else 0.0,
            "latency_ms": latency_of(merged(answers, "latency")),
            "sender": self._senders(answers),
        }
        kept_from = max((answer["kept_from"] for answer in answers.values()), default=0)
        if since != "start" and kept_from > first:
            result["incomplete"] = f"times before {kept_from * BIN_NS / 1e9:.0f} are forgotten"
        if pairs:
            result["pairs"] = [row for row in rows if row["sent"] or row["received"]]
        if step:
            result["series"] = series(answers, first, step)
        return result

    def _begin(self, since: float | str) -> float:
        assert self.started_s is not None
        if since == "start":
            return self.started_s
        if since == "last":
            return self.last_s if self.last_s is not None else self.started_s
        return float(since)

    def _row(self, key: int, entry: dict[str, Any]) -> dict[str, Any]:
        src, dst = self.pairs[key]
        return {
            "src": src.node, "dst": dst.node, "hosts": [src.name, dst.name],
            "sent": entry["sent"], "received": entry["received"],
            "lost": entry["sent"] - entry["received"],
            "duplicates": entry["duplicates"], "reordered": entry["reordered"],
            "latency_ms": latency_of(entry["latency"]),
        }  # fmt: skip

    def _losses(self, rows: list[dict[str, Any]], joined: dict[int, dict[str, Any]]) -> None:
        """Add each demand's longest run of lost packets and when it began."""
        spans: dict[int, dict] = {}
        for key, entry in joined.items():
            spans.setdefault(self.pairs[key][1].number, {})[key] = entry["span"]
        runs: dict[str, list[int]] = {}
        for answer in self.agents.ask_all(
            {number: {"cmd": "losses", "spans": part} for number, part in spans.items()}
        ).values():
            runs.update(answer["losses"])
        seqs: dict[int, dict] = {}
        for text, (first, length) in runs.items():
            if length:
                seqs.setdefault(int(text) >> 16, {})[text] = first
        times: dict[str, float | None] = {}
        for answer in self.agents.ask_all(
            {number: {"cmd": "when", "seqs": part} for number, part in seqs.items()}
        ).values():
            times.update(answer["at"])
        for row, key in zip(rows, sorted(joined), strict=True):
            length = runs.get(str(key), [0, 0])[1]
            row["longest_loss"] = {"packets": length, "at": times.get(str(key))}

    def _senders(self, answers: dict[int, dict]) -> dict[str, Any]:
        """Say how late the senders were, and which of them were the bottleneck."""
        guilty = []
        for number, answer in answers.items():
            late = percentiles(_ints(answer["late"]), (0.99,))[0]
            if answer["skipped"] or answer["refused"] or (late or 0.0) > LATE_MS * 1e6:
                guilty.append(self.host[number].name)
        return {
            "late_ms": latency_of(merged(answers, "late")),
            "skipped": sum(answer["skipped"] for answer in answers.values()),
            "refused": sum(answer["refused"] for answer in answers.values()),
            "cpu_s": sum(answer["cpu_s"] for answer in answers.values()),
            "bottleneck": bool(guilty),
            "bottleneck_hosts": guilty,
        }


def join(answers: Mapping[int, dict], whole: bool) -> dict[int, dict[str, Any]]:
    """Counts of both ends by demand key; ``whole`` takes all packets since the first."""
    joined: dict[int, dict[str, Any]] = {}
    for answer in answers.values():
        for key, entry in answer["sent"].items():
            sent = entry["until_end"] if whole else entry["sent"]
            span = [0, entry["until_end"]] if whole else entry["span"]
            joined[int(key)] = {
                "sent": sent, "span": span, "received": 0, "duplicates": 0, "reordered": 0,
                "latency": {},
            }  # fmt: skip
    for answer in answers.values():
        for key, entry in answer["received"].items():
            row = joined.get(int(key))
            if row is not None:
                row["received"] = entry["until_end"] if whole else entry["received"]
                row["duplicates"] = entry["duplicates"]
                row["reordered"] = entry["reordered"]
                row["latency"] = _ints(entry["latency"])
    return joined


def series(answers: Mapping[int, dict], first: int, step: int) -> dict[str, Any]:
    """Sum the counts per time step over all demands."""
    totals: dict[str, list[int]] = {}
    for name in ("sent", "received"):
        rows = [row for answer in answers.values() for row in answer["series"][name].values()]
        totals[name] = [sum(column) for column in zip(*rows, strict=True)]
    if len(totals["received"]) < len(totals["sent"]):
        totals["received"] = [0] * len(totals["sent"])
    return {"from": first * BIN_NS / 1e9, "step_ms": step * BIN_NS // 1_000_000, **totals}


def merged(answers: Mapping[int, dict], name: str) -> dict[int, int]:
    """Sum of a histogram over all hosts."""
    total: dict[int, int] = {}
    for answer in answers.values():
        merge_counts(total, _ints(answer[name]))
    return total


def latency_of(counts: dict[int, int]) -> dict[str, float | None]:
    """Median, 95th and 99th percentile of a histogram in milliseconds."""
    shares = (0.5, 0.95, 0.99)
    values = percentiles(counts, shares)
    return {
        f"p{share * 100:.0f}": None if value is None else round(value / 1e6, 3)
        for share, value in zip(shares, values, strict=True)
    }


def _ints(counts: Mapping[Any, int]) -> dict[int, int]:
    """Histogram whose class names went through JSON."""
    return {int(name): count for name, count in counts.items()}
