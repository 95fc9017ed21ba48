"""Slices on the controller's side without its sockets, with a first fit for an optimiser."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from qb_controller.applications.slice_requests import read
from qb_controller.model.network import Host, Network
from qb_controller.model.slices import SlicePlan
from qb_controller.runtime.messages import Settings, SlicesRequest, SlicesResult
from qb_controller.slicing.book import SliceBook
from qb_controller.slicing.control import Slicing
from qb_controller.slicing.store import SliceStore
from tests.northbound.still import diamond
from tests.support.first_fit import answer

FOURS = 6
"""Hosts at each switch: h1 to h4 are one at each, h5 to h8 the next ones, and so on."""

DIAMOND = replace(
    diamond(),
    hosts=tuple(
        Host(f"h{n}", f"00:00:00:00:00:{n:02x}", f"10.0.0.{n}", (n - 1) % 4 + 1, 10 + n)
        for n in range(1, 4 * FOURS + 1)
    ),
)


class Run:
    """A controller without its sockets; time passes when told to."""

    def __init__(
        self, directory: Path | None = None, now: float = 1000.0, network: Network = DIAMOND
    ) -> None:
        self.now = now
        self.network = network
        self.sent: list[SlicesRequest] = []
        self.plans: list[SlicePlan] = []
        self.takes = True
        self.up = True
        self.answers = 0
        self.store = SliceStore(directory)
        self.slicing = Slicing(
            SliceBook(self.store), Settings(deadline_s=1.0), 0.2, self._send, self._install
        )

    def _install(self, plan: SlicePlan) -> bool:
        if self.takes:
            assert plan.network_version == self.network.version
            self.plans.append(plan)
        return self.takes

    def _send(self, message: Any) -> bool:
        if self.up:
            self.sent.append(message)
        return self.up

    def create(self, *requests: dict[str, Any]) -> None:
        self.slicing.create([read(r, self.now) for r in requests], self.now, self.now)

    def apply(self, *requests: dict[str, Any]) -> dict[str, list[str]]:
        found = [read(r, self.now) for r in requests]
        return self.slicing.replace_all(found, self.now, self.now)

    def delete(self, name: str) -> None:
        self.slicing.delete(name, self.now, self.now)
        self.after(0.0)

    def after(self, seconds: float) -> None:
        self.now += seconds
        self.slicing.tick(self.network, self.now, self.now)

    def answered(self) -> SlicesResult:
        self.answers = len(self.sent)
        result = answer(self.sent[-1])
        self.slicing.received(result, self.now, self.now)
        self.after(0.0)
        return result

    def confirmed(self) -> None:
        if self.plans:
            self.slicing.installed(self.plans[-1], self.now)

    def settle(self) -> None:
        """Let everything happen that is to happen."""
        for _ in range(6):
            self.after(0.3)
            if len(self.sent) > self.answers:
                self.answered()
            self.confirmed()

    def states(self) -> dict[str, str]:
        return {one.name: one.state for one in self.slicing.book.all()}

    def detail(self, name: str) -> str:
        return self.slicing.book.find(name).detail

    def told(self, name: str) -> list[str]:
        return [e.kind for e in self.slicing.book.events(0, 1000) if e.slice == name]

    def path(self, name: str) -> tuple[int, ...]:
        placement = self.slicing.book.find(name).placement
        assert placement is not None and placement.pipes[0].path is not None
        return placement.pipes[0].path.dpids


def pipe(name: str, rate: str = "3M", **more: Any) -> dict[str, Any]:
    """A slice from s1 to s4 between hosts that no other letter or number has."""
    first = 4 * ((ord(name[-1]) - ord("a" if name[-1].isalpha() else "0")) % FOURS)
    ends = [f"h{first + 1}", f"h{first + 4}"]
    return {"name": name, "pairs": [ends], "rate": rate, **more}
