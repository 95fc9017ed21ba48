"""The parts of the controller put together: events in, greenlets running, one View out."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import eventlet

from qb_controller.config import check_backends
from qb_controller.errors import OptimiserError
from qb_controller.knowledge import knowledge_of
from qb_controller.live_view import LiveView
from qb_controller.model.network import LinkId
from qb_controller.model.slices import SlicePlan
from qb_controller.model.telemetry import NetworkSnapshot
from qb_controller.northbound.rest import make_app
from qb_controller.runtime.messages import (
    RestResult,
    ScheduleRequest,
    ScheduleResult,
    Settings,
    SlicesResult,
)
from qb_controller.runtime.wire import Decoder, encode
from qb_controller.slicing.assurance import Assurance
from qb_controller.slicing.book import SliceBook
from qb_controller.slicing.control import Slicing
from qb_controller.slicing.store import SliceStore
from qb_controller.southbound.base_layer import off_the_shortest
from qb_controller.southbound.carrying import best_effort_network
from qb_controller.southbound.intent import Intent
from qb_controller.southbound.inventory import Inventory, PortState
from qb_controller.southbound.labels import Numbers
from qb_controller.southbound.openflow import arp, discovery, http, memory
from qb_controller.southbound.openflow.asking import Asking
from qb_controller.southbound.openflow.installer import Installer
from qb_controller.southbound.openflow.jobs_client import JobsClient
from qb_controller.southbound.openflow.news import News
from qb_controller.southbound.openflow.optimiser_client import OptimiserClient
from qb_controller.southbound.openflow.poller import Poller
from qb_controller.southbound.openflow.prober import ProbeSender
from qb_controller.southbound.openflow.stall import StallMonitor
from qb_controller.southbound.reweighted import reweighted_steps
from qb_controller.southbound.steps import run
from qb_controller.state import StateFolder
from qb_controller.steering import Steering
from quantum_backends.registry import BACKENDS

LOG = logging.getLogger(__name__)

HOUSEKEEPING_S = 1.0

SCHEDULE_DEADLINE_S = 0.3
"""For a better schedule of quantum jobs; sub-jobs take seconds."""

SCHEDULE_S = 1.5
"""How long it is waited for: a cycle of traffic engineering may be in front."""

SLICES_S = 0.05
"""Between two looks at what slices wait for: a link that was cut, a start, requests to decide."""

NUMBERS, WEIGHTS = "switch-numbers", "decisions-on-weights"
"""Names in the state directory."""

PROBE_AGAIN_S = 1.0
"""A host that nobody has seen is asked for at most this often."""


class Controller:
    """Everything behind the Ryu application.

    Parameters
    ----------
    app : RyuApp
        Requests to switches are made in its name.
    conf : oslo_config.cfg.ConfigOpts
        Options of :mod:`qb_controller.config`.

    Raises
    ------
    ConfigError
        An option names something that does not exist.
    """

    def __init__(self, app: Any, conf: Any) -> None:
        self._conf = conf
        check_backends(conf, {name: backend.family for name, backend in BACKENDS.items()})
        self._state = StateFolder(Path(conf.qb_state_dir))
        knowledge = knowledge_of(conf.qb_topology, conf.qb_largest, conf.qb_capacity)
        self.inventory = Inventory(knowledge)
        self.installer = Installer(app, self.inventory, self._load_numbers(), conf.qb_drain)
        self.installer.noted = self._state.load(WEIGHTS)
        clock = conf.qb_interval, conf.qb_counter_lag
        self.poller = Poller(app, self.inventory, self.installer, *clock, self._measured)
        self.probes = ProbeSender(self.installer)
        self.stall = StallMonitor()
        self.optimiser = OptimiserClient(
            conf.qb_state_dir, encode, Decoder, self._heard, self._optimiser_down
        )
        self.asking = Asking(self.optimiser.send)
        self.jobs = JobsClient(conf.qb_state_dir, encode, Decoder, self._help_jobs)
        settings = Settings(
            deadline_s=conf.qb_deadline,
            split=conf.qb_split,
            pinned_backend=conf.qb_backend,
            forbidden=tuple(conf.qb_forbid),
            energy_per_hour_j=conf.qb_energy_per_hour,
            money_per_hour=conf.qb_money_per_hour,
        )
        self.steering = Steering(settings, conf.qb_te, self.optimiser.send, self.installer.take)
        self.installer.on_installed = self.steering.installed
        self.assurance = Assurance(conf.qb_counter_lag)
        self.news = News()
        self.slicing = self._make_slicing(settings)
        self._jobs_settings = settings.of_another(SCHEDULE_DEADLINE_S)
        self.installer.te_in_force = lambda: self.steering.enabled
        self.view = LiveView(self, app, conf.qb_interval)
        self._asked: dict[str, float] = {}
        self._kept: Intent | None = None
        self._greenlets: list[Any] = []

    def _make_slicing(self, settings: Settings) -> Slicing:
        """Slices of earlier runs are known to the installer before it looks at any switch."""
        conf = self._conf
        book = SliceBook(SliceStore(Path(conf.qb_state_dir)))
        slicing = Slicing(
            book,
            settings.of_another(conf.qb_slice_deadline),
            conf.qb_slice_window,
            self.optimiser.send,
            self.installer.take_slices,
            self.steering.heard,
        )
        book.on_events = lambda events: self.news.happened()
        self.installer.slices = slicing.plan
        self.installer.on_slices = self._slices_installed
        return slicing

    # -- life -----------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the greenlets, the optimiser and the REST interface."""
        conf = self._conf
        server = http.serve(make_app(self.view), conf.qb_rest_host, conf.qb_rest_port)
        loops = (
            self.installer.run,
            self.poller.run,
            self.probes.run,
            self.stall.run,
            memory.run,
            self.optimiser.run,
            self._housekeeping,
            self._slices,
        )
        self._greenlets = [server, *(eventlet.spawn(loop) for loop in loops)]
        self.jobs.resume()
        LOG.info("Q-Backbone: REST on http://%s:%d", conf.qb_rest_host, conf.qb_rest_port)

    def stop(self) -> None:
        """End them; the switches forward on."""
        self.optimiser.stop()
        self.jobs.stop()
        for greenlet in self._greenlets:
            greenlet.kill()

    def _housekeeping(self) -> None:
        while True:
            eventlet.sleep(HOUSEKEEPING_S)
            if self.inventory.expire(time.monotonic()):
                LOG.warning("a switch or link stayed away and is taken out of the network")
                self.installer.poke()
            self._state.save(NUMBERS, self.installer.numbers.to_json())
            self._keep_weights()

    def _keep_weights(self) -> None:
        intent = self.installer.intent
        if self.installer.adopted and intent is not self._kept:
            rows = run(reweighted_steps(intent), lambda: eventlet.sleep(0))
            if self._state.save(WEIGHTS, rows):
                self._kept = intent

    def _slices(self) -> None:
        while True:
            eventlet.sleep(SLICES_S)
            ready = self.installer.adopted and self.inventory.all_connected()
            network = self.inventory.network() if ready else None
            known = max(self.slicing.known_decision, self.steering.known_decision)
            self.slicing.known_decision = self.steering.known_decision = known
            try:
                self.slicing.tick(network, time.time(), time.monotonic())
            except Exception:
                LOG.exception("looking after slices failed")

    def _slices_installed(self, plan: SlicePlan) -> None:
        self.slicing.installed(plan, time.time())

    def _load_numbers(self) -> Numbers:
        try:
            return Numbers.from_json(self._state.load(NUMBERS) or {})
        except (ValueError, AttributeError) as error:
            LOG.warning("the saved numbers of switches are unusable (%s); numbering anew", error)
            return Numbers()

    # -- events of switches ---------------------------------------------------------------------

    def switch_connected(self, dp: Any) -> None:
        now = time.monotonic()
        local = dp.ports.get(dp.ofproto.OFPP_LOCAL)
        name = _text(local.name) if local is not None else f"{dp.id:016x}"
        ports = {
            number: PortState(_text(port.name), _is_up(dp, port), now)
            for number, port in dp.ports.items()
            if number < dp.ofproto.OFPP_MAX
        }
        LOG.info("switch %s connected, datapath id %016x, %d ports", name, dp.id, len(ports))
        self.inventory.switch_connected(dp.id, name, ports, now)
        self._set_timers()
        self.installer.connected(dp)

    def switch_disconnected(self, dp: Any) -> None:
        if not self.installer.is_present(dp):
            return
        LOG.warning("switch %s disconnected", self.inventory.network().name(dp.id))
        self.inventory.switch_disconnected(dp.id, time.monotonic())
        self.installer.disconnected(dp)

    def port_changed(self, dp: Any, port: Any, *, deleted: bool) -> None:
        number, now = port.port_no, time.monotonic()
        if number >= dp.ofproto.OFPP_MAX:
            return
        if deleted:
            changed = self.inventory.port_deleted(dp.id, number, now)
        else:
            changed = self.inventory.port(dp.id, number, _text(port.name), _is_up(dp, port), now)
        if changed:
            what = "gone" if deleted else "up" if _is_up(dp, port) else "down"
            LOG.info("port %s is %s", _text(port.name), what)
            self._set_timers()
            self.installer.poke()

    def link_seen(self, src: LinkId, dst: LinkId) -> None:
        if self.inventory.link_seen(src, dst, time.monotonic()):
            self.installer.poke()

    def link_lost(self, src: LinkId) -> None:
        if self.inventory.link_lost(src, time.monotonic()):
            LOG.info("link out of %016x port %d is lost", *src)
            self.installer.poke()

    def refused(self, dp: Any, kind: int, code: int) -> None:
        """A switch refused a message."""
        LOG.warning("switch %016x refused a message: type %d, code %d", dp.id, kind, code)
        if self.installer.is_present(dp):
            self.installer.refused(dp.id)

    def arp(self, dp: Any, port: int, question: arp.Arp) -> None:
        """Learn from an ARP packet and answer it; ask for hosts that nobody has seen."""
        now = time.monotonic()
        self.installer.counters["packet_ins"] += 1
        if not self.inventory.is_edge(dp.id, port, now):
            return
        named = question.src_ip != "0.0.0.0" and question.src_mac != arp.ASKER_MAC
        if named and self.inventory.host_seen(question.src_mac, question.src_ip, dp.id, port, now):
            LOG.info(
                "host %s (%s) is behind %016x port %d",
                question.src_ip,
                question.src_mac,
                dp.id,
                port,
            )
            self.installer.poke()
        if not question.request or question.src_ip == question.dst_ip:
            return
        target = self.inventory.host_by_ip(question.dst_ip)
        if target is not None and target.mac != question.src_mac:
            arp.send(dp, [port], arp.reply(question, target.mac))
        elif target is None and now - self._asked.get(question.dst_ip, -1e9) > PROBE_AGAIN_S:
            self._probe(question.dst_ip, now)

    def _probe(self, ip: str, now: float) -> None:
        self._asked = {i: at for i, at in self._asked.items() if now - at < PROBE_AGAIN_S}
        self._asked[ip] = now
        frame = arp.probe(ip)
        for dpid, ports in self.inventory.edge_ports(now).items():
            if dpid in self.installer.datapaths:
                arp.send(self.installer.datapaths[dpid], ports, frame)

    def _set_timers(self) -> None:
        discovery.apply_timers(sum(len(s.ports) for s in self.inventory.switches.values()))

    # -- the loop -------------------------------------------------------------------------------

    def _measured(self) -> None:
        """New measurements are there: compare what slices got, ask for a cycle."""
        self._assure()
        if not self.installer.adopted or not self.inventory.all_connected():
            return
        if not self.steering.wants_request():
            return
        intent, taken_at = self.installer.intent, time.time()
        network = best_effort_network(self.inventory.network(), intent.placements())
        newest = max((pair.decision for pair in intent.pairs.values()), default=0)
        self.steering.known_decision = max(self.steering.known_decision, newest)
        demands = self.poller.demands()
        eventlet.sleep(0)  # thousands of pairs: each of these takes some milliseconds
        routes = list(intent.routes())
        routes += off_the_shortest(intent, network, ((d.ingress, d.egress) for d in demands))
        eventlet.sleep(0)
        rates = self.poller.link_rates
        self.steering.request(NetworkSnapshot(network, demands, tuple(routes), taken_at, rates))

    def _assure(self) -> None:
        book = self.slicing.book
        running = [one for one in book.living() if one.state in ("active", "degraded")]
        told = self.assurance.read(
            self.poller.slices.counts,
            running,
            self.inventory.network(),
            self.poller.link_rates,
            time.time(),
            lambda: eventlet.sleep(0),
            self.probes.prober.latency,
        )
        book.keep([], told)

    def _heard(self, message: object) -> None:
        if isinstance(message, RestResult | ScheduleResult):
            self.asking.answered(message.number, message)
        elif isinstance(message, SlicesResult):
            self.slicing.received(message, time.time(), time.monotonic())
        else:
            self.steering.received(message)

    def _help_jobs(self, message: object) -> bool:
        """A question of the jobs process goes to the optimiser, in a greenlet of its own."""
        if not isinstance(message, ScheduleRequest):
            return False
        eventlet.spawn(self._reschedule, message)
        return True

    def _reschedule(self, request: ScheduleRequest) -> None:
        full = replace(
            request,
            settings=self._jobs_settings,
            known_decision=self.steering.known_decision,
        )
        try:
            answer: ScheduleResult = self.asking.ask(
                lambda number: replace(full, number=number), SCHEDULE_S
            )
        except OptimiserError:
            answer = ScheduleResult(request.number)
        if answer.decision is not None:
            self.steering.heard(answer.decision)
        self.jobs.client.send(replace(answer, number=request.number))

    def _optimiser_down(self) -> None:
        self.steering.optimiser_down()
        self.slicing.optimiser_down(time.monotonic())
        self.asking.down()


def _text(name: bytes | str) -> str:
    text = name.decode("utf-8", "replace") if isinstance(name, bytes) else name
    return text.rstrip("\0")


def _is_up(dp: Any, port: Any) -> bool:
    ofp = dp.ofproto
    return not (port.config & ofp.OFPPC_PORT_DOWN or port.state & ofp.OFPPS_LINK_DOWN)
