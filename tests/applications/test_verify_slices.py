"""What the verifier of slices lets pass and what it names, whatever a solver says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qb_controller.applications.verify_slices import held_by, needed, verify, without
from qb_controller.errors import VerificationError
from qb_controller.model.network import LinkId, Network, Path
from qb_controller.model.slices import Ends, Pipe, Placement, SliceRequest
from tests.applications.slice_networks import pipe, ring
from tests.northbound.still import LOWER, UPPER, diamond
from tests.orchestration.networks import path

NETWORK = diamond()
TIMED = replace(NETWORK, links=tuple(replace(link, delay=0.01) for link in NETWORK.links))
H1, H4 = Ends("h1", "h4"), Ends("h4", "h1")
BACK = Path((LinkId(4, 2), LinkId(2, 2)), 1)


def placement(number: int = 1, path: Path | None = UPPER, **more: Any) -> Placement:
    backup = more.pop("backup", None)
    request = SliceRequest(
        more.pop("name", f"s{number}"), (H1,), rate=more.pop("rate", 3e6), **more
    )
    return Placement(request, number, 5, (Pipe(H1, path, backup),), {LinkId(9, 9): 1.0})


def refused(text: str, *placements: Placement, network: Network = NETWORK) -> None:
    with pytest.raises(VerificationError, match=text):
        verify(placements, network, 5)


def test_what_is_held_is_counted_and_not_believed() -> None:
    plan = verify([placement(2), placement(1, rate=2e6)], NETWORK, 5)
    assert [one.number for one in plan.placements] == [1, 2]
    assert plan.held() == {LinkId(1, 2): 5e6, LinkId(2, 3): 5e6}
    assert plan.network_version == NETWORK.version
    left = without(plan, {"s1"})
    assert [one.request.name for one in left.placements] == ["s2"]
    assert left.held() == {LinkId(1, 2): 3e6, LinkId(2, 3): 3e6}


def test_capacity() -> None:
    full = [placement(1, rate=5e6), placement(2, rate=5e6)]
    verify(full, NETWORK, 5)
    refused(r"link s1 -> s2 would hold 10000100 bit/s of 10000000", *full, placement(3, rate=100.0))


def test_slices_may_hold_a_share_of_a_link() -> None:
    verify([placement(rate=6e6)], NETWORK, 5, 0.6)
    with pytest.raises(VerificationError, match="would hold 6000000 bit/s of 5000000"):
        verify([placement(rate=6e6)], NETWORK, 5, 0.5)
    plan = verify([placement(isolation="links")], NETWORK, 5, 0.9)
    assert set(plan.held().values()) == {9e6}


def test_two_slices_that_each_leave_a_way_may_leave_none_together() -> None:
    """On a ring each of two opposite cables may be closed in both directions, not both."""
    net = ring(4)
    placements = []
    for number, (a, b) in enumerate([(1, 2), (3, 4)], 1):
        request = pipe(f"own{a}", a, b, 1, back=1, isolation="links")
        ways = zip(request.pipes(), ((a, b), (b, a)), strict=True)
        pipes = tuple(Pipe(ends, path(net, *way)) for ends, way in ways)
        placements.append(Placement(request, number, 1, pipes))
    verify(placements[:1], net, 1)
    refused("others could not get there", *placements, network=net)


def test_paths() -> None:
    refused("slice s1: h1 -> h4: there is no path", placement(path=None))
    refused("leads from or to another switch", placement(path=Path((LinkId(1, 2),), 2)))
    refused("leads from or to another switch", placement(path=replace(UPPER, egress=3)))
    refused(
        "a link of its path is not there", placement(path=Path((LinkId(1, 7), *UPPER.links), 4))
    )
    refused("is followed by", placement(path=Path((LinkId(1, 2), LinkId(3, 3)), 4)))
    round_trip = Path((LinkId(1, 2), LinkId(2, 2), LinkId(1, 3), LinkId(3, 3)), 4)
    refused("visits a switch twice", placement(path=round_trip))
    only = replace(placement(), pipes=())
    refused("its pipes are not those", only)
    other = replace(placement(), pipes=(Pipe(Ends("h1", "h3"), UPPER),))
    refused("its pipes are not those", other)
    gone = replace(NETWORK, hosts=NETWORK.hosts[:3])
    refused("there is no host h4", placement(), network=gone)


def test_both_at_one_switch_need_no_path() -> None:
    host = replace(NETWORK.hosts[3], dpid=1, port=9)
    network = replace(NETWORK, hosts=(*NETWORK.hosts[:3], host))
    assert verify([placement(path=None)], network, 5).held() == {}
    refused("both are at s1", placement(path=UPPER), network=network)


def test_latency() -> None:
    verify([placement(latency=0.02)], TIMED, 5)
    refused("takes 0.02 s, 0.019 s are allowed", placement(latency=0.019), network=TIMED)
    slow = replace(
        TIMED, links=tuple(replace(x, delay=0.02) if x.src == 3 else x for x in TIMED.links)
    )
    backed = placement(latency=0.02, protection="disjoint", backup=LOWER)
    refused("takes 0.03 s", backed, network=slow)


def test_disjointness() -> None:
    good = placement(protection="disjoint", backup=LOWER)
    assert verify([good], NETWORK, 5).held().keys() == {*UPPER.links, *LOWER.links}
    refused("protection is disjoint", placement(protection="disjoint"))
    refused("protection is none", placement(backup=LOWER))
    refused("share link s1 -> s2", placement(protection="disjoint", backup=UPPER))


def test_a_cable_is_shared_in_either_direction() -> None:
    bridge = replace(
        NETWORK,
        links=(
            *NETWORK.links,
            *(
                replace(NETWORK.links[0], src=a, src_port=9, dst=b, dst_port=9)
                for a, b in ((2, 3), (3, 2))
            ),
        ),
    )
    there = Path((LinkId(1, 2), LinkId(2, 9), LinkId(3, 3)), 4)
    back = Path((LinkId(1, 3), LinkId(3, 9), LinkId(2, 3)), 4)
    refused(
        "share link s3 -> s2",
        placement(path=there, protection="disjoint", backup=back),
        network=bridge,
    )


def test_links_of_its_own() -> None:
    own = placement(1, isolation="links")
    plan = verify([own, placement(2, path=LOWER)], NETWORK, 5)
    assert plan.private == frozenset(UPPER.links)
    assert plan.held()[UPPER.links[0]] == 10e6
    refused("s2: uses link s. -> s., which belongs to s1", own, placement(2))
    refused("has two owners", own, placement(2, isolation="links"))
    both = placement(1, isolation="links", protection="disjoint", backup=LOWER)
    refused("others could not get there", both)
    # Both ways around for two slices leave nobody a way from s1 to s4.
    refused("others could not get there", own, placement(2, path=LOWER, isolation="links"))


def test_names_and_numbers() -> None:
    refused("s1: is there twice", placement(1), placement(2, name="s1"))
    refused("is no number of its own", placement(1), placement(1, name="x"))
    refused("is no number of its own", placement(0))
    refused("is no number of its own", placement(65536))


def test_a_hose_holds_what_its_ends_may_send_or_receive() -> None:
    request = SliceRequest("lan", hosts=("h1", "h2", "h3", "h4"), rate=3e6, rate_back=2e6)
    from_h1 = [Ends("h1", f"h{n}") for n in (2, 3, 4)]
    assert needed(request, from_h1) == 3e6  # all that h1 may send
    assert needed(request, [Ends(one.dst, one.src) for one in from_h1]) == 2e6
    assert needed(request, [Ends("h1", "h3"), Ends("h2", "h4")]) == 4e6
    pipes = [Pipe(H1, UPPER, LOWER), Pipe(H4, BACK, None)]
    assert held_by(request, pipes, NETWORK)[LinkId(1, 3)] == 2e6


@given(
    rate=st.floats(1e3, 1e7),
    back=st.floats(1e3, 1e7),
    seed=st.integers(0, 10_000),
    senders=st.sets(st.integers(1, 4), min_size=1),
)
def test_no_traffic_within_the_hoses_is_more_than_what_is_held(
    rate: float, back: float, seed: int, senders: set[int]
) -> None:
    """Fill a random set of pipes greedily in random order: never above what is held."""
    import random

    rng = random.Random(seed)
    request = SliceRequest("lan", hosts=("h1", "h2", "h3", "h4"), rate=rate, rate_back=back)
    pipes = [one for one in request.pipes() if int(one.src[1]) in senders]
    rng.shuffle(pipes)
    pipes = pipes[: rng.randint(1, len(pipes))]
    send, receive, carried = {}, {}, 0.0
    for one in pipes:
        room = min(rate - send.get(one.src, 0.0), back - receive.get(one.dst, 0.0))
        send[one.src] = send.get(one.src, 0.0) + room
        receive[one.dst] = receive.get(one.dst, 0.0) + room
        carried += room
    assert carried <= needed(request, pipes) * (1 + 1e-9)
