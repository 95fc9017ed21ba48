"""A view over a network that stands still: real rules, made by the real compiler.

The diamond s1 - {s2, s3} - s4 with one host at each switch; the pair s1 -> s4 is split half and
half by decision 7.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from qb_controller.errors import InstallError
from qb_controller.model.decision import Candidate, Decision, Outcome
from qb_controller.model.delivered import Delivered
from qb_controller.model.network import Host, Link, LinkId, Network, Path, Switch
from qb_controller.model.plan import Plan, Route, Share, VerifiedPlan
from qb_controller.model.rules import Entry, GroupRule, MeterRule, RuleSet
from qb_controller.model.slice_life import Event, Slice
from qb_controller.model.slices import SliceRequest
from qb_controller.model.telemetry import Demand
from qb_controller.northbound.view import LiveRule, OptimiserStatus, Status, TeSettings
from qb_controller.runtime.messages import Settings, SlicesRequest
from qb_controller.slicing.book import SliceBook
from qb_controller.slicing.control import Slicing
from qb_controller.slicing.store import SliceStore
from qb_controller.southbound.compile import compile_rules
from qb_controller.southbound.intent import Intent
from qb_controller.southbound.labels import Numbers
from qb_controller.southbound.next_intent import with_network, with_plan

CABLES = ((1, 2, 2, 2), (1, 3, 3, 2), (2, 3, 4, 2), (3, 3, 4, 3))
"""(switch, port, switch, port)."""


def diamond() -> Network:
    links = []
    for a, port_a, b, port_b in CABLES:
        links += [Link(a, port_a, b, port_b, 10e6), Link(b, port_b, a, port_a, 10e6)]
    return Network(
        tuple(Switch(n, f"s{n}") for n in (1, 2, 3, 4)),
        tuple(sorted(links, key=lambda link: link.id)),
        tuple(Host(f"h{n}", f"00:00:00:00:00:0{n}", f"10.0.0.{n}", n, 1) for n in (1, 2, 3, 4)),
        version=3,
    )


UPPER = Path((LinkId(1, 2), LinkId(2, 3)), 4)
LOWER = Path((LinkId(1, 3), LinkId(3, 3)), 4)
SPLIT = Route(1, 4, (Share(UPPER, 32), Share(LOWER, 32)))

DECISIONS = (
    Decision(6, "te", 1.7e9, 0.5, {"demands": 1.0}, (), "none", "the network is quiet"),
    Decision(
        7,
        "te",
        1.7e9 + 1,
        0.5,
        {"demands": 1.0, "odd": float("inf")},
        (
            Candidate("highs-lp", "classical", 0.02, 0.001, 1.5),
            Candidate("qaoa-blocks", "gate", refusal="no worker is ready"),
        ),
        "highs-lp",
        "highs-lp is expected to be best",
        Outcome("improved", 0.03, 1.2, 0.6, 0.6, 1, "MLU 1.2 -> 0.6", {"solver_s": 0.02}),
    ),
)


@dataclass
class StillView:
    """Implements :class:`qb_controller.northbound.view.View`."""

    net: Network = field(default_factory=diamond)
    meant: Intent = field(init=False)
    held: dict[int, RuleSet] = field(init=False)
    settings: TeSettings = field(default_factory=lambda: TeSettings(True, None, True, 0.5))
    silent: int | None = None
    settled: bool = True
    age_s: float = 10.0
    packets: dict[tuple[int, object], int] = field(default_factory=dict)
    repairs: int = 0
    asked: bytes = b""
    measured: dict[str, Delivered] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.questions: list[SlicesRequest] = []
        self.slicing = Slicing(
            SliceBook(SliceStore()), Settings(), 0.0, self._ask, lambda plan: True
        )
        self._numbers = Numbers()
        base = with_network(Intent(), self.net, self._numbers)
        plan = VerifiedPlan(Plan("te", 7, (SPLIT,)), self.net.version, 0.6)
        self.meant = with_plan(base, plan, self.net, self._numbers)
        self.held = {dpid: dict(rules) for dpid, rules in self.intended().items()}

    def network(self) -> Network:
        return self.net

    def intended(self) -> Mapping[int, RuleSet]:
        return compile_rules(self.meant, self.net, self._numbers)

    def intent(self) -> Intent:
        return self.meant

    def numbers(self) -> Numbers:
        return self._numbers

    def live_rules(self, dpids: Collection[int]) -> Sequence[LiveRule]:
        if self.silent in dpids:
            raise InstallError(f"switch {self.net.name(self.silent or 0)} did not answer")
        return [
            self._live(dpid, key, rule)
            for dpid in dpids
            for key, rule in self.held.get(dpid, {}).items()
        ]

    def _live(self, dpid: int, key: object, rule: Entry) -> LiveRule:
        packets = self.packets.get((dpid, key), 0)
        buckets: tuple[tuple[int, int], ...] = ()
        if isinstance(rule, GroupRule):
            # Bucket n takes n + 1 parts of the packets.
            parts = sum(range(1, len(rule.buckets) + 1))
            shares = [packets * (n + 1) // parts for n in range(len(rule.buckets))]
            buckets = tuple((share, 100 * share) for share in shares)
        elif isinstance(rule, MeterRule):
            buckets = ((0, 0),)
        return LiveRule(dpid, rule, packets, 100 * packets, self.age_s, buckets)

    def link_rates(self) -> Mapping[LinkId, float]:
        return {LinkId(1, 2): 6e6, LinkId(1, 3): 3e6}

    def demands(self) -> Sequence[Demand]:
        return (Demand(1, 4, 9e6),)

    def decisions(self) -> Sequence[Decision]:
        return DECISIONS

    def installed(self) -> Sequence[Route]:
        return self.meant.routes()

    def status(self) -> Status:
        optimiser = OptimiserStatus(True, 4711, 1, 12, 1.7e9, 0.2)
        return Status(1.7e9, self.settled, 1.0, 0.002, 0.02, 0.03, optimiser, {"flow_mods": 17})

    def te(self) -> TeSettings:
        return self.settings

    def set_te(self, settings: TeSettings) -> None:
        self.settings = replace(settings)

    def backends(self) -> Collection[str]:
        return ("highs-lp", "sa-blocks", "qaoa-blocks")

    def pause(self) -> None:
        return None

    def channels(self, body: bytes) -> tuple[int, str]:
        self.asked = body
        return 200, '{"channels": {}}'

    def jobs(self, action: str, name: str, body: bytes) -> tuple[int, str]:
        self.asked = body
        asked = {"action": action, "name": name}
        job = {"job": "j1", "status": "waiting", "on_time": None, "seed": 0}
        return 200, json.dumps([asked] if action == "list" else asked | job)

    def repair(self) -> None:
        self.repairs += 1
        self.held = {dpid: dict(rules) for dpid, rules in self.intended().items()}

    def _ask(self, message: object) -> bool:
        assert isinstance(message, SlicesRequest)
        self.questions.append(message)
        return True

    def decide(self) -> None:
        """Have what was asked for decided by a first fit and confirmed at once."""
        from tests.support.first_fit import answer

        for _ in range(2):
            self.slicing.tick(self.net, time.time(), time.monotonic())
            while self.questions:
                result = answer(self.questions.pop())
                self.slicing.received(result, time.time(), time.monotonic())
        self.slicing.installed(self.slicing.plan, time.time())

    def slices(self) -> Sequence[Slice]:
        return self.slicing.book.all()

    def slice(self, name: str) -> Slice:
        return self.slicing.book.find(name)

    def ask_slices(self, requests: Sequence[SliceRequest]) -> None:
        self.slicing.create(requests, time.time(), time.monotonic())

    def compare_slices(self, requests: Sequence[SliceRequest]) -> dict[str, list[str]]:
        return self.slicing.book.difference(requests)

    def apply_slices(self, requests: Sequence[SliceRequest]) -> dict[str, list[str]]:
        return self.slicing.replace_all(requests, time.time(), time.monotonic())

    def delete_slice(self, name: str) -> None:
        self.slicing.delete(name, time.time(), time.monotonic())

    def delivered(self) -> Mapping[str, Delivered]:
        return self.measured

    def events(self, since: int, limit: int) -> Sequence[Event]:
        return self.slicing.book.events(since, limit)

    def newest_event(self) -> int:
        return self.slicing.book.newest_event()

    def wait_event(self, since: int, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while self.newest_event() <= since and time.monotonic() < until:
            time.sleep(0.01)
        return self.newest_event() > since
