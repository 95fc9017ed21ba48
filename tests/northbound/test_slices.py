"""Slices and their events over the REST interface."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from werkzeug.test import Client

from qb_controller.model.delivered import Delivered, PipeQuality
from qb_controller.model.slices import Ends
from qb_controller.northbound import slices
from qb_controller.northbound.rest import make_app
from tests.northbound.still import StillView
from tests.support.malformed import drawn, spoilt

HOSTS = ("h1", "h2", "h3", "h4")
VIDEO = {"name": "video", "pairs": [["h1", "h4"]], "rate": "3Mbit", "latency": "50ms"}
VOICE = {"name": "voice", "hosts": ["h2", "h3", "h4"], "rate": 64e3}

THIRD = {"name": "third", "pairs": [["h1", "h2"]], "rate": "1M"}


@pytest.fixture
def view() -> StillView:
    return StillView()


@pytest.fixture
def client(view: StillView) -> Client:
    return Client(make_app(view))


def ok(response: Any, status: int = 200) -> Any:
    assert response.status_code == status, response.text
    return json.loads(response.text)


def bad(response: Any, status: int) -> str:
    answer = ok(response, status)
    assert answer["status"] == status
    return str(answer["error"])


def test_a_slice_from_request_to_end(client: Client, view: StillView) -> None:
    made = ok(client.post("/v1/slices", json=VIDEO), 201)
    assert (made["slice"], made["state"], made["rate"]) == ("video", "pending", 3e6)
    view.decide()
    (row,) = ok(client.get("/v1/slices"))
    assert (row["state"], row["number"], row["ends"]) == ("active", 1, ["h1>h4"])
    view.measured["video"] = Delivered(
        1.8e9, (PipeQuality(Ends("h1", "h4"), 3e6, 2e6, 1.9e6, 0.05, 0.01),), "a cut link"
    )
    one = ok(client.get("/v1/slices/video"))
    assert one["request"] == {**VIDEO, "rate": 3e6, "latency": 0.05}
    (pipe,) = one["pipes"]
    assert pipe["path"] == ["s1", "s2", "s4"] and pipe["backup"] is None
    assert (pipe["promised"], pipe["delivered"], pipe["loss"]) == (3e6, 1.9e6, 0.05)
    assert (one["offered"], one["violation"]) == (2e6, "a cut link")
    assert one["held"] == [
        {"from": "s1", "to": "s2", "rate": 3e6},
        {"from": "s2", "to": "s4", "rate": 3e6},
    ]
    assert ok(client.delete("/v1/slices/video")) == {"deleted": "video"}
    assert ok(client.get("/v1/slices")) == []
    assert [row["detail"] for row in ok(client.get("/v1/slices?state=expired"))] == ["deleted"]
    assert "ended already" in bad(client.delete("/v1/slices/video"), 404)
    assert "no slice 'x'" in bad(client.get("/v1/slices/x"), 404)
    assert "state=gone: there are pending" in bad(client.get("/v1/slices?state=gone"), 400)


def test_several_are_taken_all_or_none(client: Client, view: StillView) -> None:
    rows = ok(client.post("/v1/slices", json={"slices": [VIDEO, VOICE]}), 201)
    assert [row["slice"] for row in rows] == ["video", "voice"]
    text = bad(client.post("/v1/slices", json={"slices": [THIRD, VOICE]}), 409)
    assert text == "name: voice is taken by a slice that is pending"
    wrong = {"slices": [THIRD, {**VIDEO, "name": "fourth", "rate": -1}]}
    assert bad(client.post("/v1/slices", json=wrong), 400).startswith("slices[1].rate: ")
    assert [one.name for one in view.slices()] == ["video", "voice"]


def test_a_whole_set_tells_its_difference_first(client: Client, view: StillView) -> None:
    client.post("/v1/slices", json={"slices": [VIDEO, VOICE]})
    wanted = {"slices": [{**VIDEO, "rate": "4M"}, {**THIRD}]}
    told = ok(client.put("/v1/slices?dry_run=true", json=wanted))
    assert told == {
        "created": ["third"],
        "changed": ["video"],
        "unchanged": [],
        "deleted": ["voice"],
        "changes": {"video": {"rate": {"before": 3e6, "after": 4e6}}},
    }
    assert [one.state for one in view.slices()] == ["pending", "pending"]
    assert ok(client.put("/v1/slices", json=wanted)) == told
    assert {one.name: one.state for one in view.slices()} == {
        "third": "pending",
        "video": "pending",
        "voice": "expired",
    }
    assert "want true or false" in bad(client.put("/v1/slices?dry_run=1", json=wanted), 400)


def test_the_schema_is_published(client: Client) -> None:
    answer = ok(client.get("/v1/schemas/slices"))
    assert answer["request"]["required"] == ["name", "rate"]
    assert "slices" in answer["requests"]["properties"]


def test_events_are_numbered_and_continued(client: Client, view: StillView) -> None:
    client.post("/v1/slices", json=VIDEO)
    view.decide()
    rows = ok(client.get("/v1/events"))
    assert [(row["number"], row["kind"]) for row in rows] == [
        (1, "asked"),
        (2, "admitted"),
        (3, "active"),
    ]
    assert ok(client.get("/v1/events?since=2&limit=5")) == rows[2:]
    assert ok(client.get("/v1/events?limit=1")) == rows[2:]
    for query in ("since=-1", "since=x", "limit=0", "limit=9999", "after=1"):
        assert bad(client.get(f"/v1/events?{query}"), 400)


def test_a_stream_gives_what_was_and_what_comes(
    client: Client, view: StillView, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slices, "KEEP_ALIVE_S", 0.05)
    client.post("/v1/slices", json=VIDEO)
    response = client.get("/v1/events/stream?since=0")
    assert response.mimetype == "text/event-stream"
    parts = map(bytes.decode, response.iter_encoded())
    assert next(parts).startswith(":")
    first = next(parts)
    assert first.startswith("id: 1\nevent: asked\ndata: {") and first.endswith("\n\n")
    assert next(parts) == ": nothing new\n\n"
    view.decide()
    kinds = [json.loads(next(parts).split("data: ")[1])["kind"] for _ in range(2)]
    assert kinds == ["admitted", "active"]
    from_now = map(bytes.decode, client.get("/v1/events/stream").iter_encoded())
    next(from_now)
    assert next(from_now) == ": nothing new\n\n"
    response.close()


def test_bodies_that_are_none(client: Client, view: StillView) -> None:
    for method in (client.post, client.put):
        assert "not JSON" in bad(
            method("/v1/slices", data=b"{", content_type="application/json"), 400
        )
        assert "Content-Type" in bad(method("/v1/slices", data={"name": "x"}), 400)
        huge = b" " * (3 * 2**20)
        assert bad(method("/v1/slices", data=huge, content_type="application/json"), 413)
    assert view.slices() == ()


def test_a_thousand_malformed_requests_change_nothing(client: Client, view: StillView) -> None:
    """Each drawn from the schema and spoilt in one way: a 4xx that names the field."""
    rng = random.Random(11)
    for i in range(5):  # some are for hosts that others have already
        code = client.post("/v1/slices", json=drawn(rng, HOSTS, f"good-{i}")).status_code
        assert code in (201, 409)
    view.decide()
    before, events, plan = view.slices(), view.newest_event(), view.slicing.plan
    codes: dict[int, int] = {}
    for i in range(1000):
        request, field = spoilt(rng, HOSTS, f"s{i}")
        alone = rng.random() < 0.5
        body = request if alone else {"slices": [drawn(rng, HOSTS, f"t{i}"), request]}
        send = client.put if not alone and rng.random() < 0.5 else client.post
        data = json.dumps(body).encode()
        response = send("/v1/slices", data=data, content_type="application/json")
        codes[response.status_code] = codes.get(response.status_code, 0) + 1
        assert 400 <= response.status_code < 500, (request, response.text)
        text = json.loads(response.text)["error"]
        assert field in text.split(": ")[0] or field[:5] in text, (request, text)
        if not alone:
            assert text.startswith("slices[1]"), (request, text)
    assert codes == {400: 1000}
    assert (view.slices(), view.newest_event(), view.slicing.plan) == (before, events, plan)


def test_metrics_of_slices(client: Client, view: StillView) -> None:
    client.post("/v1/slices", json=VIDEO)
    view.decide()
    pipe = PipeQuality(Ends("h1", "h4"), 3e6, 2e6, 1.9e6, 0.05, 0.01)
    view.measured["video"] = Delivered(1.8e9, (pipe,), "a cut link")
    text = client.get("/metrics").text
    for line in (
        'qb_slices{state="active"} 1.0',
        'qb_slices{state="rejected"} 0.0',
        'qb_slice_kept{slice="video"} 0.0',
        'qb_slice_promised_bits_per_second{slice="video",from="h1",to="h4"} 3000000.0',
        'qb_slice_loss{slice="video",from="h1",to="h4"} 0.05',
        "qb_slice_events_total 3.0",
    ):
        assert line in text.splitlines()
