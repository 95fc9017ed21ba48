from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qb_controller.errors import VerificationError
from qb_controller.model.network import LinkId, Path
from qb_controller.model.plan import WEIGHT_TOTAL, Plan, Route, Share
from qb_controller.model.shortest import shortest_tree, tree_path
from qb_controller.model.telemetry import Demand, NetworkSnapshot
from qb_controller.orchestration.loads import loads, moved, sound
from qb_controller.orchestration.verify import verify
from tests.orchestration.networks import (
    diamond,
    network,
    path,
    random_routes,
    route,
    snapshot,
    snapshots,
)


def plan(*routes: Route) -> Plan:
    return Plan("te", 7, routes)


BUSY = (Demand(1, 4, 4e6), Demand(2, 4, 4e6))


def test_a_better_plan_passes_with_its_loads() -> None:
    net = diamond()
    got = verify(plan(route(net, 1, 3, 4)), snapshot(net, BUSY))
    assert got.mlu == pytest.approx(0.4)
    assert got.network_version == net.version
    assert got.loads[path(net, 1, 3).links[0]] == pytest.approx(4e6)
    assert got.loads[path(net, 2, 4).links[0]] == pytest.approx(4e6)


def test_weights_share_the_load() -> None:
    net = diamond()
    shares = (Share(path(net, 1, 2, 4), 16), Share(path(net, 1, 3, 4), 48))
    got = verify(plan(Route(1, 4, shares)), snapshot(net, BUSY))
    assert got.loads[path(net, 1, 2).links[0]] == pytest.approx(1e6)
    assert got.loads[path(net, 1, 3).links[0]] == pytest.approx(3e6)


def test_a_worse_plan_is_refused() -> None:
    net = diamond()
    installed = (route(net, 1, 3, 4),)
    with pytest.raises(VerificationError, match=r"worse than the present 0\.4000"):
        verify(plan(route(net, 1, 2, 4)), snapshot(net, BUSY, installed))


def test_an_installed_route_that_is_gone_counts_as_shortest_path() -> None:
    net = network(((1, 2), (2, 4), (1, 3), (3, 4)), down=((3, 4),))
    installed = (route(diamond(), 1, 3, 4),)
    assert verify(plan(), snapshot(net, BUSY, installed)).mlu == pytest.approx(0.8)


NET = diamond()
GOOD = path(NET, 1, 2, 4)
LOOP = Path(path(NET, 1, 2).links + path(NET, 2, 1).links + path(NET, 1, 3, 4).links, 4)


@pytest.mark.parametrize(
    ("routes", "complaint"),
    [
        ([Route(1, 4, ())], "s1 -> s4 has no path"),
        ([Route(1, 1, (Share(GOOD),))], "from a switch to itself"),
        ([Route(1, 4, (Share(GOOD),)), Route(1, 4, (Share(GOOD),))], "is there twice"),
        ([Route(1, 4, (Share(GOOD, 32), Share(GOOD, 32)))], "names a path twice"),
        ([Route(1, 4, (Share(GOOD, 63),))], "add up to 64"),
        ([Route(1, 4, (Share(GOOD, 64), Share(path(NET, 1, 3, 4), 0)))], "at least 1"),
        ([Route(1, 4, (Share(Path((), 4)),))], "has no link"),
        ([Route(1, 4, (Share(path(NET, 1, 2)),))], "ends at s2, not at s4"),
        ([Route(1, 4, (Share(Path(path(NET, 1, 2).links, 4)),))], "ends at s2, not at s4"),
        ([Route(3, 4, (Share(GOOD),))], "goes on at s1 but had come to s3"),
        ([Route(1, 4, (Share(Path((LinkId(1, 9),), 4)),))], "uses port 9 of s1"),
        ([Route(1, 4, (Share(LOOP),))], "visits s1 twice"),
    ],
)
def test_faults_are_named(routes: list[Route], complaint: str) -> None:
    with pytest.raises(VerificationError, match=complaint):
        verify(plan(*routes), snapshot(NET, ()))


def test_more_paths_than_a_label_can_count_are_refused() -> None:
    net = network([(1, 2)] * 17)
    shares = [Share(Path((link.id,), 2), 3) for link in net.links_out[1]]
    shares[0] = Share(shares[0].path, 16)
    with pytest.raises(VerificationError, match="17 paths, at most 16"):
        verify(plan(Route(1, 2, tuple(shares))), snapshot(net, ()))


def test_demands_that_cannot_be_carried_load_nothing_and_are_named() -> None:
    net = network(((1, 2), (3, 4)))
    got = loads(net, (Demand(1, 4, 5e6), Demand(1, 2, 5e6), Demand(1, 99, 1.0)), {})
    assert got.mlu == pytest.approx(0.5)
    assert {d.egress for d in got.stranded} == {4, 99}


def test_moved_counts_what_carries_the_traffic_not_how_it_is_written() -> None:
    net = diamond()
    named = {(1, 4): route(net, 1, 2, 4)}
    assert moved(net, {}, named) == 0
    assert moved(net, named, {(1, 4): route(net, 1, 3, 4)}) == 1


@settings(max_examples=80, deadline=None)
@given(snapshots(), st.data())
def test_a_verified_plan_never_makes_things_worse(
    snap: NetworkSnapshot, data: st.DataObject
) -> None:
    """Any faultless routes: either verified with the right loads, or refused for their MLU."""
    proposal = plan(*data.draw(random_routes(snap.network)))
    before = loads(snap.network, snap.demands, sound(snap.network, snap.installed))
    try:
        got = verify(proposal, snap)
    except VerificationError as error:
        assert "worse than the present" in str(error)
        return
    assert got.mlu <= before.mlu * (1 + 1e-6)
    assert got.plan is proposal
    offered = 0.0
    routes = {each.pair: each for each in proposal.routes}
    for d in snap.demands:
        if (d.ingress, d.egress) in routes:
            shares = routes[d.ingress, d.egress].shares
            offered += sum(d.rate * s.weight / WEIGHT_TOTAL * len(s.path.links) for s in shares)
        else:
            tree = tree_path(shortest_tree(snap.network, d.egress), d.ingress)
            assert tree is not None
            offered += d.rate * len(tree.links)
    assert sum(got.loads.values()) == pytest.approx(offered, rel=1e-9, abs=1e-6)
