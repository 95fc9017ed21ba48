"""Whose an entry is and what it is there for, in words: any flow rule or group of any switch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from qb_controller.model.network import LinkId, Network, Path
from qb_controller.model.plan import WEIGHT_TOTAL
from qb_controller.model.rules import FlowRule, GroupRule, MatchValue
from qb_controller.southbound import cookies, layout, words
from qb_controller.southbound.bypass import Bypass
from qb_controller.southbound.labels import BASE, Label, parse
from qb_controller.southbound.reading import (
    Held,
    bypass_found,
    label_path,
    numbers_found,
    sending_port,
    transit_rule,
)


@dataclass(frozen=True, slots=True)
class Description:
    """An entry in words.

    Attributes
    ----------
    owner : str
        ``base``, ``te`` or another application; ``discovery`` (Ryu's LLDP rule); ``foreign``.
    purpose : str
        One sentence.
    pair : tuple of int or None
        Datapath ids of ingress and egress where the entry serves one pair.
    pair_words : str
        ``h1 to h7``; ``any to h7`` for a tree; empty where the entry serves no pair.
    path : Path or None
        Where the entry belongs to one whole path.
    path_words : str
        ``s1 - s4 - s7``, several split by ``; `` with their shares; empty where there is none.
    epoch : int or None
        Generation of the label or tree.
    decision : int or None
        Number of the decision that made it, for ``qb explain``.
    """

    owner: str
    purpose: str
    pair: tuple[int, int] | None = None
    pair_words: str = ""
    path: Path | None = None
    path_words: str = ""
    epoch: int | None = None
    decision: int | None = None


class Describer:
    """Describes entries of one network; reads what a label means out of all switches' rules.

    Parameters
    ----------
    held : mapping of int to RuleSet
        What all switches hold, or should hold: what is not in it stays a bare number in the words.
    network : Network
    """

    def __init__(self, held: Held, network: Network) -> None:
        self._held = held
        self._network = network
        self._numbers = numbers_found(held)
        self._bypasses: dict[int, Bypass] = {}
        for link in network.links:
            bypass = bypass_found(held, network, link.id)
            if bypass is not None and bypass.tag:
                self._bypasses[bypass.tag] = bypass

    def describe(self, dpid: int, entry: FlowRule | GroupRule) -> Description:
        """The entry in words.

        Parameters
        ----------
        dpid : int
            The switch it is in.
        entry : FlowRule or GroupRule
        """
        if isinstance(entry, GroupRule):
            return self._group(dpid, entry)
        if layout.left_alone(entry):
            return Description("discovery", "Ryu's own: LLDP frames go to the controller.")
        cookie = cookies.decode(entry.cookie)
        if cookie is None:
            return Description("foreign", f"Not made by this controller: {words.entry(entry)}.")
        how: dict[tuple[int, int], Callable[[int, FlowRule], Description]] = {
            (layout.CLASSIFY, layout.BYPASS): self._bypass,
            (layout.CLASSIFY, layout.EGRESS): self._egress,
            (layout.CLASSIFY, layout.ONE_HOP): self._transit,
            (layout.CLASSIFY, layout.HAIRPIN): self._transit,
            (layout.CLASSIFY, layout.TRANSIT): self._transit,
            (layout.CLASSIFY, layout.LOOKALIKE): self._ingress,
            (layout.CLASSIFY, layout.INGRESS): self._ingress,
            (layout.CLASSIFY, layout.ARP): self._arp,
            (layout.DELIVER, layout.LOCAL): self._deliver,
        }
        known = how.get((entry.table, entry.priority))
        if known is None:
            purpose = f"Carries this controller's mark, but it makes no such rules: "
            return Description(cookie.app, purpose + words.entry(entry) + ".")
        return known(dpid, entry)

    # -- flow rules -----------------------------------------------------------------------------

    def _arp(self, dpid: int, rule: FlowRule) -> Description:
        return Description("base", "ARP goes to the controller, which answers for the hosts.")

    def _egress(self, dpid: int, rule: FlowRule) -> Description:
        name = self._network.name(dpid)
        return Description("base", f"Whatever is labelled for {name} has arrived: deliver it.")

    def _deliver(self, dpid: int, rule: FlowRule) -> Description:
        host = self._host("ip", _field(rule, "ipv4_dst"))
        return Description("base", f"Gives packets for {host} its own address back, and to it.")

    def _ingress(self, dpid: int, rule: FlowRule) -> Description:
        host = self._host("mac", _field(rule, "eth_dst"))
        kind, number = "", 0
        for action in rule.actions:
            if action[0] == "group" and len(action) == 2:
                kind, number = layout.group_kind(int(action[1]))
        if kind != "pair":
            return Description("base", f"Packets for {host}, which is behind this very switch.")
        egress = self._dpid(number)
        pair_words = words.pair(self._network, dpid, egress)
        purpose = f"Packets of hosts here for {host} go into the group of {pair_words}."
        return Description("base", purpose, (dpid, egress), pair_words)

    def _bypass(self, dpid: int, rule: FlowRule) -> Description:
        tag = _field(rule, "vlan_vid")
        bypass = self._bypasses.get(tag) if isinstance(tag, int) else None
        if bypass is None:
            return Description("base", f"Part of a bypass no longer used (VLAN {tag}).")
        link = self._link(bypass.link)
        purpose = f"Carries packets around {link} while that link is down (VLAN {tag})."
        path_words = words.path(self._network, bypass.path)
        return Description("base", purpose, path=bypass.path, path_words=path_words)

    def _transit(self, dpid: int, rule: FlowRule) -> Description:
        value = _field(rule, "eth_dst")
        label = parse(value) if isinstance(value, str) else None
        cookie = cookies.decode(rule.cookie)
        if label is None or cookie is None:
            return Description("foreign", f"Matches no label: {words.entry(rule)}.")
        egress = self._dpid(label.egress)
        arriving = _field(rule, "in_port")
        special = f" for packets that come in by port {arriving}" if arriving is not None else ""
        onward = self._onward(dpid, rule)
        if label.ingress == BASE:
            to = words.hosts(self._network, egress)
            purpose = f"Shortest path to {to} from anywhere{onward}{special}."
            path = self._tree_path(dpid, label, egress)
            path_words = words.path(self._network, path) if path else ""
            return Description(
                cookie.app, purpose, None, f"any to {to}", path, path_words, label.epoch
            )
        ingress = self._dpid(label.ingress)
        pair_words = words.pair(self._network, ingress, egress)
        found = self._share(ingress, egress, label)
        if found is None:
            purpose = f"A former path of {pair_words}, kept until its last packets have left."
            return Description(
                cookie.app,
                purpose,
                (ingress, egress),
                pair_words,
                None,
                "",
                label.epoch,
                cookie.epoch,
            )
        path, weight = found
        purpose = f"Carries {_percent(weight)} of {pair_words}{onward}{special}."
        return Description(
            cookie.app,
            purpose,
            (ingress, egress),
            pair_words,
            path,
            words.path(self._network, path),
            label.epoch,
            cookie.epoch,
        )

    # -- groups ---------------------------------------------------------------------------------

    def _group(self, dpid: int, group: GroupRule) -> Description:
        kind, number = layout.group_kind(group.group_id)
        if kind == "pair":
            return self._pair_group(dpid, group, self._dpid(number))
        if kind == "foreign":
            return Description("foreign", f"Not made by this controller: {words.entry(group)}.")
        link = self._link(LinkId(dpid, number))
        if len(group.buckets) < 2:
            return Description("base", f"Sends into {link}; nothing leads around it.")
        bypass = bypass_found(self._held, self._network, LinkId(dpid, number))
        path = bypass.path if bypass else None
        where = ", for packets from the bypass's own port" if kind == "hairpin" else ""
        purpose = f"Sends into {link}, and around it while it is down{where}."
        path_words = words.path(self._network, path) if path else ""
        return Description("base", purpose, path=path, path_words=path_words)

    def _pair_group(self, dpid: int, group: GroupRule, egress: int) -> Description:
        pair_words = words.pair(self._network, dpid, egress)
        ways: list[tuple[Path, int]] = []
        owners, decisions, epochs = set(), set(), set()
        for label, port, weight in self._buckets(dpid, group):
            path = label_path(self._held, self._network, dpid, port, label, egress)
            epochs.add(label.epoch)
            if path is not None:
                ways.append((path, weight))
            if label.ingress != BASE and path is not None:
                cookie = self._cookie(path, label)
                owners.add(cookie.app if cookie else "te")
                decisions |= {cookie.epoch} if cookie else set()
        shown = [
            words.path(self._network, path)
            + (f" ({_percent(weight)})" if len(group.buckets) > 1 else "")
            for path, weight in ways
        ]
        count = len(group.buckets)
        if not owners:
            purpose = f"Labels and counts packets of {pair_words}: shortest path."
        elif count == 1:
            purpose = f"Labels and counts packets of {pair_words}: one chosen path."
        else:
            purpose = f"Labels and counts packets of {pair_words}, split over {count} paths."
        return Description(
            owner=owners.pop() if len(owners) == 1 else "base",
            purpose=purpose,
            pair=(dpid, egress),
            pair_words=pair_words,
            path=ways[0][0] if len(ways) == 1 else None,
            path_words="; ".join(shown),
            epoch=max(epochs, default=None),
            decision=max(decisions, default=None),
        )

    # -- what rules elsewhere say ---------------------------------------------------------------

    def _buckets(self, ingress: int, group: GroupRule) -> Iterator[tuple[Label, int, int]]:
        """Label, first port and weight of each bucket that reads like one of ours."""
        for bucket in group.buckets:
            mac = next((str(a[1]) for a in bucket.actions if a[0] == "set_eth_dst"), "")  # type: ignore[misc]
            label = parse(mac)
            port = sending_port(self._held.get(ingress, {}), bucket.actions)
            if label is not None and port is not None:
                yield label, port, bucket.weight or WEIGHT_TOTAL

    def _share(self, ingress: int, egress: int, label: Label) -> tuple[Path, int] | None:
        """Path and weight of a label that its ingress puts on now."""
        group = self._held.get(ingress, {}).get(layout.pair_group(label.egress))
        if isinstance(group, GroupRule):
            for other, port, weight in self._buckets(ingress, group):
                if other == label:
                    path = label_path(self._held, self._network, ingress, port, label, egress)
                    return (path, weight) if path else None
        return None

    def _tree_path(self, dpid: int, label: Label, egress: int) -> Path | None:
        rules = self._held.get(dpid, {})
        rule = transit_rule(rules, label)
        port = sending_port(rules, rule.actions) if rule else None
        if port is None:
            return None
        return label_path(self._held, self._network, dpid, port, label, egress)

    def _cookie(self, path: Path, label: Label) -> cookies.Cookie | None:
        for dpid in path.dpids[1:]:
            for entry in self._held.get(dpid, {}).values():
                if isinstance(entry, FlowRule) and _field(entry, "eth_dst") == label.mac:
                    return cookies.decode(entry.cookie)
        return None

    def _onward(self, dpid: int, rule: FlowRule) -> str:
        if ("goto", layout.DELIVER) in rule.actions:
            return ", which ends here"
        port = sending_port(self._held.get(dpid, {}), rule.actions)
        if ("in_port",) in rule.actions:
            arriving = _field(rule, "in_port")
            port = arriving if isinstance(arriving, int) else None
        link = self._network.link_by_id.get(LinkId(dpid, port)) if port is not None else None
        return f" on to {self._network.name(link.dst)}" if link else ""

    def _link(self, link_id: LinkId) -> str:
        link = self._network.link_by_id.get(link_id)
        here = self._network.name(link_id.dpid)
        if link is None:
            return f"port {link_id.port} of {here}"
        return f"{here} -> {self._network.name(link.dst)} (port {link_id.port})"

    def _dpid(self, number: int) -> int:
        dpid = self._numbers.dpid(number)
        return number if dpid is None else dpid

    def _host(self, attribute: str, value: MatchValue | None) -> str:
        for host in self._network.hosts:
            if getattr(host, attribute) == value:
                return host.name
        return str(value)


def _field(rule: FlowRule, name: str) -> MatchValue | None:
    return next((value for field, value in rule.match if field == name), None)


def _percent(weight: int) -> str:
    share = 100 * weight / WEIGHT_TOTAL
    return "all" if share == 100 else f"{share:.0f} %"
