"""The verifier turns down every plan that breaks a promise, and says which."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qb_controller.applications.slice_verify import holds, verify
from qb_controller.errors import VerificationError
from qb_controller.model.slices import Pipe, Placement
from tests.applications.slice_networks import MBIT, diamond, hose, pipe, ring
from tests.orchestration.networks import path

NET = diamond()
UPPER, LOWER = path(NET, 1, 2, 4), path(NET, 1, 3, 4)


def placed(request, *pipes, number=1, share=1.0, net=NET) -> Placement:
    return Placement(request, number, 1, pipes, holds(net, request, pipes, share))


def one(name="a", mbit=6.0, way=UPPER, number=1, **more) -> Placement:
    request = pipe(name, 1, 4, mbit, **more)
    return placed(request, Pipe(request.pipes()[0], way), number=number)


def test_a_good_plan_is_made():
    plan = verify(NET, [one("b", way=LOWER, number=2), one()], 1.0, 5)
    assert [p.request.name for p in plan.placements] == ["a", "b"]
    assert plan.decision == 5 and plan.network_version == NET.version
    assert set(plan.held().values()) == {6 * MBIT}


@pytest.mark.parametrize(
    ("placements", "share", "words"),
    [
        ([one(), one("b", number=2)], 1.0, "slices hold 12000000 bit/s, may set aside 10000000"),
        ([one()], 0.5, "s1 -> s2: slices hold 6000000 bit/s, may set aside 5000000"),
        ([one(), one("b", way=LOWER)], 1.0, "slice b: number 1 is taken"),
        ([one(number=70_000)], 1.0, "number 70000 is taken or out of range"),
        ([one(latency=0.001)], 1.0, "takes 2 ms, promised are 1 ms"),
        ([one(protection="disjoint")], 1.0, "has no backup"),
        ([one(way=path(NET, 1, 2))], 1.0, "does not lead there"),
        ([one(way=None)], 1.0, "has no path"),
        ([replace(one(), held={})], 1.0, "must hold 6000000 bit/s, it says 0"),
        ([replace(one(), pipes=())], 1.0, "its pipes are not those asked for"),
    ],
)
def test_what_breaks_a_promise_is_named(placements, share, words):
    with pytest.raises(VerificationError, match=words):
        verify(NET, placements, share)


def test_a_backup_on_the_same_cable_is_none():
    request = pipe("a", 1, 4, 1, protection="disjoint")
    ends = request.pipes()[0]
    with pytest.raises(VerificationError, match="share a cable"):
        verify(NET, [placed(request, Pipe(ends, UPPER, UPPER))], 1.0)
    verify(NET, [placed(request, Pipe(ends, UPPER, LOWER))], 1.0)


def test_own_links_are_used_by_nobody_else():
    own = pipe("own", 1, 4, 1, isolation="links")
    private = placed(own, Pipe(own.pipes()[0], UPPER), number=1)
    guest = pipe("guest", 1, 2, 1e-9)
    beside = placed(guest, Pipe(guest.pipes()[0], path(NET, 1, 2)), number=2)
    with pytest.raises(VerificationError, match="s1 -> s2 is not its own, own and guest use it"):
        verify(NET, [private, beside], 1.0)


def test_nobody_is_cut_off():
    net = ring(4)
    placements = []
    for number, (a, b) in enumerate([(1, 2), (3, 4)], 1):
        request = pipe(f"own{a}", a, b, 1, back=1, isolation="links")
        there, back = (
            Pipe(ends, path(net, *way))
            for ends, way in zip(request.pipes(), ((a, b), (b, a)), strict=True)
        )
        placements.append(placed(request, there, back, number=number, net=net))
    verify(net, placements[:1], 1.0)
    with pytest.raises(VerificationError, match="cut the rest of the network apart"):
        verify(net, placements, 1.0)


def test_what_a_hose_holds_is_the_lesser_side():
    net = ring(3)
    request = hose("vpn", (1, 2, 3), 2, 3)
    ways = [path(net, int(a.src[1:]), int(a.dst[1:])) for a in request.pipes()]
    pipes = tuple(Pipe(ends, way) for ends, way in zip(request.pipes(), ways, strict=True))
    assert set(holds(net, request, pipes, 1.0).values()) == {2 * MBIT}
