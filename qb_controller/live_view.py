"""The live controller as the northbound side sees it."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import eventlet

from qb_controller.errors import InstallError, OptimiserError
from qb_controller.model.decision import Decision
from qb_controller.model.delivered import Delivered
from qb_controller.model.network import LinkId, Network
from qb_controller.model.plan import Route
from qb_controller.model.rules import RuleSet
from qb_controller.model.slice_life import Event, Slice
from qb_controller.model.slices import SliceRequest
from qb_controller.model.telemetry import Demand
from qb_controller.northbound.view import LiveRule, OptimiserStatus, Status, TeSettings
from qb_controller.runtime.messages import ChannelsRequest, JobsRequest, RestResult
from qb_controller.southbound.intent import Intent
from qb_controller.southbound.labels import Numbers
from qb_controller.southbound.openflow import requests
from qb_controller.southbound.openflow.translate import read_flow, read_group, read_meter
from quantum_backends.registry import BACKENDS

if TYPE_CHECKING:
    from qb_controller.controller import Controller

REPAIR_S = 15.0

CHANNELS_S = 30.0
"""How long channels are waited for: the longest deadline, what is before it in the queue, and
loading libraries for the first time."""


class LiveView:
    """Implements :class:`qb_controller.northbound.view.View` over a :class:`Controller`."""

    def __init__(self, controller: Controller, app: Any, interval_s: float) -> None:
        self._c = controller
        self._app = app
        self._interval_s = interval_s
        self._started_at = time.time()

    def network(self) -> Network:
        return self._c.inventory.network()

    def intended(self) -> Mapping[int, RuleSet]:
        return self._c.installer.desired

    def intent(self) -> Intent:
        return self._c.installer.intent

    def numbers(self) -> Numbers:
        return self._c.installer.numbers

    def pause(self) -> None:
        eventlet.sleep(0)

    def live_rules(self, dpids: Collection[int]) -> Sequence[LiveRule]:
        found: list[LiveRule] = []
        for dpid in dpids:
            dp = self._c.installer.datapaths.get(dpid)
            if dp is None:
                raise InstallError(f"switch {self.network().name(dpid)} is not connected")
            found += self._rules_of(dp)
        return found

    def _rules_of(self, dp: Any) -> list[LiveRule]:
        rules = []
        for stat in requests.flow_stats(self._app, dp):
            age = stat.duration_sec + stat.duration_nsec / 1e9
            rule = read_flow(dp.ofproto, stat)
            rules.append(LiveRule(dp.id, rule, stat.packet_count, stat.byte_count, age))
        counters = {stat.group_id: stat for stat in requests.group_stats(self._app, dp)}
        for description in requests.group_descriptions(self._app, dp):
            group = read_group(dp.ofproto, description)
            stat = counters.get(group.group_id)
            if stat is None:  # made between the two answers
                continue
            age = stat.duration_sec + stat.duration_nsec / 1e9
            buckets = tuple((b.packet_count, b.byte_count) for b in stat.bucket_stats)
            rules.append(LiveRule(dp.id, group, stat.packet_count, stat.byte_count, age, buckets))
        return [*rules, *self._meters_of(dp)]

    def _meters_of(self, dp: Any) -> list[LiveRule]:
        counters = {stat.meter_id: stat for stat in requests.meter_stats(self._app, dp)}
        meters = []
        for description in requests.meter_descriptions(self._app, dp):
            stat = counters.get(description.meter_id)
            if stat is None:  # made between the two answers
                continue
            age = stat.duration_sec + stat.duration_nsec / 1e9
            dropped = tuple((b.packet_band_count, b.byte_band_count) for b in stat.band_stats)
            meter = read_meter(dp.ofproto, description)
            seen = stat.packet_in_count, stat.byte_in_count
            meters.append(LiveRule(dp.id, meter, *seen, age, dropped))
        return meters

    def link_rates(self) -> Mapping[LinkId, float]:
        return self._c.poller.link_rates

    def demands(self) -> Sequence[Demand]:
        return self._c.poller.demands()

    def decisions(self) -> Sequence[Decision]:
        return tuple(self._c.steering.decisions)

    def installed(self) -> Sequence[Route]:
        return self._c.installer.intent.routes()

    def status(self) -> Status:
        client, steering = self._c.optimiser, self._c.steering
        optimiser = OptimiserStatus(
            up=client.pid is not None,
            pid=client.pid,
            restarts=max(0, client.starts - 1),
            cycles=steering.cycles,
            last_cycle_at=steering.last_cycle_at,
            last_cycle_s=steering.last_cycle_s,
        )
        return Status(
            started_at=self._started_at,
            settled=self._c.installer.settled,
            telemetry_interval_s=self._interval_s,
            hub_stall_p99_s=self._c.stall.p99(),
            hub_stall_recent_max_s=self._c.stall.recent_worst(),
            hub_stall_max_s=self._c.stall.worst,
            optimiser=optimiser,
            counters=dict(self._c.installer.counters),
        )

    def te(self) -> TeSettings:
        steering = self._c.steering
        settings = steering.settings
        return TeSettings(
            steering.enabled, settings.pinned_backend, settings.split, settings.deadline_s
        )

    def set_te(self, settings: TeSettings) -> None:
        steering = self._c.steering
        steering.settings = replace(
            steering.settings,
            pinned_backend=settings.backend,
            split=settings.split,
            deadline_s=settings.deadline_s,
        )
        if steering.enabled and not settings.enabled:
            self._c.installer.drop_plan()
        steering.enabled = settings.enabled

    def backends(self) -> Collection[str]:
        return tuple(BACKENDS)

    def channels(self, body: bytes) -> tuple[int, str]:
        answer: RestResult = self._c.asking.ask(
            lambda number: ChannelsRequest(number, body), CHANNELS_S
        )
        return answer.code, answer.body

    def jobs(self, action: str, name: str, body: bytes) -> tuple[int, str]:
        try:
            answer: RestResult = self._c.jobs.ask(
                lambda number: JobsRequest(number, action, name, body)
            )
        except OptimiserError as error:
            if action != "submit":
                raise
            raise OptimiserError(
                f"{error}; the job may be taken all the same: send it again with the same key, or "
                "look at the list of jobs"
            ) from None
        return answer.code, answer.body

    def repair(self) -> None:
        installer = self._c.installer
        for dpid in list(installer.datapaths):
            installer.read_again(dpid)
        if not installer.wait_settled(REPAIR_S):
            raise InstallError(f"the switches did not confirm everything within {REPAIR_S:g} s")

    def slices(self) -> Sequence[Slice]:
        return self._c.slicing.book.all()

    def slice(self, name: str) -> Slice:
        return self._c.slicing.book.find(name)

    def ask_slices(self, requests: Sequence[SliceRequest]) -> None:
        self._c.slicing.create(requests, time.time(), time.monotonic())

    def compare_slices(self, requests: Sequence[SliceRequest]) -> dict[str, list[str]]:
        return self._c.slicing.book.difference(requests)

    def apply_slices(self, requests: Sequence[SliceRequest]) -> dict[str, list[str]]:
        return self._c.slicing.replace_all(requests, time.time(), time.monotonic())

    def delete_slice(self, name: str) -> None:
        self._c.slicing.delete(name, time.time(), time.monotonic())

    def delivered(self) -> Mapping[str, Delivered]:
        return self._c.assurance.found

    def events(self, since: int, limit: int) -> Sequence[Event]:
        return self._c.slicing.book.events(since, limit)

    def newest_event(self) -> int:
        return self._c.slicing.book.newest_event()

    def wait_event(self, since: int, seconds: float) -> bool:
        return self._c.news.wait(lambda: self.newest_event() > since, seconds)
