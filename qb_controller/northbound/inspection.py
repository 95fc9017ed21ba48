"""Live inspection: flows, paths and drift, from what the switches answer when asked.

One row of ``flows`` is one entry of one switch. ``packet_rate`` and ``bit_rate`` compare with the
reading before this one (see :mod:`.readings`) and are None where there is none lately.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from qb_controller.errors import InputError, NotFound
from qb_controller.model.network import Host, Network
from qb_controller.model.rules import Entry, GroupRule, MeterRule, RuleSet
from qb_controller.northbound import params
from qb_controller.northbound.describing import OWNERS, Describer, Description, label_put_on
from qb_controller.northbound.params import Place
from qb_controller.northbound.readings import Key, Rate, Readings, key_of
from qb_controller.northbound.resources import Row, path_names
from qb_controller.northbound.view import LiveRule, View
from qb_controller.southbound import words
from qb_controller.southbound.drift import Difference
from qb_controller.southbound.drift import drift as differences
from qb_controller.southbound.labels import BASE, Label, parse
from qb_controller.southbound.layout import in_order, pair_group
from qb_controller.southbound.trace import Branch, trace

PAUSE_EVERY = 100
"""Entries described between two pauses: about two milliseconds."""


def flows(view: View, readings: Readings, query: Mapping[str, str]) -> Iterator[Row]:
    """Rows of all live entries that a query (``switch pair owner slice``) asks for.

    Raises
    ------
    QBError
        Before the first row: a name is unknown or a switch does not answer.
    """
    network = view.network()
    ends = params.pair(network, query["pair"]) if "pair" in query else None
    owner = query.get("owner")
    if owner is not None and owner not in OWNERS:
        raise InputError(f"owner={owner}: there are {', '.join(OWNERS)}")
    number = view.slice(query["slice"]).number if "slice" in query else None
    if "switch" in query:
        dpids = [params.switch(network, query["switch"])]
    else:
        dpids = sorted(network.switch_by_dpid)
    live: list[LiveRule] = []
    rates: dict[Key, Rate | None] = {}
    for dpid in dpids:
        of_one = sorted(view.live_rules((dpid,)), key=lambda one: in_order(key_of(one)[1]))
        rates |= readings.take(of_one)
        live += of_one
        view.pause()
    describer = Describer(network, view.intent(), view.numbers())

    def wanted(dpid: int, what: Description) -> bool:
        if owner is not None and what.owner != owner:
            return False
        if number is not None and what.slice != number:
            return False
        return ends is None or serves(describer, dpid, what, *ends)

    return _rows(view, describer, live, rates, wanted)


def _rows(
    view: View,
    describer: Describer,
    live: list[LiveRule],
    rates: Mapping[Key, Rate | None],
    wanted: Callable[[int, Description], bool],
) -> Iterator[Row]:
    for count, one in enumerate(live):
        if count % PAUSE_EVERY == PAUSE_EVERY - 1:
            view.pause()
        what = describer.describe(one.dpid, one.rule)
        if wanted(one.dpid, what):
            yield _row(describer, one, what, rates[key_of(one)])


def serves(
    describer: Describer, dpid: int, what: Description, source: Place, target: Place
) -> bool:
    """Whether packets from one place to another meet an entry (links' groups left out)."""
    if what.host is not None and target.host is not None and what.host.mac != target.host.mac:
        return False
    pair = (source.dpid, target.dpid)
    if what.pair is not None:
        return what.pair == pair
    if what.towards != target.dpid:
        return False
    if dpid == target.dpid:
        return True
    path = describer.base_path(pair)
    return pair not in describer.intent.pairs and path is not None and dpid in path.dpids


def _row(describer: Describer, live: LiveRule, what: Description, rate: Rate | None) -> Row:
    network = describer.network
    pair = f"{network.name(what.pair[0])},{network.name(what.pair[1])}" if what.pair else None
    return {
        "switch": network.name(live.dpid),
        "owner": what.owner,
        "pair": pair,
        "host": what.host.name if what.host else None,
        "path": path_names(network, what.path) if what.path else None,
        "epoch": what.epoch,
        "decision": what.decision,
        "slice": describer.slice_name(what.slice) if what.slice is not None else None,
        "packets": live.packets,
        "bytes": live.bytes,
        "packet_rate": rate.packets if rate else None,
        "bit_rate": rate.bits if rate else None,
        "age_s": live.duration_s,
        "text": what.text,
        **_of_meter(live, rate),
        **raw(live.rule),
    }


def _of_meter(live: LiveRule, rate: Rate | None) -> Row:
    """What a meter let fall, and what it would still let pass; None for all other entries."""
    if not isinstance(live.rule, MeterRule):
        return {"headroom": None, "dropped_packets": None, "dropped_bytes": None}
    packets, size = (sum(part) for part in zip(*live.buckets, strict=True))
    promised = 1e3 * live.rule.rate
    return {
        "headroom": max(0.0, promised - rate.bits) if rate else None,
        "dropped_packets": packets,
        "dropped_bytes": size,
    }


def raw(rule: Entry) -> Row:
    """An entry as OpenFlow has it."""
    if isinstance(rule, GroupRule):
        return {
            "kind": "group",
            "group": f"{rule.group_id:#x}",
            "type": rule.type,
            "buckets": [
                {
                    "actions": words.actions(bucket.actions),
                    "weight": bucket.weight,
                    "watch_port": bucket.watch_port,
                }
                for bucket in rule.buckets
            ],
        }
    if isinstance(rule, MeterRule):
        return {
            "kind": "meter",
            "meter": f"{rule.meter_id:#x}",
            "rate": 1000 * rule.rate,
            "burst": 1000 * rule.burst,
        }
    return {
        "kind": "flow",
        "table": rule.table,
        "priority": rule.priority,
        "match": {name: _value(value) for name, value in rule.match},
        "actions": words.actions(rule.actions),
        "cookie": f"{rule.cookie:#018x}",
    }


def _value(value: object) -> object:
    return "/".join(value) if isinstance(value, tuple) else value


class _Asked(Mapping[int, RuleSet]):
    """What switches hold, each asked when it is first looked at."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._known = view.network().switch_by_dpid
        self._rules: dict[int, RuleSet] = {}
        self.live: dict[Key, LiveRule] = {}

    def __getitem__(self, dpid: int) -> RuleSet:
        if dpid not in self._known:
            raise KeyError(dpid)
        if dpid not in self._rules:
            found = {key_of(one): one for one in self._view.live_rules((dpid,))}
            self.live |= found
            self._rules[dpid] = {key: one.rule for (_, key), one in found.items()}
        return self._rules[dpid]

    def __iter__(self) -> Iterator[int]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


def path(view: View, source: Place, target: Place) -> Row:
    """The ways that packets take now, each with its share by weight and by the counters."""
    network = view.network()
    start, goal = _host_at(network, source), _host_at(network, target)
    if start.mac == goal.mac:
        raise InputError(f"from and to are the same host {start.name}")
    asked = _Asked(view)
    branches = trace(asked, network, start, goal)
    describer = Describer(network, view.intent(), view.numbers())
    reasons = {one.number: one.reason for one in view.decisions()}
    ways = [_way(describer, asked, branch, start, goal, reasons) for branch in branches]
    arriving = sum(way["share"] for way in ways if way["delivered"])
    if arriving > 1 - 1e-9:
        text = f"packets take {'one path' if len(ways) == 1 else f'{len(ways)} paths'}"
    else:
        text = f"{100 * (1 - arriving):.3g} % of the packets do not arrive"
    return {
        "from": start.name,
        "to": goal.name,
        "delivered": arriving > 1 - 1e-9,
        "text": text,
        "ways": ways,
    }


def _host_at(network: Network, place: Place) -> Host:
    if place.host is not None:
        return place.host
    hosts = network.hosts_at.get(place.dpid, ())
    if not hosts:
        raise NotFound(
            f"no host is known at {network.name(place.dpid)} to follow packets from or to"
        )
    return hosts[0]


def _way(
    describer: Describer,
    asked: _Asked,
    branch: Branch,
    start: Host,
    goal: Host,
    reasons: Mapping[int, str],
) -> Row:
    network = describer.network
    label = next((found for mac in branch.labels if (found := parse(mac)) is not None), None)
    dpids = [start.dpid, *(network.link_by_id[link].dst for link in branch.links)]
    steering = describer.intent.pairs.get((start.dpid, goal.dpid))
    shares = steering.shares if steering else ()
    share = next((one for one in shares if one.label == label), None)
    decision = share.decision if share else None
    if label is None:
        text = "both are at the same switch" if start.dpid == goal.dpid else "without a label"
    elif label.ingress == BASE:
        text = f"shortest path, base layer, epoch {label.epoch}"
    elif (carried := describer.slice_way(label)) is not None:
        decision = carried[1].decision
        text = f"in slice {describer.slice_name(carried[0].number)}, decision {decision}"
    elif share is None:
        text = f"a path that is not meant any more, epoch {label.epoch}"
    else:
        why = reasons.get(share.decision)
        text = f"steered by {steering.owner if steering else 'te'}, epoch {label.epoch}, decision "
        text += f"{decision}" + (f": {why}" if why else "")
    if any(branch.tags):
        text += "; around a link that is down"
    delivered = branch.end == "delivered"
    return {
        "share": branch.fraction,
        "measured_share": _measured(asked, describer, start.dpid, goal.dpid, label),
        "path": [network.name(dpid) for dpid in dpids],
        "delivered": delivered,
        "label": label.mac if label else None,
        "epoch": label.epoch if label else None,
        "decision": decision,
        "text": text if delivered else f"LOST: {branch.end} ({text})",
    }


def _measured(
    asked: _Asked, describer: Describer, ingress: int, egress: int, label: Label | None
) -> float | None:
    """Share of the pair's bytes that really got a label, since its group last changed."""
    live = asked.live.get((ingress, pair_group(describer.numbers.of(egress))))
    if live is None or not isinstance(live.rule, GroupRule) or len(live.rule.buckets) < 2:
        return None
    total = sum(count for _, count in live.buckets)
    if not total or len(live.buckets) != len(live.rule.buckets):
        return None
    mine = (
        count
        for bucket, (_, count) in zip(live.rule.buckets, live.buckets, strict=True)
        if label_put_on(bucket) == label
    )
    return sum(mine) / total


def drift(view: View) -> Row:
    """Differences between what the switches hold and what was meant.

    ``settled`` is false while an update is under way or began meanwhile: then differences are
    to be expected and the question should be asked again.
    """
    network = view.network()
    settled = view.status().settled
    meant = {dpid: dict(rules) for dpid, rules in view.intended().items()}
    describer = Describer(network, view.intent(), view.numbers())
    rows: list[Row] = []
    entries = 0
    for dpid in sorted(set(meant) | set(network.switch_by_dpid)):
        held: RuleSet = {key_of(one)[1]: one.rule for one in view.live_rules((dpid,))}
        entries += len(held)
        found = differences({dpid: held}, {dpid: meant.get(dpid, {})}, network)
        rows += (_difference(describer, one) for one in found)
        view.pause()
    return {
        "settled": settled and view.status().settled and view.intended() == meant,
        "switches": len(network.switches),
        "entries": entries,
        "differences": rows,
    }


def _difference(describer: Describer, one: Difference) -> Row:
    return {
        "switch": one.switch,
        "difference": one.kind,
        "entry": one.what,
        "text": describer.describe(one.dpid, one.entry).text if one.entry else one.what,
    }


def repair(view: View) -> Row:
    """Have the switches hold what is meant; answers when they confirmed."""
    view.repair()
    return {"repaired": True}
