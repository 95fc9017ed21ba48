"""Flow rules and groups of one part of an intent: a switch, a host, a link, a tree, a pair.

Each function says the same in OpenFlow terms that its argument says in the controller's; none
looks at anything but its arguments. OpenFlow never sends a packet out of the port it came in by
unless told ``in_port``, hence the hairpins:

- *hairpin group*: a packet may come in by the port where the bypass of its next link begins. Its
  bypass bucket says ``in_port``.
- *hairpin rule*: a packet bypassed around the previous link may come in by the port of its next
  link. It goes back out by ``in_port``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import pairwise

from qb_controller.model.network import Host, Link, Network
from qb_controller.model.rules import (
    Action,
    Bucket,
    Entry,
    EntryKey,
    FlowRule,
    GroupRule,
    Match,
    matches,
)
from qb_controller.model.slices import OWN_DSCP
from qb_controller.southbound import layout
from qb_controller.southbound.bypass import Bypass, Bypasses
from qb_controller.southbound.cookies import Cookie
from qb_controller.southbound.intent import Pair, Steering, Tree
from qb_controller.southbound.labels import Label, Numbers, egress_mask, parse

Placed = tuple[int, EntryKey, Entry]
"""An entry, its key, and the datapath id of the switch it belongs to."""

BASE = Cookie("base").value

UNMARKED: tuple[Action, ...] = (("set_ip_dscp", 0), ("goto", layout.ENTER))
"""What becomes of a packet that is in no slice, whatever it says of itself."""


def flow(
    dpid: int, table: int, priority: int, match: Match, actions: tuple[Action, ...], cookie: int
) -> Placed:
    rule = FlowRule(table, priority, match, actions, cookie)
    return dpid, rule.key, rule


def group(dpid: int, group_id: int, kind: str, *buckets: Bucket) -> Placed:
    return dpid, group_id, GroupRule(group_id, kind, buckets)


def switch_rules(dpid: int, numbers: Numbers) -> Iterator[Placed]:
    """What every switch has: labels towards it are delivered, ARP and probes go to the controller,
    packets of hosts to table 2 without the mark of slices.
    """
    label = egress_mask(numbers.of(dpid))
    mine = matches(eth_dst=label)
    yield flow(dpid, layout.CLASSIFY, layout.EGRESS, mine, (("goto", layout.DELIVER),), BASE)
    probe = matches(eth_type=layout.ETH_IPV4, ipv4_dst=layout.PROBE_IP)
    through = matches(**dict(probe), eth_dst=label)
    yield flow(dpid, layout.CLASSIFY, layout.PROBE, through, (("controller",),), BASE)
    yield flow(dpid, layout.CLASSIFY, layout.FORGED, probe, (), BASE)
    arp = matches(eth_type=layout.ETH_ARP)
    yield flow(dpid, layout.CLASSIFY, layout.ARP, arp, (("controller",),), BASE)
    enter: tuple[Action, ...] = (("goto", layout.ENTER),)
    ip = matches(eth_type=layout.ETH_IPV4)
    yield flow(dpid, layout.CLASSIFY, layout.FROM_HOST, ip, enter, BASE)
    marked = matches(eth_type=layout.ETH_IPV4, ip_dscp=OWN_DSCP)
    yield flow(dpid, layout.CLASSIFY, layout.MARKED, marked, UNMARKED, BASE)


def host_rules(
    host: Host, addresses: Collection[str], ingresses: Collection[int], numbers: Numbers
) -> Iterator[Placed]:
    """Packets to a host: delivered at its switch, labelled at all others.

    Parameters
    ----------
    host : Host
    addresses : collection of str
        Its IPv4 addresses.
    ingresses : collection of int
        Switches that have a group towards the host's switch.
    numbers : Numbers
    """
    deliver: tuple[Action, ...] = (("set_eth_dst", host.mac), ("output", host.port))
    for ip in addresses:
        match = matches(eth_type=layout.ETH_IPV4, ipv4_dst=ip)
        yield flow(host.dpid, layout.DELIVER, layout.LOCAL, match, deliver, BASE)
    match = matches(eth_type=layout.ETH_IPV4, eth_dst=host.mac)
    local: tuple[Action, ...] = (("output", host.port),)
    yield flow(host.dpid, layout.ENTER, layout.INGRESS, match, local, BASE)
    into: tuple[Action, ...] = (("group", layout.pair_group(numbers.of(host.dpid))),)
    for ingress in ingresses:
        yield flow(ingress, layout.ENTER, layout.INGRESS, match, into, BASE)
    if parse(host.mac):
        for dpid in (host.dpid, *ingresses):
            yield flow(dpid, layout.CLASSIFY, layout.LOOKALIKE, match, UNMARKED, BASE)


def link_rules(link: Link, bypass: Bypass | None) -> Iterator[Placed]:
    """Sending into a link or around it: its groups, and the bypass's tag along the way."""
    out = Bucket((("output", link.src_port),), watch_port=link.src_port)
    protect, hairpin = layout.protect_group(link.src_port), layout.hairpin_group(link.src_port)
    if bypass is None:
        yield group(link.src, protect, "fast_failover", out)
        yield group(link.src, hairpin, "fast_failover", out)
        return
    first = bypass.first_port
    push: tuple[Action, ...] = (("push_vlan", bypass.tag),) if bypass.tag else ()
    around = Bucket((*push, ("output", first)), watch_port=first)
    back = Bucket((*push, ("in_port",)), watch_port=first)
    yield group(link.src, protect, "fast_failover", out, around)
    yield group(link.src, hairpin, "fast_failover", out, back)
    tagged = matches(vlan_vid=bypass.tag)
    last = len(bypass.path.links) - 1
    for position, step in enumerate(bypass.path.links):
        if position > 0:
            pop: tuple[Action, ...] = (("pop_vlan",),) if position == last else ()
            actions = (*pop, ("output", step.port))
            yield flow(step.dpid, layout.CLASSIFY, layout.BYPASS, tagged, actions, BASE)


def transit(
    link: Link,
    label: Match,
    arrivals: Collection[int],
    before: Collection[Bypass | None],
    bypasses: Bypasses,
    cookie: int,
    one_arrival: bool,
) -> Iterator[Placed]:
    """Rules that send a label into its next link.

    Parameters
    ----------
    link : Link
        The next link.
    label : Match
        On ``eth_dst`` alone.
    arrivals : collection of int
        Ports by which the label comes in when nothing is broken.
    before : collection of Bypass or None
        Bypasses of the links it comes in by.
    one_arrival : bool
        Whether it comes in by one port only, so that one rule will do.
    """
    bypass = bypasses.get(link.id)
    straight: tuple[Action, ...] = (("group", layout.protect_group(link.src_port)),)
    turning: tuple[Action, ...] = (("group", layout.hairpin_group(link.src_port)),)
    turns = bypass is not None and bypass.first_port in arrivals
    general = turning if turns and one_arrival else straight
    yield flow(link.src, layout.CLASSIFY, layout.TRANSIT, label, general, cookie)
    if turns and not one_arrival and bypass is not None:
        match = matches(**dict(label), in_port=bypass.first_port)
        yield flow(link.src, layout.CLASSIFY, layout.HAIRPIN, match, turning, cookie)
    if any(other is not None and other.arrives == link.src_port for other in before):
        match = matches(**dict(label), in_port=link.src_port)
        yield flow(link.src, layout.CLASSIFY, layout.HAIRPIN, match, (("in_port",),), cookie)


def tree_rules(
    tree: Tree, network: Network, bypasses: Bypasses, numbers: Numbers
) -> Iterator[Placed]:
    """The base label towards one egress, at every switch."""
    cookie = Cookie("base", epoch=tree.epoch).value
    label = matches(eth_dst=tree.label(numbers).mac)
    links = [network.link_by_id[link] for link in tree.next_link.values()]
    children: dict[int, list[Link]] = {}
    for link in links:
        children.setdefault(link.dst, []).append(link)
    for link in links:
        below = children.get(link.src, ())
        arrivals = {child.dst_port for child in below}
        before = [bypasses.get(child.id) for child in below]
        yield from transit(link, label, arrivals, before, bypasses, cookie, one_arrival=False)


def steered_rules(
    pair: Pair, steering: Steering, network: Network, bypasses: Bypasses, numbers: Numbers
) -> Iterator[Placed]:
    """A steered pair: its labels along their paths, and the group that shares packets out."""
    buckets = []
    split = len(steering.shares) > 1
    for share in steering.shares:
        cookie = Cookie(steering.owner, epoch=share.decision).value
        label = matches(eth_dst=share.label.mac)
        links = [network.link_by_id[link] for link in share.path.links]
        if len(links) == 1:
            deliver: tuple[Action, ...] = (("goto", layout.DELIVER),)
            yield flow(pair[1], layout.CLASSIFY, layout.ONE_HOP, label, deliver, cookie)
        for previous, link in pairwise(links):
            yield from transit(
                link,
                label,
                (previous.dst_port,),
                (bypasses.get(previous.id),),
                bypasses,
                cookie,
                one_arrival=True,
            )
        buckets.append(labelling(share.label, links[0], share.weight if split else 0))
    kind = "select" if split else "indirect"
    yield group(pair[0], layout.pair_group(numbers.of(pair[1])), kind, *buckets)


def base_pair_rules(pair: Pair, tree: Tree, network: Network, numbers: Numbers) -> Iterator[Placed]:
    """A pair on the base layer: a group that puts the tree's label on."""
    link = network.link_by_id[tree.next_link[pair[0]]]
    bucket = labelling(tree.label(numbers), link, 0)
    yield group(pair[0], layout.pair_group(numbers.of(pair[1])), "indirect", bucket)


def labelling(label: Label, link: Link, weight: int) -> Bucket:
    protect = layout.protect_group(link.src_port)
    return Bucket((("set_eth_dst", label.mac), ("group", protect)), weight)
