"""Maximum flow: hand-made graphs, other people's algorithms, and bounds that must hold."""

from dataclasses import replace

import networkx as nx
import numpy as np
import pytest

from quantum_backends.bounds import fractional_mlu
from quantum_backends.flow import FlowProblem
from quantum_backends.flow_paths import edge_disjoint
from quantum_backends.flow_search import first_flow
from quantum_backends.paths import Layout
from quantum_backends.registry import BACKENDS
from quantum_backends.routing import RoutingProblem
from quantum_backends.solver import Budget
from quantum_backends.testing import check_backend, check_solution, random_problem


def flow_problem(routing: RoutingProblem, objective="total", k=4) -> FlowProblem:
    ends = (routing.n_nodes, routing.tail, routing.head)
    paths = edge_disjoint(*ends, routing.source, routing.target, k)
    return FlowProblem(
        *ends, routing.capacity, routing.source, routing.target, routing.volume, paths, objective
    )


def digraph(routing: RoutingProblem) -> nx.DiGraph:
    graph = nx.DiGraph()
    graph.add_nodes_from(range(routing.n_nodes))
    graph.add_edges_from(zip(routing.tail.tolist(), routing.head.tolist(), strict=True))
    return graph


@pytest.mark.parametrize("seed", range(4))
def test_paths_are_those_of_networkx(seed):
    routing = random_problem(14, 4, seed=seed)
    graph = digraph(routing)
    nested = edge_disjoint(
        routing.n_nodes, routing.tail, routing.head, routing.source, routing.target
    ).nested()
    for s, t, paths in zip(routing.source.tolist(), routing.target.tolist(), nested, strict=True):
        wanted = sorted(nx.edge_disjoint_paths(graph, s, t), key=len)[:4]
        # A path that crosses itself is cut short there, which may put it earlier.
        simple = [p for p in wanted if len(set(p)) == len(p)]
        found = [[s, *routing.head[list(path)].tolist()] for path in paths]
        assert len(found) == len(wanted)
        if len(simple) == len(wanted):
            assert found == wanted
        used = [e for path in paths for e in path]
        assert len(used) == len(set(used))


def test_the_shortest_path_gives_way_to_two_disjoint_ones():
    # 0-1-2-3 is shortest; taking it leaves no second path, yet 0-1-5-3 and 0-4-2-3 are disjoint.
    links = [(0, 1), (1, 2), (2, 3), (0, 4), (4, 2), (1, 5), (5, 3)]
    tail, head = np.array(links).T
    paths = edge_disjoint(6, tail, head, np.array([0]), np.array([3])).nested()[0]
    assert sorted(paths) == [(0, 5, 6), (3, 4, 2)]


def test_no_path_is_an_error():
    with pytest.raises(ValueError, match="demand 0: no path from node 1 to node 0"):
        edge_disjoint(2, np.array([0]), np.array([1]), np.array([1]), np.array([0]))


@pytest.mark.parametrize("name", ["highs-lp", "flow-mwu"])
@pytest.mark.parametrize("seed", range(3))
def test_one_commodity_with_unit_links_is_a_maximum_flow(name, seed):
    routing = random_problem(12, 5, seed=seed)
    graph = digraph(routing)
    nx.set_edge_attributes(graph, 1.0, "capacity")
    one = replace(
        routing,
        capacity=np.ones(routing.n_links),
        source=np.array([0]),
        target=np.array([7]),
        volume=np.array([100.0]),
    )
    problem = flow_problem(one, k=20)
    answer = BACKENDS[name].solve(problem, Budget(5), 0)
    check_solution(problem, answer)
    wanted = nx.maximum_flow_value(graph, 0, 7)
    assert problem.flow(answer.answer) == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("objective", ["total", "concurrent"])
@pytest.mark.parametrize("load", [0.5, 1.5, 6.0])
@pytest.mark.parametrize("seed", range(3))
def test_weights_reach_the_linear_program_and_prove_it(objective, load, seed):
    problem = flow_problem(random_problem(14, 3, seed=seed, load=load), objective)
    exact = BACKENDS["highs-lp"].solve(problem, Budget(10), 0)
    quick = BACKENDS["flow-mwu"].solve(problem, Budget(10), 0)
    check_solution(problem, exact)
    check_solution(problem, quick)
    best, near = problem.flow(exact.answer), problem.flow(quick.answer)
    assert near <= best * (1 + 1e-6)
    assert near >= best * 0.98
    assert float(quick.info["flow_bound"]) >= best * (1 - 1e-6)


def test_the_concurrent_flow_is_the_reciprocal_of_the_mlu():
    # Three nodes in a ring: the disjoint paths are all the paths there are.
    links = [(0, 1), (1, 2), (2, 0), (1, 0), (2, 1), (0, 2)]
    tail, head = np.array(links).T
    routing = RoutingProblem(
        3, tail, head, np.array([3.0, 5, 4, 3, 5, 4]), tail, head, np.array([6.0, 1, 1, 2, 1, 3])
    )
    problem = flow_problem(routing, "concurrent")
    answer = BACKENDS["highs-lp"].solve(problem, Budget(5), 0)
    assert answer.value == pytest.approx(fractional_mlu(routing), rel=1e-6)
    assert problem.flow(answer.answer) == pytest.approx(1 / answer.value)


def test_known_answers():
    # Two links of 10 in a row, demands 0-1, 1-2 and 0-2 of 8 each: the long one is left with 2.
    tail, head = np.array([0, 1]), np.array([1, 2])
    source, target = np.array([0, 0, 1]), np.array([1, 2, 2])
    paths = edge_disjoint(3, tail, head, source, target)
    graph = (3, tail, head, np.full(2, 10.0), source, target, np.full(3, 8.0), paths)
    for name in ("highs-lp", "flow-mwu"):
        total, share = FlowProblem(*graph), FlowProblem(*graph, objective="concurrent")
        assert BACKENDS[name].solve(total, Budget(5), 0).value == pytest.approx(6, rel=1e-2)
        assert BACKENDS[name].solve(share, Budget(5), 0).value == pytest.approx(1.6, rel=1e-2)


@pytest.mark.parametrize("objective", ["total", "concurrent"])
def test_contract_on_larger_problems(objective):
    problems = tuple(
        flow_problem(random_problem(n, 3, seed=n, load=2.0), objective) for n in (5, 15)
    )
    for name in ("highs-lp", "flow-mwu"):
        backend = BACKENDS[name]
        check_backend(backend, problems=problems)


def test_a_first_flow_is_feasible():
    for objective in ("total", "concurrent"):
        problem = flow_problem(random_problem(12, 3, seed=1, load=3.0), objective)
        flow = first_flow(problem)
        problem.check(flow)
        assert flow.sum() > 0


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"objective": "most"}, "neither 'total' nor 'concurrent'"),
        ({"capacity": np.array([1.0, 1, 0, 1])}, r"capacity\[2\]: 0.0 must be above zero"),
        ({"volume": np.array([-1.0])}, r"volume\[0\]: -1.0 must not be below zero"),
        ({"volume": np.ones(2)}, "arrays of equal length: .*'volume': \\(2,\\)"),
        ({"capacity": np.ones(3)}, "arrays of equal length: .*'capacity': \\(3,\\)"),
        ({"paths": Layout.of([])}, "paths: for 0 demands, there are 1"),
        ({"paths": Layout.of([()])}, r"paths\[0\]: demand 0 has none"),
        ({"source": np.array([99])}, r"source\[0\]: 99 is not a node"),
        ({"target": np.array([0])}, r"target\[0\]: 0 equals its source"),
        ({"target": np.array([2])}, r"paths\[0\]\[0\]: .*does not lead from source to target"),
    ],
)
def test_faults_are_named(change, text):
    tail, head = np.array([0, 1, 0, 2]), np.array([1, 3, 2, 3])
    parts = {
        "n_nodes": 4,
        "tail": tail,
        "head": head,
        "capacity": np.ones(4),
        "source": np.array([0]),
        "target": np.array([3]),
        "volume": np.array([1.0]),
    }
    parts["paths"] = edge_disjoint(4, tail, head, parts["source"], parts["target"])
    with pytest.raises(ValueError, match=text):
        FlowProblem(**{**parts, **change})


@pytest.mark.parametrize(
    ("flow", "text"),
    [
        ([1.0], "want 2 numbers"),
        ([-1.0, 0.0], "must not be below zero"),
        ([2.0, 0.0], "link 0: 2.0 flows, 1.0 is all there is"),
        ([1.0, 1.0], "demand 0: 2.0 flows, 1.5 is all there is"),
    ],
)
def test_flows_are_checked(flow, text):
    tail, head = np.array([0, 1, 0, 2]), np.array([1, 3, 2, 3])
    source, target = np.array([0]), np.array([3])
    paths = edge_disjoint(4, tail, head, source, target)
    problem = FlowProblem(4, tail, head, np.ones(4), source, target, np.array([1.5]), paths)
    with pytest.raises(ValueError, match=text):
        problem.check(np.array(flow))
