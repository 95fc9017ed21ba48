"""Slices on a real network: rates beside best effort, links of their own, moves, cuts."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from qb_controller.commands.bench_figures import spread
from qb_controller.commands.bench_setting import Setting
from qb_controller.commands.lab import Lab, LabError
from qb_controller.commands.link_ear import LinkEar

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
CONTROL_S, SHARED_S, SHARED_QUICK_S, GREEDY_S = 6.0, 30.0, 10.0, 10.0
ALONE_S, FEW = 6.0, 40e3
PPS, SMALL = 1000.0, 100
"""Packets per second, and bytes of their frames, where every packet is followed."""
CUTS, CUTS_QUICK, MOVES, MOVES_QUICK = 10, 3, 8, 2
CUT_WINDOW_S, MOVE_WINDOW_S = 3.0, 3.0
QUEUE = 1000


def slices(setting: Setting) -> dict[str, Any]:
    """All of it: rates, isolation and cuts on Abilene, moves on the diamond."""
    with setting.lab("abilene", LARGEST, "--noqb-te") as lab:
        lab.start()
        shared = _shared(lab, SHARED_QUICK_S if setting.quick else SHARED_S)
        alone = _alone(lab)
    with setting.lab("abilene", LARGEST, "--noqb-te", queue=QUEUE) as lab:
        lab.start()
        cut = _cuts(lab, CUTS_QUICK if setting.quick else CUTS)
    with setting.lab("diamond", LARGEST, "--noqb-te", "--qb-drain", "1", queue=QUEUE) as lab:
        lab.start()
        moved = _moves(lab, MOVES_QUICK if setting.quick else MOVES)
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
        _must_cross(lab, lab.path(*_hosts(lab, pair))[0])
    rates = {name: rate for name, (_, rate) in SLICES.items()}
    _send(lab, {**{ends[name]: rate for name, rate in rates.items()}, **offered})
    before = _measure(lab, CONTROL_S, ends, left)
    for name, (sites, rate) in SLICES.items():
        bound = 1.001 * _delay(lab, sites)
        row = create(lab, name=name, pairs=[_hosts(lab, ends[name])], rate=rate, latency=bound)
        _must_cross(lab, row["pipes"][0]["path"])
    within = _measure(lab, seconds, ends, left)
    told = {row["slice"]: row for row in lab.rest.get("/v1/slices")}
    greedy = {**rates, "gold": 2 * rates["gold"]}
    _send(lab, {**{ends[name]: rate for name, rate in greedy.items()}, **offered})
    doubled = _measure(lab, GREEDY_S, ends, left)
    meters = [row for row in lab.rest.get("/v1/flows", slice="gold") if row["kind"] == "meter"]
    lab.call("traffic stop")
    for name in SLICES:
        delete(lab, name)
    return {
        "left_for_best_effort": left, "best_effort_offered": sum(offered.values()),
        "without_slices": before, "with_slices": within, "gold_sends_double": doubled,
        "gold_dropped_by_meter_packets": sum(row["dropped_packets"] for row in meters),
        "told": {name: {key: told[name][key] for key in ("state", "delivered", "loss")}
                 for name in SLICES},
    }  # fmt: skip


def _send(lab: Lab, rates: Mapping[tuple[str, str], float]) -> None:
    rows = [[*_hosts(lab, pair), rate] for pair, rate in rates.items()]
    lab.call("traffic start", demands=rows, size=SIZE)
    time.sleep(3.0)


def _measure(
    lab: Lab, seconds: float, ends: Mapping[str, Sequence[str]], left: float
) -> dict[str, Any]:
    """Rates and losses over some seconds from now on."""
    begin = time.monotonic()
    report = lab.call("traffic report", since=begin, until=begin + seconds)
    passed = report["until"] - report["since"]
    names = {tuple(_hosts(lab, pair)): name for name, pair in ends.items()}
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
            "latency_ms": row["latency_ms"],
        }  # fmt: skip
    got = 8 * SIZE * received / passed
    result["best_effort"] = {
        "offered": 8 * SIZE * sent / passed, "delivered": got, "of_left": got / left,
        "loss": 1 - received / max(1, sent),
    }  # fmt: skip
    result["sender_was_bottleneck"] = report["sender"]["bottleneck"]
    return result


# -- links of its own ---------------------------------------------------------------------------


def _alone(lab: Lab) -> dict[str, Any]:
    """Count every frame on the link that one slice has for itself, while all hosts send to all."""
    pair = _hosts(lab, LINK)
    a, b = (_switch(lab, site) for site in LINK)
    sites = [row["site"] for row in lab.info["switches"]]
    rates = {(x, y): FEW for x in sites for y in sites if x != y}
    rates[LINK] = 1e6
    _send(lab, rates)
    key = _number(pair[0]) << 16 | _number(pair[1])
    ear = LinkEar(_arrival(lab, a, b), key)
    with ear:
        time.sleep(3.0)
    before = ear.counts
    create(lab, name="alone", pairs=[pair], rate=2e6, isolation="links",
           latency=1.001 * _delay(lab, LINK))  # fmt: skip
    lab.wait_settled()
    time.sleep(0.5)
    ear = LinkEar(_arrival(lab, a, b), key)
    with ear:
        begin = time.monotonic()
        time.sleep(ALONE_S)
        # Whoever went over it when that link failed must go another way now.
        cut = (_switch(lab, "DNVRng"), _switch(lab, "SNVAng"))
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


# -- cuts and moves -----------------------------------------------------------------------------


def _cuts(lab: Lab, count: int) -> dict[str, Any]:
    """Cut the middle of the path of a slice with a backup, again and again."""
    pair = _hosts(lab, ("LOSAng", "NYCMng"))
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
        _wait_active(lab, "safe")
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


def _moves(lab: Lab, count: int) -> dict[str, Any]:
    """Make a slice move by asking for another that fits only then, and follow its packets."""
    runs = []
    for _ in range(count):
        create(lab, name="mover", pairs=[["h1", "h4"]], rate=4e6)
        path = lab.rest.get("/v1/slices/mover")["pipes"][0]["path"]
        mine, other = path[1], next(s for s in _middles(lab) if s != path[1])
        create(lab, name="beside", pairs=[["h1", _host(lab, other)]], rate=4e6)
        lab.call("traffic start", demands=[["h1", "h4", 8 * SMALL * PPS]], size=SMALL)
        time.sleep(2.0)
        begin = time.monotonic()
        create(lab, name="wide", pairs=[["h1", _host(lab, mine)]], rate=5e6, value=50.0)
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


# -- of the network -----------------------------------------------------------------------------


def create(lab: Lab, **request: Any) -> dict[str, Any]:
    """Ask for a slice, wait until it is active, and return what is known of it."""
    lab.rest.send("POST", "/v1/slices", request)
    return _wait_active(lab, request["name"])


def _wait_active(lab: Lab, name: str) -> dict[str, Any]:
    row: dict[str, Any] = {}

    def active() -> bool:
        row.update(lab.rest.get(f"/v1/slices/{name}"))
        if row["state"] == "rejected":
            raise LabError(f"slice {name} was rejected: {row['detail']}")
        return bool(row["state"] == "active")

    lab.wait_for(f"slice {name}", active, 30.0)
    return row


def delete(lab: Lab, name: str) -> None:
    """End a slice."""
    lab.rest.delete(f"/v1/slices/{name}")


def _switch(lab: Lab, site: str) -> str:
    return str(next(row["name"] for row in lab.info["switches"] if row["site"] == site))


def _hosts(lab: Lab, sites: Sequence[str]) -> list[str]:
    """Hosts at the first and the last of some sites."""
    return [_host(lab, _switch(lab, site)) for site in (sites[0], sites[-1])]


def _host(lab: Lab, switch: str) -> str:
    names = [row["name"] for row in lab.info["switches"]]
    return f"h{names.index(switch) + 1}"


def _number(host: str) -> int:
    return int(host[1:])


def _middles(lab: Lab) -> list[str]:
    names = [row["name"] for row in lab.info["switches"]]
    return [names[1], names[2]]


def _cable(lab: Lab, a: str, b: str) -> dict[str, Any]:
    for row in lab.info["links"]:
        if {row["a"], row["b"]} == {a, b}:
            return dict(row)
    raise LabError(f"no link joins {a} and {b}")


def _delay(lab: Lab, sites: Sequence[str]) -> float:
    names = [_switch(lab, site) for site in sites]
    pairs = pairwise(names)
    return float(sum(_cable(lab, a, b)["delay_s"] for a, b in pairs))


def _arrival(lab: Lab, a: str, b: str) -> str:
    """Interface by which frames of the link from ``a`` to ``b`` arrive."""
    row = _cable(lab, a, b)
    return f"{b}-eth{row['port_b'] if row['b'] == b else row['port_a']}"


def _must_cross(lab: Lab, path: Sequence[str]) -> None:
    a, b = (_switch(lab, site) for site in LINK)
    if (a, b) not in set(pairwise(path)):
        raise LabError(f"the path {' > '.join(path)} does not cross {a} > {b}")
