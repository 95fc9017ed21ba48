"""The phases of the demonstration on a running network, and how each is measured."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import Any

from qb_controller.commands import demo_scenario as scenario
from qb_controller.commands.client import Client
from qb_controller.commands.demo_progress import Progress
from qb_controller.commands.demo_report import FAMILIES, SPOKEN, Phase, Series
from qb_controller.errors import QBError
from topologies.client import LiveNetwork
from topologies.graph import Topology
from topologies.traffic import Matrix

SAMPLE_S = 0.5
SERIES_MS = 500
SETTLE_S = 5.0
"""Measuring begins this long after a new plan, as far as the phase is long enough."""
PINNED = {"highs-lp": (True, 0.5), "sa-blocks": (False, 1.0), "qaoa-blocks": (False, 2.0)}
"""Whether plans may split, and seconds allowed, with each backend pinned."""
LEAST_S = 5.0
"""No measured phase is shorter than this, however short the demonstration."""


class Sampler(threading.Thread):
    """Asks the controller for the links' rates again and again.

    ``samples`` holds (seconds of CLOCK_MONOTONIC, {(from, to): utilisation}).
    """

    def __init__(self, url: str, progress: Progress) -> None:
        super().__init__(daemon=True)
        self._client, self._progress = Client(url, timeout_s=5.0), progress
        self._end = threading.Event()
        self.samples: list[tuple[float, dict[tuple[str, str], float]]] = []

    def run(self) -> None:
        while not self._end.wait(SAMPLE_S):
            with contextlib.suppress(QBError):
                rows = self._client.get("/v1/links")
                now = {(r["from"], r["to"]): r["utilisation"] or 0.0 for r in rows}
                self.samples.append((time.monotonic(), now))
                self._progress.load(max(now.values(), default=0.0))

    def stop(self) -> None:
        self._end.set()
        self.join(6.0)

    def means(self, since: float, until: float) -> dict[tuple[str, str], float]:
        """Mean utilisation of every link over the samples of an interval."""
        rows = [now for at, now in self.samples if since < at <= until]
        links = {link for now in rows for link in now}
        return {link: sum(now.get(link, 0.0) for now in rows) / len(rows) for link in links}

    def series(self) -> Series:
        return [(at, max(now.values(), default=0.0)) for at, now in self.samples]


class Show:
    """Runs the phases one after the other.

    Parameters
    ----------
    network : LiveNetwork
    url : str
        REST address of the controller.
    topology : Topology
        With the capacities of the live links.
    matrices : (Matrix, Matrix)
        Of the first phases, and the shifted one.
    scale : float
        Of all durations; 1 is two minutes.
    """

    def __init__(
        self,
        network: LiveNetwork,
        url: str,
        topology: Topology,
        matrices: tuple[Matrix, Matrix],
        scale: float,
        progress: Progress,
    ) -> None:
        self.network, self.client, self.topology = network, Client(url), topology
        self.first, self.shifted = matrices
        self.scale, self.progress = scale, progress
        self.sampler = Sampler(url, progress)
        self.phases: list[Phase] = []
        self.loss: Series = []
        self._node = {s["name"]: i for i, s in enumerate(network.info["switches"])}

    def run(self) -> None:
        """All phases; what was measured so far stays in ``phases`` where one of them fails."""
        self.sampler.start()
        try:
            self._first_phases()
            for backend in FAMILIES:
                self._pinned(backend)
            self._last_phases()
        finally:
            self.sampler.stop()

    def _first_phases(self) -> None:
        best = scenario.optimum(self.topology, self.first)
        self._send(self.first)
        self._measured(self._phase("shortest paths", "shortest", best), 12, wait=False)
        phase = self._phase("Q-Backbone", "auto", best)
        self._te(enabled=True, backend=None, split=False, deadline_s=0.5)
        self._measured(phase, 18)

    def _pinned(self, backend: str) -> None:
        split, deadline = PINNED[backend]
        self._te(enabled=False)
        self._until_no_plan()
        time.sleep(max(1.5, 2.5 * self.scale))
        best = self.phases[0].mlu_bound
        phase = self._phase(f"{backend} pinned", f"pinned:{backend}", best)
        phase.note = SPOKEN[backend]
        self._te(enabled=True, backend=backend, split=split, deadline_s=deadline)
        self._measured(phase, 10)

    def _last_phases(self) -> None:
        self._te(enabled=True, backend=None, split=False, deadline_s=0.5)
        time.sleep(1.5)
        phase = self._phase(
            "shifted matrix", "shift", scenario.optimum(self.topology, self.shifted)
        )
        # The step is when the senders begin, not when they were told.
        phase.begin = self._send(self.shifted)
        self._measured(phase, 15)
        links = self.sampler.means(phase.end - phase.window_s, phase.end)
        loads = {(self._node[a], self._node[b]): value for (a, b), value in links.items()}
        cut = scenario.choose_cut(self.topology, self.shifted, loads)
        if cut is None:
            self.progress.say("no loaded link can be cut without parting the network")
            return
        matrix, note = self.shifted, ""
        if cut.factor < 1:
            matrix = matrix.scaled(cut.factor)
            note = (
                f"traffic lowered to {cut.factor:.0%} before the cut: without the link the "
                f"optimum would be {cut.optimum:.2f}"
            )
            self.progress.say(note)
            self._send(matrix)
            time.sleep(max(2.0, 3 * self.scale))
        ends = f"s{cut.a + 1}-s{cut.b + 1}"
        poorer = scenario.without(self.topology, cut.a, cut.b)
        phase = self._phase(f"link {ends} cut", "cut", scenario.optimum(poorer, matrix))
        phase.note = note
        phase.begin = self.network.call("link down", a=cut.a, b=cut.b)["begun"]
        self._measured(phase, 15)
        best = scenario.optimum(self.topology, matrix)
        phase = self._phase(f"link {ends} back", "back", best)
        phase.note = note
        phase.begin = self.network.call("link up", a=cut.a, b=cut.b)["begun"]
        self._measured(phase, 12)

    def _phase(self, name: str, kind: str, best: float) -> Phase:
        self.progress.say(f"{name} ...")
        return Phase(name, kind, time.monotonic(), best)

    def _send(self, matrix: Matrix) -> float:
        rows = [[src, dst, rate] for (src, dst), rate in sorted(matrix.demands.items())]
        return float(self.network.call("traffic start", demands=rows)["at"])

    def _te(self, **settings: object) -> None:
        self.client.send("PATCH", "/v1/te", settings)

    def _until_no_plan(self) -> None:
        until = time.monotonic() + 10
        while self.client.get("/v1/plan") and time.monotonic() < until:
            time.sleep(0.2)

    def _measured(self, phase: Phase, length: float, wait: bool = True) -> None:
        """Let a phase run, measure its window, and keep what was found."""
        length = max(LEAST_S, length * self.scale)
        reaction = self._reaction(phase, length) if wait else None
        phase.reaction_s = reaction
        settle = min(SETTLE_S, length / 2) if wait else min(3.0, length / 3)
        begin = phase.begin + (reaction or 0.0) + settle
        end = max(phase.begin + length, begin + max(2.0, length / 3))
        phase.settled_s = begin - phase.begin - (reaction or 0.0)
        report = self._report(begin, end, pairs=True)
        phase.loss, phase.sent, phase.lost = report["loss"], report["sent"], report["lost"]
        phase.sender_was_bottleneck = report["sender"]["bottleneck"]
        phase.worst_pairs = worst(report["pairs"])
        whole = self._report(phase.begin, end, series_ms=SERIES_MS)
        phase.lost_by_change = whole["lost"] - report["lost"] if wait else None
        self._add_series(whole["series"])
        phase.end, phase.window_s = end, end - begin
        # A rate asked for now is of a telemetry interval that began up to two of them ago.
        aged = begin + min(2.0, (end - begin) / 2)
        phase.mlu_measured = max(self.sampler.means(aged, end + 0.5).values(), default=0.0)
        phase.drift = self._drift()
        phase.decisions = self._decisions(phase.begin)
        installed = [one["backend"] for one in phase.decisions if one["installed"]]
        phase.backends = list(dict.fromkeys(installed))
        self.phases.append(phase)
        self.progress.done(phase)

    def _drift(self) -> int:
        """Differences once no update is under way; after five seconds those there are."""
        until = time.monotonic() + 5
        while True:
            answer = self.client.get("/v1/drift")
            if answer["settled"] or time.monotonic() > until:
                return len(answer["differences"])
            time.sleep(0.3)

    def _report(
        self, since: float, until: float, series_ms: int = 0, pairs: bool = False
    ) -> dict[str, Any]:
        timeout = max(0.0, until - time.monotonic()) + 30
        return self.network.call(
            "traffic report", timeout, since=since, until=until, series_ms=series_ms, pairs=pairs
        )

    def _add_series(self, series: dict[str, Any]) -> None:
        step = series["step_ms"] / 1000
        self.loss.append((series["from"], float("nan")))  # nothing is known between two phases
        for number, (sent, got) in enumerate(zip(series["sent"], series["received"], strict=True)):
            if sent:
                at = series["from"] + (number + 0.5) * step
                self.loss.append((at, max(0.0, 1 - got / sent)))

    def _reaction(self, phase: Phase, length: float) -> float | None:
        """Seconds from the change to the last flow-mod of the first plan; None if none came."""
        until = phase.begin + length
        while time.monotonic() < until:
            times = [
                one["installed_at"] for one in self._decisions(phase.begin) if one["installed"]
            ]
            if times:
                return float(min(times)) - _unix(phase.begin)
            time.sleep(0.25)
        return None

    def _decisions(self, since: float) -> list[dict[str, Any]]:
        """Decisions taken from a moment on, oldest first, with when each was installed."""
        rows = self.client.get("/v1/decisions", limit=200)
        found = []
        for one in reversed(rows):
            if one["at"] < _unix(since):
                continue
            installed_at = None
            if one["status"] == "improved":
                extra = self.client.get(f"/v1/decisions/{one['decision']}")["outcome"]["extra"]
                installed_at = extra.get("installed_at")
            found.append(
                {**one, "installed": installed_at is not None, "installed_at": installed_at}
            )
        return found


def _unix(monotonic: float) -> float:
    return time.time() - time.monotonic() + monotonic


def worst(pairs: list[dict[str, Any]], count: int = 5) -> list[dict[str, Any]]:
    """The pairs of hosts that lost most, with what each sent and lost."""
    losers = sorted((row for row in pairs if row["lost"] > 0), key=lambda row: -row["lost"])
    return [{"hosts": r["hosts"], "sent": r["sent"], "lost": r["lost"]} for r in losers[:count]]
