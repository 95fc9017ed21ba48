"""Slices in SQLite: what is written is read back, and damage is told."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from qb_controller.errors import ConfigError
from qb_controller.model.network import LinkId
from qb_controller.model.slice_life import Slice
from qb_controller.model.slices import Ends, Pipe, Placement, SliceRequest
from qb_controller.slicing import store as stores
from qb_controller.slicing.store import FILE, SliceStore
from tests.northbound.still import LOWER, UPPER

ENDS = Ends("h1", "h4")
BACK = Ends("h4", "h1")
REQUEST = SliceRequest("a", (ENDS,), (), 3e6, 1e6, 0.02, "shared", "disjoint", 2, 1.5, 10.0, 1e10)
PLACE = Placement(REQUEST, 7, 3, (Pipe(ENDS, UPPER, LOWER), Pipe(BACK, None)), {LinkId(1, 2): 3e6})
LAN = SliceRequest("lan", hosts=("h1", "h2"), rate=1e6, rate_back=1e6)


def slices() -> tuple[Slice, ...]:
    return (
        Slice(REQUEST, 7, "degraded", 5.0, 4.0, "link s1 -> s2 is gone", PLACE, 3),
        Slice(LAN, 8, "pending", 6.0, 6.0),
    )


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    store = SliceStore(tmp_path)
    events = store.write(slices(), [(5.0, "a", "asked", "x"), (6.0, "lan", "asked", "é\n")])
    assert [event.number for event in events] == [1, 2]
    store.close()
    again = SliceStore(tmp_path)
    assert again.slices() == slices()
    assert again.events(0, 10) == events
    assert again.events(1, 10) == events[1:]
    assert again.newest() == 2
    assert again.write([], [(7.0, "a", "active", "y")])[0].number == 3


def test_a_write_is_whole_or_not_at_all(tmp_path: Path) -> None:
    store = SliceStore(tmp_path)
    with pytest.raises(sqlite3.Error):
        store.write(slices(), [(5.0, "a", "asked", None)])  # type: ignore[list-item]
    assert store.slices() == () and store.newest() == 0
    assert store.write(slices(), [(5.0, "a", "asked", "x")])[0].number == 1


def test_only_the_newest_of_what_is_over_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "KEEP_EVENTS", 3)
    monkeypatch.setattr(stores, "KEEP_EXPIRED", 2)
    monkeypatch.setattr(stores, "PRUNE_EVERY", 1)
    store = SliceStore()
    for n in range(6):
        request = SliceRequest(f"s{n}", (ENDS,), rate=1e6)
        state = "expired" if n else "active"
        one = Slice(request, n + 1, state, float(n), 0.0)  # type: ignore[arg-type]
        store.write([one], [(1.0, one.name, "asked", "x")])
    assert [one.name for one in store.slices()] == ["s0", "s4", "s5"]
    assert [event.number for event in store.events(0, 10)] == [4, 5, 6]


def test_damage_is_told_and_nothing_is_thrown_away(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"this is no database, " * 100)
    with pytest.raises(ConfigError, match="move it away to begin without slices"):
        SliceStore(tmp_path)
    assert (tmp_path / FILE).read_bytes().startswith(b"this is no database")
    (tmp_path / FILE).unlink()
    store = SliceStore(tmp_path)
    store.write(slices(), [])
    store.close()
    with sqlite3.connect(tmp_path / FILE) as db:
        db.execute("UPDATE slices SET request = '{\"speed\": 1}' WHERE name = 'lan'")
    with pytest.raises(ConfigError, match="slice lan is unreadable"):
        SliceStore(tmp_path).slices()
