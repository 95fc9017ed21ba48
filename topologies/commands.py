"""The commands of a live network: one JSON object per line in, one answer line each out."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import IO

from topologies.addressing import HostPlan
from topologies.agents import Agents
from topologies.graph import MAX_SWITCHES
from topologies.measure import GRACE_S, Shape, Traffic
from topologies.network import Network
from topologies.programs import Programs
from topologies.traffic import Matrix, from_rows, read_matrix

SLOW = ("ping", "pingall", "iperf3", "exec", "traffic report")


class Commander:
    """Obeys commands; slow ones run beside the others and answer when they are done.

    Parameters
    ----------
    network : Network
    agents : Agents
    scale : float
        Factor between the topology's own capacities and the live ones; matrices from files
        shrink by the same.
    out : text stream
        Where the answers go.
    """

    def __init__(self, network: Network, agents: Agents, scale: float, out: IO[str]) -> None:
        self.network = network
        self.plan = network.plan
        self.agents = agents
        self.scale = scale
        self.out = out
        self.traffic = Traffic(self.plan, agents)
        self.writing = threading.Lock()
        self.programs = Programs()
        self.workers = ThreadPoolExecutor(8, thread_name_prefix="command")
        self.table: dict[str, Callable[..., dict]] = {
            "topology": self.topology,
            "ping": self.ping,
            "pingall": self.pingall,
            "traffic start": self.traffic_start,
            "traffic report": self.traffic_report,
            "traffic stop": self.traffic_stop,
            "link down": lambda a, b: self.link(a, b, False),
            "link up": lambda a, b: self.link(a, b, True),
            "iperf3": self.iperf3,
            "exec": self.execute,
        }

    def obey(self, line: str) -> bool:
        """Do the command of a line and answer it; False when it is ``quit``."""
        try:
            message = json.loads(line)
        except ValueError as error:
            self.answer(None, {"ok": False, "error": f"not JSON: {error}"})
            return True
        if not isinstance(message, dict) or not isinstance(message.get("cmd"), str):
            self.answer(None, {"ok": False, "error": 'not an object with a "cmd"'})
            return True
        arguments = dict(message)
        command, ident = arguments.pop("cmd"), arguments.pop("id", None)
        if command == "quit":
            self.answer(ident, {"ok": True})
            return False
        if command in SLOW:
            self.workers.submit(self._do, command, ident, arguments)
        else:
            self._do(command, ident, arguments)
        return True

    def _do(self, command: str, ident: object, arguments: dict) -> None:
        action = self.table.get(command)
        try:
            if action is None:
                known = ", ".join((*self.table, "quit"))
                raise ValueError(f"unknown command {command!r}; known are {known}")
            try:
                result = action(**arguments)
            except TypeError as error:
                raise ValueError(f"{command}: {error}") from error
            self.answer(ident, {"ok": True, **result})
        except Exception as error:  # The caller must get an answer whatever went wrong.
            self.answer(ident, {"ok": False, "error": f"{error}" or type(error).__name__})

    def answer(self, ident: object, content: dict) -> None:
        """Write one answer line, whole."""
        head = {} if ident is None else {"id": ident}
        with self.writing, contextlib.suppress(BrokenPipeError):
            self.out.write(json.dumps({**head, **content}) + "\n")
            self.out.flush()

    def close(self) -> None:
        """Take no more commands and end the programs that run inside hosts."""
        self.workers.shutdown(wait=False, cancel_futures=True)
        self.programs.kill()

    def host(self, who: int | str) -> HostPlan:
        """Host of a name (``h3``, with or without prefix) or of a node index: its first host."""
        if isinstance(who, str):
            for host in self.plan.hosts:
                if who in (host.name, self.plan.host(host)):
                    return host
        else:
            for host in self.plan.hosts:
                if host.node == who:
                    return host
        raise ValueError(f"no host {who!r} in this network")

    def node(self, who: int | str) -> int:
        """Node index of a switch name (``s3``, with or without prefix), site name or index."""
        nodes = self.plan.topology.nodes
        for i, node in enumerate(nodes):
            if who in (i, f"s{i + 1}", self.plan.switch(i), node.name):
                return i
        raise ValueError(f"no switch {who!r} in this network")

    def topology(self) -> dict:
        """Switches, hosts and links with names, ports, addresses and capacities."""
        plan = self.plan
        nodes = plan.topology.nodes
        return {
            "name": plan.topology.name,
            "scale": self.scale,
            "delays": self.network.delays,
            "switches": [
                {"name": plan.switch(i), "dpid": i + 1, "site": node.name, "x": node.x, "y": node.y}
                for i, node in enumerate(nodes)
            ],
            "hosts": [
                {"name": plan.host(h), "ip": h.ip, "mac": h.mac, "switch": plan.switch(h.node),
                 "node": h.node, "port": h.port, "pid": self.network.pids[h.number]}
                for h in plan.hosts
            ],
            "links": [
                {"a": plan.switch(p.cable.a), "b": plan.switch(p.cable.b), "port_a": p.port_a,
                 "port_b": p.port_b, "capacity_ab": p.cable.ab, "capacity_ba": p.cable.ba,
                 "delay_s": p.cable.delay_s}
                for p in plan.cables
            ],
        }  # fmt: skip

    def ping(
        self, src: int | str, dst: int | str, count: int = 1, tries: int = 3,
        timeout_s: float = 1.0,
    ) -> dict:  # fmt: skip
        """Echo requests from one host to another."""
        a, b = self.host(src), self.host(dst)
        answer = self.agents.ask(a.number, {
            "cmd": "ping", "addresses": [b.ip], "count": count, "tries": tries,
            "timeout_s": timeout_s, "spread_s": 0.0,
        }).result(10 + count * 0.1 + tries * timeout_s)  # fmt: skip
        rtt = answer["rtt_ms"][b.ip]
        return {"answered": len(rtt), "asked": count, "rtt_ms": rtt, "retried": answer["retried"]}

    def pingall(
        self, tries: int = 3, timeout_s: float = 1.0, spread_s: float | None = None
    ) -> dict:
        """Echo requests between all ordered pairs of hosts, spread over ``spread_s``."""
        begin = time.monotonic()
        hosts = self.plan.hosts
        pairs = len(hosts) * (len(hosts) - 1)
        if spread_s is None:
            spread_s = max(0.5, pairs / 1000)
        messages = {
            host.number: {
                "cmd": "ping", "addresses": [o.ip for o in hosts if o is not host], "count": 1,
                "tries": tries, "timeout_s": timeout_s, "spread_s": spread_s,
            }
            for host in hosts
        }  # fmt: skip
        answers = self.agents.ask_all(messages, 20 + spread_s + tries * timeout_s)
        name = {host.ip: host.name for host in hosts}
        missing = [
            [host.name, name[ip]]
            for host in hosts
            for ip, rtt in answers[host.number]["rtt_ms"].items()
            if not rtt
        ]
        return {
            "pairs": pairs,
            "answered": pairs - len(missing),
            "missing": missing,
            "retried": sum(answer["retried"] for answer in answers.values()),
            "seconds": time.monotonic() - begin,
        }

    def traffic_start(
        self, demands: list | None = None, file: str | None = None, index: int = 0,
        scale: float | str | None = None, unit: float = 1.0, size: int = 1000,
        pps: float | None = None, ports: int = 16, jitter: float = 0.1,
    ) -> dict:  # fmt: skip
        """Send a matrix, inline or from a file, in place of the one before.

        Inline rows are ``[src, dst, bit/s]`` with node indexes or host names. A file's matrix
        is multiplied by ``scale``, by default the factor of the link capacities ("network").
        """
        if (demands is None) == (file is None):
            raise ValueError("traffic start: give either demands or file")
        if file is not None:
            matrix = read_matrix(file, self.plan.topology, index, unit)
            factor = self.scale if scale in (None, "network") else float(scale or 0)
            rates = self._of_nodes(matrix.scaled(factor))
        else:
            factor = 1.0 if scale is None else float(scale)
            rates = {pair: rate * factor for pair, rate in self._of_rows(demands or []).items()}
        shape = Shape(size, pps, ports, jitter)
        return {**self.traffic.start(rates, shape), "scale": factor}

    def _of_nodes(self, matrix: Matrix) -> dict[tuple[int, int], float]:
        first = {host.node: host.number for host in reversed(self.plan.hosts)}
        return {(first[i], first[j]): rate for (i, j), rate in matrix.demands.items()}

    def _of_rows(self, rows: list) -> dict[tuple[int, int], float]:
        """Inline rows by host number; checked as matrices are."""
        numbered = []
        for i, row in enumerate(rows):
            if not isinstance(row, list) or len(row) != 3:
                raise ValueError(f"demands[{i}]: {row!r} is not [src, dst, bit/s]")
            numbered.append([self.host(row[0]).number, self.host(row[1]).number, row[2]])
        return dict(from_rows(numbered, n_nodes=MAX_SWITCHES * 16).demands)

    def traffic_report(
        self, since: float | str = "start", until: float | None = None, grace_s: float = GRACE_S,
        series_ms: int = 0, pairs: bool = True, losses: bool = False,
    ) -> dict:  # fmt: skip
        """See :meth:`topologies.measure.Traffic.report`."""
        return self.traffic.report(since, until, grace_s, series_ms, pairs, losses)

    def traffic_stop(self) -> dict:
        """Send nothing more; reports stay possible."""
        return self.traffic.stop()

    def link(self, a: int | str, b: int | str, up: bool) -> dict:
        """Cut or restore a link; says when, in seconds of CLOCK_MONOTONIC."""
        begin = time.monotonic()
        self.network.set_link(self.node(a), self.node(b), up)
        return {"begun": begin, "done": time.monotonic()}

    def iperf3(self, src: int | str, dst: int | str, seconds: float = 5.0) -> dict:
        """TCP throughput from one host to another."""
        a, b = self.host(src), self.host(dst)
        pids = self.network.pids
        return self.programs.iperf3(pids[a.number], pids[b.number], b.ip, seconds)

    def execute(self, host: int | str, argv: list[str], timeout_s: float = 30.0) -> dict:
        """Run a program inside a host."""
        return self.programs.run(self.network.pids[self.host(host).number], argv, timeout_s)
