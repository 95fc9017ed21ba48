"""What a controller that died had meant, read out of the switches that carried on without it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from qb_controller.model.network import Host, LinkId, Network
from qb_controller.model.plan import WEIGHT_TOTAL
from qb_controller.model.rules import FlowRule, GroupRule, RuleKey, RuleSet, matches
from qb_controller.southbound import layout
from qb_controller.southbound.carried import Carried, HostPair, SlicePath
from qb_controller.southbound.intent import Intent, LabelledShare, Pair, Steering, Tree, taken_by
from qb_controller.southbound.labels import BASE, EPOCHS, Label, Numbers
from qb_controller.southbound.reading import (
    Held,
    bypass_found,
    label_path,
    label_put_on,
    number_entries,
    path_cookie,
    sending_port,
    transit_rule,
)


def adopt(held: Held, network: Network, numbers: Numbers) -> Intent:
    """The intent that the switches' rules express.

    Steered pairs whose paths are incomplete, loop, or use links that are gone are left to the base
    layer. Trees are taken as they are found: :func:`~.next_intent.with_network` replaces those that
    are not (or no longer) the shortest, and must be called before compiling. Comparing what the
    result compiles to with ``held`` then shows all that needs repair.

    Parameters
    ----------
    held : mapping of int to RuleSet
        By datapath id.
    network : Network
    numbers : Numbers
        Learns the numbers it finds.

    Returns
    -------
    Intent
        A decision that changed nothing but weights is not known to the switches; such a pair says
        the decision that brought its newest path (:mod:`.reweighted` knows better).
    """
    numbers.learn(number_entries(held))
    pairs: dict[Pair, Steering] = {}
    base_labels: Counter[Label] = Counter()
    for ingress, egress, group in _pair_groups(held, network, numbers):
        label = label_put_on(group.buckets[0]) if group.buckets else None
        if label is not None and label.ingress == BASE:
            base_labels[label] += 1
            continue
        steering = _steering(held, network, (ingress, egress), group)
        if steering is not None:
            pairs[ingress, egress] = steering
    labels = taken_by(key for rules in held.values() for key in rules).labels
    found = (bypass_found(held, network, link.id) for link in network.links)
    return Intent(
        trees=_trees(held, network, numbers, labels, base_labels),
        bypasses={bypass.link: bypass for bypass in found if bypass is not None},
        pairs=pairs,
        epoch=_newest({label.epoch for label in labels}),
        slices=_slices(held, network, numbers),
    )


def adopted_hosts(held: Held) -> list[Host]:
    """Hosts that the switches deliver to; named by MAC address.

    A host counts where its switch both delivers it and takes its packets as local: after a move the
    old switch still delivers for a while, but no longer takes them as local.
    """
    hosts = []
    for dpid, rules in sorted(held.items()):
        for rule in rules.values():
            if not isinstance(rule, FlowRule) or rule.table != layout.DELIVER:
                continue
            fields, actions = dict(rule.match), dict(a for a in rule.actions if len(a) == 2)
            ip, mac, port = (
                fields.get("ipv4_dst"),
                actions.get("set_eth_dst"),
                actions.get("output"),
            )
            if isinstance(ip, str) and isinstance(mac, str) and isinstance(port, int):
                match = matches(eth_type=layout.ETH_IPV4, eth_dst=mac)
                local = rules.get(RuleKey(layout.ENTER, layout.INGRESS, match))
                if isinstance(local, FlowRule) and local.actions == (("output", port),):
                    hosts.append(Host(mac, mac, ip, dpid, port))
    return sorted(hosts, key=lambda host: (host.mac, host.ip))


def expected_switches(held: Held, numbers: Numbers) -> set[int]:
    """Switches that rules were made for, whether they have come back already or not."""
    numbers.learn(number_entries(held))
    ends = set()
    for rules in held.values():
        for key in rules:
            if isinstance(key, int) and layout.group_kind(key)[0] == "pair":
                ends.add(layout.group_kind(key)[1])
    known = {number: numbers.dpid(number) for number in ends}
    return {dpid if dpid is not None else number for number, dpid in known.items()} | {
        dpid for dpid, _ in number_entries(held)
    }


def _pair_groups(
    held: Held, network: Network, numbers: Numbers
) -> Iterator[tuple[int, int, GroupRule]]:
    for ingress, rules in sorted(held.items()):
        for key, group in rules.items():
            if not isinstance(group, GroupRule) or not isinstance(key, int):
                continue
            kind, number = layout.group_kind(key)
            egress = numbers.dpid(number)
            if kind == "pair" and egress in network.switch_by_dpid and egress is not None:
                yield ingress, egress, group


def _steering(held: Held, network: Network, pair: Pair, group: GroupRule) -> Steering | None:
    shares, owners = [], set()
    for bucket in group.buckets:
        label = label_put_on(bucket)
        port = sending_port(held[pair[0]], bucket.actions)
        if label is None or port is None:
            return None
        path = label_path(held, network, pair[0], port, label, pair[1])
        if path is None:
            return None
        cookie = path_cookie(held, path.links, pair[1], label)
        owners.add(cookie.app)
        weight = bucket.weight if group.type == "select" else WEIGHT_TOTAL
        shares.append(LabelledShare(path, weight, label, cookie.epoch))
    if not shares or sum(share.weight for share in shares) != WEIGHT_TOTAL or len(owners) != 1:
        return None
    decision = max(share.decision for share in shares)
    by_label = sorted(shares, key=lambda share: share.label)
    return Steering(owners.pop(), decision, tuple(by_label))


def _slices(held: Held, network: Network, numbers: Numbers) -> dict[int, Carried]:
    """Paths of slices, by number: each stands in a group at its ingress, taken now or not."""
    ways: dict[int, dict[SlicePath, None]] = {}
    slots: dict[int, dict[HostPair, int]] = {}
    for ingress, rules in sorted(held.items()):
        for key, entry in rules.items():
            if isinstance(entry, GroupRule) and isinstance(key, int) and entry.buckets:
                kind, parts = layout.group_kind(key)
                if kind == "slice":
                    number, slot, _ = layout.slice_of(parts)
                    way = _slice_path(held, network, numbers, (ingress, slot), entry)
                    if way is not None:
                        ways.setdefault(number, {})[way] = None
            elif isinstance(entry, FlowRule) and layout.is_overlay(entry):
                match, actions = dict(entry.match), dict(a for a in entry.actions if len(a) == 2)
                kind, parts = layout.group_kind(int(actions.get("group", 0)))
                if kind == "slice":
                    number, slot, _ = layout.slice_of(parts)
                    hosts = (str(match.get("eth_src")), str(match.get("eth_dst")))
                    slots.setdefault(number, {})[hosts] = slot
    return {
        number: Carried(number, None, ways=tuple(found), slots=slots.get(number, {}))
        for number, found in ways.items()
    }


def _slice_path(
    held: Held, network: Network, numbers: Numbers, at: tuple[int, int], group: GroupRule
) -> SlicePath | None:
    ingress, slot = at
    label = label_put_on(group.buckets[0])
    port = sending_port(held[ingress], group.buckets[0].actions)
    egress = numbers.dpid(label.egress) if label is not None else None
    if label is None or port is None or egress is None:
        return None
    path = label_path(held, network, ingress, port, label, egress)
    if path is None:
        return None
    cookie = path_cookie(held, path.links, egress, label)
    return SlicePath(slot, path, label, cookie.epoch)


def _trees(
    held: Held,
    network: Network,
    numbers: Numbers,
    labels: frozenset[Label],
    used: Counter[Label],
) -> dict[int, Tree]:
    """For each egress the tree of the label that most pair groups put on."""
    base = sorted(label for label in labels if label.ingress == BASE)
    chosen: dict[int, Label] = {}
    for label in base:
        egress = numbers.dpid(label.egress)
        if egress is not None and egress in network.switch_by_dpid:
            best = chosen.get(egress)
            if best is None or used[label] >= used[best]:
                chosen[egress] = label
    return {
        egress: Tree(egress, label.epoch, dict(_next_links(held, network, label)))
        for egress, label in chosen.items()
    }


def _next_links(held: Held, network: Network, label: Label) -> Iterator[tuple[int, LinkId]]:
    for dpid in sorted(network.switch_by_dpid):
        rules: RuleSet = held.get(dpid, {})
        rule = transit_rule(rules, label)
        port = sending_port(rules, rule.actions) if rule else None
        if port is not None:
            yield dpid, LinkId(dpid, port)


def _newest(epochs: set[int]) -> int:
    """The epoch before the widest gap: epochs are given in turn and wrap around."""
    ordered = sorted(epochs)
    if not ordered:
        return 0
    following = [*ordered[1:], ordered[0] + EPOCHS]
    return max(zip(ordered, following, strict=True), key=lambda gap: gap[1] - gap[0])[0]
