"""What the REST interface needs of the live controller, and nothing more.

The Ryu application implements :class:`View`; tests implement it over the pure parts. All values
are frozen, so a view may hand out what it holds.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from qb_controller.model.decision import Decision
from qb_controller.model.delivered import Delivered
from qb_controller.model.network import LinkId, Network
from qb_controller.model.plan import Route
from qb_controller.model.rules import Entry, RuleSet
from qb_controller.model.slice_life import Event, Slice
from qb_controller.model.slices import SliceRequest
from qb_controller.model.telemetry import Demand
from qb_controller.southbound.intent import Intent
from qb_controller.southbound.labels import Numbers


@dataclass(frozen=True, slots=True)
class LiveRule:
    """An entry as a switch reported it, with its counters.

    Attributes
    ----------
    dpid : int
    rule : FlowRule, GroupRule or MeterRule
        Exactly what the switch holds, foreign entries included.
    packets, bytes : int
        Since the entry was made.
    duration_s : float
        Age of the entry by the switch's own clock (duration_sec and duration_nsec).
    buckets : tuple of (packets, bytes)
        Of a group, in the order of ``rule.buckets``; of a meter, what it dropped; empty for flow
        rules.
    """

    dpid: int
    rule: Entry
    packets: int
    bytes: int
    duration_s: float
    buckets: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class TeSettings:
    """What an operator may change in traffic engineering while it runs.

    Attributes
    ----------
    enabled : bool
        False: traffic goes back to shortest paths and no cycle runs.
    backend : str or None
        The pinned backend; None lets the policy choose.
    split : bool
        Whether a pair may use several paths.
    deadline_s : float
        Time from snapshot to verified plan.
    """

    enabled: bool
    backend: str | None
    split: bool
    deadline_s: float


@dataclass(frozen=True, slots=True)
class OptimiserStatus:
    """State of the optimiser process.

    Attributes
    ----------
    up : bool
    pid : int or None
        None while it is down.
    restarts : int
        How often it was started again.
    cycles : int
        Cycles answered since the controller started.
    last_cycle_at : float or None
        Unix time of the last answer.
    last_cycle_s : float or None
        From the request to the last flow-mod acknowledged, seconds.
    """

    up: bool
    pid: int | None
    restarts: int
    cycles: int
    last_cycle_at: float | None
    last_cycle_s: float | None


@dataclass(frozen=True, slots=True)
class Status:
    """State of the controller process.

    Attributes
    ----------
    started_at : float
        Unix time.
    settled : bool
        False while an update is being installed or drained; drift is then to be expected.
    telemetry_interval_s : float
    hub_stall_p99_s, hub_stall_recent_max_s, hub_stall_max_s : float
        How late the event loop woke: 99th percentile and worst of the last minute, worst since the
        start.
    optimiser : OptimiserStatus
    counters : mapping
        Ever-growing totals by name (``flow_mods``, ``packet_ins`` ...), shown in the metrics.
    """

    started_at: float
    settled: bool
    telemetry_interval_s: float
    hub_stall_p99_s: float
    hub_stall_recent_max_s: float
    hub_stall_max_s: float
    optimiser: OptimiserStatus
    counters: Mapping[str, int]


class View(Protocol):
    """The live controller as the northbound side sees it.

    Methods may wait for switches but must let the rest of the controller go on meanwhile. Whatever
    they raise as :class:`~qb_controller.errors.QBError` reaches the client as 503 with its text.
    """

    def network(self) -> Network: ...

    def intended(self) -> Mapping[int, RuleSet]:
        """What every connected switch should hold, by datapath id."""
        ...

    def intent(self) -> Intent:
        """What those rules mean."""
        ...

    def numbers(self) -> Numbers:
        """Switch numbers inside labels."""
        ...

    def live_rules(self, dpids: Collection[int]) -> Sequence[LiveRule]:
        """Ask these switches now for all their flow entries, groups and meters.

        Raises
        ------
        qb_controller.errors.InstallError
            A switch did not answer; the text names it.
        """
        ...

    def link_rates(self) -> Mapping[LinkId, float]:
        """Bit/s at every sending port, latest measurement."""
        ...

    def demands(self) -> Sequence[Demand]:
        """The measured traffic matrix."""
        ...

    def decisions(self) -> Sequence[Decision]:
        """Decisions remembered, oldest first."""
        ...

    def installed(self) -> Sequence[Route]:
        """What the switches are steered to now; pairs not named follow shortest paths."""
        ...

    def status(self) -> Status: ...

    def te(self) -> TeSettings: ...

    def set_te(self, settings: TeSettings) -> None:
        """Take over all settings (already validated) from the next cycle on."""
        ...

    def backends(self) -> Collection[str]:
        """Names that ``TeSettings.backend`` may take."""
        ...

    def pause(self) -> None:
        """Let the rest of the controller have a turn; called every few milliseconds of work."""
        ...

    def channels(self, body: bytes) -> tuple[int, str]:
        """Have the optimiser choose channels for a scenario in JSON; status code and JSON.

        Raises
        ------
        qb_controller.errors.OptimiserError
            It is down or did not answer.
        """
        ...

    def jobs(self, action: str, name: str, body: bytes) -> tuple[int, str]:
        """Have the jobs process submit, list, show or cancel quantum jobs; status code and JSON.

        Raises
        ------
        qb_controller.errors.OptimiserError
            It is down or did not answer.
        """
        ...

    def slices(self) -> Sequence[Slice]:
        """Every slice by name, those rejected and expired included."""
        ...

    def slice(self, name: str) -> Slice:
        """One slice.

        Raises
        ------
        qb_controller.errors.NotFound
        """
        ...

    def ask_slices(self, requests: Sequence[SliceRequest]) -> None:
        """Take in new requests, all or none.

        Raises
        ------
        qb_controller.errors.Conflict
            A name is taken.
        """
        ...

    def compare_slices(self, requests: Sequence[SliceRequest]) -> dict[str, list[str]]:
        """Names that a whole set would create, change, leave (``unchanged``) and delete."""
        ...

    def apply_slices(self, requests: Sequence[SliceRequest]) -> dict[str, list[str]]:
        """Take in a whole set; what it did, as :meth:`compare_slices` says it."""
        ...

    def delete_slice(self, name: str) -> None:
        """End a slice.

        Raises
        ------
        qb_controller.errors.NotFound
            There is none, or it has ended.
        """
        ...

    def delivered(self) -> Mapping[str, Delivered]:
        """What running slices were given over the last interval, by name."""
        ...

    def events(self, since: int, limit: int) -> Sequence[Event]:
        """Events with numbers above ``since``, oldest first."""
        ...

    def newest_event(self) -> int:
        """Number of the newest event, 0 where there is none."""
        ...

    def wait_event(self, since: int, seconds: float) -> bool:
        """Wait for an event with a number above ``since``; False where none came in time."""
        ...

    def repair(self) -> None:
        """Make the switches hold what is intended; returns when they confirmed it.

        Raises
        ------
        qb_controller.errors.InstallError
            A switch refused or did not answer.
        """
        ...
