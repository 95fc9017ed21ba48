from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qb_controller.errors import InputError, NotFound
from qb_controller.model.network import Host, Network, Switch
from qb_controller.northbound import params
from qb_controller.northbound.view import TeSettings

NETWORK = Network(
    switches=(Switch(1, "s1"), Switch(2, "s2"), Switch(0xAB, "core")),
    links=(),
    hosts=(
        Host("h1", "00:00:00:00:00:01", "10.0.0.1", 1, 1),
        Host("h2", "00:00:00:00:00:02", "10.0.0.2", 2, 1),
        Host("h3", "00:00:00:00:00:03", "10.0.0.3", 2, 2),
    ),
)
SETTINGS = TeSettings(True, None, False, 0.5)
BACKENDS = ("highs-lp", "sa-blocks")


@pytest.mark.parametrize("text", ["core", "171", "0xab", "00000000000000ab"])
def test_switch_by_name_or_datapath_id(text: str) -> None:
    assert params.switch(NETWORK, text) == 0xAB


@pytest.mark.parametrize("text", ["h3", "10.0.0.3", "00:00:00:00:00:03"])
def test_place_of_a_host(text: str) -> None:
    place = params.place(NETWORK, text)
    assert place.dpid == 2
    assert place.host is not None
    assert place.host.name == "h3"


def test_unknown_names_are_named_with_a_hint() -> None:
    with pytest.raises(NotFound, match=r"no host or switch 'h33'; did you mean h3\?"):
        params.place(NETWORK, "h33")
    with pytest.raises(NotFound, match="no switch 'zz'; there are core, s1, s2"):
        params.switch(NETWORK, "zz")


@pytest.mark.parametrize("text", ["h1", "h1,h2,h3", "h2,h3", "h2,s2"])
def test_pairs_that_are_none(text: str) -> None:
    with pytest.raises(InputError, match="pair="):
        params.pair(NETWORK, text)


def test_query_is_checked() -> None:
    assert params.query({"a": ["1"]}, ("a", "b")) == {"a": "1"}
    with pytest.raises(InputError, match="unknown query parameter 'ownr'; did you mean owner"):
        params.query({"ownr": ["te"]}, ("owner", "pair"))
    with pytest.raises(InputError, match="a is given 2 times"):
        params.query({"a": ["1", "2"]}, ("a",))
    with pytest.raises(InputError, match="a is empty"):
        params.query({"a": [""]}, ("a",))


@pytest.mark.parametrize("text", ["0", "-1", "11", "x", "1.0", "٣", "9" * 5000])
def test_limit_out_of_range(text: str) -> None:
    with pytest.raises(InputError, match="limit="):
        params.limit({"limit": text}, 5, 10)


def test_limit() -> None:
    assert params.limit({}, 5, 10) == 5
    assert params.limit({"limit": "10"}, 5, 10) == 10


def test_te_change_merges() -> None:
    after = params.te_change(
        SETTINGS, {"backend": "sa-blocks", "split": True, "deadline_s": 1}, BACKENDS
    )
    assert after == TeSettings(True, "sa-blocks", True, 1.0)
    assert params.te_change(after, {"backend": None, "enabled": False}, BACKENDS) == TeSettings(
        False, None, True, 1.0
    )


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({}, "nothing to change"),
        ({"enabled": 1}, "enabled: want true or false, not 1"),
        ({"split": "yes"}, "split: want true or false"),
        ({"backend": "cplex"}, "no backend 'cplex'; there are highs-lp, sa-blocks"),
        ({"backend": 3}, "backend: want a name or null"),
        ({"deadline_s": 0}, "deadline_s: want 0.01 to 60 seconds, not 0"),
        ({"deadline_s": True}, "deadline_s"),
        ({"deadline_s": float("nan")}, "deadline_s"),
        ({"deadline_s": None}, "deadline_s"),
        ({"deadline_s": [1] * 100}, "deadline_s"),
    ],
)
def test_te_changes_that_are_refused(change: dict[str, object], text: str) -> None:
    with pytest.raises(InputError, match=text):
        params.te_change(SETTINGS, change, BACKENDS)


@given(st.binary(max_size=200))
def test_any_body_is_read_or_refused(data: bytes) -> None:
    try:
        value = params.body(data, "application/json", ("a",))
    except InputError:
        return
    assert set(value) <= {"a"}


@pytest.mark.parametrize("data", [b"[" * 60_000, b"1" * 10_000, b"\xff\xfe", b"", b"[]"])
def test_hostile_bodies(data: bytes) -> None:
    with pytest.raises(InputError, match="body"):
        params.body(data, "application/json", ())


def test_content_type_is_required() -> None:
    with pytest.raises(InputError, match="Content-Type is text/plain"):
        params.body(b"{}", "text/plain", ())
