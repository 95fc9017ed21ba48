from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from werkzeug.test import Client

from qb_controller.model.network import Link, LinkId, Network, path_of
from qb_controller.model.rules import FlowRule, GroupRule, MeterKey, MeterRule, matches
from qb_controller.model.slices import Ends, Pipe, Placement, SlicePlan, SliceRequest
from qb_controller.northbound.describing import Describer
from qb_controller.northbound.rest import make_app
from qb_controller.southbound.layout import meter_id, pair_group
from qb_controller.southbound.next_intent import with_network, with_slices
from tests.northbound.still import StillView

SPLITTING = pair_group(4)


@pytest.fixture
def view() -> StillView:
    return StillView()


def ask(view: StillView, path: str, status: int = 200) -> Any:
    response = Client(make_app(view)).get(path)
    assert response.status_code == status, response.text
    return json.loads(response.text)


def put(view: StillView, dpid: int, rule: FlowRule | GroupRule) -> None:
    key = rule.group_id if isinstance(rule, GroupRule) else rule.key
    view.held[dpid][key] = rule


FOREIGN = FlowRule(0, 1000, matches(ipv4_dst="10.0.0.4", eth_type=0x0800), (), 0xBEEF)


# -- slices ------------------------------------------------------------------------------------


@pytest.fixture
def with_slice(view: StillView) -> StillView:
    """The view with a protected slice from h1 to h4 that somebody asked for and that runs."""
    by_ends = {(link.src, link.dst): link for link in view.net.links}
    upper, lower = (path_of([by_ends[1, via], by_ends[via, 4]]) for via in (2, 3))
    first, second = (
        next(host.name for host in view.net.hosts if host.dpid == dpid) for dpid in (1, 4)
    )
    ends = Ends(first, second)
    request = SliceRequest("video", (ends,), rate=2.5e6, protection="disjoint")
    view.slicing.create([request], 0.0, 0.0)
    number = view.slicing.book.find("video").number
    placement = Placement(request, number, 3, (Pipe(ends, upper, lower),))
    plan = SlicePlan(3, view.net.version, (placement,))
    view.meant = with_slices(view.meant, plan, view.net, view.numbers())
    view.held = {dpid: dict(rules) for dpid, rules in view.intended().items()}
    return view


def test_the_rules_of_a_slice(with_slice: StillView) -> None:
    client = Client(make_app(with_slice))
    rows = json.loads(client.get("/v1/flows?slice=video").text)
    assert {row["owner"] for row in rows} == {"slices"}
    assert {row["slice"] for row in rows} == {"video"}
    assert all("gone" not in row["text"] for row in rows)
    kinds = [row["kind"] for row in rows]
    assert (kinds.count("meter"), kinds.count("group")) == (1, 2)
    texts = " ".join(row["text"] for row in rows)
    assert "holds the other path" in texts and "enter slice video" in texts
    [meter] = [row for row in rows if row["kind"] == "meter"]
    assert (meter["rate"], meter["burst"]) == (2.5e6, 2.5e5)
    assert meter["headroom"] is None  # read once, so there is no rate yet
    number = with_slice.slicing.book.find("video").number
    with_slice.age_s += 2
    with_slice.packets[1, MeterKey(meter_id(number, 0))] = 1000  # of 100 bytes in 2 s
    rows = json.loads(client.get("/v1/flows?slice=video").text)
    [meter] = [row for row in rows if row["kind"] == "meter"]
    assert meter["headroom"] == pytest.approx(2.5e6 - 8 * 100 * 1000 / 2)
    ask(with_slice, "/v1/flows?slice=nobody", 404)


def test_the_path_of_a_slice_says_so(with_slice: StillView) -> None:
    ends = with_slice.meant.slices
    [carried] = ends.values()
    pipe = carried.pipes[0]
    answer = ask(with_slice, f"/v1/path?from={pipe.source.name}&to={pipe.target.name}")
    [way] = answer["ways"]
    assert way["delivered"] and way["text"] == "in slice video, decision 3"


def test_a_meter_that_is_gone_is_drift(with_slice: StillView) -> None:
    assert ask(with_slice, "/v1/drift")["differences"] == []
    number = with_slice.slicing.book.find("video").number
    del with_slice.held[1][MeterKey(meter_id(number, 0))]
    with_slice.held[4][MeterKey(5)] = MeterRule(5, 1, 1)
    rows = ask(with_slice, "/v1/drift")["differences"]
    assert [(row["switch"], row["difference"]) for row in rows] == [
        ("s1", "missing"),
        ("s4", "foreign"),
    ]


# -- flows -------------------------------------------------------------------------------------


def test_every_entry_has_an_owner_and_a_sentence(view: StillView) -> None:
    rows = ask(view, "/v1/flows")
    assert len(rows) == sum(len(rules) for rules in view.held.values())
    assert {row["owner"] for row in rows} == {"base", "te"}
    assert all(row["text"] and "gone" not in row["text"] for row in rows)


def test_the_splitting_group_tells_its_paths(view: StillView) -> None:
    [row] = [row for row in ask(view, "/v1/flows?switch=s1") if row.get("group") == hex(SPLITTING)]
    assert row["owner"] == "te"
    assert row["pair"] == "s1,s4"
    assert row["decision"] == 7
    assert row["text"] == "splits s1 to s4 over 50 % s1 > s2 > s4, 50 % s1 > s3 > s4"


def test_rules_of_an_owner(view: StillView) -> None:
    rows = ask(view, "/v1/flows?owner=te")
    carried = [row for row in rows if row["kind"] == "flow"]
    assert {(row["switch"], *row["path"]) for row in carried} == {
        ("s2", "s1", "s2", "s4"),
        ("s3", "s1", "s3", "s4"),
    }
    assert {row["decision"] for row in rows} == {7}
    assert {row["epoch"] for row in rows} == {view.meant.epoch}
    assert "there are base, te" in ask(view, "/v1/flows?owner=me", 400)["error"]


def test_rules_of_a_steered_pair(view: StillView) -> None:
    rows = ask(view, "/v1/flows?pair=h1,h4")
    assert sorted({row["switch"] for row in rows}) == ["s1", "s2", "s3", "s4"]
    assert all("shortest" not in row["text"] for row in rows)
    delivers = [row for row in rows if row["text"].startswith("delivers")]
    assert [(row["switch"], row["host"]) for row in delivers] == [("s4", "h4")]


def test_rules_of_a_pair_on_the_base_layer(view: StillView) -> None:
    rows = ask(view, "/v1/flows?pair=s4,s1")
    path = view.meant.trees[1].path(4, view.net)
    assert path is not None
    assert {row["switch"] for row in rows} == {f"s{dpid}" for dpid in path.dpids}
    assert {row["owner"] for row in rows} == {"base"}


def test_foreign_superseded_and_ryu_rules(view: StillView) -> None:
    put(view, 1, FOREIGN)
    lldp = FlowRule(0, 65535, matches(eth_type=0x88CC), (("controller",),), 0)
    put(view, 1, lldp)
    old = view.meant
    view.meant = replace(old, pairs={})
    rows = ask(view, "/v1/flows")
    assert [row["switch"] for row in rows if row["owner"] == "foreign"] == ["s1"]
    assert [row["priority"] for row in rows if row["owner"] == "ryu"] == [65535]
    left = [row for row in rows if "superseded path of s1 to s4" in row["text"]]
    assert {row["switch"] for row in left} == {"s2", "s3"}
    assert {row["decision"] for row in left} == {7}


def test_rates_between_two_readings(view: StillView) -> None:
    app = Client(make_app(view))
    first = json.loads(app.get("/v1/flows?switch=s1").text)
    assert {row["packet_rate"] for row in first} == {None}
    view.age_s += 2
    view.packets[1, SPLITTING] = 100
    rows = json.loads(app.get("/v1/flows?switch=s1").text)
    rates = {row.get("group"): row["packet_rate"] for row in rows if row["kind"] == "group"}
    assert rates[hex(SPLITTING)] == 50.0
    assert {rate for group, rate in rates.items() if group != hex(SPLITTING)} == {0.0}


# -- path --------------------------------------------------------------------------------------


def test_path_of_a_split_pair(view: StillView) -> None:
    view.packets[1, SPLITTING] = 90
    answer = ask(view, "/v1/path?from=h1&to=h4")
    assert answer["delivered"]
    assert answer["text"] == "packets take 2 paths"
    ways = [(way["share"], way["path"], way["decision"]) for way in answer["ways"]]
    assert ways == [(0.5, ["s1", "s2", "s4"], 7), (0.5, ["s1", "s3", "s4"], 7)]
    assert [way["measured_share"] for way in answer["ways"]] == [
        pytest.approx(1 / 3),
        pytest.approx(2 / 3),
    ]
    assert answer["ways"][0]["text"].endswith("decision 7: highs-lp is expected to be best")


def test_path_on_the_base_layer_and_within_a_switch(view: StillView) -> None:
    [way] = ask(view, "/v1/path?from=10.0.0.2&to=s3")["ways"]
    assert way["path"][0] == "s2"
    assert way["path"][-1] == "s3"
    assert way["text"].startswith("shortest path, base layer")
    assert "same host" in ask(view, "/v1/path?from=h1&to=s1", 400)["error"]
    assert "no host or switch 'h9'" in ask(view, "/v1/path?from=h9&to=h1", 404)["error"]
    assert "to is missing" in ask(view, "/v1/path?from=h1", 400)["error"]


def test_path_that_loses_packets(view: StillView) -> None:
    view.held[2] = {
        key: rule
        for key, rule in view.held[2].items()
        if isinstance(rule, GroupRule) or rule.cookie & 0xFF != 7
    }
    answer = ask(view, "/v1/path?from=h1&to=h4")
    assert not answer["delivered"]
    assert answer["text"] == "50 % of the packets do not arrive"
    assert [way["text"][:20] for way in answer["ways"] if not way["delivered"]] == [
        "LOST: dropped at s2 "
    ]
    put(view, 1, FOREIGN)
    [way] = ask(view, "/v1/path?from=h1&to=h4")["ways"]
    assert way["text"].startswith("LOST: dropped at s1")


def test_path_around_a_cut_link(view: StillView) -> None:
    """Before anything is told to the switches, the bypass carries what used the link."""
    gone = {LinkId(1, 2), LinkId(2, 2)}
    links = tuple(link for link in view.net.links if link.id not in gone)
    view.net = Network(view.net.switches, links, view.net.hosts, 4)
    answer = ask(view, "/v1/path?from=h1&to=h4")
    assert answer["delivered"]
    assert {tuple(way["path"]) for way in answer["ways"]} == {
        ("s1", "s3", "s4"),
        ("s1", "s3", "s4", "s2", "s4"),
    }
    around = [way["text"] for way in answer["ways"] if "around a link" in way["text"]]
    assert len(around) == 1


def test_every_pair_arrives(view: StillView) -> None:
    for source in view.net.hosts:
        for target in view.net.hosts:
            if source != target:
                assert ask(view, f"/v1/path?from={source.name}&to={target.name}")["delivered"]


def test_a_loop_is_named(view: StillView) -> None:
    for dpid, port in ((2, 3), (4, 3), (3, 2), (1, 2)):
        put(view, dpid, FlowRule(0, 2000, matches(eth_type=0x0800), (("output", port),), 1))
    answer = ask(view, "/v1/path?from=h1&to=h4")
    assert "loops" in answer["ways"][0]["text"]


# -- drift -------------------------------------------------------------------------------------


def test_no_drift(view: StillView) -> None:
    answer = ask(view, "/v1/drift")
    assert answer["differences"] == []
    assert answer["settled"]
    assert answer["entries"] == sum(len(rules) for rules in view.held.values())


def test_drift_says_what_differs(view: StillView) -> None:
    group = view.held[1][SPLITTING]
    assert isinstance(group, GroupRule)
    buckets = (replace(group.buckets[0], weight=60), replace(group.buckets[1], weight=4))
    put(view, 1, replace(group, buckets=buckets))
    put(view, 3, FOREIGN)
    del view.held[4][next(iter(view.held[4]))]
    rows = ask(view, "/v1/drift")["differences"]
    assert [(row["switch"], row["difference"]) for row in rows] == [
        ("s1", "differs"),
        ("s3", "foreign"),
        ("s4", "missing"),
    ]
    assert "weight 60" in rows[0]["entry"]
    assert "weight 32" in rows[0]["entry"]
    assert "splits s1 to s4" in rows[0]["text"]
    assert "not of this controller" in rows[1]["text"]
    assert "table 0 priority 1000" in rows[1]["entry"]


def test_an_update_under_way_is_said(view: StillView) -> None:
    view.settled = False
    assert ask(view, "/v1/drift")["settled"] is False


def test_repair(view: StillView) -> None:
    put(view, 3, FOREIGN)
    response = Client(make_app(view)).post("/v1/repair", json={})
    assert response.status_code == 200
    assert ask(view, "/v1/drift")["differences"] == []


def test_words_survive_another_network(view: StillView) -> None:
    """Rules outlive the network they were made for; none may make the describer stumble."""
    small = Network(view.net.switches[:2], _between(view.net.links), view.net.hosts[:1], 9)
    intent = with_network(view.meant, small, view.numbers())
    describer = Describer(small, intent, view.numbers())
    for dpid, rules in view.held.items():
        for rule in rules.values():
            assert describer.describe(dpid, rule).text


def _between(links: tuple[Link, ...]) -> tuple[Link, ...]:
    return tuple(link for link in links if {link.src, link.dst} == {1, 2})
