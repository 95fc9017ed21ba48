"""`qb slice`, `qb slices` and `qb events` against a real HTTP server."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qb_controller.commands import events, slices
from qb_controller.model.delivered import Delivered, PipeQuality
from qb_controller.model.slices import Ends
from qb_controller.northbound import slices as northbound
from tests.commands.conftest import Ran
from tests.northbound.still import StillView

Qb = Callable[..., Ran]

SET = """
slices:
  - name: video
    pairs: [[h1, h4]]
    rate: 3Mbit
    latency: 50ms
    end: 2040-01-01T00:00:00Z
  - {name: voice, hosts: [h2, h3, h4], rate: 64kbit, priority: 3}
"""


@pytest.fixture
def deciding(view: StillView) -> Iterator[None]:
    """What is asked for is decided soon after, as a controller does."""
    over = threading.Event()

    def run() -> None:
        while not over.wait(0.02):
            view.decide()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    yield
    over.set()
    thread.join()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tenants.yaml"
    path.write_text(SET)
    return path


def test_a_slice_is_made_shown_listed_and_deleted(qb: Qb, view: StillView, deciding: None) -> None:
    ran = qb("slice", "create", "video", "--pair", "h1,h4", "--rate", "3M", "--latency", "50ms")
    assert (ran.code, ran.out) == (0, "slice video is active by decision 1\n")
    pipe = PipeQuality(Ends("h1", "h4"), 3e6, 3.2e6, 2.9e6, 0.031, 0.02)
    view.measured["video"] = Delivered(1.8e9, (pipe,), "2.9 of 3 Mbit/s")
    text = qb("slice", "show", "video").out
    for part in ("pairs [['h1', 'h4']]", "NOT KEPT: 2.9 of 3 Mbit/s", "3.10%", "s1 > s2 > s4"):
        assert part in text, part
    row = qb("slice", "show", "video", "--json").json
    assert (row["request"]["rate"], "meta" in row) == (3e6, True)
    rows = qb("slices", "--json").json
    assert {column.key for column in slices.SLICES} <= set(rows[0])
    assert qb("slice", "list", "--json").json == rows
    assert qb("slices").out.splitlines()[1].split()[:3] == ["video", "active", "h1>h4"]
    assert qb("slice", "delete", "video").out == "slice video is deleted\n"
    assert qb("slices").out == "there is no slice\n"
    assert qb("slices", "--state", "expired", "--json").json[0]["detail"] == "deleted"


def test_one_that_does_not_fit_exits_1_with_the_reason(qb: Qb, deciding: None) -> None:
    ran = qb("slice", "create", "big", "--hosts", "h1,h4", "--rate", "90M")
    assert ran.code == 1
    assert ran.out == "slice big is rejected by decision 1: no path has room\n"


def test_one_that_starts_later_is_not_waited_for(qb: Qb, deciding: None) -> None:
    begin = time.monotonic()
    ran = qb("slice", "create", "late", "--pair", "h1,h4", "--rate", "1M", "--start", "+1h")
    assert ran.code == 0 and "late is pending" in ran.out
    assert time.monotonic() - begin < slices.WAIT_S


def test_a_file_is_applied_after_its_difference(
    qb: Qb, view: StillView, file: Path, deciding: None
) -> None:
    ran = qb("slice", "apply", str(file), "--dry-run")
    assert (ran.code, ran.out) == (0, "+ video\n+ voice\n")
    assert view.slices() == ()
    ran = qb("slice", "apply", str(file))
    assert ran.code == 2 and "nobody agreed" in ran.err
    ran = qb("slice", "apply", str(file), "--yes")
    assert ran.code == 0
    assert "slice video is active" in ran.out and "slice voice is active" in ran.out
    assert qb("slice", "apply", str(file)).out == "nothing to change\n"
    file.write_text(SET.replace("3Mbit", "4Mbit").split("  - {name")[0])
    ran = qb("slice", "apply", str(file), "--yes", "--json")
    assert (ran.json["changed"], ran.json["deleted"]) == (["video"], ["voice"])
    assert ran.json["changes"]["video"]["rate"] == {"before": 3e6, "after": 4e6}
    assert ran.json["slices"][0]["rate"] == 4e6


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("rate: 3Mbit", "rate: fast", "tenants.yaml: slices[0].rate: want"),
        ("rate: 3Mbit", "rates: 3Mbit", "slices[0].rates: unknown key; did you mean rate?"),
        ("rate: 3Mbit", "rate: .nan", "slices[0].rate: want"),
        ("rate: 3Mbit", "rate: 3Mbit\n    rate: 4Mbit", "line 6: rate is given twice"),
        ("[h2, h3, h4]", "[h2, h3, h44]", "slices[1].hosts[2]: no host 'h44' in the network; did"),
        ("2040-01-01", "2020-01-01", "slices[0].end: '2020-01-01T00:00:00Z' is past"),
        ("name: voice", "name: video", "slices[1].name: video is the name of an earlier one"),
        ("slices:", "slice:", "tenants.yaml: slice: unknown key; did you mean slices?"),
        ("{name", "{{name", "tenants.yaml"),
    ],
)
def test_a_wrong_file_is_named_with_its_field(
    qb: Qb, view: StillView, file: Path, old: str, new: str, text: str
) -> None:
    file.write_text(SET.replace(old, new, 1))
    ran = qb("slice", "apply", str(file), "--yes")
    assert ran.code == 2 and text in ran.err, ran.err
    assert view.slices() == ()


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (("create", "x", "--pair", "h1,h9", "--rate", "1M"), "pairs[0][1]: no host 'h9'"),
        (("create", "x", "--pair", "h1", "--rate", "1M"), "pairs[0]: want 2 entries"),
        (("create", "X", "--pair", "h1,h2", "--rate", "1M"), "name: want lower-case"),
        (("create", "x", "--pair", "h1,h2", "--rate", "1M", "--priority", "0"), "priority: must"),
        (("show", "x"), "no slice 'x'"),
        (("delete", "a/b"), "/v1/slices/a/b: not found"),
        (("apply", "/nowhere/x.yaml"), "/nowhere/x.yaml: cannot read"),
    ],
)
def test_faults_are_one_line(qb: Qb, argv: tuple[str, ...], text: str) -> None:
    ran = qb("slice", *argv)
    assert ran.code == 2
    assert text in ran.err and ran.err.count("\n") == 1, ran.err


def test_events_are_listed(qb: Qb, view: StillView, deciding: None) -> None:
    assert qb("events").out == "nothing has happened to slices\n"
    qb("slice", "create", "a", "--pair", "h1,h4", "--rate", "1M")
    qb("slice", "create", "b", "--pair", "h2,h3", "--rate", "1M")
    rows = qb("events", "--json").json
    assert {column.key for column in events.EVENTS} <= set(rows[0])
    assert [row["kind"] for row in rows if row["slice"] == "b"] == ["asked", "admitted", "active"]
    assert len(qb("events", "--since", "2", "--slice", "b", "--json").json) == 3
    assert "active" in qb("events").out
    assert qb("events", "--limit", "0").code == 2


def test_events_are_followed(qb: Qb, view: StillView, monkeypatch: pytest.MonkeyPatch) -> None:
    qb("slice", "create", "a", "--pair", "h1,h4", "--rate", "1M", "--wait", "0")
    later = threading.Timer(0.2, view.decide)
    later.start()
    seen: list[str] = []

    def tell(row: dict[str, str], as_json: bool) -> None:
        seen.append(row["kind"])
        if row["kind"] == "active":
            raise KeyboardInterrupt

    monkeypatch.setattr(events, "_tell", tell)
    monkeypatch.setattr(northbound, "KEEP_ALIVE_S", 0.05)  # the server ends soon, too
    assert qb("events", "--follow", "--json").code == 130
    later.join()
    assert seen == ["asked", "admitted", "active"]


def test_followed_events_are_one_to_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    row = {"number": 1, "at": 1.8e9, "slice": "a", "kind": "active", "text": "confirmed"}
    events._tell(row, True)
    events._tell(row, False)
    first, second = capsys.readouterr().out.splitlines()
    assert json.loads(first) == row
    assert second.endswith("a: active: confirmed")
