from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.test import Client, TestResponse

from qb_controller.northbound.rest import make_app
from tests.northbound.still import StillView

PATHS = (
    "/",
    "/v1/status",
    "/v1/topology",
    "/v1/links",
    "/v1/hosts",
    "/v1/demands",
    "/v1/flows",
    "/v1/path?from=h1&to=h4",
    "/v1/plan",
    "/v1/decisions",
    "/v1/decisions/7",
    "/v1/decisions/last",
    "/v1/drift",
    "/v1/te",
    "/v1/slices",
    "/v1/schemas/slices",
    "/v1/events",
)


@pytest.fixture
def view() -> StillView:
    return StillView()


@pytest.fixture
def client(view: StillView) -> Client:
    return Client(make_app(view))


def get(client: Client, path: str, status: int = 200) -> Any:
    response = client.get(path)
    assert response.status_code == status, response.text
    assert response.mimetype == "application/json"
    return json.loads(response.text)


def error_of(response: TestResponse) -> str:
    answer = json.loads(response.text)
    assert answer["status"] == response.status_code
    return str(answer["error"])


@pytest.mark.parametrize("path", PATHS)
def test_every_path_answers_strict_json(client: Client, path: str) -> None:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    response = client.get(path)
    assert response.status_code == 200, response.text
    json.loads(response.text, parse_constant=refuse)


def test_index_names_every_path(client: Client) -> None:
    listed = {row["path"] for row in get(client, "/")}
    for path in PATHS:
        bare = path.split("?")[0]
        assert bare in listed or bare.startswith("/v1/decisions/")


def test_links_and_utilisation(client: Client) -> None:
    rows = get(client, "/v1/links")
    assert len(rows) == 8
    assert rows[0] == {
        "from": "s1",
        "from_port": 2,
        "to": "s2",
        "to_port": 2,
        "capacity": 10e6,
        "rate": 6e6,
        "utilisation": 0.6,
        "delay_s": 0.0,
    }
    assert rows[-1]["rate"] is None


def test_topology(client: Client) -> None:
    answer = get(client, "/v1/topology")
    assert answer["switches"][0] == {
        "switch": "s1",
        "dpid": 1,
        "hosts": ["h1"],
        "neighbours": ["s2", "s3"],
    }
    assert [host["host"] for host in answer["hosts"]] == ["h1", "h2", "h3", "h4"]


def test_status(client: Client) -> None:
    answer = get(client, "/v1/status")
    assert answer["mlu"] == 0.6
    assert answer["offered"] == 9e6
    assert answer["optimiser"]["pid"] == 4711
    assert answer["te"]["deadline_s"] == 0.5


def test_plan_has_a_row_for_each_path(client: Client) -> None:
    rows = get(client, "/v1/plan")
    assert [(row["share"], row["path"]) for row in rows] == [
        (0.5, ["s1", "s2", "s4"]),
        (0.5, ["s1", "s3", "s4"]),
    ]
    assert {row["demand"] for row in rows} == {9e6}


def test_decisions(client: Client) -> None:
    rows = get(client, "/v1/decisions")
    assert [row["decision"] for row in rows] == [7, 6]
    assert rows[0]["gap"] == 0.0
    assert rows[0]["family"] == "classical"
    assert rows[1]["status"] == "running"
    assert [row["decision"] for row in get(client, "/v1/decisions?limit=1")] == [7]
    assert [row["decision"] for row in get(client, "/v1/decisions?status=running")] == [6]


def test_one_decision(client: Client) -> None:
    answer = get(client, "/v1/decisions/7")
    assert answer["features"] == {"demands": 1.0, "odd": None}
    assert answer["candidates"][1]["refusal"] == "no worker is ready"
    assert answer["outcome"]["extra"] == {"solver_s": 0.02}
    assert get(client, "/v1/decisions/last")["decision"] == 7
    assert "those remembered are 6 to 7" in get(client, "/v1/decisions/99", 404)["error"]
    assert "'1e3'" in get(client, "/v1/decisions/1e3", 404)["error"]


def test_te_is_changed_whole(client: Client, view: StillView) -> None:
    response = client.patch(
        "/v1/te", json={"backend": "sa-blocks", "deadline_s": 2, "split": False}
    )
    assert response.status_code == 200
    assert view.settings.backend == "sa-blocks"
    assert view.settings.deadline_s == 2.0
    assert view.settings.split is False
    assert json.loads(response.text)["backends"] == ["highs-lp", "qaoa-blocks", "sa-blocks"]


@pytest.mark.parametrize(
    "body", [{"backend": "x", "enabled": False}, {"enabled": "off"}, {"speed": 3}, [], "on", None]
)
def test_a_wrong_change_changes_nothing(client: Client, view: StillView, body: object) -> None:
    before = view.settings
    response = client.patch("/v1/te", json=body)
    assert response.status_code == 400
    assert error_of(response)
    assert view.settings == before


def test_wrong_methods_and_paths(client: Client) -> None:
    response = client.delete("/v1/te")
    assert response.status_code == 405
    assert response.headers["Allow"] == "GET, HEAD, PATCH"
    assert "DELETE is not allowed for /v1/te" in error_of(response)
    for path in ("/v2/flows", "//v1//flows", "/v1/decisions/7/8", "/v1/%ff"):
        response = client.get(path)
        assert response.status_code == 404, path
        assert "not found" in error_of(response)


def test_body_too_large(client: Client) -> None:
    response = client.patch("/v1/te", data=b" " * 70_000 + b"{}", content_type="application/json")
    assert response.status_code == 413
    assert error_of(response)


def test_a_browser_form_is_refused(client: Client, view: StillView) -> None:
    assert client.post("/v1/repair", data={"a": "b"}).status_code == 400
    assert view.repairs == 0


def test_a_silent_switch_is_named(client: Client, view: StillView) -> None:
    view.silent = 3
    for path in ("/v1/flows", "/v1/drift"):
        assert "switch s3 did not answer" in get(client, path, 503)["error"]
    assert get(client, "/v1/flows?switch=s1")


def test_faults_are_logged_and_not_shown(
    client: Client, view: StillView, caplog: pytest.LogCaptureFixture
) -> None:
    view.link_rates = lambda: 1 / 0  # type: ignore[method-assign,assignment,return-value]
    answer = get(client, "/v1/links", 500)
    assert "division" not in answer["error"]
    assert "ZeroDivisionError" in caplog.text


def test_metrics(client: Client) -> None:
    response = client.get("/metrics")
    assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    values = {}
    for line in response.text.splitlines():
        if not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            values[name] = float(value)
    assert values["qb_mlu"] == 0.6
    assert values["qb_flow_mods_total"] == 17
    assert values['qb_link_utilisation{from="s1",to="s2",port="2"}'] == 0.6
    assert not any(math.isnan(value) for value in values.values())


text = st.text(max_size=12).map(lambda value: value.replace("?", "!"))
words = st.sampled_from(
    ["h1", "h4", "s1", "te", "", "1", "-1", "h1,h4", "h1,h1", ",", "last", "٣", "\x00", "%"]
)
keys = st.one_of(
    st.sampled_from(["switch", "pair", "owner", "from", "to", "limit", "status"]), text
)
STILL = StillView()


@settings(max_examples=150, deadline=None)
@given(
    path=st.one_of(
        st.sampled_from([*(path.split("?")[0] for path in PATHS), "/metrics"]),
        st.builds("/v1/{}".format, text),
        st.builds("/v1/decisions/{}".format, st.one_of(text, words)),
    ),
    query=st.lists(st.tuples(keys, st.one_of(words, text)), max_size=3),
    method=st.sampled_from(["GET", "GET", "GET", "POST", "PATCH", "PUT", "HEAD", "OPTIONS"]),
)
def test_no_request_is_a_fault(path: str, query: list[tuple[str, str]], method: str) -> None:
    from werkzeug.datastructures import MultiDict

    client = Client(make_app(STILL))
    response = client.open(path, method=method, query_string=MultiDict(query))
    assert response.status_code < 500, response.text
    if response.status_code >= 400 and method != "HEAD":
        assert error_of(response)


json_values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), text),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(text, inner, max_size=3)),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(
    body=st.one_of(
        st.binary(max_size=60),
        json_values.map(lambda value: json.dumps(value).encode()),
        st.dictionaries(
            st.one_of(st.sampled_from(["enabled", "backend", "split", "deadline_s"]), text),
            st.one_of(json_values, st.sampled_from(["sa-blocks", 0.5, 2])),
            max_size=3,
        ).map(lambda value: json.dumps(value).encode()),
    ),
    kind=st.sampled_from(["application/json", "application/json", "text/plain", ""]),
)
def test_no_body_is_a_fault(body: bytes, kind: str) -> None:
    view = StillView()
    response = Client(make_app(view)).patch("/v1/te", data=body, content_type=kind)
    assert response.status_code in (200, 400), response.text
    assert isinstance(view.settings.enabled, bool)
    assert isinstance(view.settings.split, bool)
    assert view.settings.backend in (None, *view.backends())
    assert 0.01 <= view.settings.deadline_s <= 60


def test_a_scenario_is_passed_on_unread_and_its_answer_back(
    client: Client, view: StillView
) -> None:
    answer = client.post("/v1/wireless", data=b"{ any bytes", content_type="application/json")
    assert (answer.status_code, view.asked) == (200, b"{ any bytes")
    assert json.loads(answer.text) == {"channels": {}}
    assert "Content-Type" in error_of(client.post("/v1/wireless", data="x=1"))
    large = client.post("/v1/wireless", data=b" " * (9 << 20), content_type="application/json")
    assert large.status_code == 413
