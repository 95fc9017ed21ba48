"""Rules, pairs and paths as a person reads them."""

from __future__ import annotations

from qb_controller.model.network import Network, Path
from qb_controller.model.rules import Action, Entry, FlowRule, Match, MeterRule
from qb_controller.southbound import layout

ETH_TYPES = {layout.ETH_IPV4: "IPv4", layout.ETH_ARP: "ARP", layout.ETH_LLDP: "LLDP"}


def hosts(network: Network, dpid: int) -> str:
    """Names of the hosts behind a switch (``h7``), or the switch's own where there are none."""
    names = [host.name for host in network.hosts_at.get(dpid, ())]
    if not names:
        return network.name(dpid)
    return ",".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def pair(network: Network, ingress: int, egress: int) -> str:
    """``h1 to h7``."""
    return f"{hosts(network, ingress)} to {hosts(network, egress)}"


def path(network: Network, way: Path) -> str:
    """``s1 - s4 - s7``; parallel links are told apart by the sending port (``s1:3 - s4``)."""
    parts = []
    for link, onward in zip(way.links, way.dpids[1:], strict=True):
        parallel = sum(other.dst == onward for other in network.links_out.get(link.dpid, ()))
        name = network.name(link.dpid)
        parts.append(f"{name}:{link.port}" if parallel > 1 else name)
    return " - ".join([*parts, network.name(way.egress)])


def match(fields: Match) -> str:
    """``IPv4 eth_dst=...``, everything where there is no condition."""
    parts: list[str] = []
    for name, value in fields:
        if name == "eth_type" and isinstance(value, int):
            parts.insert(0, ETH_TYPES.get(value, f"eth_type={value:#06x}"))
        elif isinstance(value, tuple):
            parts.append(f"{name}={value[0]}/{value[1]}")
        else:
            parts.append(f"{name}={value}")
    return " ".join(parts) or "everything"


def actions(done: tuple[Action, ...]) -> str:
    """``set_eth_dst=..., output=3``; ``drop`` where there are none."""
    parts = []
    for action in done:
        if len(action) == 1:
            parts.append(action[0])
        elif action[0] in ("group", "meter") and isinstance(action[1], int):
            parts.append(f"{action[0]}={action[1]:#x}")
        else:
            parts.append(f"{action[0]}={action[1]}")
    return ", ".join(parts) or "drop"


def entry(rule: Entry) -> str:
    """A flow rule, a group or a meter in one line, as it stands in the switch."""
    if isinstance(rule, MeterRule):
        return f"meter {rule.meter_id:#x} drops above {rule.rate} kbit/s, burst {rule.burst} kbit"
    if isinstance(rule, FlowRule):
        return (
            f"table {rule.table} priority {rule.priority} {match(rule.match)}: "
            f"{actions(rule.actions)}"
        )
    buckets = []
    for bucket in rule.buckets:
        notes = [f"weight {bucket.weight}"] if bucket.weight else []
        notes += [f"while port {bucket.watch_port} is up"] if bucket.watch_port else []
        buckets.append(f"[{' '.join([*notes, actions(bucket.actions)])}]")
    return f"group {rule.group_id:#x} {rule.type} {' '.join(buckets)}"
