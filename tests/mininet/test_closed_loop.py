"""End to end on real packets. Figures are the benchmarks' business; these tests assert on facts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from typing import Any

from tests.mininet.conftest import Lab


def lost(lab: Lab, since: float, until: float) -> dict[str, Any]:
    assert lab.network is not None
    return lab.network.call("traffic report", since=since, until=until, pairs=False)


def test_base_connectivity_inspection_and_drift(diamond: Lab) -> None:
    network = diamond.network
    assert network is not None
    answer = network.call("pingall", tries=5)
    assert answer["missing"] == []
    hosts = len(network.info["hosts"])
    diamond.wait_for("hosts", lambda: diamond.get("/v1/status")["hosts"] == hosts)
    diamond.wait_for("settling", lambda: diamond.get("/v1/status")["settled"])
    assert diamond.qb("drift").returncode == 0

    switch = network.info["switches"][0]["name"]
    flows = json.loads(diamond.qb("flows", "--switch", switch, "--json").stdout)
    held = subprocess.run(
        ["ovs-ofctl", "-O", "OpenFlow13", "dump-flows", switch],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    in_switch = sum("cookie=0x51" in line for line in held.splitlines())
    assert sum("cookie" in flow and str(flow["cookie"]).startswith("0x51") for flow in flows) >= (
        in_switch
    )
    assert diamond.qb("path", "h1", "h4").returncode == 0
    assert diamond.qb("path", "h1", "nobody").returncode != 0

    stray = ["ovs-ofctl", "-O", "OpenFlow13", "add-flow", switch]
    subprocess.run([*stray, "table=0,priority=7,ipv4,nw_dst=10.9.9.9,actions=drop"], check=True)
    drift = diamond.qb("drift")
    assert drift.returncode == 1
    assert diamond.qb("drift", "--repair").returncode == 0
    assert diamond.qb("drift").returncode == 0


def test_a_plan_is_installed_and_survives_every_kill_without_loss(diamond: Lab) -> None:
    network = diamond.network
    assert network is not None
    network.call("pingall", tries=5)
    last = len(network.info["switches"]) - 1
    # Two demands that shortest paths put on one branch and that fit only when they part.
    hosts = [host["name"] for host in network.info["hosts"]]
    rows = [[hosts[0], hosts[last], 1.2e6], [hosts[1], hosts[last], 1e6]]
    network.call("traffic start", demands=rows)
    diamond.patch_te(enabled=True)

    diamond.wait_for(
        "a plan", lambda: any(d["status"] == "improved" for d in diamond.get("/v1/decisions"))
    )
    number = diamond.get("/v1/decisions")[0]["decision"]
    assert diamond.qb("explain", str(number)).returncode == 0
    time.sleep(2)

    pid = diamond.get("/v1/status")["optimiser"]["pid"]
    begin = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    diamond.wait_for(
        "a new optimiser",
        lambda: diamond.get("/v1/status")["optimiser"]["pid"] not in (None, pid),
    )
    diamond.wait_for("settling", lambda: diamond.get("/v1/status")["settled"])
    assert diamond.qb("drift").returncode == 0

    plan = diamond.get("/v1/plan")
    diamond.stop_controller(signal.SIGKILL)
    time.sleep(1)
    diamond.start_controller()
    size = network.info
    diamond.wait_for(
        "adoption", lambda: diamond.ready(len(size["switches"]), 2 * len(size["links"]))
    )
    end = time.monotonic()
    paths = [(row["from"], row["to"], row["path"]) for row in diamond.get("/v1/plan")]
    assert paths == [(row["from"], row["to"], row["path"]) for row in plan]
    report = lost(diamond, begin, end)
    assert report["duplicates"] == 0
    assert report["lost"] == 0


def test_a_cut_link_is_survived_with_the_controller_stopped(diamond: Lab) -> None:
    network = diamond.network
    assert network is not None and diamond.controller is not None
    network.call("pingall", tries=5)
    hosts = [host["name"] for host in network.info["hosts"]]
    network.call("traffic start", demands=[[hosts[0], hosts[-1], 1e6]], size=200, pps=500)
    time.sleep(1)
    path = json.loads(diamond.qb("path", "h1", f"h{len(hosts)}", "--json").stdout)
    names = [switch["name"] for switch in network.info["switches"]]
    text = json.dumps(path)
    middle = next(name for name in names[1:-1] if name in text)
    diamond.controller.send_signal(signal.SIGSTOP)
    try:
        begin = time.monotonic()
        network.call("link down", a=names[0], b=middle)
        time.sleep(1.5)
        report = lost(diamond, begin, time.monotonic() - 0.6)
    finally:
        diamond.controller.send_signal(signal.SIGCONT)
    assert report["sent"] > 200
    assert report["lost"] < report["sent"] / 5  # far from an outage; the benchmark has the figure
    assert report["duplicates"] == 0
