"""Latency of slices by probes that cross real switches."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.mininet.conftest import UserLab
from tests.mininet.test_slices import show
from topologies.shaping import apply

PROMISED_S = 0.02
SIZE = 1000


def fresh(lab: UserLab) -> dict[str, Any]:
    """The pipe of slice ``a`` once all probes that count were sent from now on."""
    time.sleep(12.0)
    return dict(show(lab, "a")["pipes"][0])


def narrow(lab: UserLab, a: str, b: str, rate: float) -> None:
    """Let a link carry less than anybody knows of."""
    [link] = [row for row in lab.rest.get("/v1/links") if (row["from"], row["to"]) == (a, b)]
    port = f"{a}-eth{link['from_port']}"
    limits = f"rate {rate:.0f}bit ceil {rate:.0f}bit burst 1600 cburst 1600"
    parts = [("5:", "5:f", ""), ("5:f", "5:1", "prio 0 ")]
    apply([f"class change dev {port} parent {up} classid {own} htb {prio}{limits}"
           for up, own, prio in parts])  # fmt: skip


@pytest.mark.slow
def test_a_full_queue_is_seen_where_it_is_the_slice_s_own(diamond: UserLab) -> None:
    diamond.greet()
    words = ["--pair", "h1,h4", "--rate", "1.2M", "--latency", f"{1e3 * PROMISED_S:g}ms"]
    ran = diamond.qb("slice", "create", "a", *words)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    idle = fresh(diamond)
    path = idle["path"]
    assert idle["probes"] == 10 and idle["probes_lost"] == 0
    assert 0 <= idle["measured_latency_s"] < PROMISED_S / 2
    assert idle["uncertainty_s"] < PROMISED_S / 2
    assert diamond.qb("drift").returncode == 0

    neighbour = path[1].replace("qxs", "h")
    diamond.network.call("traffic start", demands=[["h1", neighbour, 3e6]], size=SIZE)
    beside = fresh(diamond)
    assert beside["probes_lost"] == 0 and beside["measured_latency_s"] < PROMISED_S

    diamond.network.call("traffic start", demands=[["h1", "h4", 1e6]], size=SIZE)
    narrow(diamond, path[0], path[1], 0.985e6)
    diamond.wait_for("a violation", lambda: bool(show(diamond, "a")["violation"]), 60.0)
    row = show(diamond, "a")
    assert row["pipes"][0]["path"] == path
    assert row["measured_latency_s"] > PROMISED_S
    assert "h1 -> h4 takes" in row["violation"] and "instead of 20" in row["violation"]
    events = [event for event in diamond.rest.get("/v1/events") if event["kind"] == "violation"]
    assert [event["text"].partition(" takes")[0] for event in events] == ["h1 -> h4"]
