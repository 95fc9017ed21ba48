"""Requests for slices: what is right is read, what is wrong is named."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from qb_controller.applications.slice_requests import (
    as_mapping,
    differences,
    parse_json,
    read,
    read_all,
)
from qb_controller.applications.slice_schema import REQUEST, REQUESTS
from qb_controller.errors import InputError
from qb_controller.model.slices import Ends
from tests.support.malformed import drawn, spoilt

NOW = 1.8e9
HOSTS = ("h1", "h2", "h3", "h4")
VIDEO = {"name": "video", "pairs": [["h1", "h4"]], "rate": "3Mbit"}


def request(**changes: Any) -> Any:
    return read({**VIDEO, **changes}, NOW, HOSTS)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("3Mbit", 3e6),
        ("2.5e6", 2.5e6),
        ("1e+6", 1e6),
        ("3M", 3e6),
        ("64kbit/s", 64e3),
        ("64 kbps", 64e3),
        ("1.5 Gbit", 1.5e9),
        ("5000", 5000.0),
        ("5000bit", 5000.0),
        (2e6, 2e6),
        (2000000, 2e6),
    ],
)
def test_rates(text: Any, rate: float) -> None:
    assert request(rate=text).rate == rate


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("30ms", 0.03), ("500us", 5e-4), ("0.2 s", 0.2), (0.03, 0.03), (None, None)],
)
def test_latencies(value: Any, seconds: float | None) -> None:
    assert request(latency=value).latency == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("+1h", NOW + 3600),
        ("+30m", NOW + 1800),
        ("+2d", NOW + 172800),
        (2e9, 2e9),
        (None, None),
        ("2033-05-18T03:33:20Z", 2e9),
        ("2033-05-18T05:33:20+02:00", 2e9),
        ("2033-05-18 03:33:20", 2e9),
    ],
)
def test_times(value: Any, moment: float | None) -> None:
    assert request(end=value).end == moment


def test_a_pipe_has_its_own_rate_back_and_a_hose_receives_what_it_may_send() -> None:
    assert request().pipes() == (Ends("h1", "h4"),)
    assert request(rate_back="1M").pipes() == (Ends("h1", "h4"), Ends("h4", "h1"))
    hose = read({"name": "lan", "hosts": ["h1", "h2", "h3"], "rate": "1M"}, NOW, HOSTS)
    assert (hose.rate, hose.rate_back, len(hose.pipes())) == (1e6, 1e6, 6)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"rates": 1}, "rates: unknown key; did you mean rate?"),
        ({"pairs": [["h1", "h44"]]}, "pairs[0][1]: no host 'h44' in the network; did you mean h4?"),
        ({"pairs": [["h1", "h1"]]}, "pairs[0][1]: 'h1' is there twice"),
        ({"rate": -1}, "rate: must be at least 1000; got -1"),
        ({"rate": float("nan")}, "rate: want committed from first to second"),
        ({"rate": 10**30}, "rate: must be at most 1e+12"),
        ({"rate": "fast"}, "rate: want committed from first to second"),
        ({"rate": "0.1k"}, "rate: must be 1000 to 1e+12 bit/s; got '0.1k'"),
        ({"rate_back": 5}, "rate_back: must be 0 or at least 1000"),
        ({"latency": "0ms"}, "latency: must be above 0"),
        ({"isolation": "link"}, "isolation: want shared or links, got 'link'; did you mean links?"),
        ({"priority": 2.5}, "priority: want a whole number"),
        ({"end": "2033-02-30"}, "end: '2033-02-30' is no time: day is out of range for month"),
        ({"end": NOW - 1}, "end: 1799999999.0 is past"),
        ({"start": "+1h", "end": "+1h"}, "end: '+1h' is not after the start"),
        ({"hosts": ["h1", "h2"]}, "hosts: give pairs or hosts, not both"),
    ],
)
def test_a_fault_is_named(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError) as caught:
        request(**changes)
    assert str(caught.value).startswith(text)


def test_faults_in_a_set_have_their_place() -> None:
    other = {**VIDEO, "name": "voice"}
    for wrong, text in (
        ({**VIDEO, "name": "x", "rate": "fast"}, "slices[2].rate: want"),
        (VIDEO, "slices[2].name: video is the name of an earlier one, too"),
        ("video", "slices[2]: want names and values; got 'video'"),
    ):
        with pytest.raises(InputError) as caught:
            read_all({"slices": [VIDEO, other, wrong]}, NOW, HOSTS)
        assert str(caught.value).startswith(text)
    for data, text in (([], "the request: want"), ({"slice": []}, "slice: unknown key; did you")):
        with pytest.raises(InputError, match=text):
            read_all(data, NOW, HOSTS)
    assert read_all({"slices": []}, NOW) == ()


def test_what_is_written_is_read_back() -> None:
    rng = random.Random(4)
    for i in range(200):
        request = read(drawn(rng, HOSTS, f"s{i}"), NOW, HOSTS)
        again = read(as_mapping(request), NOW, HOSTS)
        assert again == request
        assert differences(request, again) == {}
    changed = read({**VIDEO, "rate": "4M", "latency": "10ms"}, NOW)
    assert differences(read(VIDEO, NOW), changed) == {
        "rate": (3e6, 4e6),
        "latency": (None, 0.01),
    }


def test_the_schema_is_one_and_allows_what_is_read() -> None:
    for schema in (REQUEST, REQUESTS):
        Draft202012Validator.check_schema(schema)
    validator, rng = Draft202012Validator(REQUEST), random.Random(1)
    for i in range(300):
        data = drawn(rng, HOSTS, f"s{i}")
        read(data, NOW, HOSTS)
        assert not list(validator.iter_errors(data))


def test_a_thousand_faults_are_named_and_what_the_schema_refuses_is_refused() -> None:
    validator, rng = Draft202012Validator(REQUEST), random.Random(2)
    refused = 0
    for i in range(1000):
        data, field = spoilt(rng, HOSTS, f"s{i}")
        with pytest.raises(InputError) as caught:
            read(data, NOW, HOSTS)
        place = str(caught.value).split(": ")[0]
        assert field == "" or field[:5] in place, (data, field, str(caught.value))
        refused += not validator.is_valid(data)
    assert refused > 600


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*REQUEST["properties"], "x"]), inner, max_size=5)
    ),
    max_leaves=8,
)


@given(json_values)
def test_whatever_comes_is_read_or_named(data: Any) -> None:
    try:
        read(data, NOW)
    except InputError as error:
        assert str(error)


@pytest.mark.parametrize("text", [b"{", b"\xff", b'{"a": 1, "a": 2}', b"[" * 100_000, b"9" * 5000])
def test_what_is_no_json_is_told(text: bytes) -> None:
    with pytest.raises(InputError):
        parse_json(text)
