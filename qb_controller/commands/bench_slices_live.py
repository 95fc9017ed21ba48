"""Slices on a real network: rates beside best effort, links of their own, moves, cuts."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from qb_controller.commands.bench_setting import Setting
from qb_controller.commands.bench_slices_moves import cuts, moves
from qb_controller.commands.lab import Lab, LabError
from qb_controller.commands.link_ear import LinkEar
from qb_controller.commands.slices_lab import (
    arrival,
    create,
    delay,
    delete,
    host_number,
    hosts,
    switch,
)

LARGEST = 10.0
SIZE = 1000
LINK = ("KSCYng", "DNVRng")
SLICES = {
    "gold": (("KSCYng", "DNVRng"), 2e6),
    "silver": (("IPLSng", "KSCYng", "DNVRng"), 1.5e6),
    "bronze": (("KSCYng", "DNVRng", "STTLng"), 1e6),
}
"""Sites along the path that each slice takes, and its rate in bit/s."""
OTHERS = (("HSTNng", "DNVRng"), ("CHINng", "DNVRng"))
"""Best effort: both reach :data:`LINK` by other links than each other."""
OFFERED = 3.0
"""Best effort offers so many times what slices leave of the link."""
CONTROL_S, SHARED_S, SHARED_QUICK_S, GREEDY_S = 5.0, 20.0, 10.0, 10.0
ALONE_S, FEW = 6.0, 40e3
CUTS, CUTS_QUICK, MOVES, MOVES_QUICK = 10, 3, 8, 2
QUEUE = 1000


def slices(setting: Setting) -> dict[str, Any]:
    """All of it: rates, isolation and cuts on Abilene, moves on the diamond."""
    with setting.lab("abilene", LARGEST, "--noqb-te") as lab:
        lab.start()
        shared = _shared(lab, SHARED_QUICK_S if setting.quick else SHARED_S)
        alone = _alone(lab)
    with setting.lab("abilene", LARGEST, "--noqb-te", queue=QUEUE) as lab:
        lab.start()
        cut = cuts(lab, CUTS_QUICK if setting.quick else CUTS)
    with setting.lab("diamond", LARGEST, "--noqb-te", "--qb-drain", "1", queue=QUEUE) as lab:
        lab.start()
        moved = moves(lab, MOVES_QUICK if setting.quick else MOVES)
    return {
        "topology": "abilene", "link": list(LINK), "capacity": LARGEST * 1e6,
        "shared": shared, "alone": alone, "cuts": cut, "moves": moved,
    }  # fmt: skip


# -- rates --------------------------------------------------------------------------------------


def _shared(lab: Lab, seconds: float) -> dict[str, Any]:
    """Three slices and best effort over one link: without slices, with them, with one greedy."""
    left = LARGEST * 1e6 - sum(rate for _, rate in SLICES.values())
    offered = {pair: OFFERED * left / len(OTHERS) for pair in OTHERS}
    ends = {name: (sites[0], sites[-1]) for name, (sites, _) in SLICES.items()}
    for pair in OTHERS:
        _must_cross(lab, lab.path(*hosts(lab, pair))[0])
    rates = {name: rate for name, (_, rate) in SLICES.items()}
    _send(lab, {**{ends[name]: rate for name, rate in rates.items()}, **offered})
    before = _measure(lab, CONTROL_S, ends, left)
    for name, (sites, rate) in SLICES.items():
        bound = 1.001 * delay(lab, sites)
        row = create(lab, name=name, pairs=[hosts(lab, ends[name])], rate=rate, latency=bound)
        _must_cross(lab, row["pipes"][0]["path"])
    time.sleep(2.0)
    within = _measure(lab, seconds, ends, left)
    told = {row["slice"]: row for row in lab.rest.get("/v1/slices")}
    greedy = {**rates, "gold": 2 * rates["gold"]}
    _send(lab, {**{ends[name]: rate for name, rate in greedy.items()}, **offered})
    doubled = _measure(lab, GREEDY_S, ends, left)
    lab.call("traffic stop")
    for name in SLICES:
        delete(lab, name)
    return {
        "left_for_best_effort": left, "best_effort_offered": sum(offered.values()),
        "without_slices": before, "with_slices": within, "gold_sends_double": doubled,
        "told": {name: {key: told[name][key] for key in ("state", "delivered", "loss")}
                 for name in SLICES},
    }  # fmt: skip


def _send(lab: Lab, rates: Mapping[tuple[str, str], float]) -> None:
    rows = [[*hosts(lab, pair), rate] for pair, rate in rates.items()]
    lab.call("traffic start", demands=rows, size=SIZE)
    time.sleep(3.0)


def _measure(
    lab: Lab, seconds: float, ends: Mapping[str, Sequence[str]], left: float
) -> dict[str, Any]:
    """Rates and losses over some seconds from now on."""
    begin, before = time.monotonic(), _dropped(lab)
    report = lab.call("traffic report", since=begin, until=begin + seconds)
    passed = report["until"] - report["since"]
    names = {tuple(hosts(lab, pair)): name for name, pair in ends.items()}
    result: dict[str, Any] = {"seconds": passed, "slices": {}}
    sent = received = 0
    for row in report["pairs"]:
        name = names.get(tuple(row["hosts"]))
        if name is None:
            sent, received = sent + row["sent"], received + row["received"]
            continue
        got = 8 * SIZE * row["received"] / passed
        result["slices"][name] = {
            "offered": 8 * SIZE * row["sent"] / passed, "delivered": got,
            "of_promised": got / SLICES[name][1], "sent_packets": row["sent"],
            "lost_packets": row["lost"], "loss": row["lost"] / max(1, row["sent"]),
        }  # fmt: skip
    got = 8 * SIZE * received / passed
    result["best_effort"] = {
        "offered": 8 * SIZE * sent / passed, "delivered": got, "of_left": got / left,
        "loss": 1 - received / max(1, sent),
    }  # fmt: skip
    result["dropped_by_meters_packets"] = {
        name: count - before.get(name, 0) for name, count in _dropped(lab).items()
    }
    result["sender_was_bottleneck"] = report["sender"]["bottleneck"]
    return result


def _dropped(lab: Lab) -> dict[str, int]:
    """Packets that meters dropped so far, by slice."""
    dropped: dict[str, int] = {}
    for row in lab.rest.get("/v1/flows", owner="slices"):
        if row["kind"] == "meter":
            dropped[row["slice"]] = dropped.get(row["slice"], 0) + row["dropped_packets"]
    return dropped


# -- links of its own ---------------------------------------------------------------------------


def _alone(lab: Lab) -> dict[str, Any]:
    """Count every frame on the link that one slice has for itself, while all hosts send to all."""
    pair = hosts(lab, LINK)
    a, b = (switch(lab, site) for site in LINK)
    sites = [row["site"] for row in lab.info["switches"]]
    rates = {(x, y): FEW for x in sites for y in sites if x != y}
    rates[LINK] = 1e6
    _send(lab, rates)
    key = host_number(pair[0]) << 16 | host_number(pair[1])
    ear = LinkEar(arrival(lab, a, b), key)
    with ear:
        time.sleep(3.0)
    before = ear.counts
    create(lab, name="alone", pairs=[pair], rate=2e6, isolation="links",
           latency=1.001 * delay(lab, LINK))  # fmt: skip
    lab.wait_settled()
    time.sleep(0.5)
    ear = LinkEar(arrival(lab, a, b), key)
    with ear:
        begin = time.monotonic()
        time.sleep(ALONE_S)
        # Whoever went over it when that link failed must go another way now.
        cut = (switch(lab, "DNVRng"), switch(lab, "SNVAng"))
        lab.call("link down", a=cut[0], b=cut[1])
        time.sleep(ALONE_S)
        lab.call("link up", a=cut[0], b=cut[1])
        lab.wait_for("the link's return", lab.ready, 60.0)
        end = time.monotonic()
    report = lab.call("traffic report", since=begin, until=end)
    [row] = [row for row in report["pairs"] if row["hosts"] == pair]
    lab.call("traffic stop")
    delete(lab, "alone")
    return {
        "before": before, "alone": ear.counts, "seconds": end - begin, "cut_meanwhile": list(cut),
        "sent_packets": row["sent"], "lost_packets": row["lost"],
        "others_sent_packets": report["sent"] - row["sent"],
        "others_lost_packets": report["lost"] - row["lost"],
    }  # fmt: skip


def _must_cross(lab: Lab, path: Sequence[str]) -> None:
    a, b = (switch(lab, site) for site in LINK)
    if (a, b) not in set(pairwise(path)):
        raise LabError(f"the path {' > '.join(path)} does not cross {a} > {b}")
