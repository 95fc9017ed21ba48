from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qb_controller.errors import OptimiserError
from qb_controller.model.network import Host, Link, LinkId, Network, Path, Switch
from qb_controller.model.plan import Plan, Route, Share, VerifiedPlan
from qb_controller.model.slices import Ends, Pipe, Placement, SlicePlan, SliceRequest
from qb_controller.model.telemetry import Demand, NetworkSnapshot
from qb_controller.runtime import wire
from qb_controller.runtime.messages import CycleRequest, Ping, Settings
from qb_controller.runtime.wire import MAX_FRAME, Decoder, encode

DPIDS = st.integers(1, 2**64 - 1)
PORTS = st.integers(1, 2**32 - 1)
LINKS = st.builds(LinkId, DPIDS, PORTS)
PATHS = st.builds(Path, st.lists(LINKS, min_size=1, max_size=4).map(tuple), DPIDS)
SHARES = st.builds(Share, PATHS, st.integers(1, 64))
ROUTES = st.builds(Route, DPIDS, DPIDS, st.lists(SHARES, min_size=1, max_size=3).map(tuple))
DEMANDS = st.builds(Demand, DPIDS, DPIDS, st.floats(0, 1e12))
SNAPSHOTS = st.builds(
    NetworkSnapshot,
    st.just(
        Network(
            (Switch(1, "s1"), Switch(2**64 - 1, "s2")),
            (Link(1, 1, 2**64 - 1, 2, 1e7, 0.001),),
            (Host("h1", "00:00:00:00:00:01", "10.0.0.1", 1, 3),),
            7,
        )
    ),
    st.lists(DEMANDS, max_size=5).map(tuple),
    st.lists(ROUTES, max_size=5).map(tuple),
    st.floats(0, 2e9),
    st.dictionaries(LINKS, st.floats(0, 1e12), max_size=3),
)
PLANS = st.builds(
    VerifiedPlan,
    st.builds(
        Plan, st.text(max_size=5), st.integers(1, 2**32), st.lists(ROUTES, max_size=5).map(tuple)
    ),
    st.integers(0, 99),
    st.floats(0, 10),
    st.dictionaries(LINKS, st.floats(0, 1e12), max_size=3),
)


@settings(max_examples=50, deadline=None)
@given(st.lists(SNAPSHOTS | PLANS, max_size=3), st.integers(1, 4000))
def test_what_goes_in_comes_out_however_it_is_cut(messages: list[object], size: int) -> None:
    stream = b"".join(encode(message) for message in messages)
    decoder, got = Decoder(), []
    for at in range(0, len(stream), size):
        got += decoder.feed(stream[at : at + size])
    assert got == messages


def test_types_survive() -> None:
    route = Route(1, 2, (Share(Path((LinkId(1, 1),), 2), 64),))
    snapshot = NetworkSnapshot(Network((), ()), (Demand(1, 2, 5.0),), (route,), 0.0)
    (got,) = Decoder().feed(encode(CycleRequest(1, snapshot, Settings())))
    link = got.snapshot.installed[0].shares[0].path.links[0]
    assert isinstance(link, LinkId)
    assert got == CycleRequest(1, snapshot, Settings())


def test_a_frame_that_is_too_large_is_refused_on_both_sides(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(OptimiserError, match="announced"):
        Decoder().feed(struct.pack(">I", MAX_FRAME + 1))
    monkeypatch.setattr(wire, "MAX_FRAME", 10)
    with pytest.raises(OptimiserError, match="Ping takes"):
        encode(Ping(1))


def test_rubbish_is_an_error_of_ours() -> None:
    with pytest.raises(OptimiserError, match="does not unpickle"):
        Decoder().feed(struct.pack(">I", 3) + b"abc")


def test_large_snapshots_travel_packed() -> None:
    """Thousands of small objects become a few arrays."""
    links = [LinkId(d, p) for d in range(1, 54) for p in range(1, 6)]
    routes = tuple(
        Route(a, b, (Share(Path(tuple(links[(a * b + i * 7) % len(links)] for i in range(5)), b)),))
        for a in range(1, 54)
        for b in range(1, 54)
        if a != b
    )
    snapshot = NetworkSnapshot(Network((), ()), (), routes, 0.0)

    assert Decoder().feed(encode(snapshot)) == [snapshot]


def test_placements_travel_packed_and_arrive_as_they_were() -> None:
    upper = Path((LinkId(1, 2), LinkId(2, 3)), 4)
    ends = Ends("h1", "h4")
    request = SliceRequest("a", (ends,), rate=1e6, protection="disjoint")
    pipes = (Pipe(ends, upper, Path((LinkId(1, 3),), 4)), Pipe(Ends("h4", "h1"), upper),
             Pipe(Ends("h1", "h2"), None))  # fmt: skip
    place = Placement(request, 7, 3, pipes, {LinkId(1, 2): 1e6, LinkId(2, 3): 0.5})
    plan = SlicePlan(3, 9, (place, Placement(request, 8, 3, ())))
    [arrived] = Decoder().feed(encode(plan))
    assert arrived == plan
    assert isinstance(next(iter(arrived.placements[0].held)), LinkId)
    assert arrived.placements[0].pipes[0].path.ingress == 1
