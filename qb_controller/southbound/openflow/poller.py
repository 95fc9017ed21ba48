"""Asks every switch for its port and group counters, and those of slices, once per interval."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

import eventlet

from qb_controller.errors import InstallError
from qb_controller.model.network import LinkId
from qb_controller.model.telemetry import Demand
from qb_controller.southbound import layout
from qb_controller.southbound.inventory import Inventory
from qb_controller.southbound.metering import DemandEstimator, Meter, Reading
from qb_controller.southbound.openflow import requests
from qb_controller.southbound.openflow.installer import Installer
from qb_controller.southbound.openflow.translate import read_flow
from qb_controller.southbound.slice_counters import Count, SliceCounters

LOG = logging.getLogger(__name__)

SIDE_BY_SIDE = 8
"""Switches asked at the same time; their answers are parsed one after the other anyway."""

LEAST_RATE = 1.0
"""Bit/s below which a pair has no traffic."""

Pair = tuple[int, int]


class Poller:
    """Keeps link rates and demands up to date.

    Parameters
    ----------
    app : RyuApp
    inventory : Inventory
    installer : Installer
        Knows which switches are connected.
    interval_s : float
    lag_s : float
        Longest time that the switches' counters stay behind.
    measured : callable
        Called after each round.
    """

    def __init__(
        self,
        app: Any,
        inventory: Inventory,
        installer: Installer,
        interval_s: float,
        lag_s: float,
        measured: Callable[[], None],
    ) -> None:
        self._app = app
        self._inventory = inventory
        self._installer = installer
        self._interval_s = interval_s
        self._measured = measured
        self._ports: Meter[LinkId] = Meter()
        self._pairs: Meter[Pair] = Meter()
        self._demands: DemandEstimator[Pair] = DemandEstimator(lag_s)
        self._answered: set[int] = set()
        self._told: set[Pair] = set()
        self.slices = SliceCounters(fresh_s=2 * interval_s)
        """What every slice sent, got through and lost at its meters, as of the last round."""

    @property
    def link_rates(self) -> Mapping[LinkId, float]:
        """Bit/s sent into every link over the last interval."""
        links = self._inventory.network().link_by_id
        return {end: rate for end, rate in self._ports.rates.items() if end in links}

    def demands(self) -> tuple[Demand, ...]:
        """The traffic matrix, pairs without traffic left out."""
        switches = self._inventory.network().switch_by_dpid
        return tuple(
            Demand(*pair, rate)
            for pair, rate in sorted(self._demands.rates().items())
            if rate >= LEAST_RATE and pair[0] in switches and pair[1] in switches
        )

    def run(self) -> None:
        """Ask, report, wait for the rest of the interval; for ever."""
        due = time.monotonic()
        while True:
            due = max(due + self._interval_s, time.monotonic())
            try:
                self._round()
                self._measured()
            except Exception:
                LOG.exception("a round of telemetry failed")
            eventlet.sleep(max(0.0, due - time.monotonic()))

    def _round(self) -> None:
        datapaths = list(self._installer.datapaths.values())
        self._answered, self._told = set(), set()
        self.slices.begin(self._installer.intent.slices)
        pool = eventlet.GreenPool(SIDE_BY_SIDE)
        for dp in datapaths:
            pool.spawn(self._ask, dp)
        pool.waitall()
        here = set(self._inventory.network().switch_by_dpid)
        self._ports.forget({end for end in self._ports.keys if end.dpid not in here})
        # A pair has no group any more once the last host at its egress has left.
        gone = {
            pair
            for pair in self._pairs.keys
            if not here.issuperset(pair) or (pair[0] in self._answered and pair not in self._told)
        }
        self._pairs.forget(gone)
        self._demands.forget(gone)
        self.slices.end(time.monotonic())

    def _ask(self, dp: Any) -> None:
        try:
            for stat in requests.port_stats(self._app, dp):
                if stat.port_no < dp.ofproto.OFPP_MAX:
                    age = stat.duration_sec + stat.duration_nsec / 1e9
                    self._ports.read(LinkId(dp.id, stat.port_no), Reading(stat.tx_bytes, age))
            for group, size, age in requests.group_counters(self._app, dp):
                self._group(dp.id, group, Reading(size, age))
            self._answered.add(dp.id)
            if dp.id in self.slices.switches:
                self._slices(dp)
        except InstallError as error:
            LOG.warning("no telemetry: %s", error)

    def _slices(self, dp: Any) -> None:
        stats = requests.slice_flow_stats(self._app, dp)
        now = time.monotonic()
        for stat in stats:
            age = stat.duration_sec + stat.duration_nsec / 1e9
            count = Count(now, stat.packet_count, stat.byte_count)
            self.slices.flow(dp.id, read_flow(dp.ofproto, stat), count, age)
        for stat in requests.meter_stats(self._app, dp):
            age = stat.duration_sec + stat.duration_nsec / 1e9
            bands = stat.band_stats
            dropped = Count(
                now,
                sum(band.packet_band_count for band in bands),
                sum(band.byte_band_count for band in bands),
            )
            self.slices.meter(dp.id, stat.meter_id, dropped, age)

    def _group(self, dpid: int, group: int, reading: Reading) -> None:
        kind, number = layout.group_kind(group)
        egress = self._installer.numbers.dpid(number) if kind == "pair" else None
        if egress is None:
            return
        self._told.add((dpid, egress))
        since = self._pairs.read((dpid, egress), reading)
        if since is not None:
            self._demands.add((dpid, egress), *since)
