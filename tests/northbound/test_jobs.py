"""The endpoints of quantum jobs: what reaches the jobs process, and what never does."""

from __future__ import annotations

import json

import pytest
from werkzeug.test import Client

from qb_controller.northbound.rest import make_app
from tests.northbound.still import StillView


@pytest.fixture
def view() -> StillView:
    return StillView()


@pytest.fixture
def client(view: StillView) -> Client:
    return Client(make_app(view))


def test_each_method_asks_for_its_action(client: Client) -> None:
    for ask, path, action, name in (
        (client.get, "/v1/jobs", "list", "100"),
        (client.get, "/v1/jobs?limit=3", "list", "3"),
        (client.get, "/v1/jobs/j7", "show", "j7"),
        (client.delete, "/v1/jobs/j7", "cancel", "j7"),
    ):
        answer = ask(path)
        assert answer.status_code == 200, answer.text
        told = json.loads(answer.text)
        told = told[0] if action == "list" else told
        assert (told["action"], told["name"]) == (action, name)


def test_a_body_travels_unread(client: Client, view: StillView) -> None:
    sent = b'{"circuit": "ghz:2", "shots": "many"}'
    answer = client.post("/v1/jobs", data=sent, content_type="application/json")
    assert json.loads(answer.text)["action"] == "submit"
    assert view.asked == sent


@pytest.mark.parametrize("path", ["/v1/jobs?limit=0", "/v1/jobs?limit=x", "/v1/jobs?colour=red"])
def test_a_wrong_query_is_refused_here(client: Client, view: StillView, path: str) -> None:
    assert client.get(path).status_code == 400


def test_a_body_that_is_no_json_by_its_type_is_refused_here(
    client: Client, view: StillView
) -> None:
    assert client.post("/v1/jobs", data=b"shots=4").status_code == 400
    assert view.asked == b""
