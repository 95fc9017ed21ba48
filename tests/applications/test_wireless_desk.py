"""Scenarios as a REST client sends them: what is wrong is named, what is right is answered."""

import json

import pytest

from qb_controller.applications.wireless_control import optimise, settings_of
from qb_controller.applications.wireless_desk import Desk
from qb_controller.applications.wireless_scenario import as_mapping, generate
from qb_controller.commands.wireless import service_for
from qb_controller.runtime import wire
from qb_controller.runtime.messages import ChannelsRequest


def body(**changes):
    return {"scenario": as_mapping(generate(6, 3, 1)), "deadline_s": 0.3, **changes}


def with_point(**changes):
    data = body()
    data["scenario"]["access_points"][2] |= changes
    return data


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"{", "not JSON"),
        (b"[]", "not a JSON object"),
        ({}, "scenario: is missing"),
        (body(deadline_s="soon"), "deadline_s"),
        (body(deadline_s=0.0), "deadline_s"),
        (body(deadline_s=600), "deadline_s"),
        (body(objective="peace"), "objective"),
        (body(seed=-1), "seed"),
        (body(speed=1), "unknown key 'speed'"),
        (body(scenario=[]), "scenario"),
        (with_point(power_dbm=-5), r"scenario: access_points[2]: power_dbm"),
        (with_point(x="left"), r"scenario: access_points[2]: x"),
        (with_point(channel=1), r"scenario: access_points[2]: channel"),
    ],
)
def test_a_wrong_request_is_answered_with_the_name_of_the_field(data, named):
    def never():
        raise AssertionError("the service is asked about a wrong request")

    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    answer = Desk(never).answer(ChannelsRequest(5, raw))
    error = json.loads(answer.body)
    assert (answer.number, answer.code, error["status"]) == (5, 400, 400)
    assert named in error["error"]


@pytest.fixture(scope="module")
def service():
    with service_for("path-switch") as made:
        yield made


def test_a_problem_too_large_to_be_sent_is_told(service, monkeypatch):
    monkeypatch.setattr(wire, "MAX_FRAME", 1000)
    found = optimise(service, generate(6, 3, 1), settings_of(0.3, None, 0))
    assert found.backend == "dsatur"
    assert "more than the 1000 of a frame" in found.detail


def test_a_scenario_is_answered_with_a_configuration(service):
    desk = Desk(lambda: service)
    wrong = desk.answer(ChannelsRequest(1, json.dumps(body(backend="magic")).encode()))
    assert wrong.code == 400 and "'magic'" in wrong.body
    right = desk.answer(ChannelsRequest(2, json.dumps(body()).encode()))
    answer = json.loads(right.body)
    assert right.code == 200 and answer["backend"] in ("path-switch", "dsatur")
    scenario = generate(6, 3, 1)
    assert set(answer["channels"]) == {point.name for point in scenario.access_points}
    assert set(answer["channels"].values()) <= set(scenario.channels)
    assert answer["detail"] == ""
    assert set(answer["users"]) == {station.name for station in scenario.stations}
