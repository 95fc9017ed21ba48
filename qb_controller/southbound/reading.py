"""What rules found in switches say: ports behind groups, paths behind labels and tags, numbers.

Reads this project's own rules only; whatever does not look like them reads as None.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from qb_controller.model.network import LinkId, Network, Path
from qb_controller.model.rules import (
    Action,
    Bucket,
    FlowRule,
    GroupRule,
    RuleKey,
    RuleSet,
    matches,
)
from qb_controller.southbound import layout
from qb_controller.southbound.bypass import Bypass
from qb_controller.southbound.cookies import Cookie, decode
from qb_controller.southbound.labels import Label, parse

Held = Mapping[int, RuleSet]
"""What the switches hold, by datapath id."""


def number_entries(held: Held) -> Iterator[tuple[int, int]]:
    """Datapath id and number of every switch whose egress rule is there."""
    for dpid, rules in held.items():
        for key, rule in rules.items():
            if isinstance(rule, FlowRule) and rule.priority == layout.EGRESS and rule.table == 0:
                value = dict(rule.match).get("eth_dst")
                label = parse(value[0]) if isinstance(value, tuple) else None
                if label is not None and key == rule.key:
                    yield dpid, label.egress


def sending_port(rules: RuleSet, actions: Iterable[Action]) -> int | None:
    """Port that actions send into when nothing is broken, through a link's group or directly."""
    for action in actions:
        if action[0] == "output" and len(action) == 2:
            return int(action[1])
        if action[0] == "group" and len(action) == 2:
            group = rules.get(int(action[1]))
            kind, port = layout.group_kind(int(action[1]))
            if not isinstance(group, GroupRule) or kind not in ("protect", "hairpin"):
                return None
            first = group.buckets[0].actions if group.buckets else ()
            return port if first == (("output", port),) else None
    return None


def transit_rule(rules: RuleSet, label: Label) -> FlowRule | None:
    """The rule that carries a label on."""
    match = matches(eth_dst=label.mac)
    rule = rules.get(RuleKey(layout.CLASSIFY, layout.TRANSIT, match))
    return rule if isinstance(rule, FlowRule) else None


def label_put_on(bucket: Bucket) -> Label | None:
    """The label that a bucket writes into packets."""
    for action in bucket.actions:
        if action[0] == "set_eth_dst" and len(action) == 2:
            return parse(str(action[1]))
    return None


def path_cookie(held: Held, links: tuple[LinkId, ...], egress: int, label: Label) -> Cookie:
    """Cookie of a label's first rule past the ingress."""
    rule = transit_rule(held.get(links[1].dpid, {}), label) if len(links) > 1 else None
    rule = rule or egress_rule(held.get(egress, {}), label)
    return (decode(rule.cookie) if rule else None) or Cookie("te")


def egress_rule(rules: RuleSet, label: Label) -> FlowRule | None:
    """The rule of one label where its path ends, which not all have."""
    rule = rules.get(RuleKey(layout.CLASSIFY, layout.ONE_HOP, matches(eth_dst=label.mac)))
    return rule if isinstance(rule, FlowRule) else None


def label_path(
    held: Held, network: Network, ingress: int, first_port: int, label: Label, egress: int
) -> Path | None:
    """The path of a label from the switch that puts it on; None where it does not get there."""
    links = [LinkId(ingress, first_port)]
    seen = {ingress}
    while True:
        link = network.link_by_id.get(links[-1])
        if link is None or link.dst in seen:
            return None
        seen.add(link.dst)
        if link.dst == egress:
            return Path(tuple(links), egress)
        rules = held.get(link.dst, {})
        rule = transit_rule(rules, label)
        port = sending_port(rules, rule.actions) if rule else None
        if port is None:
            return None
        links.append(LinkId(link.dst, port))


def bypass_found(held: Held, network: Network, protected: LinkId) -> Bypass | None:
    """The bypass that a link's group begins, None where there is none or it leads astray."""
    group = held.get(protected.dpid, {}).get(layout.protect_group(protected.port))
    if not isinstance(group, GroupRule) or len(group.buckets) != 2:
        return None
    tag, port = _forward(group.buckets[1].actions, "push_vlan")
    far = network.link_by_id[protected].dst
    links: list[LinkId] = []
    here = protected.dpid
    while port is not None and len(links) < len(network.switches):
        links.append(LinkId(here, port))
        link = network.link_by_id.get(links[-1])
        if link is None:
            return None
        here = link.dst
        if here == far:
            return Bypass(protected, Path(tuple(links), far), tag or 0, link.dst_port)
        rule = held.get(here, {}).get(
            RuleKey(layout.CLASSIFY, layout.BYPASS, matches(vlan_vid=tag or 0))
        )
        _, port = _forward(rule.actions, "pop_vlan") if isinstance(rule, FlowRule) else (0, None)
    return None


def _forward(actions: tuple[Action, ...], first: str) -> tuple[int | None, int | None]:
    """The VLAN number and the port of ``[push or pop] output``."""
    tag = port = None
    for action in actions:
        if action[0] == "push_vlan" and first == "push_vlan":
            tag = int(action[1])  # type: ignore[misc]
        elif action[0] == "output":
            port = int(action[1])  # type: ignore[misc]
    return tag, port
