"""Slices end to end on real packets; figures are the benchmarks' business."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.mininet.conftest import UserLab

QB = str(Path(sys.executable).parent / "qb")

SET = """
slices:
  - {name: video, pairs: [[h1, h4]], rate: 300kbit, rate_back: 100kbit, protection: disjoint}
  - {name: lan, hosts: [h1, h2], rate: 200kbit}
"""


def show(lab: UserLab, name: str) -> dict[str, Any]:
    return dict(json.loads(lab.qb("slice", "show", name, "--json").stdout))


def lost(lab: UserLab, since: float, until: float) -> dict[str, Any]:
    return lab.network.call("traffic report", since=since, until=until, pairs=False)


@contextlib.contextmanager
def followed(lab: UserLab, file: Path) -> Iterator[None]:
    """`qb events --follow` writing to a file meanwhile."""
    words = ["events", "--follow", "--json", "--url", lab.controller.url]
    with file.open("wb") as out, subprocess.Popen([QB, *words], stdout=out) as follower:
        try:
            yield
        finally:
            follower.terminate()


def test_events_are_followed_as_they_come(diamond: UserLab, tmp_path: Path) -> None:
    diamond.greet()
    told = tmp_path / "events"
    with followed(diamond, told):
        assert (
            diamond.qb("slice", "create", "a", "--hosts", "h1,h4", "--rate", "100k").returncode == 0
        )
        diamond.qb("slice", "delete", "a")
        rows = diamond.rest.get("/v1/events")
        diamond.wait_for("events", lambda: told.read_text().count("\n") == len(rows))
    assert [row["kind"] for row in rows] == ["asked", "admitted", "active", "deleted"]
    assert [json.loads(line) for line in told.read_text().splitlines()] == rows


def test_a_slice_from_request_to_end(diamond: UserLab) -> None:
    diamond.greet()
    ran = diamond.qb("slice", "create", "video", "--pair", "h1,h4", "--rate", "500k")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "video is active" in ran.stdout
    assert diamond.qb("drift").returncode == 0
    diamond.network.call("traffic start", demands=[["h1", "h4", 3e5]])
    begin = time.monotonic()
    diamond.wait_for(
        "traffic in the slice",
        lambda: (show(diamond, "video")["delivered"] or 0) > 2.5e5,
    )
    diamond.wait_for("a loss figure", lambda: show(diamond, "video")["loss"] is not None)
    row = show(diamond, "video")
    assert row["loss"] == 0.0 and row["violation"] == ""
    assert "video" in diamond.qb("slices").stdout

    too_much = diamond.qb("slice", "create", "big", "--pair", "h2,h3", "--rate", "90M")
    assert too_much.returncode == 1 and "rejected" in too_much.stdout
    decision = show(diamond, "big")["decision"]
    assert "slices" in diamond.qb("explain", str(decision)).stdout

    wrong = diamond.qb("slice", "create", "odd", "--pair", "h1,h99", "--rate", "1M")
    assert wrong.returncode == 2 and "pairs[0][1]: no host 'h99'" in wrong.stderr
    assert lost(diamond, begin, time.monotonic() - 0.5)["lost"] == 0

    assert diamond.qb("slice", "delete", "video").returncode == 0
    diamond.wait_for("settling", lambda: diamond.rest.get("/v1/status")["settled"])
    assert diamond.qb("drift").returncode == 0
    kinds = [row["kind"] for row in diamond.rest.get("/v1/events") if row["slice"] == "video"]
    assert kinds == ["asked", "admitted", "active", "deleted"]


def test_a_restart_keeps_slices_and_loses_nothing(diamond: UserLab, tmp_path: Path) -> None:
    diamond.greet()
    file = tmp_path / "set.yaml"
    file.write_text(SET)
    ran = diamond.qb("slice", "apply", str(file), "--yes")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.count("is active") == 2, ran.stdout
    diamond.network.call("traffic start", demands=[["h1", "h4", 2e5], ["h1", "h2", 1e5]])
    time.sleep(1)
    before = {name: show(diamond, name) for name in ("video", "lan")}
    begin = time.monotonic()
    diamond.controller.stop(signal.SIGKILL)
    time.sleep(1)
    diamond.controller.start()
    diamond.wait_for("adoption", diamond.ready)
    diamond.wait_for("no drift", lambda: diamond.qb("drift").returncode == 0)
    for name, row in before.items():
        after = show(diamond, name)
        assert (after["state"], after["number"]) == ("active", row["number"])
        assert [p["path"] for p in after["pipes"]] == [p["path"] for p in row["pipes"]]
    report = lost(diamond, begin, time.monotonic() - 0.5)
    assert (report["lost"], report["duplicates"]) == (0, 0)
    again = diamond.qb("slice", "apply", str(file), "--yes")
    assert again.stdout == "nothing to change\n"


def test_a_cut_link_degrades_a_slice_that_is_then_moved(diamond: UserLab) -> None:
    diamond.greet()
    assert diamond.qb("slice", "create", "a", "--pair", "h1,h4", "--rate", "500k").returncode == 0
    path = show(diamond, "a")["pipes"][0]["path"]
    diamond.network.call("link down", a=path[0], b=path[1])
    diamond.wait_for("a move", lambda: show(diamond, "a")["pipes"][0]["path"] != path)
    diamond.wait_for("the new place", lambda: show(diamond, "a")["state"] == "active")
    rows = diamond.rest.get("/v1/events")
    assert [row["kind"] for row in rows][-3:] == ["degraded", "moved", "active"]
    assert f"link {path[0]} -> {path[1]} is gone" in rows[-3]["text"]
    assert diamond.qb("path", "h1", "h4").returncode == 0


def test_a_host_of_a_hose_receives_no_more_than_promised_from_all_together(
    diamond: UserLab,
) -> None:
    diamond.greet()
    words = ["--hosts", "h1,h2,h4", "--rate", "600k", "--rate-back", "400k"]
    ran = diamond.qb("slice", "create", "lan", *words)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    diamond.network.call("traffic start", demands=[["h1", "h4", 4e5], ["h2", "h4", 4e5]])
    diamond.wait_for("traffic", lambda: (show(diamond, "lan")["offered"] or 0) > 7e5)
    time.sleep(10.0)
    row, since = show(diamond, "lan"), time.monotonic() - 5.0
    assert row["violation"] == ""
    assert 3.6e5 < row["delivered"] < 4.3e5
    report = diamond.network.call("traffic report", since=since, until=since + 4.0)
    got = sum(pair["received"] for pair in report["pairs"]) / sum(
        p["sent"] for p in report["pairs"]
    )
    assert 0.45 < got < 0.56
    assert diamond.qb("drift").returncode == 0
