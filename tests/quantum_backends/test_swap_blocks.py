from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_backends import kernels
from quantum_backends.candidates import with_candidates
from quantum_backends.descent import control, descend, timed_control
from quantum_backends.gate.qaoa import all_energies
from quantum_backends.objective import moved
from quantum_backends.reductions.swap_block import best_swaps, draw, swap_block
from quantum_backends.reweighting import reweight
from quantum_backends.routing import check_fractions, one_hot
from quantum_backends.testing import random_problem

PROBLEM = with_candidates(random_problem(8, 2, seed=11))


def block_of(seed, size=8, problem=PROBLEM):
    rng = np.random.default_rng(seed)
    first = problem.layout.first
    choice = rng.integers(first[:-1], first[1:])
    weight = rng.uniform(0.1, 2, problem.n_links)
    other, pressure = best_swaps(problem, kernels.arrays_of(problem), choice, weight)
    demands = draw(other, pressure, size, rng)
    return swap_block(problem, choice, demands, other[demands], weight), weight


seeds = st.integers(0, 10_000)


@settings(max_examples=40, deadline=None)
@given(seeds, st.integers(0, 255))
def test_any_bit_string_is_a_plan_with_the_energy_of_the_bqm(seed, number):
    block, weight = block_of(seed)
    bits = (number >> np.arange(len(block)) & 1).astype(np.int8)
    choice = block.apply(bits)
    plan = one_hot(PROBLEM, choice)
    check_fractions(PROBLEM, plan)
    used = PROBLEM.loads(plan) / PROBLEM.capacity
    energy = float(weight @ used**2)
    assert block.energy(bits)[0] + block.offset == pytest.approx(energy)
    sample = dict(enumerate(bits.tolist()))
    assert block.bqm().energy(sample) == pytest.approx(energy)
    assert block.model.energies(bits)[0] == pytest.approx(energy)
    assert np.array_equal(block.invert(choice), bits)
    assert np.array_equal(block.apply(block.invert(choice)), choice)


def test_foreign_plans_are_not_inverted():
    block, _ = block_of(1)
    foreign = block.choice.copy()
    outside = np.setdiff1d(np.flatnonzero(np.diff(PROBLEM.layout.first) > 1), block.demands)[0]
    foreign[outside] = PROBLEM.layout.first[outside] + (
        foreign[outside] == PROBLEM.layout.first[outside]
    )
    with pytest.raises(ValueError, match="not one of"):
        block.invert(foreign)


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_moving_is_charged(seed):
    first = PROBLEM.layout.first
    rng = np.random.default_rng(seed)
    home = one_hot(PROBLEM, rng.integers(first[:-1], first[1:]))
    priced = replace(PROBLEM, incumbent=home, move_cost=3.0)
    plain, weight = block_of(seed)
    block, _ = block_of(seed, problem=priced)
    bits = rng.integers(0, 2, len(block)).astype(np.int8)
    rise = moved(priced, one_hot(priced, block.apply(bits)))
    rise -= moved(priced, one_hot(priced, block.choice))
    extra = block.energy(bits)[0] - plain.energy(bits)[0]
    assert extra == pytest.approx(3.0 * weight.mean() * rise)


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_best_swap_is_the_best_single_move(seed):
    rng = np.random.default_rng(seed)
    first = PROBLEM.layout.first
    choice = rng.integers(first[:-1], first[1:])
    weight = rng.uniform(0.1, 2, PROBLEM.n_links)
    arrays = kernels.arrays_of(PROBLEM)
    load = kernels.loads(arrays, choice)
    np.testing.assert_allclose(load, PROBLEM.loads(one_hot(PROBLEM, choice)))
    scratch = np.zeros(PROBLEM.n_links, np.int64)
    other, gain, _ = kernels.best_swaps(arrays, choice, load, weight, scratch)
    assert not scratch.any()
    demand = int(rng.choice(np.flatnonzero(np.diff(first) > 1)))

    def energy(j):
        changed = choice.copy()
        changed[demand] = j
        return float(weight @ (kernels.loads(arrays, changed) * arrays.inverse) ** 2)

    others = [j for j in range(first[demand], first[demand + 1]) if j != choice[demand]]
    best = min(energy(j) for j in others)
    assert energy(other[demand]) == pytest.approx(best)
    assert gain[demand] == pytest.approx(best - energy(choice[demand]), abs=1e-9)


def test_descent_ends_in_a_local_minimum():
    block, _ = block_of(5)
    energies = all_energies(block.model)
    starts = np.random.default_rng(0).integers(0, 2, (5, len(block)))
    rows, found = descend(block.model, starts)
    for bits, energy in zip(rows, found, strict=True):
        index = int(bits @ (1 << np.arange(len(block))))
        assert energies[index] == pytest.approx(energy)
        assert all(energies[index ^ (1 << i)] >= energy - 1e-9 for i in range(len(block)))


def test_controls_are_never_below_the_optimum_and_more_time_is_no_worse():
    block, _ = block_of(6)
    least = all_energies(block.model).min()
    few = control(block.model, 1, np.random.default_rng(0))
    many = timed_control(block.model, 0.01, np.random.default_rng(0))
    assert least - 1e-12 <= many <= few


def test_reweighting_raises_hot_links():
    weight = reweight(np.ones(3), np.array([0.9, 0.5, 0.0]), 0)
    assert weight[0] > weight[1] > weight[2] > 0 and weight.mean() == pytest.approx(1)
