"""Which slices are carried, and where: a question of the controller in, a verified plan out.

What runs and cannot be carried any more as it was promised, after a cut say, is carried on links
that it shares, or without its backup, or later than promised, rather than not at all; the
controller is told what it lacks.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from qb_controller.applications.slices import RESERVABLE
from qb_controller.applications.slices_control import Admission, admit
from qb_controller.applications.verify_slices import verify
from qb_controller.errors import VerificationError
from qb_controller.model.decision import Decision
from qb_controller.model.network import Network, Path
from qb_controller.model.slices import Placement, SliceRequest
from qb_controller.orchestration.lending import Lending
from qb_controller.orchestration.service import Service
from qb_controller.runtime.messages import SlicesRequest, SlicesResult

_log = logging.getLogger("qb.slices")


@dataclass
class SliceDesk:
    """Answers questions one after another.

    Parameters
    ----------
    borrow : callable
        Gives the service, with nothing running in the background.
    """

    borrow: Callable[[], Service]

    def __post_init__(self) -> None:
        self._service = Lending(self.borrow, "packing")

    def answer(self, question: SlicesRequest) -> SlicesResult:
        """Answer a question; never raises for anything in it."""
        try:
            service = self._service()
            return decide(service, question)
        except VerificationError as error:
            return SlicesResult(question.number, None, None, {}, str(error))
        except Exception as error:  # a question must be answered, whatever broke
            _log.exception("question %d about slices failed", question.number)
            text = f"a fault in the optimiser: {type(error).__name__}: {error}"
            return SlicesResult(question.number, None, None, {}, text)


def decide(service: Service, question: SlicesRequest) -> SlicesResult:
    """Decide about all requests together.

    Raises
    ------
    VerificationError
        What was found breaks a promise or a rule of the network.
    """
    network, wanted = question.network, {one.name: one for one in question.requests}
    there = {place.request.name: place for place in question.running}
    running = [place for name, place in there.items() if wanted.get(name) == place.request]
    as_before = {place.request.name for place in running}
    fresh = [one for one in question.requests if one.name not in as_before]
    found = _admit(service, question, fresh, running)
    lost = [wanted[name] for name in found.rejected if name in there]
    decision, refused = found.decision, dict(found.rejected)
    placements = found.plan.placements
    for weaker in (_sharing, _weakest):
        less = [weaker(one) for one in lost if weaker(one) != one]
        if not less:
            continue
        second = _admit(service, question, less, placements)
        decision, placements = second.decision, second.plan.placements
        carried = {place.request.name: place for place in placements}
        for one in lost:
            if one.name in carried:
                refused[one.name] = lacking(one, carried[one.name], network)
        lost = [one for one in lost if one.name not in carried]
    assert decision is not None
    kept = tuple(_unmoved(place, there) for place in placements)
    plan = verify(kept, network, decision.number, RESERVABLE)
    decision = _told(decision, found, refused)
    service.journal.finish(decision)  # with what came of it for slices
    return SlicesResult(question.number, decision, plan, refused)


def _admit(
    service: Service,
    question: SlicesRequest,
    fresh: list[SliceRequest],
    running: list[Placement] | tuple[Placement, ...],
) -> Admission:
    return admit(
        service,
        question.network,
        fresh,
        running,
        question.settings,
        numbers=question.numbers,
        number=max(service.journal.next_number(), question.known_decision + 1),
    )


def _sharing(request: SliceRequest) -> SliceRequest:
    """All of a request but links of its own."""
    return replace(request, isolation="shared")


def _weakest(request: SliceRequest) -> SliceRequest:
    """The rates of a request, and nothing else."""
    return replace(request, isolation="shared", protection="none", latency=None)


def lacking(request: SliceRequest, place: Placement, network: Network) -> str:
    """What of a request a place does not give, in words."""
    words = []
    if request.isolation != place.request.isolation:
        words.append("its links are shared with others")
    if request.protection != place.request.protection:
        words.append("it runs without a backup")
    slowest = max((_delay(pipe.path, network) for pipe in place.pipes), default=0.0)
    if request.latency is not None and slowest > request.latency:
        words.append(f"it takes {1e3 * slowest:.3g} ms instead of {1e3 * request.latency:.3g} ms")
    return " and ".join(words) or "it is carried over what is left"


def _delay(path: Path | None, network: Network) -> float:
    return sum(network.link_by_id[link].delay for link in path.links) if path else 0.0


def _unmoved(place: Placement, before: Mapping[str, Placement]) -> Placement:
    """The placement with the decision that brought it, where it is where it was."""
    old = before.get(place.request.name)
    same = old is not None and (old.request, old.pipes) == (place.request, place.pipes)
    return replace(place, decision=old.decision) if old is not None and same else place


def _told(decision: Decision, found: Admission, refused: Mapping[str, str]) -> Decision:
    """The decision with what came of it for slices, whoever's answer was taken."""
    if decision.outcome is None:
        return decision
    words = [f"{len(found.plan.placements)} slices are carried"]
    words.append(f"worth {found.worth:.6g} of at most {found.bound:.6g}, by {found.backend}")
    words += [f"{len(found.moved)} moved"] if found.moved else []
    words += [f"{len(refused)} not admitted or not whole"] if refused else []
    words += [found.detail] if found.detail else []
    status = "improved" if decision.outcome.status == "kept" else decision.outcome.status
    text, moved = "; ".join(words), len(found.moved)
    return replace(
        decision, outcome=replace(decision.outcome, status=status, moved=moved, detail=text)
    )
