"""What slices get beside others on real packets, and what nobody gets by marking packets."""

from __future__ import annotations

import json
import subprocess
import time
from typing import Any

from tests.mininet.conftest import UserLab

RATE = 600e3


def rows(lab: UserLab, seconds: float) -> dict[tuple[str, str], dict[str, Any]]:
    begin = time.monotonic()
    report = lab.network.call("traffic report", since=begin, until=begin + seconds)
    assert report["sender"]["skipped"] == 0
    return {tuple(row["hosts"]): row for row in report["pairs"]}


def test_a_slice_gets_its_rate_beside_too_much_best_effort_and_no_more(diamond: UserLab) -> None:
    diamond.greet()
    made = diamond.qb("slice", "create", "gold", "--pair", "h1,h4", "--rate", str(RATE))
    assert made.returncode == 0, made.stdout + made.stderr
    path = json.loads(diamond.qb("slice", "show", "gold", "--json").stdout)["pipes"][0]["path"]
    names = [switch["name"] for switch in diamond.network.info["switches"]]
    beside = f"h{names.index(path[1]) + 1}"
    diamond.network.call("traffic start", demands=[["h1", "h4", RATE], ["h1", beside, 4e6]])
    time.sleep(2)
    found = rows(diamond, 5.0)
    mine, other = found["h1", "h4"], found["h1", beside]
    assert mine["lost"] <= 0.02 * mine["sent"]
    assert 0.1 < other["received"] / other["sent"] < 0.6  # 1.4 of 4 Mbit/s are left
    diamond.network.call("traffic start", demands=[["h1", "h4", 2 * RATE], ["h1", beside, 4e6]])
    time.sleep(2)
    found = rows(diamond, 5.0)
    assert 0.4 < found["h1", "h4"]["received"] / found["h1", "h4"]["sent"] < 0.6
    shown = json.loads(diamond.qb("flows", "--slice", "gold", "--json").stdout)
    [meter] = [row for row in shown if row["kind"] == "meter"]
    assert meter["dropped_packets"] > 0
    assert diamond.qb("drift").returncode == 0


def guaranteed(lab: UserLab) -> int:
    """Packets that the ports of all switches sent in the class of slices."""
    sent = 0
    for link in lab.network.info["links"]:
        for end in (f"{link['a']}-eth{link['port_a']}", f"{link['b']}-eth{link['port_b']}"):
            shown = ["tc", "-s", "-j", "qdisc", "show", "dev", end]
            out = subprocess.run(shown, check=True, capture_output=True, text=True).stdout
            sent += sum(row["packets"] for row in json.loads(out) if row["handle"] == "10:")
    return sent


def test_nobody_marks_himself_into_the_class_of_slices(diamond: UserLab) -> None:
    diamond.greet()
    ping = ["ping", "-c", "5", "-i", "0.2", "-Q", "184", "10.0.0.4"]
    before = guaranteed(diamond)
    assert diamond.network.call("exec", host="h1", argv=ping)["status"] == 0
    assert guaranteed(diamond) == before
    made = diamond.qb("slice", "create", "gold", "--pair", "h1,h4", "--rate", str(RATE))
    assert made.returncode == 0, made.stdout + made.stderr
    assert diamond.network.call("exec", host="h1", argv=ping)["status"] == 0
    assert guaranteed(diamond) >= before + 10  # two hops for each of its packets
