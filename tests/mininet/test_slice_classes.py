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


MARKING = """
import socket, time
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 46 << 2)
for _ in range(500):
    sock.sendto(bytes(100), ("10.0.0.4", 9))
    time.sleep(0.002)
"""
"""What a host does that would like to be in the class of slices."""

TWICE = 1000
"""Packets that so come by: each goes over two links."""


def sent(lab: UserLab) -> dict[str, int]:
    """Packets that the ports of all switches sent in each class."""
    found = {"10:": 0, "20:": 0}
    for link in lab.network.info["links"]:
        for end in (f"{link['a']}-eth{link['port_a']}", f"{link['b']}-eth{link['port_b']}"):
            shown = ["tc", "-s", "-j", "qdisc", "show", "dev", end]
            out = subprocess.run(shown, check=True, capture_output=True, text=True).stdout
            for row in json.loads(out):
                if row["handle"] in found:
                    found[row["handle"]] += row["packets"]
    return {"guaranteed": found["10:"], "best effort": found["20:"]}


def test_nobody_marks_himself_into_the_class_of_slices(diamond: UserLab) -> None:
    diamond.greet()
    marking = ["/usr/bin/python3", "-c", MARKING]
    before = sent(diamond)
    assert diamond.network.call("exec", host="h1", argv=marking)["status"] == 0
    after = sent(diamond)
    # Discovery's own packets are in this class too, some ten in a second.
    assert after["guaranteed"] < before["guaranteed"] + 0.2 * TWICE
    assert after["best effort"] >= before["best effort"] + TWICE
    made = diamond.qb("slice", "create", "gold", "--pair", "h1,h4", "--rate", str(RATE))
    assert made.returncode == 0, made.stdout + made.stderr
    assert diamond.network.call("exec", host="h1", argv=marking)["status"] == 0
    assert sent(diamond)["guaranteed"] >= after["guaranteed"] + TWICE
