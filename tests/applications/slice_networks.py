"""Networks with hosts and requests of all kinds for the tests of slices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from qb_controller.model.network import Host, Network, Path
from qb_controller.model.slices import Ends, Placement, SliceRequest
from tests.orchestration.networks import network, networks

MBIT = 1e6


def with_hosts(net: Network, delay: float | None = None) -> Network:
    """A host behind each switch, ``h1`` behind switch 1; every link delayed alike if asked for."""
    hosts = tuple(
        Host(f"h{s.dpid}", f"00:00:00:00:00:{s.dpid:02x}", f"10.0.0.{s.dpid}", s.dpid, 99)
        for s in net.switches
    )
    links = net.links
    if delay is not None:
        links = tuple(replace(link, delay=delay) for link in links)
    return replace(net, hosts=hosts, links=links)


def diamond(capacity: float = 10e6) -> Network:
    """1 - 2 - 4 and 1 - 3 - 4, a millisecond for each cable."""
    return with_hosts(network(((1, 2), (2, 4), (1, 3), (3, 4)), capacity), 1e-3)


def ring(n: int, capacity: float = 10e6) -> Network:
    cables = tuple((i, i % n + 1) for i in range(1, n + 1))
    return with_hosts(network(cables, capacity), 1e-3)


def pipe(name: str, a: int, b: int, mbit: float, **more: Any) -> SliceRequest:
    """One way from one host to another."""
    back = more.pop("back", 0.0) * MBIT
    return SliceRequest(name, (Ends(f"h{a}", f"h{b}"),), (), mbit * MBIT, back, **more)


def hose(name: str, hosts: Sequence[int], out: float, into: float, **more: Any) -> SliceRequest:
    return SliceRequest(name, (), tuple(f"h{i}" for i in hosts), out * MBIT, into * MBIT, **more)


def switches(path: Path | None) -> tuple[int, ...]:
    return path.dpids if path is not None else ()


def by_name(placements: Sequence[Placement]) -> dict[str, Placement]:
    return {placement.request.name: placement for placement in placements}


@st.composite
def request_lists(draw: st.DrawFn, net: Network) -> list[SliceRequest]:
    """One to eight requests of every model, isolation and protection."""
    numbers = [switch.dpid for switch in net.switches]
    found = []
    for i in range(draw(st.integers(1, 8))):
        who = draw(st.permutations(numbers))[: draw(st.integers(2, min(4, len(numbers))))]
        more = {
            "latency": draw(st.sampled_from([None, 0.0005, 0.002, 0.005])),
            "isolation": draw(st.sampled_from(["shared", "shared", "links"])),
            "protection": draw(st.sampled_from(["none", "none", "disjoint"])),
            "priority": draw(st.integers(1, 10)),
            "value": draw(st.floats(0.1, 10.0)),
        }
        rate = draw(st.floats(0.01, 3.0))
        back = draw(st.sampled_from([0.0, 0.5, 1.0])) * rate
        if draw(st.booleans()):
            found.append(hose(f"s{i}", who, rate, back or rate, **more))
        else:
            pairs = tuple(Ends(f"h{who[0]}", f"h{other}") for other in who[1:])
            found.append(SliceRequest(f"s{i}", pairs, (), rate * MBIT, back * MBIT, **more))
    return found


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Network, list[SliceRequest]]:
    net = with_hosts(draw(networks()))
    return net, draw(request_lists(net))
