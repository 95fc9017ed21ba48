"""Live inspection: flows, paths and drift, from what the switches answer when asked.

One row of ``flows`` is one entry of one switch. ``packet_rate`` and ``bit_rate`` compare with the
reading before this one (see :mod:`.readings`) and are None where there is none lately.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from qb_controller.errors import InputError, NotFound
from qb_controller.model.network import Host, Network
from qb_controller.model.rules import FlowRule, GroupRule, RuleKey, RuleSet
from qb_controller.northbound import params
from qb_controller.northbound.params import Place
from qb_controller.northbound.readings import Key, Rate, Readings, key_of
from qb_controller.northbound.resources import Row, path_names
from qb_controller.northbound.tracing import Choice, Way, trace
from qb_controller.northbound.view import LiveRule, View
from qb_controller.northbound.words import OWNERS, Description, Words, actions_text
from qb_controller.southbound.diff import diff
from qb_controller.southbound.labels import BASE, parse
from qb_controller.southbound.layout import in_order

Entry = FlowRule | GroupRule


def flows(view: View, readings: Readings, query: Mapping[str, str]) -> Iterator[Row]:
    """Rows of all live entries that the query (``switch``, ``pair``, ``owner``) asks for.

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
    words = Words(network, view.intent(), view.numbers())
    return _rows(words, live, rates, ends, owner)


def _rows(
    words: Words,
    live: list[LiveRule],
    rates: Mapping[Key, Rate | None],
    ends: tuple[Place, Place] | None,
    owner: str | None,
) -> Iterator[Row]:
    for one in live:
        what = words.describe(one.dpid, one.rule)
        if owner is not None and what.owner != owner:
            continue
        if ends is not None and not serves(words, one.dpid, what, *ends):
            continue
        yield _row(words.network, one, what, rates[key_of(one)])


def serves(words: Words, dpid: int, what: Description, source: Place, target: Place) -> bool:
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
    path = words.base_path(pair)
    return pair not in words.intent.pairs and path is not None and dpid in path.dpids


def _row(network: Network, live: LiveRule, what: Description, rate: Rate | None) -> Row:
    pair = f"{network.name(what.pair[0])},{network.name(what.pair[1])}" if what.pair else None
    return {
        "switch": network.name(live.dpid),
        "owner": what.owner,
        "pair": pair,
        "host": what.host.name if what.host else None,
        "path": path_names(network, what.path) if what.path else None,
        "epoch": what.epoch,
        "decision": what.decision,
        "packets": live.packets,
        "bytes": live.bytes,
        "packet_rate": rate.packets if rate else None,
        "bit_rate": rate.bits if rate else None,
        "age_s": live.duration_s,
        "text": what.text,
        **raw(live.rule),
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
                    "actions": actions_text(bucket.actions),
                    "weight": bucket.weight,
                    "watch_port": bucket.watch_port,
                }
                for bucket in rule.buckets
            ],
        }
    return {
        "kind": "flow",
        "table": rule.table,
        "priority": rule.priority,
        "match": {name: _value(value) for name, value in rule.match},
        "actions": actions_text(rule.actions),
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
    ways = trace(network, asked, start, goal)
    words = Words(network, view.intent(), view.numbers())
    reasons = {one.number: one.reason for one in view.decisions()}
    rows = [_way(words, asked, way, (start.dpid, goal.dpid), reasons) for way in ways]
    lost = sum(way.share for way in ways if way.fault)
    if not lost:
        count = "one path" if len(ways) == 1 else f"{len(ways)} paths"
        text = f"packets take {count}"
    else:
        text = f"{100 * lost:.3g} % of the packets do not arrive"
    return {
        "from": start.name,
        "to": goal.name,
        "delivered": not lost and bool(ways),
        "text": text,
        "ways": rows,
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
    words: Words, asked: _Asked, way: Way, pair: tuple[int, int], reasons: Mapping[int, str]
) -> Row:
    label = next((found for mac in way.labels if (found := parse(mac)) is not None), None)
    steering = words.intent.pairs.get(pair)
    share = None
    if steering is not None:
        share = next((one for one in steering.shares if one.label == label), None)
    decision = share.decision if share else None
    if way.fault:
        text = f"LOST: {way.fault}"
    elif label is None:
        text = "both are at the same switch"
    elif label.ingress == BASE:
        text = f"shortest path, base layer, epoch {label.epoch}"
    elif share is None:
        text = f"a path that is not meant any more, epoch {label.epoch}"
    else:
        why = reasons.get(share.decision)
        text = f"steered by {steering.owner if steering else 'te'}, epoch {label.epoch}, decision "
        text += f"{decision}" + (f": {why}" if why else "")
    return {
        "share": way.share,
        "measured_share": _measured(asked, way.choices),
        "path": [words.network.name(dpid) for dpid in way.dpids],
        "delivered": not way.fault,
        "label": label.mac if label else None,
        "epoch": label.epoch if label else None,
        "decision": decision,
        "text": text,
    }


def _measured(asked: _Asked, choices: tuple[Choice, ...]) -> float | None:
    """Share of the bytes that the buckets really took since their group last changed."""
    result = 1.0 if choices else None
    for choice in choices:
        live = asked.live.get((choice.dpid, choice.group_id))
        total = sum(count for _, count in live.buckets) if live else 0
        if live is None or not total or choice.bucket >= len(live.buckets):
            return None
        result = (result or 0.0) * live.buckets[choice.bucket][1] / total
    return result


def drift(view: View) -> Row:
    """Differences between what the switches hold and what was meant.

    ``settled`` is false while an update is under way or began meanwhile: then differences are
    to be expected and the question should be asked again.
    """
    network = view.network()
    settled = view.status().settled
    meant = {dpid: dict(rules) for dpid, rules in view.intended().items()}
    words = Words(network, view.intent(), view.numbers())
    rows: list[Row] = []
    entries = 0
    for dpid in sorted(set(meant) | set(network.switch_by_dpid)):
        held: RuleSet = {key_of(one)[1]: one.rule for one in view.live_rules((dpid,))}
        entries += len(held)
        rows += _differences(words, dpid, held, meant.get(dpid, {}))
        view.pause()
    settled = settled and view.status().settled and view.intended() == meant
    return {
        "settled": settled,
        "switches": len(network.switches),
        "entries": entries,
        "differences": rows,
    }


def _differences(words: Words, dpid: int, held: RuleSet, meant: RuleSet) -> Iterator[Row]:
    delta = diff(held, meant)
    kinds = (("missing", delta.adds), ("changed", delta.mods), ("unexpected", delta.deletes))
    for difference, entries in kinds:
        for entry in entries:
            key = entry.group_id if isinstance(entry, GroupRule) else entry.key
            yield {
                "switch": words.network.name(dpid),
                "difference": difference,
                "entry": entry_text(key),
                "text": words.describe(dpid, entry).text,
                "meant": behaviour(meant.get(key)),
                "found": behaviour(held.get(key)),
            }


def entry_text(key: RuleKey | int) -> str:
    """Name an entry as ``ovs-ofctl`` users know it."""
    if isinstance(key, int):
        return f"group {key:#x}"
    match = ",".join(f"{name}={_value(value)}" for name, value in key.match) or "any"
    return f"table {key.table} priority {key.priority} {match}"


def behaviour(entry: Entry | None) -> str | None:
    """What an entry does, with its cookie; None where there is none."""
    if entry is None:
        return None
    if isinstance(entry, FlowRule):
        return f"{actions_text(entry.actions)} (cookie {entry.cookie:#018x})"
    buckets = (
        f"[{actions_text(bucket.actions)}; weight {bucket.weight}, watch {bucket.watch_port}]"
        for bucket in entry.buckets
    )
    return f"{entry.type} {' '.join(buckets)}"


def repair(view: View) -> Row:
    """Have the switches hold what is meant; answers when they confirmed."""
    view.repair()
    return {"repaired": True}
