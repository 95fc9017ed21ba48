import itertools
import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from quantum_backends import choice_kernels as kernels
from quantum_backends.choice_search import BestChoice
from quantum_backends.choices import ChoiceProblem, colouring, mycielski_graph, queen_graph
from quantum_backends.packing_kernels import EXPONENTIAL
from quantum_backends.reductions.clusters import cluster, members
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
    with pytest.raises(ValueError, match="start: must have 7 entries from 0 to"):
        replace(good, start=np.append(good.start[:-1], good.start[-1] + 1))
    with pytest.raises(ValueError, match="start: must not fall"):
        replace(good, start=np.array([0, good.start[-1] + 1, *good.start[2:]]))
    with pytest.raises(ValueError, match=r"weight: .* entries for"):
        replace(good, weight=np.append(good.weight, 1.0))


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


def side_by_side(parts: list[ChoiceProblem]) -> ChoiceProblem:
    """Problems that have nothing to do with one another, as one; groups interleaved by chance."""
    whole = sparse.block_diag([part.coupling for part in parts], "csr")
    sizes = np.concatenate([np.diff(part.first) for part in parts])
    first = np.concatenate(([0], np.cumsum(sizes)))
    unary = np.concatenate([part.unary for part in parts])
    order = np.random.default_rng(1).permutation(len(sizes))
    options = np.concatenate([np.arange(first[g], first[g + 1]) for g in order])
    whole = whole[options][:, options]
    start = np.concatenate(([0], np.cumsum(sizes[order])))
    return ChoiceProblem(start, unary[options], whole.indptr, whole.indices, whole.data)


def test_enumeration_goes_cluster_by_cluster():
    parts = [drawn(4, 3, seed) for seed in range(9)]  # 3^36 combinations, 9 x 3^4 to try
    oracle = BACKENDS["exhaustive"]
    best = sum(oracle.solve(part, Budget(20.0), 0).value for part in parts)
    for part in parts[:2]:
        answers = itertools.product(range(3), repeat=4)
        assert oracle.solve(part, Budget(20.0), 0).value == pytest.approx(
            min(by_hand(part, answer) for answer in answers)
        )
    whole = side_by_side(parts)
    found = oracle.solve(whole, Budget(20.0), 0)
    check_solution(whole, found)
    assert found.value == pytest.approx(best) and found.info["complete"] == "yes"
    for groups in members(whole):
        part = cluster(whole, groups)
        inside = tuple(found.answer[g] for g in groups)
        assert part.lift(inside, found.answer) == found.answer
    assert "more than" in oracle.refusal(drawn(20, 3, 0))


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_a_thinned_table_has_the_couplings_from_the_cut_on(share):
    problem = drawn(8, 3, 4)
    table = kernels.table_of(problem)
    cut = float(np.quantile(problem.weight, share))
    thin = kernels.thinned(table, cut)
    dense = sparse.csr_array((thin.weight, thin.partner, thin.start), problem.coupling.shape)
    full = problem.coupling.toarray()
    np.testing.assert_array_equal(dense.toarray(), np.where(full >= cut, full, 0.0))


def test_draws_of_the_walk_are_exponential_and_repeat():
    assert EXPONENTIAL.mean() == pytest.approx(1.0, abs=1e-3)
    assert (EXPONENTIAL > 2).mean() == pytest.approx(np.exp(-2), abs=1e-3)
    states = [np.array([7], np.uint64) for _ in range(2)]
    one, other = ([int(kernels.draw(state)) for _ in range(4000)] for state in states)
    assert one == other and len(set(one)) == 4000
    assert np.mean(np.array(one, dtype=float) / 2**64) == pytest.approx(0.5, abs=0.02)
