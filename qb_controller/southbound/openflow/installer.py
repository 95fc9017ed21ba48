"""Makes the switches hold what is meant: one greenlet, one update at a time, phase by phase.

What to send, and in which order, is decided by pure functions; this module sends it, waits for
the barriers, and keeps book of what every switch holds.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from typing import Any

import eventlet
from eventlet.event import Event

from qb_controller.errors import InstallError
from qb_controller.model.network import Network
from qb_controller.model.plan import VerifiedPlan
from qb_controller.model.rules import FlowRule, GroupRule, MeterRule, RuleSet
from qb_controller.model.slices import SlicePlan
from qb_controller.southbound.adopt import adopt, adopted_hosts, expected_switches
from qb_controller.southbound.compile import NOTHING_COMPILED, compile_steps
from qb_controller.southbound.held_back import HeldBack
from qb_controller.southbound.instructions import Instruction, apply_all
from qb_controller.southbound.intent import Intent, Taken, taken_by
from qb_controller.southbound.inventory import Inventory
from qb_controller.southbound.labels import Numbers
from qb_controller.southbound.next_intent import (
    with_network_steps,
    with_plan_steps,
    with_slices_steps,
)
from qb_controller.southbound.openflow import requests
from qb_controller.southbound.openflow.translate import message
from qb_controller.southbound.reweighted import with_decisions
from qb_controller.southbound.steps import run
from qb_controller.southbound.update import NOTHING_RETIRED, Phase, plan_update_steps

LOG = logging.getLogger(__name__)

SETTLE_S = 1.5
"""Quiet time after the last discovery before the first rules are made: two rounds of LLDP."""

SETTLE_AT_MOST_S = 15.0
"""Rules found in the switches may name switches that are gone; they are waited for no longer."""

BURST = 10
"""Messages sent before other greenlets get a turn; about 2 ms of work."""

SIDE_BY_SIDE = 4
"""Switches read or written at the same time: each adds its part to the time of one turn."""

NO_SLICES = SlicePlan(0, 0, ())

_COUNTED = {FlowRule: "flow_mods", GroupRule: "group_mods", MeterRule: "meter_mods"}

RETRY_S = 1.0
IDLE_S = 3600.0


class Installer:
    """Owns intent and bookkeeping of the rules.

    Parameters
    ----------
    app : RyuApp
        Requests are made in its name.
    inventory : Inventory
    numbers : Numbers
    drain_s : float
        How long old labels stay.
    """

    def __init__(self, app: Any, inventory: Inventory, numbers: Numbers, drain_s: float) -> None:
        self._app = app
        self._inventory = inventory
        self._drain_s = drain_s
        self._compiled = NOTHING_COMPILED
        self._retired = NOTHING_RETIRED
        self._taken_in: dict[int, tuple[RuleSet, Taken]] = {}
        self._wake = Event()
        self._started = time.monotonic()
        self.numbers = numbers
        self.datapaths: dict[int, Any] = {}
        self.unread: set[int] = set()
        self._refused: set[int] = set()  # since they were last read
        self.actual: dict[int, RuleSet] = {}
        self.intent = Intent()
        self._intended_version = -1
        self._plans_taken = self._plans_installed = 0
        self._slices_taken = self._slices_installed = 0
        self.adopted = False
        self.settled = False
        self.counters: Counter[str] = Counter()
        self.noted: object = None
        """Decisions on weights that an earlier controller wrote down (:mod:`..reweighted`)."""
        self.slices = NO_SLICES
        """The slices that shall be in force. Set it before the start, from what was stored, so that
        what an earlier controller installed is recognised; later by :meth:`take_slices`."""
        self.te_in_force: Callable[[], bool] = lambda: False
        """Whether plans are made, so that the base layer may wait for the next one."""
        self.on_installed: Callable[[], None] = lambda: None
        """Called when a plan taken is in force (old labels may still drain)."""
        self.on_slices: Callable[[SlicePlan], None] = lambda plan: None
        """Called when slices taken are in force; their links are theirs alone once
        :attr:`settled`."""

    # -- events ---------------------------------------------------------------------------------

    def connected(self, dp: Any) -> None:
        """A switch is there; what it holds is read before anything is sent."""
        self.datapaths[dp.id] = dp
        self.read_again(dp.id)

    def disconnected(self, dp: Any) -> None:
        """A switch's connection is gone (an older one than the present does not count)."""
        if self.is_present(dp):
            del self.datapaths[dp.id]
            self.unread.discard(dp.id)
            self.actual.pop(dp.id, None)

    def is_present(self, dp: Any) -> bool:
        """Whether a connection is the present one of its switch (an old one may linger)."""
        return bool(self.datapaths.get(dp.id) is dp)

    def read_again(self, dpid: int) -> None:
        """Something may differ from the book: read the switch before the next update."""
        self.unread.add(dpid)
        self.poke()

    def refused(self, dpid: int) -> None:
        """A switch refused a message: it is read again, and what is missing sent again.

        Not at once, because it may refuse for ever. The error of an update comes before the answer
        to its barrier, which then says nothing about what the switch holds.
        """
        self.counters["refused"] += 1
        self._refused.add(dpid)
        self.settled = False
        if dpid not in self.unread:
            self.unread.add(dpid)
            eventlet.spawn_after(RETRY_S, self.poke)

    def poke(self) -> None:
        """Something changed; look at once."""
        self.settled = False
        if not self._wake.ready():
            self._wake.send()

    def take(self, verified: VerifiedPlan) -> bool:
        """Mean a new plan; False where the network has changed since it was verified."""
        before, network = self.intent, self._inventory.network()
        if verified.network_version != network.version or not self._inventory.all_connected():
            return False
        if network.version != self._intended_version:
            return False
        taken = run(self._taken(), _pause)
        work = with_plan_steps(before, verified, network, self.numbers, taken)
        intent = run(work, _pause)
        if self.intent is not before or self._inventory.network() is not network:
            return False
        self.intent = intent
        self._plans_taken += 1
        self.poke()
        return True

    def take_slices(self, slices: SlicePlan) -> bool:
        """Mean exactly these slices; False where the network has changed since the verification.

        Before the first look at the network they are only remembered for it.
        """
        if not self.adopted:
            self.slices = slices
            return True
        before, network = self.intent, self._inventory.network()
        if slices.network_version != network.version or network.version != self._intended_version:
            return False
        taken = run(self._taken(), _pause)
        work = with_slices_steps(before, slices, network, self.numbers, taken)
        intent = run(work, _pause)
        if self.intent is not before or self._inventory.network() is not network:
            return False
        self.intent, self.slices = intent, slices
        self._slices_taken += 1
        self.poke()
        return True

    def drop_plan(self) -> None:
        """Bring every pair back to shortest paths."""
        self.intent = replace(self.intent, pairs={})
        self.poke()

    def wait_settled(self, seconds: float) -> bool:
        """Wait until everything meant is installed and drained; False where it takes longer."""
        until = time.monotonic() + seconds
        while not self.settled and time.monotonic() < until:
            eventlet.sleep(0.05)
        return self.settled

    # -- the greenlet ---------------------------------------------------------------------------

    def run(self) -> None:
        """Look, update, wait; for ever."""
        while True:
            self._wake = Event()
            try:
                pause = self.step(time.monotonic())
            except InstallError as error:
                LOG.warning("%s; trying again in %g s", error, RETRY_S)
                pause = RETRY_S
            except Exception:
                LOG.exception("installing failed; every switch is read again")
                self.unread |= set(self.datapaths)
                pause = RETRY_S
            with eventlet.Timeout(pause, False):
                self._wake.wait()

    def step(self, now: float) -> float:
        """Do what is to be done now.

        Returns
        -------
        float
            Seconds until there may be something to do again.
        """
        self._read(sorted(self.unread))
        if not self._inventory.switches:
            return IDLE_S
        if not self.adopted:
            wait = self._unsettled(now)
            if wait > 0:
                return wait
            self._adopt(now)
        plans, slices, carried = self._plans_taken, self._slices_taken, self.slices
        network = self._inventory.network()
        desired = self._intend(network)
        if network is not self._inventory.network():
            return 0.0  # it changed while the rules were worked out
        held = {dpid: rules for dpid, rules in self.actual.items() if dpid in desired}
        work = plan_update_steps(held, desired, self._retired, now, self._drain_s)
        update = run(work, _pause)
        back = HeldBack()
        for step in update.steps:
            self._carry_out(back.split(step, self.actual), back)
        self._retired = back.still_needed(update.retired)
        if plans > self._plans_installed and not back.concerns_plan:
            self._plans_installed = plans
            self.on_installed()
        if slices > self._slices_installed and not back.concerns_slices:
            self._slices_installed = slices
            self.on_slices(carried)  # newer ones may have been taken meanwhile
        if back:
            return RETRY_S
        if update.wake_at is None:
            self.settled = not self.unread and not self._wake.ready()
            return RETRY_S if self.unread & self.datapaths.keys() else IDLE_S
        return max(0.0, update.wake_at - time.monotonic())

    @property
    def desired(self) -> dict[int, RuleSet]:
        """What every switch should hold, as of the last look."""
        return self._compiled.rules

    def _intend(self, network: Network) -> dict[int, RuleSet]:
        """Bring intent and rules up to date with the network, letting others run in between."""
        before: Intent | None = None
        while self.intent is not before:  # again where a plan was taken meanwhile
            before = self.intent
            taken = run(self._taken(), _pause)
            keep = self.te_in_force() and bool(before.pairs)
            work = with_network_steps(before, network, self.numbers, taken, keep_trees=keep)
            intent = run(work, _pause)
        self.intent = intent
        self._intended_version = network.version
        self._compiled = run(compile_steps(self._compiled, intent, network, self.numbers), _pause)
        return self._compiled.rules

    def _taken(self) -> Generator[None, None, Taken]:
        """Labels and tags of every rule in the switches: none of them may get a new meaning."""
        for dpid, rules in list(self.actual.items()):
            known = self._taken_in.get(dpid)
            if known is None or known[0] is not rules:
                self._taken_in[dpid] = (rules, taken_by(rules))
                yield
        found = [self._taken_in[dpid][1] for dpid in self.actual if dpid in self._taken_in]
        return Taken(
            frozenset().union(*(taken.labels for taken in found)),
            frozenset().union(*(taken.tags for taken in found)),
            frozenset().union(*(taken.slots for taken in found)),
        )

    def _unsettled(self, now: float) -> float:
        """Seconds to wait before the first update; 0 once the picture is complete."""
        quiet = now - self._inventory.changed_at
        expected = expected_switches(self.actual, self.numbers)
        complete = expected <= set(self._inventory.switches)
        if now - self._started > SETTLE_AT_MOST_S or (quiet >= SETTLE_S and complete):
            return 0.0
        return max(0.1, SETTLE_S - quiet)

    def _adopt(self, now: float) -> None:
        for host in adopted_hosts(self.actual):
            self._inventory.host_adopted(host.mac, host.ip, host.dpid, host.port, now)
        network = self._inventory.network()
        intent = with_decisions(adopt(self.actual, network, self.numbers), self.noted)
        if intent.slices or self.slices.placements:
            taken = run(self._taken(), _pause)
            work = with_slices_steps(intent, self.slices, network, self.numbers, taken)
            intent = run(work, _pause)
            self._slices_taken += 1
        self.intent = intent
        self.adopted = True
        LOG.info(
            "%d switches, %d links, %d hosts; %d rules and groups found in the switches",
            len(network.switches),
            len(network.links),
            len(network.hosts),
            sum(map(len, self.actual.values())),
        )

    def _read(self, dpids: list[int]) -> None:
        """Read what switches hold, side by side; one that does not answer stays unread."""
        pool = eventlet.GreenPool(SIDE_BY_SIDE)
        for dpid in dpids:
            if dpid in self.datapaths:
                pool.spawn(self._read_one, self.datapaths[dpid])
        pool.waitall()

    def _read_one(self, dp: Any) -> None:
        self._refused.discard(dp.id)
        try:
            rules = requests.read_rules(self._app, dp)
        except InstallError as error:
            LOG.warning("%s", error)
            return
        if self.is_present(dp):  # else it came back meanwhile, and is read anew
            self.actual[dp.id] = rules
            if dp.id not in self._refused:  # else it refused something meanwhile
                self.unread.discard(dp.id)

    def _carry_out(self, step: Phase, back: HeldBack) -> None:
        """Send one step to all its switches and wait until each confirmed or refused it.

        Raises
        ------
        InstallError
            A switch is gone or did not confirm; it is read again before the next attempt.
        """
        pool = eventlet.GreenPool(SIDE_BY_SIDE)
        jobs = [pool.spawn(self._send, dpid, todo, back) for dpid, todo in step.items()]
        pool.waitall()
        for job in jobs:
            job.wait()

    def _send(self, dpid: int, todo: Sequence[Instruction], back: HeldBack) -> None:
        dp = self.datapaths.get(dpid)
        if dp is None or dpid not in self.actual:
            raise InstallError(f"switch {dpid:016x} is not connected, or has just come back")
        self.unread.add(dpid)  # until the barrier is answered nobody knows what it holds
        after = apply_all(self.actual[dpid], todo)
        for count, instruction in enumerate(todo, 1):
            dp.send_msg(message(dp, instruction))
            if count % BURST == 0:
                _pause()
        requests.barrier(self._app, dp)
        if dpid in self._refused:
            self._read_one(dp)
            if dpid in self.unread or dpid not in self.actual:
                raise InstallError(f"switch {dpid:016x} refused a part of an update")
            held = self.actual[dpid]
            back.note(dpid, held, (o.rule for o in todo if _is_undone(o, held)))
        else:
            self.actual[dpid] = after
            self.unread.discard(dpid)
        self.counters.update(_COUNTED[type(instruction.rule)] for instruction in todo)


def _pause() -> None:
    eventlet.sleep(0)


def _is_undone(order: Instruction, held: RuleSet) -> bool:
    return order.op != "delete" and held.get(order.rule.key) != order.rule
