import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_backends import packing_kernels as kernels
from quantum_backends.classical.packing_cp_sat import whole
from quantum_backends.packing import PackingProblem, random_packing
from quantum_backends.packing_lp import priced, relaxed
from quantum_backends.packing_search import (
    BestPacking,
    density,
    density_greedy,
    first_packing,
    settled,
)
from quantum_backends.registry import BACKENDS
from quantum_backends.solver import Budget
from quantum_backends.testing import check_solution

drawn = st.builds(
    random_packing,
    st.integers(1, 5),
    st.integers(1, 3),
    st.integers(1, 6),
    st.integers(0, 10**6),
    st.sampled_from([0.3, 1.0, 2.0, 6.0]),
)


def two_roads(**changes) -> PackingProblem:
    """Three requests of 6, 4 and 4 for two roads of 10 and 5; each may take either, or none.

    Worth 9, 5 and 4: best 18 with the 6 and a 4 on the first road, the other 4 on the second.
    """
    given = {
        "first": [0, 3, 6, 9],
        "worth": [0.0, 9, 9, 0, 5, 5, 0, 4, 4],
        "start": [0, 0, 1, 2, 2, 3, 4, 4, 5, 6],
        "resource": [0, 1, 0, 1, 0, 1],
        "amount": [6.0, 6, 4, 4, 4, 4],
        "capacity": [10.0, 5.0],
    }
    return PackingProblem(**{**given, **changes})


def best_by_hand(problem: PackingProblem) -> float:
    best = -np.inf
    for answer in itertools.product(*(range(n) for n in np.diff(problem.first).tolist())):
        used, worth = np.zeros(len(problem.capacity)), 0.0
        for g, c in enumerate(answer):
            o = int(problem.first[g]) + c
            worth += problem.worth[o]
            for t in range(problem.start[o], problem.start[o + 1]):
                used[problem.resource[t]] += problem.amount[t]
        if (used <= problem.capacity * (1 + 1e-9)).all():
            best = max(best, worth)
    return best


@given(drawn)
@settings(max_examples=40, deadline=None)
def test_the_oracle_finds_what_trying_by_hand_finds(problem):
    answer = BACKENDS["exhaustive"].solve(problem, Budget(30), 0)
    assert answer.info["complete"] == "yes"
    check_solution(problem, answer)
    best = best_by_hand(problem)
    assert problem.admitted(answer.answer) == pytest.approx(best)
    assert answer.value == pytest.approx(problem.attainable - best, abs=1e-9)


@given(drawn, st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_no_answer_is_below_the_bound_whatever_the_prices(problem, seed):
    rng = np.random.default_rng(seed)
    least = problem.attainable - best_by_hand(problem)
    for price in (rng.exponential(size=len(problem.capacity)), relaxed(problem).price):
        assert problem.with_price(price).bound <= least + 1e-9
    assert problem.bound <= least + 1e-9


@given(drawn)
@settings(max_examples=30, deadline=None)
def test_the_bound_at_dual_prices_is_the_relaxation(problem):
    found = relaxed(problem)
    assert priced(problem).bound == pytest.approx(
        max(problem.bound, problem.attainable - float(found.share @ problem.worth)), abs=1e-5
    )


@pytest.mark.parametrize("name", [n for n, b in BACKENDS.items() if "packing" in b.forms])
def test_every_backend_knows_the_two_roads(name):
    problem = two_roads()
    BACKENDS[name].refusal(problem)
    answer = BACKENDS[name].solve(problem, Budget(0.3), 1)
    check_solution(problem, answer)
    assert problem.admitted(answer.answer) == pytest.approx(18)
    assert answer.value == 0


@pytest.mark.parametrize("name", ["highs-mip", "cp-sat", "path-switch"])
@pytest.mark.parametrize("seed", range(3))
def test_good_backends_reach_the_oracle_where_little_fits(name, seed):
    problem = random_packing(7, 2, 5, seed, load=3.0)
    exact = BACKENDS["exhaustive"].solve(problem, Budget(30), 0)
    answer = BACKENDS[name].solve(priced(problem), Budget(0.4), seed)
    assert answer.value == pytest.approx(exact.value, rel=1e-6)


def test_check_names_what_does_not_fit():
    problem = two_roads()
    problem.check((1, 1, 2))
    with pytest.raises(ValueError, match=r"uses 14 of resource 0, its capacity is 10"):
        problem.check((1, 1, 1))
    with pytest.raises(ValueError, match=r"answer\[1\]: 3 is not one of 3"):
        problem.check((0, 3, 0))
    with pytest.raises(ValueError, match="2 options for 3 groups"):
        problem.check((0, 0))


def test_a_capacity_may_be_exceeded_by_rounding_only():
    third = two_roads(amount=[6.0, 6, 4 * (1 + 1e-10), 4, 4, 4])
    third.check((1, 1, 2))
    more = two_roads(amount=[6.0, 6, 4 * (1 + 1e-7), 4, 4, 4])
    with pytest.raises(ValueError, match="resource 0"):
        more.check((1, 1, 2))
    for name in ("highs-mip", "cp-sat", "path-switch"):
        check_solution(more, BACKENDS[name].solve(more, Budget(0.2), 0))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"first": [0, 3, 3, 9]}, r"first\[1\]: group 1 has no option"),
        ({"worth": [0.0, np.nan, 9, 0, 5, 5, 0, 4, 4]}, r"worth\[1\]"),
        ({"amount": [6.0, 6, 0, 4, 4, 4]}, r"amount\[2\]: 0.0 must be above zero"),
        ({"resource": [0, 2, 0, 1, 0, 1]}, r"resource\[1\]: 2 is not below 2"),
        ({"capacity": [10.0, -1.0]}, r"capacity\[1\]"),
        ({"price": [1.0]}, "price: 1 entries for 2"),
        ({"start": [0, 0, 1, 2, 2, 3, 4, 4, 5, 5]}, "start"),
        (
            {"start": [0, 0, 2, 2, 2, 3, 4, 4, 5, 6], "resource": [1, 1, 0, 1, 0, 1]},
            "option 1 lists resource 1 twice",
        ),
        ({"incumbent": (1, 1, 1)}, "uses 14 of resource 0"),
        (
            {
                "start": [0, 1, 1, 2, 2, 3, 4, 4, 5, 6],
                "capacity": [10.0, 5.0],
                "amount": [16.0] * 6,
            },
            "uses 16 of resource 0",
        ),
    ],
)
def test_what_is_no_problem_is_refused_by_name(changes, words):
    with pytest.raises(ValueError, match=words):
        two_roads(**changes)


def test_it_travels_whole():
    problem = priced(random_packing(20, 3, 9, 4))
    again = pickle.loads(pickle.dumps(problem))
    assert again.bound == problem.bound > 0
    answer = density_greedy(problem)
    again.check(answer)
    assert again.value(answer) == problem.value(answer)


@given(drawn, st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_loops_keep_count_and_answers_fit(problem, seed):
    rng = np.random.default_rng(seed)
    table, state = kernels.table_of(problem), np.array([seed + 1], np.uint64)
    anywhere = rng.integers(problem.first[:-1], problem.first[1:])
    chosen = settled(problem, table, anywhere, density(problem))
    problem.check(problem.chosen(chosen))
    free = kernels.free_of(table, chosen)
    before = kernels.worth_of(table, chosen)
    kernels.kick_and_fill(table, chosen, free, density(problem), 20, state)
    np.testing.assert_allclose(free, kernels.free_of(table, chosen), atol=1e-9)
    assert kernels.worth_of(table, chosen) >= before - 1e-9
    problem.check(problem.chosen(chosen))
    movable = np.flatnonzero(np.diff(problem.first) > 1)
    weight = np.ones(len(problem.capacity))
    worth, best = kernels.anneal(table, chosen, free, movable, weight, 1.0, 0.1, 20, state)
    np.testing.assert_allclose(free, kernels.free_of(table, chosen), atol=1e-9)
    if np.isfinite(worth):
        problem.check(problem.chosen(best))
        assert problem.worth[best].sum() == pytest.approx(worth)


def test_option_0_may_use_something_and_is_gone_back_to():
    """Two that must stay somewhere, and a third that would like their place."""
    problem = PackingProblem(
        first=[0, 2, 4, 6],
        worth=[2.0, 1.9, 2, 1.9, 0, 5],
        start=[0, 1, 2, 3, 4, 4, 5],
        resource=[0, 1, 0, 1, 0],
        amount=[5.0] * 5,
        capacity=[10.0, 5.0],
        incumbent=(0, 0, 0),
    )
    for name in ("exhaustive", "highs-mip", "cp-sat", "path-switch", "sa-qubo", "qaoa-blocks"):
        BACKENDS[name].warm()
        answer = BACKENDS[name].solve(problem, Budget(0.3), 0)
        check_solution(problem, answer)
        assert problem.admitted(answer.answer) == pytest.approx(8.9), name


def test_greedy_answers_fit_and_prices_help():
    problem = random_packing(300, 4, 60, 0)
    plain, known = density_greedy(problem), priced(problem)
    problem.check(plain)
    better = first_packing(known)
    known.check(better)
    assert known.value(better) <= known.value(plain)
    assert BestPacking(known, Budget(1.0), "x").worth == pytest.approx(known.admitted(better))


def test_whole_numbers_are_kept_and_fractions_rounded_to_what_fits():
    numbers, most, exact = whole(np.array([2e6, 4e6]), 10e6)
    assert (numbers.tolist(), most, exact) == ([1, 2], 5, True)
    numbers, most, exact = whole(np.array([0.1, 0.2]), 0.7)
    assert not exact and (numbers / most >= np.array([0.1, 0.2]) / 0.7).all()
