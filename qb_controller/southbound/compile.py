"""An intent as rules of every switch, worked out anew only where something changed.

The intent falls into parts (a switch, a host, a link, a tree, a pair, a slice). Each has a
*source*, the values its rules follow from. A part is compiled again when its source differs from
last time, or when one of the links it crosses got another far end or another bypass.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from qb_controller.model.network import Host, Link, LinkId, Network
from qb_controller.model.rules import RuleSet
from qb_controller.southbound import fragments
from qb_controller.southbound.bypass import Bypass
from qb_controller.southbound.carried import Carried
from qb_controller.southbound.fragments import Placed
from qb_controller.southbound.intent import Intent, Steering, Tree, pairs_of
from qb_controller.southbound.labels import Numbers
from qb_controller.southbound.slice_rules import slice_rules
from qb_controller.southbound.steps import run

Part = tuple[str, Any]
"""Kind and name: ("pair", (1, 7)), ("tree", 7), ("link", LinkId(1, 2)), ("switch", 1) ..."""

LinkState = tuple[int, int, Bypass | None]
"""What rules that cross a link depend on: far end, far port, bypass."""

PAUSE_EVERY = 400
"""Entries made between two pauses: one or two milliseconds."""


@dataclass(frozen=True)
class Compiled:
    """Rules, and what is needed to bring them up to date.

    Attributes
    ----------
    rules : dict of int to RuleSet
        By datapath id, one for every switch of the network. Read only.
    placed : mapping of Part to tuple of Placed
    sources : mapping of Part to object
    links : mapping of LinkId to LinkState
    """

    rules: dict[int, RuleSet] = field(default_factory=dict)
    placed: Mapping[Part, tuple[Placed, ...]] = field(default_factory=dict)
    sources: Mapping[Part, object] = field(default_factory=dict)
    links: Mapping[LinkId, LinkState] = field(default_factory=dict)


NOTHING_COMPILED = Compiled()


def compile_rules(intent: Intent, network: Network, numbers: Numbers) -> dict[int, RuleSet]:
    """Rules and groups of every switch.

    Parameters
    ----------
    intent : Intent
        Made for this very network (:func:`~.next_intent.with_network`).
    network : Network
    numbers : Numbers

    Returns
    -------
    dict of int to RuleSet
        By datapath id.

    Raises
    ------
    KeyError
        The intent names a link that the network has not.
    """
    return run(compile_steps(NOTHING_COMPILED, intent, network, numbers)).rules


def compile_steps(
    before: Compiled, intent: Intent, network: Network, numbers: Numbers
) -> Generator[None, None, Compiled]:
    """As :func:`compile_rules` but from what was compiled before, pausing (see :mod:`.steps`)."""
    links = link_states(intent, network)
    changed = {
        link
        for link in links.keys() | before.links.keys()
        if links.get(link) != before.links.get(link)
    }
    sources = _sources(intent, network, numbers, links)
    yield
    stale = [
        part
        for part, source in sources.items()
        if part not in before.sources or _is_stale(source, before.sources[part], changed)
    ]
    gone = before.sources.keys() - sources.keys()
    yield
    rules: dict[int, RuleSet] = {
        switch.dpid: dict(before.rules.get(switch.dpid, {})) for switch in network.switches
    }
    placed = dict(before.placed)
    for part in (*gone, *stale):
        for dpid, key, _ in placed.pop(part, ()):
            if dpid in rules:
                rules[dpid].pop(key, None)
    made = 0
    for part in stale:
        placed[part] = tuple(_compile(part, sources[part], intent, network, numbers))
        for dpid, key, entry in placed[part]:
            rules[dpid][key] = entry
        made += len(placed[part])
        if made >= PAUSE_EVERY:
            made = 0
            yield
    return Compiled(rules, placed, sources, links)


class Compiler:
    """Remembers what it compiled, so that the next call does only what changed."""

    def __init__(self) -> None:
        self._last = NOTHING_COMPILED

    def compile(
        self,
        intent: Intent,
        network: Network,
        numbers: Numbers,
        pause: Callable[[], object] | None = None,
    ) -> dict[int, RuleSet]:
        """As :func:`compile_rules`; calls ``pause`` every few milliseconds."""
        self._last = run(compile_steps(self._last, intent, network, numbers), pause)
        return self._last.rules


def link_states(intent: Intent, network: Network) -> dict[LinkId, LinkState]:
    """What rules depend on, of every link."""
    return {
        link.id: (link.dst, link.dst_port, intent.bypasses.get(link.id)) for link in network.links
    }


def _sources(
    intent: Intent, network: Network, numbers: Numbers, links: Mapping[LinkId, LinkState]
) -> dict[Part, object]:
    sources: dict[Part, object] = {}
    for switch in network.switches:
        sources["switch", switch.dpid] = numbers.of(switch.dpid)
    for link in network.links:
        sources["link", link.id] = links[link.id]
    for egress, tree in intent.trees.items():
        sources["tree", egress] = tree
    for host, addresses in _hosts(network):
        sources["host", host.mac] = (host, addresses, tuple(intent.trees[host.dpid].next_link))
    for pair in pairs_of(intent, network):
        sources["pair", pair] = intent.pairs.get(pair) or (intent.trees[pair[1]],)
    for number, carried in intent.slices.items():
        if carried.placement is not None:
            sources["slice", number] = carried
    return sources


def _hosts(network: Network) -> Iterable[tuple[Host, tuple[str, ...]]]:
    """Each MAC address once, where it was listed last, with the IP addresses that are its alone."""
    by_mac = {host.mac: host for host in network.hosts if host.dpid in network.switch_by_dpid}
    owner = {ip: host.mac for host in network.hosts for ip in host.ips if ip}
    addresses: dict[str, list[str]] = {}
    for ip, mac in sorted(owner.items()):
        addresses.setdefault(mac, []).append(ip)
    for mac, host in sorted(by_mac.items()):
        yield host, tuple(addresses.get(mac, ()))


def _is_stale(source: object, old: object, changed: set[LinkId]) -> bool:
    if source is not old and source != old:
        return True
    if not changed:
        return False
    if isinstance(source, Tree):
        return not changed.isdisjoint(source.next_link.values())
    if isinstance(source, Steering):
        return any(not changed.isdisjoint(share.path.links) for share in source.shares)
    if isinstance(source, Carried):
        return any(not changed.isdisjoint(way.path.links) for way in source.ways)
    return False


def _compile(
    part: Part, source: Any, intent: Intent, network: Network, numbers: Numbers
) -> Iterable[Placed]:
    kind, name = part
    if kind == "switch":
        return fragments.switch_rules(name, numbers)
    if kind == "host":
        host, addresses, ingresses = source
        return fragments.host_rules(host, addresses, ingresses, numbers)
    if kind == "link":
        link: Link = network.link_by_id[name]
        return fragments.link_rules(link, intent.bypasses.get(name))
    if kind == "tree":
        return fragments.tree_rules(source, network, intent.bypasses, numbers)
    if kind == "slice":
        return slice_rules(source, network, intent.bypasses)
    if isinstance(source, Steering):
        return fragments.steered_rules(name, source, network, intent.bypasses, numbers)
    return fragments.base_pair_rules(name, source[0], network, numbers)
