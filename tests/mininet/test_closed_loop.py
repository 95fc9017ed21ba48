"""End to end on real packets. Figures are the benchmarks' business; these tests assert on facts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from typing import Any

from tests.mininet.conftest import UserLab


def lost(lab: UserLab, since: float, until: float) -> dict[str, Any]:
    return lab.network.call("traffic report", since=since, until=until, pairs=False)


def test_base_connectivity_inspection_and_drift(diamond: UserLab) -> None:
    network = diamond.network
    answer = network.call("pingall", tries=5)
    assert answer["missing"] == []
    hosts = len(network.info["hosts"])
    diamond.wait_for("hosts", lambda: diamond.rest.get("/v1/status")["hosts"] == hosts)
    diamond.wait_for("settling", lambda: diamond.rest.get("/v1/status")["settled"])
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


def test_a_plan_is_installed_and_survives_every_kill_without_loss(diamond: UserLab) -> None:
    network = diamond.network
    network.call("pingall", tries=5)
    last = len(network.info["switches"]) - 1
    # Two demands that shortest paths put on one branch and that fit only when they part.
    hosts = [host["name"] for host in network.info["hosts"]]
    rows = [[hosts[0], hosts[last], 1.2e6], [hosts[1], hosts[last], 1e6]]
    network.call("traffic start", demands=rows)
    diamond.te(enabled=True)

    diamond.wait_for(
        "a plan", lambda: any(d["status"] == "improved" for d in diamond.rest.get("/v1/decisions"))
    )
    number = diamond.rest.get("/v1/decisions")[0]["decision"]
    assert diamond.qb("explain", str(number)).returncode == 0
    time.sleep(2)

    pid = diamond.rest.get("/v1/status")["optimiser"]["pid"]
    begin = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    diamond.wait_for(
        "a new optimiser",
        lambda: diamond.rest.get("/v1/status")["optimiser"]["pid"] not in (None, pid),
    )
    diamond.wait_for("settling", lambda: diamond.rest.get("/v1/status")["settled"])
    assert diamond.qb("drift").returncode == 0

    plan = diamond.rest.get("/v1/plan")
    diamond.controller.stop(signal.SIGKILL)
    time.sleep(1)
    diamond.controller.start()
    diamond.wait_for("adoption", diamond.ready)
    end = time.monotonic()
    paths = [(row["from"], row["to"], row["path"]) for row in diamond.rest.get("/v1/plan")]
    assert paths == [(row["from"], row["to"], row["path"]) for row in plan]
    report = lost(diamond, begin, end)
    assert report["duplicates"] == 0
    assert report["lost"] == 0


def test_a_cut_link_is_survived_with_the_controller_stopped(diamond: UserLab) -> None:
    network = diamond.network
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


def set_protocols(switch: str, version: str) -> None:
    subprocess.run(["ovs-vsctl", "set", "Bridge", switch, f"protocols={version}"], check=True)


def test_a_switch_of_another_version_and_its_return(diamond: UserLab) -> None:
    network = diamond.network
    diamond.greet()
    hosts, switch = network.info["hosts"], network.info["switches"][1]["name"]
    network.call("traffic start", demands=[[hosts[0]["name"], hosts[-1]["name"], 1e6]])
    begin = time.monotonic()
    set_protocols(switch, "OpenFlow10")
    diamond.wait_for("a line", lambda: "version" in diamond.controller.log.read_text())
    diamond.wait_for(
        "a line", lambda: f"{switch} disconnected" in diamond.controller.log.read_text()
    )
    assert network.call("pingall", tries=3)["missing"] == []  # its rules go on forwarding
    drift = diamond.qb("drift")
    assert drift.returncode != 0
    assert switch in drift.stdout + drift.stderr
    set_protocols(switch, "OpenFlow13")
    diamond.wait_for("its return", lambda: diamond.qb("drift").returncode == 0)
    diamond.wait_for("readiness", diamond.ready)
    assert lost(diamond, begin, time.monotonic() - 0.5)["lost"] == 0
