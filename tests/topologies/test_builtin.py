"""Built-in topologies, scaling, numbering, gravity."""

from __future__ import annotations

import pytest

from topologies import NAMES, Edge, Node, Topology, load, scaled
from topologies.addressing import host_ip, host_mac, plan
from topologies.graph import cables, fibre_delay, merge_parallel, reachable
from topologies.gravity import daily, gravity
from topologies.traffic import Matrix

COUNTS = {
    "abilene": (12, 15), "nsfnet": (14, 21), "b4": (12, 19), "geant": (22, 36), "diamond": (4, 4),
    "fattree:4": (20, 32), "fattree:6": (45, 108), "fattree:2": (5, 4), "ring:7": (7, 7),
}  # fmt: skip


@pytest.mark.parametrize("name", COUNTS)
def test_counts_symmetry_and_connectivity(name: str) -> None:
    topology = load(name)
    nodes, links = COUNTS[name]
    assert len(topology.nodes) == nodes
    assert len(topology.edges) == 2 * links
    assert reachable(topology) == set(range(nodes))
    for cable in cables(topology):
        assert cable.ab == cable.ba > 0


def test_every_name_is_counted_here() -> None:
    assert {name.partition(":")[0] for name in NAMES} == {name.partition(":")[0] for name in COUNTS}


def test_fat_tree_is_one() -> None:
    k = 6
    topology = load(f"fattree:{k}")
    degree = [0] * len(topology.nodes)
    for edge in topology.edges:
        degree[edge.src] += 1
    kinds = [node.name.rstrip("0123456789.") for node in topology.nodes]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {"core": 9, "agg": 18, "edge": 18}
    for kind, links in zip(kinds, degree, strict=True):
        assert links == (k // 2 if kind == "edge" else k)


def test_abilene_is_the_published_one() -> None:
    topology = load("abilene")
    index = {node.name: i for i, node in enumerate(topology.nodes)}
    capacities = topology.capacities
    assert capacities[index["ATLAng"], index["IPLSng"]] == 2480e6
    assert capacities[index["STTLng"], index["DNVRng"]] == 9920e6
    assert sorted(set(capacities.values())) == [2480e6, 9920e6]
    by_pair = {(edge.src, edge.dst): edge.delay_s for edge in topology.edges}
    # Sunnyvale - Denver is about 1,500 km as the crow flies: 7.5 ms in fibre.
    assert by_pair[index["SNVAng"], index["DNVRng"]] == pytest.approx(7.5e-3, rel=0.05)


def test_scaling_keeps_ratios() -> None:
    topology = load("abilene")
    small = scaled(topology)
    assert max(small.capacities.values()) == pytest.approx(10e6)
    for edge, shrunk in zip(topology.edges, small.edges, strict=True):
        assert shrunk.capacity / edge.capacity == pytest.approx(10 / 9920)
        assert shrunk.delay_s == edge.delay_s


def test_merge_parallel() -> None:
    merged = merge_parallel([Edge(0, 1, 5.0, 2.0), Edge(1, 0, 5.0, 2.0), Edge(0, 1, 7.0, 1.0)])
    assert merged == (Edge(0, 1, 12.0, 1.0), Edge(1, 0, 5.0, 2.0))


def test_fibre_delay() -> None:
    # A quarter of the equator: 10,007.5 km.
    assert fibre_delay(Node("a"), Node("b", 90.0, 0.0)) == pytest.approx(10_007_557 / 2e8, rel=1e-4)


@pytest.mark.parametrize(
    ("edges", "says"),
    [
        ((Edge(0, 2, 1.0),), "names a node outside 0..1"),
        ((Edge(0, 0, 1.0),), "begins and ends at the same node"),
        ((Edge(0, 1, 0.0),), "has capacity 0.0"),
        ((Edge(0, 1, 1.0, -1.0),), "has delay -1.0 s"),
        ((Edge(0, 1, 1.0), Edge(0, 1, 1.0)), "is there twice"),
    ],
)
def test_wrong_topologies(edges: tuple[Edge, ...], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Topology("t", (Node("a"), Node("b")), edges)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("ring:2", "at least 3"),
        ("ring:4095", "4095 switches, possible are 1 to 4094"),
        ("fattree:3", "must be even"),
        ("fattree:60", "4500 switches, possible are 1 to 4094"),
        ("ring:x", "'x' is not a whole number"),
        ("abilene:3", "has no size"),
    ],
)
def test_wrong_sizes(name: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        load(name)


def test_too_many_switches() -> None:
    with pytest.raises(ValueError, match="4095 switches"):
        Topology("t", tuple(Node(f"n{i}") for i in range(4095)), ())


def test_numbering() -> None:
    planned = plan(load("diamond"), 2, "x")
    assert [host.name for host in planned.hosts] == [f"h{i}" for i in range(1, 9)]
    assert [host.node for host in planned.hosts] == [0, 0, 1, 1, 2, 2, 3, 3]
    assert [host.port for host in planned.hosts] == [1, 2] * 4
    # Hosts first, then cables in the order of (a, b).
    assert [(c.cable.a, c.port_a, c.cable.b, c.port_b) for c in planned.cables] == [
        (0, 3, 1, 3), (0, 4, 2, 3), (1, 4, 3, 3), (2, 4, 3, 4),
    ]  # fmt: skip
    assert planned.interface(3, 4) == "xs4-eth4"
    assert (host_ip(300), host_mac(300)) == ("10.0.1.44", "00:00:00:00:01:2c")


def test_numbering_refuses() -> None:
    with pytest.raises(ValueError, match="longer than 15"):
        plan(load("diamond"), 1, "verylongname")
    with pytest.raises(ValueError, match="letters and digits"):
        plan(load("diamond"), 1, "a-b")
    one_way = Topology("t", (Node("a"), Node("b")), (Edge(0, 1, 1.0),))
    with pytest.raises(ValueError, match="a -> b has no opposite"):
        plan(one_way)


def test_gravity_is_seeded() -> None:
    topology = load("geant")
    assert gravity(topology, 7, 12.0) == gravity(topology, 7, 12.0)
    assert gravity(topology, 7, 12.0) == gravity(topology, 7, 36.0)
    assert gravity(topology, 7, 12.0) != gravity(topology, 8, 12.0)
    matrix = Matrix("g", gravity(topology, 7, 12.0))
    assert len(matrix.demands) == 22 * 21


def test_gravity_follows_the_day() -> None:
    assert daily(20.0) == pytest.approx(1.0)
    assert daily(8.0) == pytest.approx(0.3)
    topology = load("geant")
    totals = {hour: sum(gravity(topology, 1, hour).values()) for hour in range(0, 24, 3)}
    # Europe's evening is the busiest time, its early morning the quietest.
    assert max(totals, key=lambda hour: totals[hour]) in (18, 21)
    assert min(totals, key=lambda hour: totals[hour]) in (6, 9)
