"""Slices on the controller's side: decisions asked for, taken in and carried out.

Plain bookkeeping beside :mod:`.steering`: it holds no socket and waits for nothing. Every change is
written down, with the events that tell of it, before anything acts on it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from qb_controller.applications.verify_slices import restored, still, verify, without
from qb_controller.errors import NotFound, VerificationError
from qb_controller.model import slice_life as life
from qb_controller.model.decision import Decision
from qb_controller.model.network import Network
from qb_controller.model.slice_life import LIVING, WAITS, Slice, Told, missing
from qb_controller.model.slices import Placement, SlicePlan, SliceRequest
from qb_controller.runtime.messages import Settings, SlicesRequest, SlicesResult
from qb_controller.slicing.book import SliceBook
from qb_controller.southbound.carrying import opened_links

LOG = logging.getLogger(__name__)

OVERDUE_S = 8.0
"""Added to the deadline: a question not answered by then is asked again. A cycle or a question of
another application may be before it."""

AGAIN_S = 2.0
"""Pause before a question is asked again that brought no plan."""


class Slicing:
    """All slices of one controller.

    Parameters
    ----------
    book : SliceBook
    settings : Settings
        For the decisions.
    window_s : float
        How long requests are gathered that are decided together.
    send : callable
        Hands a message to the optimiser; False where it is down.
    install : callable
        Takes all that shall be in force; False where the network changes just now. Called by
        :meth:`tick` alone.
    heard : callable
        Told of every decision taken.
    """

    def __init__(
        self,
        book: SliceBook,
        settings: Settings,
        window_s: float,
        send: Callable[[object], bool],
        install: Callable[[SlicePlan], bool],
        heard: Callable[[Decision], None] = lambda decision: None,
    ) -> None:
        self.book = book
        self.settings = settings
        self.window_s = window_s
        places = (one.placement for one in book.living())
        self.plan = restored(place for place in places if place is not None)
        """All that shall be in force; of an earlier run until :meth:`tick` is given a network."""
        self.known_decision = max((one.decision for one in book.all()), default=0)
        self._send = send
        self._install = install
        self._heard = heard
        self._seen: Network | None = None  # what placements were last held against
        self._asked_about: Network | None = None
        self._lacking: dict[str, str] = {}  # what the plan in force does not give, by name
        self._due: float | None = 0.0
        self._asked: tuple[int, float, Mapping[str, SliceRequest]] | None = None
        self._count = 0
        self._known = False  # whether the plan of an earlier run was held against the network
        self._to_install = False

    # -- what is asked for ------------------------------------------------------------------------

    def create(self, requests: Sequence[SliceRequest], now: float, steady: float) -> None:
        """Take in new requests, all or none.

        Parameters
        ----------
        requests : sequence of SliceRequest
            With different names.
        now, steady : float
            Unix time and ``time.monotonic()``.

        Raises
        ------
        Conflict
            A name is taken.
        """
        self.book.check_free(requests)
        self._take(requests, (), (), now, steady)

    def replace_all(
        self, requests: Sequence[SliceRequest], now: float, steady: float
    ) -> dict[str, list[str]]:
        """Take in a whole set: what is not in it ends, what differs is decided anew."""
        found = self.book.difference(requests)
        by_name = {request.name: request for request in requests}
        created = [by_name[name] for name in found["created"]]
        changed = [by_name[name] for name in found["changed"]]
        self._take(created, changed, found["deleted"], now, steady)
        return found

    def delete(self, name: str, now: float, steady: float) -> None:
        """End a slice.

        Raises
        ------
        NotFound
            There is none, or it has ended.
        """
        if self.book.find(name).state == "expired":
            raise NotFound(f"slice {name} has ended already")
        self._take((), (), (name,), now, steady)

    def _take(
        self,
        created: Sequence[SliceRequest],
        changed: Sequence[SliceRequest],
        deleted: Collection[str],
        now: float,
        steady: float,
    ) -> None:
        self.book.take(created, changed, deleted, now)
        self._drop(deleted)
        if self._due is None and (created or changed or deleted):
            self._due = steady + self.window_s

    # -- time and the network ---------------------------------------------------------------------

    def tick(self, network: Network | None, now: float, steady: float) -> None:
        """Do what time and the network ask for; called some times a second.

        Parameters
        ----------
        network : Network or None
            None while rules cannot be made.
        now, steady : float
            Unix time and ``time.monotonic()``.
        """
        self._expire(now)
        if network is None:
            return
        if not self._known:
            self._known = True
            self._check_restored(network, now)
        if network is not self._seen:
            self._seen = network
            news = network is not self._asked_about and self._unsettled()
            if self._look(network, now) or news:
                self._due = steady
        if self._to_install:
            self._to_install = False
            self._to_install |= not self._install(still(self.plan, network))
        if self._asked is not None:
            if steady - self._asked[1] < self.settings.deadline_s + OVERDUE_S:
                return
            LOG.warning("the optimiser owes slices for too long; asking anew")
            self._asked, self._due = None, steady
        if self._due is None and self._started(now):
            self._due = steady
        if self._due is not None and steady >= self._due:
            self._ask(network, now, steady)

    def _check_restored(self, network: Network, now: float) -> None:
        """Hold what an earlier run left against the network: what is whole must still fit."""
        places = self.plan.placements
        whole = [place for place in places if not missing(place, network)]
        try:
            verify(whole, network, self.plan.decision)
        except VerificationError as error:
            LOG.warning("slices of an earlier run do not fit the network: %s", error)
            text = f"the network is not what it was: {error}"
            lost = [
                replace(life.degraded(one, now, text), placement=None)
                for one in self.book.living()
                if one.placement is not None
            ]
            self.book.keep(lost, [(now, one.name, "degraded", text) for one in lost])
            self._carry(restored(()))

    def _expire(self, now: float) -> None:
        over = [
            one
            for one in self.book.all()
            if one.state != "expired" and one.request.end is not None and one.request.end <= now
        ]
        text = "its end came"
        told: list[Told] = [(now, one.name, "expired", text) for one in over]
        self.book.keep([life.ended(one, now, text) for one in over], told)
        self._drop([one.name for one in over])

    def _started(self, now: float) -> bool:
        """Whether the start has come that a slice waited for."""
        return any(
            one.state == "pending" and one.detail == WAITS and (one.request.start or 0) <= now
            for one in self.book.living()
        )

    def _unsettled(self) -> bool:
        return any(one.state in ("pending", "degraded") for one in self.book.living())

    def _look(self, network: Network, now: float) -> bool:
        """Hold placements against another network; whether something has gone missing."""
        slices: list[Slice] = []
        told: list[Told] = []
        opened = opened_links(self.plan.placements, network)
        for one in self.book.living():
            if one.placement is None or one.is_changing:
                continue
            text = missing(one.placement, network) or opened.get(one.name, "")
            if text and not (one.state == "degraded" and one.detail == text):
                slices.append(life.degraded(one, now, text))
                told.append((now, one.name, "degraded", text))
        self.book.keep(slices, told)
        return bool(slices)

    def _ask(self, network: Network, now: float, steady: float) -> None:
        """Have all that shall be carried decided together."""
        wanted, waiting = [], []
        hosts = network.switch_of_host
        for one in self.book.living():
            text = life.waits_for(one, now, hosts)
            if not text:
                wanted.append(one)
            elif one.state == "pending" and one.detail != text:
                waiting.append(replace(one, detail=text))
        self.book.keep(waiting, [])
        self._due = None
        if not any(one.state in ("pending", "degraded") for one in wanted):
            return
        self._count += 1
        self._asked_about = network
        question = SlicesRequest(
            self._count,
            network,
            tuple(one.request for one in wanted),
            {one.name: one.number for one in wanted},
            tuple(one.placement for one in wanted if one.placement is not None),
            self.settings,
            self.known_decision,
        )
        if self._send(question):
            self._asked = self._count, steady, {one.name: one.request for one in wanted}
        else:
            self._due = steady + AGAIN_S

    # -- answers ----------------------------------------------------------------------------------

    def optimiser_down(self, steady: float) -> None:
        """Ask again what went down with the optimiser."""
        if self._asked is not None:
            self._asked, self._due = None, steady + AGAIN_S

    def received(self, result: SlicesResult, now: float, steady: float) -> None:
        """Take an answer: all of it, or nothing where it brought no plan."""
        if result.decision is not None:
            self.known_decision = max(self.known_decision, result.decision.number)
            self._heard(result.decision)
        if self._asked is None or result.number != self._asked[0]:
            LOG.info("answer %d about slices was given up and is dropped", result.number)
            return
        asked, self._asked = self._asked[2], None
        if result.plan is None:
            LOG.warning("slices were not decided: %s", result.detail)
            self._due = steady + AGAIN_S
            return
        current = {
            one.name: one for one in self.book.living() if asked.get(one.name) == one.request
        }
        kept = [one for n, one in current.items() if one.is_changing and n in result.refused]
        if kept:  # what runs stays; the others are decided again beside it
            self._change_back(kept, result, now)
            self._due = steady
            return
        self._apply(current, result, result.plan, now)
        self._seen = None  # the network may have changed since it was asked about

    def _change_back(self, slices: Sequence[Slice], result: SlicesResult, now: float) -> None:
        kept: list[Slice] = []
        told: list[Told] = []
        for one in slices:
            assert one.placement is not None
            back = replace(one, request=one.placement.request)
            kept.append(life.followed_by(back, "active", now))
            text = f"the change was rejected, what was there stays: {result.refused[one.name]}"
            told.append((now, one.name, "kept", text))
        self.book.keep(kept, told)

    def _apply(
        self, current: Mapping[str, Slice], result: SlicesResult, plan: SlicePlan, now: float
    ) -> None:
        """Move every slice to where the plan has it, and have the plan carried out."""
        slices: list[Slice] = []
        told: list[Told] = []
        places = {placement.request.name: placement for placement in plan.placements}
        self._lacking = {name: text for name, text in result.refused.items() if name in places}
        for one in self.book.living():
            place, event = places.get(one.name), None
            if one.name not in current:  # new or changed since
                after = _meanwhile(one, place)
            elif place is not None:
                after, event = life.placed(one, place, self._lacking.get(one.name, ""), now)
            else:
                reason = result.refused.get(one.name, "there is no place for it")
                after, event = life.refused(one, reason, plan.decision, now)
            slices += [after] if after is not one else []
            told += [event] if event is not None else []
        self.book.keep(slices, told)
        stale = [name for name, place in places.items() if not self._means(place)]
        self._carry(without(plan, stale) if stale else plan)

    def _means(self, placement: Placement) -> bool:
        """Whether a placement is still wanted: neither deleted since nor of an older request."""
        one = self.book.get(placement.request.name)
        return one is not None and one.state in LIVING and one.placement == placement

    def installed(self, plan: SlicePlan, now: float) -> None:
        """The switches confirmed a plan: what waits for that is active."""
        slices: list[Slice] = []
        told: list[Told] = []
        for placement in plan.placements:
            one = self.book.get(placement.request.name)
            if one is None or one.placement != placement:
                continue
            if one.state == "degraded" and self._lacks(one):
                continue
            if one.state in ("admitted", "degraded"):
                slices.append(life.followed_by(one, "active", now))
                told.append((now, one.name, "active", "every rule is confirmed"))
        self.book.keep(slices, told)

    def _lacks(self, one: Slice) -> bool:
        """Whether something is missing although it is carried."""
        if one.name in self._lacking or one.placement is None:
            return True
        if self._seen is None:
            return False
        opened = opened_links(self.plan.placements, self._seen)
        return one.name in opened or bool(missing(one.placement, self._seen))

    def _drop(self, names: Collection[str]) -> None:
        """Take slices off the network."""
        there = {placement.request.name for placement in self.plan.placements}
        if gone := there.intersection(names):
            self._carry(without(self.plan, gone))

    def _carry(self, plan: SlicePlan) -> None:
        """Mean a plan from the next tick on: this may be called where nothing may wait."""
        self.plan, self._to_install = plan, True


def _meanwhile(one: Slice, place: Placement | None) -> Slice:
    """A slice that was not as it is when a decision was asked for: what runs may have moved."""
    if one.placement is None:
        return one
    if place is not None and place.request == one.placement.request:
        return replace(one, placement=place)
    return replace(one, placement=None)
