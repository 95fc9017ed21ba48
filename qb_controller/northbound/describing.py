"""Live rules in words: whose a rule is, for which pair, over which path, by which decision.

Cookies say whose a flow rule is; groups have none, so their numbers and what is meant decide.
Everything is read from the rule first: a rule that nobody means (any more) is described by what
it says of itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from qb_controller.model.network import Host, LinkId, Network, Path
from qb_controller.model.plan import WEIGHT_TOTAL
from qb_controller.model.rules import Bucket, Entry, FlowRule, GroupRule, MeterRule
from qb_controller.southbound import cookies, layout, words
from qb_controller.southbound.bypass import Bypass
from qb_controller.southbound.carried import Carried, SlicePath
from qb_controller.southbound.intent import Intent, LabelledShare, Pair, Steering
from qb_controller.southbound.labels import BASE, Label, Numbers, parse

FOREIGN = "foreign"
RYU = "ryu"
OWNERS = (*cookies.APPS, RYU, FOREIGN)
"""Owners a rule can have."""


@dataclass(frozen=True, slots=True)
class Description:
    """What a rule is.

    Attributes
    ----------
    owner : str
        One of :data:`OWNERS`.
    text : str
        A sentence without a full stop.
    pair : (ingress, egress) or None
        Datapath ids, where the rule serves one pair.
    towards : int or None
        Egress of a rule that serves every pair towards it.
    host : Host or None
        Where the rule serves one host.
    path : Path or None
        The path of the label it matches or puts on.
    epoch : int or None
        Generation of that label.
    decision : int or None
        What brought it.
    slice : int or None
        Number of the slice that it serves.
    """

    owner: str
    text: str
    pair: Pair | None = None
    towards: int | None = None
    host: Host | None = None
    path: Path | None = None
    epoch: int | None = None
    decision: int | None = None
    slice: int | None = None


@dataclass(frozen=True)
class Describer:
    """Describes the entries of switches.

    Parameters
    ----------
    network : Network
    intent : Intent
        What is meant now.
    numbers : Numbers
        Switch numbers inside labels.
    """

    network: Network
    intent: Intent
    numbers: Numbers
    _paths: dict[Pair, Path | None] = field(default_factory=dict)

    def describe(self, dpid: int, entry: Entry) -> Description:
        """Say what an entry of a switch is."""
        if isinstance(entry, GroupRule):
            return self._group(dpid, entry)
        if isinstance(entry, MeterRule):
            return self._meter(entry)
        if layout.left_alone(entry):
            return Description(RYU, "Ryu's own topology discovery: LLDP goes to the controller")
        cookie = cookies.decode(entry.cookie)
        if cookie is None:
            return Description(FOREIGN, f"not of this controller: {words.actions(entry.actions)}")
        match = dict(entry.match)
        if (entry.table, entry.priority) == (layout.DELIVER, layout.NEIGHBOUR):
            return self._into_slice(cookie, match.get("eth_src"), match.get("eth_dst"))
        if entry.table == layout.DELIVER:
            return self._deliver(cookie.app, entry)
        if (entry.table, entry.priority) == (layout.CLASSIFY, layout.SLICE):
            return self._into_slice(cookie, match.get("eth_src"), match.get("eth_dst"))
        if match.get("ipv4_dst") == layout.PROBE_IP:
            arrived = "go to the controller" if "eth_dst" in match else "of hosts are dropped"
            return Description(cookie.app, f"probes of latency {arrived}")
        if "eth_dst" not in match and match.get("eth_type") == layout.ETH_IPV4:
            marked = ", without the mark of slices" if "ip_dscp" in match else ""
            text = f"packets of hosts are let in{marked}"
            return Description(cookie.app, text)
        if entry.priority == layout.BYPASS:
            return self._bypass(cookie.app, match.get("vlan_vid"), entry)
        if match.get("eth_type") == layout.ETH_ARP:
            return Description(cookie.app, "ARP goes to the controller, which answers it")
        address = match.get("eth_dst")
        if isinstance(address, tuple):
            here = self.network.name(dpid)
            text = f"labelled packets that reached {here} are delivered"
            return Description(cookie.app, text, towards=dpid)
        host = self._host_by_mac.get(str(address))
        if host is not None and "eth_type" in match:
            return self._entrance(dpid, cookie.app, host)
        label = parse(str(address))
        if label is not None:
            return self._transit(dpid, cookie, label, entry)
        return Description(cookie.app, f"for nobody that is known: {words.actions(entry.actions)}")

    @cached_property
    def _host_by_mac(self) -> dict[str, Host]:
        return {host.mac: host for host in self.network.hosts}

    @cached_property
    def _host_by_ip(self) -> dict[str, Host]:
        return {ip: host for host in self.network.hosts for ip in host.ips}

    @cached_property
    def _shares(self) -> dict[Label, tuple[Steering, LabelledShare]]:
        return {
            share.label: (steering, share)
            for steering in self.intent.pairs.values()
            for share in steering.shares
        }

    @cached_property
    def _ways(self) -> dict[Label, tuple[Carried, SlicePath]]:
        return {
            way.label: (carried, way)
            for carried in self.intent.slices.values()
            for way in carried.ways
        }

    def slice_name(self, number: int) -> str:
        """What a slice is called."""
        carried = self.intent.slices.get(number)
        known = carried is not None and carried.placement is not None
        return carried.placement.request.name if known else f"number {number}"  # type: ignore[union-attr]

    def slice_way(self, label: Label) -> tuple[Carried, SlicePath] | None:
        """The slice and the path that a label stands for."""
        return self._ways.get(label)

    @cached_property
    def _bypasses(self) -> dict[int, Bypass]:
        return {bypass.tag: bypass for bypass in self.intent.bypasses.values() if bypass.tag}

    def names(self, path: Path) -> str:
        """``s1 > s2 > s4``."""
        return " > ".join(self.network.name(dpid) for dpid in path.dpids)

    def pair_name(self, pair: Pair) -> str:
        return f"{self.network.name(pair[0])} to {self.network.name(pair[1])}"

    def base_path(self, pair: Pair) -> Path | None:
        """Shortest path that carries a pair without a plan."""
        if pair not in self._paths:
            tree = self.intent.trees.get(pair[1])
            self._paths[pair] = tree.path(pair[0], self.network) if tree else None
        return self._paths[pair]

    def _entrance(self, dpid: int, owner: str, host: Host) -> Description:
        if host.dpid == dpid:
            text = f"packets for {host.name} from its own switch go out by port {host.port}"
            return Description(owner, text, towards=dpid, host=host)
        pair = (dpid, host.dpid)
        text = f"packets for {host.name} enter the group of {self.pair_name(pair)}"
        return Description(owner, text, pair=pair, host=host)

    def _into_slice(self, cookie: cookies.Cookie, src: object, dst: object) -> Description:
        hosts = self._host_by_mac.get(str(src)), self._host_by_mac.get(str(dst))
        names = [host.name if host else "a host that is gone" for host in hosts]
        pair = (hosts[0].dpid, hosts[1].dpid) if hosts[0] and hosts[1] else None
        return Description(
            "slices",
            f"packets from {names[0]} to {names[1]} enter slice {self.slice_name(cookie.owner)}",
            pair,
            host=hosts[1],
            decision=cookie.epoch,
            slice=cookie.owner,
        )

    def _meter(self, meter: MeterRule) -> Description:
        number, index = layout.meter_of(meter.meter_id)
        if not number:
            return Description(FOREIGN, f"not of this controller: meter {meter.meter_id:#x}")
        what = "what a host receives" if index >= layout.RECEIVING else "what enters"
        text = f"meter of slice {self.slice_name(number)}: {what}, {meter.rate} kbit/s, no more"
        return Description("slices", text, slice=number)

    def _slice_group(self, parts: int) -> Description:
        number, slot, standby = layout.slice_of(parts)
        carried = self.intent.slices.get(number)
        pipes = carried.pipes if carried else ()
        pipe = next((one for one in pipes if carried and carried.slot_of(one) == slot), None)
        name = self.slice_name(number)
        if pipe is None or carried is None:
            return Description("slices", f"of a pipe of slice {name} that is gone", slice=number)
        other = (way for way in carried.ways if way.slot == slot and way is not pipe.way)
        way = next(other, None) if standby else pipe.way
        path = f" along {self.names(way.path)}" if way else ""
        ends = f"{pipe.source.name} to {pipe.target.name} of slice {name}"
        return Description(
            "slices",
            f"holds the other path of {ends} ready{path}" if standby else f"sends {ends}{path}",
            (pipe.source.dpid, pipe.target.dpid),
            path=way.path if way else None,
            epoch=way.label.epoch if way else None,
            decision=way.decision if way else None,
            slice=number,
        )

    def _deliver(self, owner: str, entry: FlowRule) -> Description:
        ip = str(dict(entry.match).get("ipv4_dst"))
        host = self._host_by_ip.get(ip)
        name = host.name if host else ip
        port = next((action[1] for action in entry.actions if action[0] == "output"), "?")  # type: ignore[misc]
        text = f"delivers to {name} by port {port}, with its own address put back"
        return Description(owner, text, towards=host.dpid if host else None, host=host)

    def _bypass(self, owner: str, tag: object, entry: FlowRule) -> Description:
        bypass = self._bypasses.get(tag) if isinstance(tag, int) else None
        if bypass is None:
            return Description(owner, f"a way around a link that is gone: tag {tag}")
        end = ", tag off" if ("pop_vlan",) in entry.actions else ""
        text = f"way around the link {self._link(bypass.link)}: {self.names(bypass.path)}{end}"
        return Description(owner, text)

    def _transit(
        self, dpid: int, cookie: cookies.Cookie, label: Label, entry: FlowRule
    ) -> Description:
        port = dict(entry.match).get("in_port")
        arriving = f" (arriving by port {port})" if port is not None else ""
        if label.ingress == BASE:
            egress = self.numbers.dpid(label.egress)
            path = self.base_path((dpid, egress)) if egress is not None else None
            way = f", here along {self.names(path)}" if path else ""
            name = self.network.name(egress) if egress is not None else "a switch that is gone"
            tree = self.intent.trees.get(egress) if egress is not None else None
            old = "" if tree and tree.epoch == label.epoch else "superseded: "
            text = f"{old}shortest paths towards {name}{way}{arriving}"
            return Description(cookie.app, text, towards=egress, path=path, epoch=label.epoch)
        if cookie.app == "slices":
            return self._slice_transit(cookie, label, arriving)
        found = self._shares.get(label)
        ends = self.numbers.dpid(label.ingress), self.numbers.dpid(label.egress)
        pair = (ends[0], ends[1]) if ends[0] is not None and ends[1] is not None else None
        who = self.pair_name(pair) if pair else "switches that are gone"
        if found is None:
            text = f"superseded path of {who}, left until its last packets are through{arriving}"
            return Description(
                cookie.app, text, pair, epoch=label.epoch, decision=cookie.epoch or None
            )
        share = found[1]
        return Description(
            cookie.app,
            f"carries {who} along {self.names(share.path)}{arriving}",
            pair,
            path=share.path,
            epoch=label.epoch,
            decision=cookie.epoch,
        )

    def _slice_transit(self, cookie: cookies.Cookie, label: Label, arriving: str) -> Description:
        way = self._ways.get(label)
        name = self.slice_name(cookie.owner)
        if way is None:
            text = f"superseded path of slice {name}, left until its last packets are through"
            number, decision = cookie.owner, cookie.epoch or None
            return Description(
                "slices", text + arriving, epoch=label.epoch, decision=decision, slice=number
            )
        path = way[1].path
        return Description(
            "slices",
            f"carries slice {name} along {self.names(path)}{arriving}",
            (path.ingress, path.egress),
            path=path,
            epoch=label.epoch,
            decision=cookie.epoch,
            slice=cookie.owner,
        )

    def _group(self, dpid: int, group: GroupRule) -> Description:
        kind, number = layout.group_kind(group.group_id)
        if kind == "slice":
            return self._slice_group(number)
        if kind == "pair":
            return self._pair_group(dpid, group, number)
        if kind == "foreign":
            return Description(FOREIGN, f"not of this controller: group {group.group_id:#x}")
        link = LinkId(dpid, number)
        bypass = self.intent.bypasses.get(link)
        around = f"; around by {self.names(bypass.path)} while it is down" if bypass else ""
        turning = "packets that came in from there, " if kind == "hairpin" and bypass else ""
        return Description("base", f"{turning}link {self._link(link)}{around}")

    def _pair_group(self, dpid: int, group: GroupRule, number: int) -> Description:
        egress = self.numbers.dpid(number)
        if egress is None:
            return Description("base", f"group towards a switch that is gone (number {number})")
        pair = (dpid, egress)
        labels = [label_put_on(bucket) for bucket in group.buckets]
        first = labels[0] if labels else None
        if first is not None and first.ingress == BASE:
            path = self.base_path(pair)
            way = f" along the shortest path {self.names(path)}" if path else ""
            text = f"sends {self.pair_name(pair)}{way}"
            return Description("base", text, pair, path=path, epoch=first.epoch)
        return self._steered_group(pair, group, labels)

    def _steered_group(
        self, pair: Pair, group: GroupRule, labels: Sequence[Label | None]
    ) -> Description:
        shares = [self._shares[label][1] if label in self._shares else None for label in labels]
        ways = []
        for bucket, share in zip(group.buckets, shares, strict=True):
            way = self.names(share.path) if share else "a path that is not meant"
            percent = 100 * bucket.weight / WEIGHT_TOTAL
            ways.append(f"{percent:.3g} % {way}" if len(shares) > 1 else way)
        steering = self.intent.pairs.get(pair)
        verb = "splits" if len(shares) > 1 else "sends"
        join = " over " if len(shares) > 1 else " along "
        only = shares[0] if len(shares) == 1 else None
        epochs = [label.epoch for label in labels if label is not None]
        return Description(
            steering.owner if steering else "te",
            f"{verb} {self.pair_name(pair)}{join}{', '.join(ways)}",
            pair,
            path=only.path if only else None,
            epoch=max(epochs, default=None),
            decision=steering.decision if steering else None,
        )

    def _link(self, link: LinkId) -> str:
        there = self.network.link_by_id.get(link)
        far = self.network.name(there.dst) if there else f"port {link.port} (down)"
        return f"{self.network.name(link.dpid)} > {far}"


def label_put_on(bucket: Bucket) -> Label | None:
    """The label that a bucket of a pair group writes into packets."""
    for action in bucket.actions:
        if action[0] == "set_eth_dst" and len(action) == 2:
            return parse(str(action[1]))
    return None
