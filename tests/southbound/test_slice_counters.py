"""Totals of slices from counters that begin anew, go away, and were there before."""

from __future__ import annotations

from dataclasses import replace

from qb_controller.model.network import LinkId, Network, path_of
from qb_controller.model.rules import FlowRule
from qb_controller.model.slices import Ends, Pipe, Placement, SlicePlan, SliceRequest
from qb_controller.southbound import layout
from qb_controller.southbound.compile import compile_rules
from qb_controller.southbound.intent import Intent
from qb_controller.southbound.labels import Numbers
from qb_controller.southbound.next_intent import with_network, with_slices
from qb_controller.southbound.slice_counters import Count, SliceCounters
from tests.support.fake_network import network_of
from tests.support.plans import DIAMOND

ENDS = Ends("h1", "h4")
PIPE = (7, 0)


def carried(
    network: Network, numbers: Numbers, steps: tuple[LinkId, ...], intent: Intent
) -> Intent:
    path = path_of([network.link_by_id[step] for step in steps])
    request = SliceRequest("video", (ENDS,), rate=1e6)
    placement = Placement(request, 7, 1, (Pipe(ENDS, path),))
    return with_slices(intent, SlicePlan(1, 1, (placement,)), network, numbers)


class Reader:
    """A switch's answers to one round of questions."""

    def __init__(self, intent: Intent, network: Network, numbers: Numbers) -> None:
        self.slices = intent.slices
        rules = compile_rules(intent, network, numbers)
        self.entrance, self.end = (
            rule
            for dpid, priority in ((1, layout.SLICE), (4, layout.ONE_HOP))
            for rule in rules[dpid].values()
            if isinstance(rule, FlowRule) and rule.priority == priority
        )


def round_of(
    counters: SliceCounters, now: float, sent: int, got: int, dropped: int, reader: Reader,
    age: float,
) -> None:  # fmt: skip
    counters.begin(reader.slices)
    assert counters.switches == {1, 4}
    counters.flow(1, reader.entrance, Count(now, sent, 100 * sent), age)
    counters.flow(4, reader.end, Count(now, got, 100 * got), age)
    counters.meter(1, layout.meter_id(7, 0), Count(now, dropped, 100 * dropped), age)
    counters.end(now)


def test_totals_grow_from_reading_to_reading() -> None:
    network, numbers = network_of(DIAMOND), Numbers()
    base = with_network(Intent(), network, numbers)
    intent = carried(network, numbers, (LinkId(1, 1), LinkId(2, 2)), base)
    reader, counters = Reader(intent, network, numbers), SliceCounters(fresh_s=2.0)
    round_of(counters, 10.0, 50, 40, 5, reader, 1.0)
    assert counters.counts.sent == {PIPE: Count(10.0, 50, 5000)}
    assert counters.counts.delivered == {PIPE: Count(10.0, 40, 4000)}
    assert counters.counts.dropped == {PIPE: Count(10.0, 5, 500)}
    round_of(counters, 11.0, 80, 70, 6, reader, 2.0)
    assert counters.counts.sent[PIPE] == Count(11.0, 80, 8000)
    round_of(counters, 12.0, 10, 8, 1, reader, 0.5)  # the switch began anew
    assert counters.counts.sent[PIPE] == Count(12.0, 90, 9000)
    assert counters.counts.dropped[PIPE] == Count(12.0, 7, 700)


def test_what_was_counted_before_this_controller_is_left_out() -> None:
    network, numbers = network_of(DIAMOND), Numbers()
    base = with_network(Intent(), network, numbers)
    intent = carried(network, numbers, (LinkId(1, 1), LinkId(2, 2)), base)
    reader, counters = Reader(intent, network, numbers), SliceCounters(fresh_s=2.0)
    round_of(counters, 10.0, 1000, 990, 0, reader, 600.0)
    assert counters.counts.sent[PIPE] == Count(10.0, 0, 0)
    round_of(counters, 11.0, 1010, 1000, 0, reader, 601.0)
    assert counters.counts.sent[PIPE] == Count(11.0, 10, 1000)


def test_a_moved_pipe_is_counted_on_both_its_paths() -> None:
    network, numbers = network_of(DIAMOND), Numbers()
    base = with_network(Intent(), network, numbers)
    first = carried(network, numbers, (LinkId(1, 1), LinkId(2, 2)), base)
    then = carried(network, numbers, (LinkId(1, 2), LinkId(3, 2)), first)
    old, new = Reader(first, network, numbers), Reader(then, network, numbers)
    assert old.end != new.end and old.entrance.key == new.entrance.key
    counters = SliceCounters(fresh_s=2.0)
    round_of(counters, 10.0, 100, 100, 0, old, 1.0)
    counters.begin(then.slices)
    counters.flow(4, old.end, Count(11.0, 110, 11000), 2.0)  # it drains
    counters.flow(4, new.end, Count(11.0, 30, 3000), 0.4)
    counters.end(11.0)
    assert counters.counts.delivered[PIPE] == Count(11.0, 140, 14000)
    counters.begin({})
    counters.end(12.0)
    assert counters.counts == replace(counters.counts, sent={}, delivered={}, dropped={})
    assert not counters.switches
