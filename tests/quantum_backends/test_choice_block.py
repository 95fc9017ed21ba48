import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_backends import choice_kernels as kernels
from quantum_backends.reductions.choice_block import alternatives, choice_block, one_hot_choices
from tests.quantum_backends.test_choices import drawn


@given(st.integers(2, 8), st.integers(2, 4), st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_block_energies_are_changes_of_the_value(groups, options, seed):
    problem = drawn(groups, options, seed)
    rng = np.random.default_rng(seed)
    chosen = problem.flat(tuple(rng.integers(options, size=groups).tolist()))
    field = kernels.field_of(kernels.table_of(problem), chosen)
    some = np.sort(rng.choice(groups, int(rng.integers(1, groups + 1)), replace=False))
    others = alternatives(problem, chosen, field, some, rng)
    assert (others != chosen[some]).all() and (problem.group[others] == some).all()
    block = choice_block(problem, chosen, field, some, others)
    bits = rng.integers(0, 2, (5, len(some)))
    stay = problem.value(problem.chosen(chosen))
    for row, energy in zip(bits, block.model.energies(bits), strict=True):
        after = problem.chosen(block.apply(row))
        problem.check(after)
        assert stay + energy == pytest.approx(problem.value(after), abs=1e-9)


@given(st.integers(1, 4), st.integers(1, 3), st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_the_penalties_suffice_by_exhaustion(groups, options, seed):
    problem = drawn(groups, options, seed)
    reduced = one_hot_choices(problem)
    every = np.array(list(itertools.product((0, 1), repeat=groups * options)))
    energy = reduced.model.energies(every)
    lowest = every[np.isclose(energy, energy.min(), atol=1e-9)]
    assert (reduced.broken(lowest) == 0).all()
    answers = itertools.product(range(options), repeat=groups)
    assert energy.min() == pytest.approx(min(map(problem.value, answers)), abs=1e-9)


@given(st.integers(1, 6), st.integers(1, 4), st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_any_bit_string_is_repaired_to_an_answer(groups, options, seed):
    problem = drawn(groups, options, seed)
    reduced = one_hot_choices(problem)
    rng = np.random.default_rng(seed)
    problem.check(problem.chosen(reduced.apply(rng.integers(0, 2, groups * options))))
    answer = tuple(rng.integers(options, size=groups).tolist())
    bits = reduced.invert(problem.flat(answer))
    assert problem.chosen(reduced.apply(bits)) == answer
    assert reduced.model.energies(bits)[0] == pytest.approx(problem.value(answer), abs=1e-9)
