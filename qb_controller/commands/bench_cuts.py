"""Benchmarks that follow every packet of a few pairs: re-routes and cuts of links."""

from __future__ import annotations

import signal
import time
from typing import Any

from qb_controller.commands.bench_figures import spread
from qb_controller.commands.bench_setting import Setting
from qb_controller.commands.lab import Lab, LabError
from topologies.client import LiveError

PPS = 1000.0
"""Packets per second of the pairs that are watched."""
SIZE = 100
"""Bytes of their frames."""
BACKGROUND_PPS = 400.0
QUEUE = 1000
"""Packets per port: small frames in bursts of a busy machine's senders must find room, so that
what is lost was lost by the re-route or the cut."""
REROUTES = 300
REROUTES_QUICK = 30
CONTROL_S = 5.0
"""Without re-routes, before them: what this machine loses by itself."""
CUTS = 20
CUTS_QUICK = 6
CUT_WINDOW_S = 3.0
OPTIONS = ("--noqb-te", "--qb-interval", "0.25", "--qb-drain", "0.3")


def reroutes(setting: Setting) -> dict[str, Any]:
    """Move two pairs of the diamond to and fro under traffic and account for every packet.

    A second, smaller demand on the shortest path makes another way better; switching traffic
    engineering on and off then moves the pair, by the same group-mods as any re-route.
    """
    goal = REROUTES_QUICK if setting.quick else REROUTES
    with setting.lab("diamond", 4.0, *OPTIONS, queue=QUEUE) as lab:
        lab.start()
        pairs = [("h1", "h4"), ("h4", "h1")]
        middles = [_node(lab, lab.path(*pair)[0][1]) for pair in pairs]
        watched, beside = 8 * SIZE * PPS, 8 * SIZE * BACKGROUND_PPS
        lab.call("traffic start", size=SIZE, demands=[
            [0, 3, watched], [3, 0, watched], [middles[0], 3, beside], [middles[1], 0, beside],
        ])  # fmt: skip
        time.sleep(2.0)
        still = time.monotonic()
        time.sleep(CONTROL_S)
        control = lab.call("traffic report", since=still, until=still + CONTROL_S)
        begin = time.monotonic()
        moves, switchings = _switch_to_and_fro(lab, pairs, goal)
        time.sleep(1.0)
        passed = time.monotonic() - begin
        report = lab.call("traffic report", since=begin, losses=True)
        retries = lab.rest.get("/v1/status")["counters"]
    moved = [row for row in report["pairs"] if {row["src"], row["dst"]} == {0, 3}]
    totals = {
        f"{key}_packets": sum(row[key] for row in moved)
        for key in ("sent", "lost", "duplicates", "reordered")
    }
    return {
        "topology": "diamond", "reroutes": moves, "wanted": goal, "switchings": switchings,
        "seconds": passed, "packets_s_per_pair": PPS, "telemetry_interval_s": 0.25,
        "drain_s": 0.3, "queue_packets": QUEUE, **totals,
        "control_without_reroutes": {
            "seconds": CONTROL_S, "sent_packets": control["sent"],
            "lost_packets": control["lost"],
        },
        "background_lost_packets": report["lost"] - totals["lost_packets"],
        "sender_was_bottleneck": report["sender"]["bottleneck"],
        "pairs": moved, "controller_counters": retries,
    }  # fmt: skip


def _switch_to_and_fro(lab: Lab, pairs: list[tuple[str, str]], goal: int) -> tuple[int, int]:
    """Switch until ``goal`` re-routes of the pairs happened; return them and the switchings."""
    moves = switchings = 0
    paths = [lab.path(*pair) for pair in pairs]
    until = time.monotonic() + 5.0 * goal
    while moves < goal:
        if time.monotonic() > until:
            raise LabError(f"only {moves} re-routes of {goal} in {5.0 * goal:g} s")
        switchings += 1
        steer = switchings % 2 == 1
        lab.te(enabled=steer)
        if steer:
            lab.wait_for("a plan", lambda: bool(lab.rest.get("/v1/plan")), 15.0)
        else:
            lab.wait_for("no plan", lambda: not lab.rest.get("/v1/plan"), 15.0)
        lab.wait_settled()
        now = [lab.path(*pair) for pair in pairs]
        moves += sum(a != b for a, b in zip(paths, now, strict=True))
        paths = now
    return moves, switchings


def cuts(setting: Setting) -> dict[str, Any]:
    """Cut a link in the middle of a path, the controller alive or stopped with SIGSTOP."""
    count = CUTS_QUICK if setting.quick else CUTS
    with setting.lab("abilene", 10.0, "--noqb-te", queue=QUEUE) as lab:
        lab.start()
        pair, path = _longest(lab)
        middle = (len(path) - 1) // 2
        link = (path[middle], path[middle + 1])
        ends = [int(host[1:]) - 1 for host in pair]
        lab.call("traffic start", demands=[[*ends, 8 * SIZE * PPS]], size=SIZE)
        time.sleep(2.0)
        runs = [_cut(lab, pair, path, link, number % 2 == 1) for number in range(count)]
        time.sleep(1.0)
        report = lab.call("traffic report", since="start", pairs=False)
    alive = [run["lost_ms"] for run in runs if run["controller"] == "alive"]
    stopped = [run["lost_ms"] for run in runs if run["controller"] == "stopped"]
    lost = sum(run["lost_packets"] for run in runs)
    return {
        "topology": "abilene", "cuts": count, "packets_s": PPS, "path": path, "link": list(link),
        "window_s": CUT_WINDOW_S, "queue_packets": QUEUE,
        "alive": spread(alive, "ms"), "stopped": spread(stopped, "ms"),
        "all": spread(alive + stopped, "ms"),
        "lost_packets": lost, "lost_outside_the_windows_packets": report["lost"] - lost,
        "duplicate_packets": report["duplicates"], "sent_packets": report["sent"],
        "sender_was_bottleneck": report["sender"]["bottleneck"],
        "runs": runs,
    }  # fmt: skip


def _longest(lab: Lab) -> tuple[tuple[str, str], list[str]]:
    """Among the paths out of h1 the longest, and its hosts."""
    hosts = range(2, len(lab.info["hosts"]) + 1)
    ways = [(("h1", f"h{host}"), lab.path("h1", f"h{host}")[0]) for host in hosts]
    return max(ways, key=lambda one: len(one[1]))


def _cut(
    lab: Lab, pair: tuple[str, str], path: list[str], link: tuple[str, str], stopped: bool
) -> dict[str, Any]:
    """One cut and its repair; waits until packets take ``path`` again."""
    if stopped:
        lab.controller.send_signal(signal.SIGSTOP)
        time.sleep(0.2)
    try:
        begin = time.monotonic() - 0.1
        lab.call("link down", a=link[0], b=link[1])
        end = begin + CUT_WINDOW_S
        report = lab.call("traffic report", since=begin, until=end, losses=True)
    finally:
        lab.controller.send_signal(signal.SIGCONT)
    lab.wait_settled()
    lab.call("link up", a=link[0], b=link[1])
    lab.wait_for("the link's return", lambda: lab.ready() and lab.path(*pair) == [path], 90.0)
    time.sleep(0.5)
    back = lab.call("traffic report", since=end, pairs=False)
    return {
        "controller": "stopped" if stopped else "alive",
        "lost_packets": report["lost"],
        "lost_ms": 1000 * report["lost"] / PPS,
        "longest_run_packets": report["pairs"][0]["longest_loss"]["packets"],
        "lost_until_repaired_packets": back["lost"],
        "duplicates": report["duplicates"],
    }


def _node(lab: Lab, switch: str) -> int:
    for number, row in enumerate(lab.info["switches"]):
        if row["name"] == switch:
            return number
    raise LiveError(f"no switch {switch} in this network")
