"""Slices on a real network that move, and whose links are cut, under traffic."""

from __future__ import annotations

import time
from typing import Any

from qb_controller.commands.bench_figures import spread
from qb_controller.commands.lab import Lab
from qb_controller.commands.slices_lab import create, delete, host, hosts, middles, wait_active

PPS, SMALL = 1000.0, 100
"""Packets per second, and bytes of their frames: every packet is followed."""
CUT_WINDOW_S, MOVE_WINDOW_S = 3.0, 3.0
PAIR_RATE, WIDE = 4e6, 5.5e6
"""Slices may hold 9 of a link's 10 Mbit/s: two of the first rate fit on one, no other two do."""


def cuts(lab: Lab, count: int) -> dict[str, Any]:
    """Cut the middle of the path of a slice with a backup, again and again."""
    pair = hosts(lab, ("LOSAng", "NYCMng"))
    create(lab, name="safe", pairs=[pair], rate=2e6, protection="disjoint")
    lab.call("traffic start", demands=[[*pair, 8 * SMALL * PPS]], size=SMALL)
    time.sleep(2.0)
    still = time.monotonic()
    control = lab.call("traffic report", since=still, until=still + 5.0)
    runs = []
    for _ in range(count):
        path = lab.rest.get("/v1/slices/safe")["pipes"][0]["path"]
        middle = (len(path) - 1) // 2
        begin = time.monotonic() - 0.1
        lab.call("link down", a=path[middle], b=path[middle + 1])
        end = begin + CUT_WINDOW_S
        report = lab.call("traffic report", since=begin, until=end, losses=True)
        lab.call("link up", a=path[middle], b=path[middle + 1])
        lab.wait_for("the link's return", lab.ready, 60.0)
        wait_active(lab, "safe")
        time.sleep(1.0)
        back = lab.call("traffic report", since=end)
        runs.append({
            "path": path, "link": path[middle : middle + 2],
            "lost_packets": report["lost"], "lost_ms": 1000 * report["lost"] / PPS,
            "longest_run_packets": report["pairs"][0]["longest_loss"]["packets"],
            "duplicates": report["duplicates"] + back["duplicates"],
            "lost_until_repaired_packets": back["lost"],
        })  # fmt: skip
    lab.call("traffic stop")
    return {
        "cuts": count, "packets_s": PPS, "window_s": CUT_WINDOW_S,
        "control_lost_packets": control["lost"],
        **spread([run["lost_ms"] for run in runs], "lost_ms"),
        "lost_until_repaired_packets": sum(run["lost_until_repaired_packets"] for run in runs),
        "runs": runs,
    }  # fmt: skip


def moves(lab: Lab, count: int) -> dict[str, Any]:
    """Make a slice move by asking for another that fits only then, and follow its packets."""
    runs = []
    for _ in range(count):
        create(lab, name="mover", pairs=[["h1", "h4"]], rate=PAIR_RATE)
        path = lab.rest.get("/v1/slices/mover")["pipes"][0]["path"]
        mine, other = path[1], next(s for s in middles(lab) if s != path[1])
        create(lab, name="beside", pairs=[["h1", host(lab, other)]], rate=PAIR_RATE)
        lab.call("traffic start", demands=[["h1", "h4", 8 * SMALL * PPS]], size=SMALL)
        time.sleep(2.0)
        begin = time.monotonic()
        create(lab, name="wide", pairs=[["h1", host(lab, mine)]], rate=WIDE, value=50.0)
        lab.wait_settled()
        report = lab.call("traffic report", since=begin, until=begin + MOVE_WINDOW_S)
        now = lab.rest.get("/v1/slices/mover")["pipes"][0]["path"]
        runs.append({
            "moved": now != path, "from": path, "to": now, "sent_packets": report["sent"],
            "lost_packets": report["lost"], "duplicates": report["duplicates"],
            "reordered": report["reordered"],
        })  # fmt: skip
        lab.call("traffic stop")
        for name in ("wide", "beside", "mover"):
            delete(lab, name)
        lab.wait_settled()
    return {
        "topology": "diamond", "moves": sum(run["moved"] for run in runs), "wanted": count,
        "packets_s": PPS, "lost_packets": sum(run["lost_packets"] for run in runs),
        "duplicates": sum(run["duplicates"] for run in runs), "runs": runs,
    }  # fmt: skip
