import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_backends import choice_kernels as kernels
from quantum_backends.choice_search import BestChoice
from quantum_backends.choices import ChoiceProblem, colouring, mycielski_graph, queen_graph
from quantum_backends.registry import BACKENDS
from quantum_backends.solver import Budget
from quantum_backends.testing import check_solution


def drawn(groups: int, options: int, seed: int) -> ChoiceProblem:
    rng = np.random.default_rng(seed)
    q = groups * options
    one, other = np.triu_indices(q, 1)
    keep = (one // options != other // options) & (rng.random(len(one)) < 0.4)
    cost = rng.lognormal(0, 1, keep.sum())
    unary = rng.random(q) * (rng.random(q) < 0.5)
    return ChoiceProblem.of(np.arange(groups + 1) * options, unary, one[keep], other[keep], cost)


def by_hand(problem: ChoiceProblem, answer) -> float:
    flat = [int(problem.first[g]) + c for g, c in enumerate(answer)]
    total = sum(problem.unary[o] for o in flat)
    for i, o in enumerate(flat):
        for t in range(problem.start[o], problem.start[o + 1]):
            if problem.partner[t] in flat[i + 1 :]:
                total += problem.weight[t]
    return total


@given(st.integers(2, 6), st.integers(1, 4), st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_value_and_field_are_the_sums_of_costs(groups, options, seed):
    problem = drawn(groups, options, seed)
    rng = np.random.default_rng(seed)
    answer = tuple(rng.integers(options, size=groups).tolist())
    assert problem.value(answer) == pytest.approx(by_hand(problem, answer))
    assert problem.chosen(problem.flat(answer)) == answer
    table, flat = kernels.table_of(problem), problem.flat(answer)
    field = kernels.field_of(table, flat)
    assert kernels.cost_of(table, flat, field) == pytest.approx(problem.value(answer))
    for loop in (
        lambda: kernels.descend(table, flat, field, np.arange(groups)),
        lambda: kernels.kick_and_descend(table, flat, field, np.arange(groups), 20),
    ):
        before = kernels.cost_of(table, flat, field)
        loop()
        # Updated along the way, the field is what it would be made afresh.
        np.testing.assert_allclose(field, kernels.field_of(table, flat), atol=1e-9)
        assert kernels.cost_of(table, flat, field) <= before + 1e-9


@pytest.mark.parametrize("name", ["highs-mip", "cp-sat", "local-search", "path-switch"])
@pytest.mark.parametrize("seed", range(3))
def test_finds_what_the_oracle_finds(name, seed):
    problem = drawn(7, 3, seed)
    exact = BACKENDS["exhaustive"].solve(problem, Budget(20), 0)
    assert exact.info["complete"] == "yes"
    BACKENDS[name].warm()
    answer = BACKENDS[name].solve(problem, Budget(0.3), seed)
    check_solution(problem, answer)
    assert answer.value == pytest.approx(exact.value)


@pytest.mark.parametrize(
    ("edges", "nodes", "colours"),
    [
        (queen_graph(5, 5), 25, 5),
        (queen_graph(6, 6), 36, 7),
        (queen_graph(7, 7), 49, 7),
        (mycielski_graph(3), 11, 4),
        (mycielski_graph(4), 23, 5),
    ],
)
def test_colours_graphs_of_known_chromatic_number(edges, nodes, colours):
    BACKENDS["path-switch"].warm()
    problem = colouring(edges, nodes, colours)
    assert BACKENDS["path-switch"].solve(problem, Budget(3.0), 1).value == 0
    if nodes == 11:  # one colour fewer cannot do
        fewer = colouring(edges, nodes, colours - 1)
        assert BACKENDS["cp-sat"].solve(fewer, Budget(3.0), 1).value == 1


def test_starts_no_worse_than_the_incumbent():
    problem = replace(drawn(8, 3, 4), incumbent=(1,) * 8)
    best = BestChoice(problem, Budget(1.0), "x")
    assert best.value <= problem.value((1,) * 8)


def test_bad_problems_are_named():
    good = drawn(3, 2, 1)
    with pytest.raises(ValueError, match=r"unary\[2\]"):
        replace(good, unary=np.array([0, 0, np.nan, 0, 0, 0]))
    with pytest.raises(ValueError, match="one group"):
        ChoiceProblem.of(good.first, good.unary, np.array([0]), np.array([1]), np.ones(1))
    with pytest.raises(ValueError, match="group 1 has no option"):
        replace(good, first=np.array([0, 3, 3, 6]))
    with pytest.raises(ValueError, match=r"answer\[1\]: 2"):
        good.check((0, 2, 0))


def test_one_sided_couplings_are_refused():
    good = drawn(3, 2, 1)
    weight = good.weight.copy()
    weight[0] *= 1.001
    with pytest.raises(ValueError, match="symmetric"):
        replace(good, weight=weight)


def test_problems_travel_whole():
    problem = replace(drawn(4, 3, 2), incumbent=(0, 1, 2, 0), bound=0.1)
    again = pickle.loads(pickle.dumps(problem))
    assert (again.incumbent, again.bound) == (problem.incumbent, problem.bound)
    assert again.value((2, 1, 0, 1)) == problem.value((2, 1, 0, 1))
    assert again.partner.dtype == problem.partner.dtype
