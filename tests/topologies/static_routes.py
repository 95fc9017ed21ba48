"""Shortest-path forwarding by ovs-ofctl, for live tests without a controller."""

from __future__ import annotations

import subprocess

from topologies.addressing import Plan


def next_hops(plan: Plan) -> dict[tuple[int, int], int]:
    """Output port by (node, destination node), fewest hops, lowest neighbour first."""
    ports: dict[int, list[tuple[int, int]]] = {i: [] for i in range(len(plan.topology.nodes))}
    for planned in plan.cables:
        ports[planned.cable.a].append((planned.cable.b, planned.port_a))
        ports[planned.cable.b].append((planned.cable.a, planned.port_b))
    result: dict[tuple[int, int], int] = {}
    for goal in ports:
        todo, seen = [goal], {goal}
        for node in todo:
            for neighbour, _ in sorted(ports[node]):
                if neighbour not in seen:
                    seen.add(neighbour)
                    todo.append(neighbour)
                    result[neighbour, goal] = dict(ports[neighbour])[node]
    return result


def rules(plan: Plan) -> dict[str, list[str]]:
    """Flow lines by bridge."""
    hops = next_hops(plan)
    lines: dict[str, list[str]] = {}
    for node in range(len(plan.topology.nodes)):
        own = lines[plan.switch(node)] = ["table=0,priority=0,actions=drop"]
        for host in plan.hosts:
            port = host.port if host.node == node else hops[node, host.node]
            own.append(f"table=0,priority=10,ip,nw_dst={host.ip},actions=output:{port}")
    return lines


def ofctl(bridge: str, command: str, *arguments: str, text: str = "") -> str:
    argv = ["ovs-ofctl", "-O", "OpenFlow13", command, bridge, *arguments]
    return subprocess.run(argv, input=text, capture_output=True, text=True, check=True).stdout


def install(plan: Plan) -> None:
    for bridge, lines in rules(plan).items():
        ofctl(bridge, "add-flows", "-", text="\n".join(lines) + "\n")
