import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_backends.candidates import with_candidates
from quantum_backends.objective import moved
from quantum_backends.reductions import one_hot as module
from quantum_backends.reductions.one_hot import one_hot_model
from quantum_backends.registry import BACKENDS
from quantum_backends.routing import check_fractions, nest, one_hot
from quantum_backends.solver import Budget
from quantum_backends.testing import random_problem, tiny_problem

PROBLEM = with_candidates(random_problem(6, 2, seed=3))
FIRST = PROBLEM.layout.first
seeds = st.integers(0, 10_000)


def random_plan(rng, problem=PROBLEM):
    first = problem.layout.first
    return rng.integers(first[:-1], first[1:])


def reduced_of(seed, problem=PROBLEM):
    rng = np.random.default_rng(seed)
    return one_hot_model(
        problem, rng.uniform(0.1, 2, problem.n_links), random_plan(rng, problem)
    ), rng


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_any_bit_string_becomes_a_plan_and_plans_come_back(seed):
    reduced, rng = reduced_of(seed)
    bits = (rng.random(len(reduced.model)) < rng.random()).astype(np.int8)
    choice = reduced.apply(bits)
    check_fractions(PROBLEM, one_hot(PROBLEM, choice))
    again = reduced.invert(choice)
    assert np.array_equal(reduced.apply(again), choice)
    assert reduced.broken(again)[0] == 0
    counts = np.add.reduceat(bits.astype(int), FIRST[:-1])
    assert reduced.broken(bits)[0] == (counts != 1).sum()
    kept = counts >= 1  # repair takes one of the paths set, where any is
    assert bits[choice[kept]].all()


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_energies_of_plans_are_the_weighted_squares(seed):
    home = nest(PROBLEM, reduced_of(seed + 1)[0].invert(random_plan(np.random.default_rng(seed))))
    priced = replace(PROBLEM, incumbent=tuple(map(tuple, home)), move_cost=2.5)
    reduced, rng = reduced_of(seed, priced)
    plan = random_plan(rng)
    used = priced.loads(one_hot(priced, plan)) / priced.capacity
    gone = moved(priced, one_hot(priced, plan))
    expected = reduced.weight @ used**2 + 2.5 * gone * reduced.weight.mean()
    bits = reduced.invert(plan)
    assert reduced.model.energies(bits)[0] == pytest.approx(expected)
    problem = reduced.binary_problem()
    assert problem.value(tuple(bits.tolist())) == pytest.approx(expected)


def small(seed):
    """Few enough choices to try all bit strings."""
    rng = np.random.default_rng(seed)
    base = with_candidates(random_problem(4, 1, seed=seed))
    demands = rng.choice(base.n_demands, 5, replace=False)
    return replace(
        base,
        source=base.source[demands],
        target=base.target[demands],
        volume=base.volume[demands],
        paths=tuple(base.paths[i] for i in demands),
        bound=0.0,
    )


@pytest.mark.parametrize("seed", range(12))
def test_every_minimiser_is_a_plan_by_exhaustion(seed):
    problem = small(seed)
    # The worst plan gives the largest penalties, the best the smallest: the bound holds for both.
    choices = [range(a, b) for a, b in itertools.pairwise(problem.layout.first.tolist())]
    plans = [np.array(p) for p in itertools.product(*choices)]
    weight = np.random.default_rng(seed).uniform(0.1, 2, problem.n_links)
    squares = [weight @ (problem.loads(one_hot(problem, p)) / problem.capacity) ** 2 for p in plans]
    n = len(problem.layout.demand)
    assert n <= 16
    bits = (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(np.int8)
    for plan in (plans[int(np.argmin(squares))], plans[int(np.argmax(squares))]):
        reduced = one_hot_model(problem, weight, plan)
        energies = reduced.model.energies(bits)
        assert energies.min() == pytest.approx(min(squares))
        lowest = bits[energies <= energies.min() * (1 + 1e-9)]
        assert (reduced.broken(lowest) == 0).all()


def test_real_sizes_are_refused_before_anything_is_built(monkeypatch):
    monkeypatch.setattr(module, "LIMIT", 50)
    with pytest.raises(ValueError, match="couplings"):
        one_hot_model(PROBLEM, np.ones(PROBLEM.n_links), FIRST[:-1])
    assert "more than 50" in BACKENDS["sa-qubo"].refusal(PROBLEM)


def test_raw_figures_stand_beside_the_repaired():
    BACKENDS["sa-qubo"].warm()
    answer = BACKENDS["sa-qubo"].solve(tiny_problem(), Budget(0.2), 0)
    assert answer.value == pytest.approx(0.8)
    info = answer.info
    assert info["bits"] == 6 and 0 <= info["one_hot"] <= 1 and info["raw_mlu"] >= 0.8 - 1e-9
