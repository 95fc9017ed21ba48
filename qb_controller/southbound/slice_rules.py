"""Flow rules, groups and meters of a slice.

At the ingress a packet from one host of the slice to another meets its meter, gets the mark that
every port's guaranteed class goes by, and enters the group of its pipe, which puts the label on.
From there on it is carried as any labelled packet is, bypasses included. At the egress a rule of
its own counts what arrives; in the hose model the receiving host has a meter there, so that all
senders together give it no more than it may receive.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

from qb_controller.model.network import Network
from qb_controller.model.rules import Action, MeterRule, matches
from qb_controller.model.slices import OWN_DSCP, SliceRequest
from qb_controller.southbound import layout
from qb_controller.southbound.bypass import Bypasses
from qb_controller.southbound.carried import Carried, CarriedPipe, SlicePath
from qb_controller.southbound.cookies import Cookie
from qb_controller.southbound.fragments import UNMARKED, Placed, flow, group, labelling, transit

BURST_S = 0.1
"""A meter lets so many seconds of its rate pass at once: senders on a busy machine are late, and
then catch up."""
LEAST_BURST = 48
"""Kbit: four of the longest frames."""


def meter_index(request: SliceRequest, pipe: int) -> int:
    """Which meter of a slice a pipe passes: its own, or its sending host's in the hose model."""
    if not request.is_hose:
        return pipe
    return request.hosts.index(request.pipes()[pipe].src)


def receiving_index(request: SliceRequest, pipe: int) -> int | None:
    """Which meter a pipe passes at its end: its receiving host's in the hose model, else none."""
    if not request.is_hose:
        return None
    return layout.RECEIVING + request.hosts.index(request.pipes()[pipe].dst)


def receiving_meter(request: SliceRequest, number: int, pipe: int) -> MeterRule | None:
    """The meter that a pipe passes at its end, if any."""
    index = receiving_index(request, pipe)
    return None if index is None else _meter(number, index, request.rate_back)


def meter_of(request: SliceRequest, number: int, pipe: int) -> MeterRule:
    """The meter that a pipe passes."""
    rate = request.rate if request.is_hose else request.limit(request.pipes()[pipe])
    return _meter(number, meter_index(request, pipe), rate)


def _meter(number: int, index: int, rate: float) -> MeterRule:
    kbit = math.ceil(rate / 1000)
    burst = max(LEAST_BURST, math.ceil(kbit * BURST_S))
    return MeterRule(layout.meter_id(number, index), kbit, burst)


def slice_rules(carried: Carried, network: Network, bypasses: Bypasses) -> Iterator[Placed]:
    """Everything that the switches hold for one slice.

    Parameters
    ----------
    carried : Carried
        With a placement; made for this very network.
    network : Network
    bypasses : mapping
    """
    at = {carried.slot_of(pipe): pipe for pipe in carried.pipes}
    for way in carried.ways:
        yield from _way_rules(carried, way, at[way.slot], network, bypasses)
    for pipe in carried.pipes:
        yield from _pipe_rules(carried, pipe, network)


def _way_rules(
    carried: Carried, way: SlicePath, pipe: CarriedPipe, network: Network, bypasses: Bypasses
) -> Iterator[Placed]:
    """A label along its path, and at its end."""
    assert carried.placement is not None
    cookie = Cookie("slices", carried.number, way.decision).value
    label = matches(eth_dst=way.label.mac)
    links = [network.link_by_id[link] for link in way.path.links]
    for previous, link in pairwise(links):
        before = (bypasses.get(previous.id),)
        arrivals = (previous.dst_port,)
        yield from transit(link, label, arrivals, before, bypasses, cookie, one_arrival=True)
    deliver: tuple[Action, ...] = (("goto", layout.DELIVER),)
    meter = receiving_meter(carried.placement.request, carried.number, pipe.position)
    if meter is not None:
        yield way.path.egress, meter.key, meter
        deliver = (("meter", meter.meter_id), *deliver)
    yield flow(way.path.egress, layout.CLASSIFY, layout.ONE_HOP, label, deliver, cookie)


def _pipe_rules(carried: Carried, pipe: CarriedPipe, network: Network) -> Iterator[Placed]:
    """What a pipe has at its ingress."""
    assert carried.placement is not None
    number, here = carried.number, pipe.source.dpid
    meter = meter_of(carried.placement.request, number, pipe.position)
    yield here, meter.key, meter
    into: tuple[Action, ...] = (("output", pipe.target.port),)
    for way in carried.ways:
        if way.slot == carried.slot_of(pipe):
            standby = way is not pipe.way
            group_id = layout.slice_group(number, way.slot, standby)
            first = network.link_by_id[way.path.links[0]]
            yield group(here, group_id, "indirect", labelling(way.label, first, 0))
            if not standby:
                into = (("group", group_id),)
    match = matches(
        eth_type=layout.ETH_IPV4,
        in_port=pipe.source.port,
        eth_src=pipe.source.mac,
        eth_dst=pipe.target.mac,
    )
    cookie = Cookie("slices", number, carried.placement.decision).value
    receiving = receiving_meter(carried.placement.request, number, pipe.position)
    if receiving is not None and pipe.state == "local":
        yield here, receiving.key, receiving
        last: tuple[Action, ...] = (("meter", receiving.meter_id), *into)
        yield flow(here, layout.DELIVER, layout.NEIGHBOUR, match, last, cookie)
        into = (("goto", layout.DELIVER),)
    within: tuple[Action, ...] = (("meter", meter.meter_id), ("set_ip_dscp", OWN_DSCP), *into)
    actions = UNMARKED if pipe.state == "base" else within
    yield flow(here, layout.CLASSIFY, layout.SLICE, match, actions, cookie)
