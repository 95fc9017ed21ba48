"""Topology and matrix files: known answers, and faults named by file and line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from topologies import load
from topologies.traffic import Matrix, from_rows, read_matrices, read_matrix, write_matrix

REPETITA = """NODES 3
label x y
a 0.0 0.0
b 1.0 0.0
c 0.0 1.0

EDGES 5
label src dest weight bw delay
e0 0 1 1 1000 700
e1 1 0 1 1000 700
e2 1 2 1 2000 900
e3 2 1 1 2000 900
e4 0 1 1 500 600
"""
DEMANDS = """DEMANDS 3
label src dest bw
d0 0 1 100
d1 0 2 200
d2 0 1 50
"""
SNDLIB = """?SNDlib native format; type: network; version: 1.0
# a comment
NODES (
  A ( 10.0 50.0 )
  B ( 11.0 50.0 )
  C ( 10.0 51.0 )
)
LINKS (
  L1 ( A B ) 155.00 0.00 0.00 0.00 ( 622.00 10.00 )
  L2 ( B C ) 0.00 0.00 0.00 0.00 ( 40000.00 133.00 )
)
DEMANDS (
  A_B ( A B ) 1 195.00 UNLIMITED
  C_A ( C A ) 2 10.00 UNLIMITED
)
"""
GRAPHML = """<?xml version="1.0" encoding="utf-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
  <key attr.name="LinkSpeedRaw" attr.type="double" for="edge" id="d1"/>
  <key attr.name="LinkSpeed" attr.type="string" for="edge" id="d2"/>
  <key attr.name="LinkSpeedUnits" attr.type="string" for="edge" id="d3"/>
  <key attr.name="label" attr.type="string" for="node" id="d4"/>
  <key attr.name="Longitude" attr.type="double" for="node" id="d5"/>
  <key attr.name="Latitude" attr.type="double" for="node" id="d6"/>
  <graph edgedefault="undirected">
    <node id="0"><data key="d4">New York</data>
      <data key="d5">-74.0</data><data key="d6">40.7</data></node>
    <node id="1"><data key="d4">Chicago</data>
      <data key="d5">-87.6</data><data key="d6">41.9</data></node>
    <node id="2"><data key="d4">None</data></node>
    <node id="3"><data key="d4">None</data>
      <data key="d5">-90.0</data><data key="d6">35.0</data></node>
    <edge source="0" target="1"><data key="d1">10000000000.0</data></edge>
    <edge source="0" target="1"><data key="d2">2.5</data><data key="d3">G</data></edge>
    <edge source="1" target="2"></edge>
    <edge source="2" target="3"><data key="d2">155</data><data key="d3">M</data></edge>
    <edge source="3" target="3"></edge>
  </graph>
</graphml>
"""


def put(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_repetita(tmp_path: Path) -> None:
    topology = load(put(tmp_path, "three.graph", REPETITA))
    assert topology.name == "three"
    assert [node.name for node in topology.nodes] == ["a", "b", "c"]
    by_pair = {(edge.src, edge.dst): edge for edge in topology.edges}
    assert len(by_pair) == 4
    # Parallel edges: capacities add up, the shorter delay stays; kbit/s and microseconds.
    assert by_pair[0, 1].capacity == 1_500_000
    assert by_pair[0, 1].delay_s == pytest.approx(600e-6)
    assert by_pair[1, 0].capacity == 1_000_000


def test_repetita_demands(tmp_path: Path) -> None:
    topology = load(put(tmp_path, "three.graph", REPETITA))
    matrix = read_matrix(put(tmp_path, "three.demands", DEMANDS), topology)
    assert matrix.demands == {(0, 1): 150_000.0, (0, 2): 200_000.0}
    assert matrix.scaled(0.5).total == pytest.approx(175_000)


def test_sndlib(tmp_path: Path) -> None:
    path = put(tmp_path, "three.txt", SNDLIB)
    topology = load(path)
    capacities = topology.capacities
    assert capacities[0, 1] == capacities[1, 0] == 155e6  # installed before the module
    assert capacities[1, 2] == 40_000e6
    # 111.195 km of latitude is one degree; A-B is shorter by the cosine of 50 degrees.
    assert topology.edges[0].delay_s == pytest.approx(111_195 * 0.6428 / 2e8, rel=1e-3)
    assert read_matrix(path, topology).demands == {(0, 1): 195e6, (2, 0): 20e6}


def test_graphml(tmp_path: Path) -> None:
    topology = load(put(tmp_path, "zoo.graphml", GRAPHML), default_capacity=1e8)
    assert [node.name for node in topology.nodes] == ["New_York", "Chicago", "None", "None_2"]
    assert topology.capacities == {
        (0, 1): 12.5e9, (1, 0): 12.5e9, (1, 2): 1e8, (2, 1): 1e8, (2, 3): 155e6, (3, 2): 155e6,
    }  # fmt: skip
    # The node with no place lies between its neighbours.
    assert topology.nodes[2].x == pytest.approx((-87.6 - 90.0) / 2)


def test_plain_rows(tmp_path: Path) -> None:
    topology = load(put(tmp_path, "three.graph", REPETITA))
    rows = "9 1 2 3 9 4 5 6 9\n0 2 0 0 0 0 0 0 0\n"
    first, second = read_matrices(put(tmp_path, "m.txt", rows), topology, unit=1000)
    assert first.demands[1, 2] == 4000
    assert (0, 0) not in first.demands
    assert second.demands == {(0, 1): 2000.0}


def test_json_round_trip(tmp_path: Path) -> None:
    topology = load("diamond")
    matrix = Matrix("m", {(0, 3): 1e6, (3, 0): 2.5e6, (1, 2): 0.0})
    path = str(tmp_path / "m.json")
    write_matrix(matrix, path)
    assert read_matrix(path, topology) == matrix
    assert (1, 2) not in matrix.demands


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("x.graph", REPETITA.replace("e1 1 0", "e1 1 7"), "x.graph:10: node 7 is not one of 0..2"),
        ("x.graph", REPETITA.replace("1 1000 700", "1 fast 700", 1), "x.graph:9: 'fast' is not"),
        ("x.graph", REPETITA.replace("1 1000 700", "1 0 700", 1), "x.graph:9: bw 0 is not"),
        ("x.graph", REPETITA.replace("1 1000 700", "1 1000", 1), "x.graph:9: expected 'label"),
        ("x.graph", REPETITA.replace("EDGES 5", "EDGES 6"), "ends after 5 of 6 EDGES rows"),
        ("x.graph", REPETITA.replace("EDGES 5", "LINKS 5"), "x.graph:7: expected 'EDGES count'"),
        ("x.graph", REPETITA.replace("700", "nan", 1), "x.graph:9: nan is not a finite number"),
        ("x.txt", SNDLIB.replace("( A B ) 155", "( A X ) 155"), "x.txt:9: L1 names the node X"),
        ("x.txt", SNDLIB.replace("LINKS (", "LINK ("), "x.txt: the section LINKS ( ... ) is"),
        ("x.txt", SNDLIB.replace("( 40000.00 133.00 )", "( )"), "x.txt:10: link L2 has neither"),
        ("x.graphml", GRAPHML.replace("</graph>", ""), "x.graphml:23: not well-formed XML"),
        ("x.graphml", GRAPHML.replace('target="2"', 'target="9"'), "an edge has the target '9'"),
        ("x.graphml", GRAPHML.replace(">155<", ">a lot<"), "the speed 'a lot' is not a number"),
        ("x.graph", "hello\n", "x.graph:1: neither REPETITA"),
        ("x.graph", "", "x.graph:1: neither REPETITA"),
    ],
)
def test_broken_topologies(tmp_path: Path, name: str, text: str, says: str) -> None:
    with pytest.raises(ValueError) as caught:
        load(put(tmp_path, name, text))
    assert says in str(caught.value)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (DEMANDS.replace("d1 0 2", "d1 0 3"), "m:4: node 3 is not one of 0..2"),
        (DEMANDS.replace("200", "-200"), "m:4: a rate cannot be negative"),
        ("1 2 3\n", "m:1: 3 numbers, expected 9 (3 x 3 for this topology)"),
        ("1 2 3 4 5 6 7 8 -9\n", "m:1: number 9 is -9"),
        ("", "m: the file is empty"),
        ('{"demands": [[0, 1, 5],]}', "m:1: not JSON"),
        ('{"demands": [[0, 3, 5]]}', "m: demands[0]: [0, 3, 5] names a node outside 0..2"),
        ('{"demands": [[0, 1]]}', "demands[0]: [0, 1] is not [src_node, dst_node, bit/s]"),
        ('{"demands": 7}', "m: demands: not a list"),
    ],
)
def test_broken_matrices(tmp_path: Path, text: str, says: str) -> None:
    topology = load(put(tmp_path, "three.graph", REPETITA))
    with pytest.raises(ValueError) as caught:
        read_matrices(put(tmp_path, "m", text), topology)
    assert says in str(caught.value)


def test_unknown_name() -> None:
    with pytest.raises(ValueError, match=r"abilen: neither a topology .*abilene.* nor a file"):
        load("abilen")


def test_rows_add_up() -> None:
    assert from_rows([[0, 1, 5], [0, 1, 7]]).demands == {(0, 1): 12.0}


DATA = Path(os.environ.get("QB_DATA", "../shared/data"))
needs_data = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"published inputs are not there ({DATA}; set QB_DATA)"
)


@needs_data
@pytest.mark.parametrize(
    ("name", "nodes", "edges"), [("Abilene", 11, 28), ("Nsfnet", 13, 30), ("Tinet", 53, 178)]
)
def test_published_repetita(name: str, nodes: int, edges: int) -> None:
    topology = load(str(DATA / "repetita" / f"{name}.graph"))
    assert (len(topology.nodes), len(topology.edges)) == (nodes, edges)
    matrix = read_matrix(str(DATA / "repetita" / f"{name}.0000.demands"), topology)
    assert max(max(pair) for pair in matrix.demands) == nodes - 1


@needs_data
def test_all_published_files_read() -> None:
    for path in (*DATA.glob("repetita/*.graph"), *DATA.glob("ncflow/*.graphml")):
        topology = load(str(path))
        for demands in path.parent.glob(f"{path.stem}.*demands"):
            assert read_matrix(str(demands), topology).total > 0


@needs_data
def test_measured_matrices_fit_the_builtin_abilene() -> None:
    matrices = read_matrices(str(DATA / "abilene-measured/abilene.actual.txt"), load("abilene"))
    assert len(matrices) == 36
    assert all(len(matrix.demands) == 132 for matrix in matrices)
