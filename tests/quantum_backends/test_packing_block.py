import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_backends.packing import random_packing
from quantum_backends.packing_lp import priced
from quantum_backends.packing_search import density_greedy
from quantum_backends.reductions.packing_block import (
    _lambdas,
    alternatives,
    around,
    couplings,
    packing_block,
    whole_packing,
)


def penalty(problem, flat, one, two):
    """Both terms of what is free, summed over the resources."""
    free = problem.capacity - problem.used(flat)
    return float((-one * free + two * free**2).sum())


@given(st.integers(1, 8), st.integers(1, 3), st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_energies_of_a_block_are_worth_and_unbalanced_penalties(groups, options, seed):
    problem = priced(random_packing(groups, options, 5, seed))
    rng = np.random.default_rng(seed)
    flat = problem.flat(density_greedy(problem))
    chosen = np.sort(rng.permutation(groups)[: max(1, groups - 1)])
    others = alternatives(problem, flat, chosen, rng)
    assert (problem.group[others] == chosen).all() and (others != flat[chosen]).all()
    block = packing_block(problem, flat, chosen, others)
    change = (problem.use[others] - problem.use[flat[chosen]]).tocsr()
    free = problem.capacity - problem.used(flat)
    one, two = _lambdas(problem, change, free)
    assert (one >= problem.price * (one > 0) - 1e-12).all()

    def energy(answer):
        return penalty(problem, answer, one, two) - problem.worth[answer].sum()

    for bits in itertools.islice(itertools.product((0, 1), repeat=len(chosen)), 64):
        answer = block.apply(bits)
        expected = energy(answer) - energy(flat)
        assert block.model.energies([bits])[0] == pytest.approx(expected, abs=1e-6)
    np.testing.assert_array_equal(block.apply(np.zeros(len(chosen))), flat)


@given(st.integers(1, 4), st.integers(1, 3), st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_no_minimiser_of_the_whole_takes_two_options_of_a_group(groups, options, seed):
    problem = priced(random_packing(groups, options, 4, seed, load=3.0))
    reduced = whole_packing(problem)
    bits = np.array(list(itertools.product((0, 1), repeat=groups * options)))
    energies = reduced.model.energies(bits)
    lowest = bits[energies <= energies.min() + 1e-9]
    per_group = np.add.reduceat(lowest, np.arange(groups) * options, axis=1)
    assert (per_group <= 1).all()
    assert len(reduced.model.value) <= couplings(problem)


def test_the_whole_is_inverted_and_its_faults_are_counted():
    problem = priced(random_packing(5, 2, 4, 1))
    reduced = whole_packing(problem)
    flat = problem.flat(density_greedy(problem))
    np.testing.assert_array_equal(reduced.apply(reduced.invert(flat)), flat)
    assert reduced.broken(reduced.invert(flat)).tolist() == [0]
    everything = np.ones(len(reduced.model), np.int8)
    assert reduced.broken(everything)[0] >= 5  # each group has two options set
    assert problem.group[reduced.apply(everything)].tolist() == list(range(5))


def test_groups_of_a_block_compete_and_differ_between_draws():
    problem = priced(random_packing(60, 3, 20, 2))
    flat = problem.flat(density_greedy(problem))
    rng = np.random.default_rng(0)
    drawn = [around(problem, flat, np.arange(60), 12, rng) for _ in range(5)]
    assert all(len(set(groups.tolist())) == 12 for groups in drawn)
    assert len({tuple(groups.tolist()) for groups in drawn}) > 1
