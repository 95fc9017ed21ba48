"""Questions about slices answered through the policy and real solvers, verified anew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from qb_controller.applications.slice_desk import SliceDesk
from qb_controller.applications.slice_requests import read
from qb_controller.applications.slices import RESERVABLE
from qb_controller.applications.slices_control import settings_of
from qb_controller.commands.wireless import service_for
from qb_controller.model.network import LinkId, Network
from qb_controller.model.slices import Ends, Placement
from qb_controller.orchestration.service import Service
from qb_controller.runtime.messages import SlicesRequest, SlicesResult
from tests.northbound.still import LOWER, UPPER, diamond
from tests.support.first_fit import lost

NETWORK = replace(
    diamond(), links=tuple(replace(link, delay=0.01) for link in diamond().links), version=8
)


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with service_for("cp-sat", "packing") as made:
        yield made


def pipe(name: str, rate: str = "3M", **more: Any) -> Any:
    return read({"name": name, "pairs": [["h1", "h4"]], "rate": rate, **more}, 0.0)


def ask(
    service: Service,
    *requests: Any,
    running: tuple[Placement, ...] = (),
    network: Network = NETWORK,
    known: int = 0,
) -> SlicesResult:
    numbers = {request.name: number for number, request in enumerate(requests, 1)}
    settings = settings_of(2.0, "cp-sat", 0)
    question = SlicesRequest(3, network, requests, numbers, running, settings, known)
    result = SliceDesk(lambda: service).answer(question)
    assert result.number == 3
    return result


def carried(result: SlicesResult) -> dict[str, Placement]:
    assert result.plan is not None, result.detail
    return {place.request.name: place for place in result.plan.placements}


def test_what_fits_is_carried_and_the_rest_is_told_why(service: Service) -> None:
    result = ask(service, pipe("a", "8M"), pipe("b", "8M", value=3), pipe("c", "8M", value=2))
    places = carried(result)
    assert set(places) == {"b", "c"} and set(result.refused) == {"a"}
    assert "full" in result.refused["a"]
    assert {place.pipes[0].path for place in places.values()} == {UPPER, LOWER}
    assert (places["b"].number, places["c"].number) == (2, 3)
    assert result.plan is not None and result.plan.network_version == 8
    assert result.decision is not None and result.decision.application == "slices"
    assert places["b"].decision == result.decision.number == result.plan.decision
    assert result.decision.outcome is not None
    assert "2 slices are carried" in result.decision.outcome.detail
    assert service.journal.get(result.decision.number) == result.decision


def test_a_number_that_a_rule_may_carry_is_not_given_again(service: Service) -> None:
    result = ask(service, pipe("a"), known=700)
    assert result.decision is not None and result.decision.number == 701
    assert carried(result)["a"].decision == 701


def test_what_runs_stays_where_it_is(service: Service) -> None:
    before = carried(ask(service, pipe("a", "6M")))
    after = ask(service, pipe("a", "6M"), pipe("b", "6M"), running=tuple(before.values()))
    places = carried(after)
    assert places["a"] == before["a"]
    assert places["b"].pipes != places["a"].pipes


def test_another_form_of_what_runs_is_asked_anew(service: Service) -> None:
    before = carried(ask(service, pipe("a", "6M")))
    places = carried(ask(service, pipe("a", "7M"), running=tuple(before.values())))
    assert places["a"].request.rate == 7e6
    none = ask(service, pipe("a", "70M"), running=tuple(before.values()))
    assert carried(none) == {} and "a" in none.refused


def test_links_of_its_own_stay_so_when_asked_again(service: Service) -> None:
    own = replace(pipe("a", isolation="links"), pairs=(Ends("h1", "h2"),))
    before = carried(ask(service, own))
    links = before["a"].links
    assert before["a"].held == dict.fromkeys(links, RESERVABLE * 10e6)
    after = carried(ask(service, own, pipe("b", "8M"), running=tuple(before.values())))
    assert after["a"] == before["a"]
    assert not after["b"].links & links


def test_after_a_cut_a_slice_goes_on_without_its_backup(service: Service) -> None:
    request = pipe("a", protection="disjoint", latency="20ms")
    before = carried(ask(service, request))
    assert before["a"].pipes[0].backup is not None
    cut = lost(NETWORK, (1, 2))
    result = ask(service, request, running=tuple(before.values()), network=cut)
    place = carried(result)["a"]
    assert (place.pipes[0].path, place.pipes[0].backup) == (LOWER, None)
    assert result.refused == {"a": "it runs without a backup"}
    fresh = ask(service, request, network=cut)  # what does not run yet is refused
    assert carried(fresh) == {} and "two paths" in fresh.refused["a"]


def test_after_a_cut_a_slice_shares_its_links_where_others_have_no_other(
    service: Service,
) -> None:
    own = replace(pipe("a", isolation="links", latency="20ms"), pairs=(Ends("h1", "h2"),))
    before = carried(ask(service, own))
    cut = lost(NETWORK, (3, 4))
    result = ask(service, own, running=tuple(before.values()), network=cut)
    place = carried(result)["a"]
    assert result.refused == {"a": "its links are shared with others"}
    assert place.pipes == before["a"].pipes and place.private == frozenset()
    assert place.request.latency == own.latency
    again = ask(service, own, running=(place,))
    assert carried(again)["a"].private and again.refused == {}


def test_after_a_cut_a_slice_may_be_late(service: Service) -> None:
    request = pipe("a", latency="20ms")
    slow = replace(
        NETWORK,
        links=tuple(replace(x, delay=0.03) if 3 in (x.src, x.dst) else x for x in NETWORK.links),
    )
    before = carried(ask(service, request, network=slow))
    cut = lost(slow, (2, 4))
    result = ask(service, request, running=tuple(before.values()), network=cut)
    assert carried(result)["a"].pipes[0].path == LOWER
    assert result.refused == {"a": "it takes 60 ms instead of 20 ms"}


def test_a_slice_that_nothing_can_carry_is_told_so(service: Service) -> None:
    before = carried(ask(service, pipe("a")))
    cut = lost(NETWORK, (1, 2), (1, 3))
    result = ask(service, pipe("a"), running=tuple(before.values()), network=cut)
    assert carried(result) == {} and "no path" in result.refused["a"]


def test_a_fault_ends_in_an_answer(service: Service) -> None:
    unknown = replace(pipe("a"), pairs=())  # nobody parses such a request
    broken = ask(service, unknown, running=(Placement(unknown, 1, 1, (), {LinkId(9, 9): 1.0}),))
    assert broken.plan is None or broken.plan.placements == ()

    def gone() -> Service:
        raise RuntimeError("no service")

    question = SlicesRequest(4, NETWORK, (pipe("a"),), {"a": 1}, (), settings_of(1.0), 0)
    result = SliceDesk(gone).answer(question)
    assert (result.number, result.plan) == (4, None)
    assert "RuntimeError: no service" in result.detail
