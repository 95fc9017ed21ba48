"""Heat-bath sweeps: what they visit has the probabilities of the temperature."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from quantum_backends import choice_kernels as kernels
from quantum_backends import heat_bath
from quantum_backends.choices import ChoiceProblem, colouring, queen_graph


def alike(n: int, k: int, seed: int) -> ChoiceProblem:
    """Equal options coupled, all alike, with costs of the options themselves."""
    rng = np.random.default_rng(seed)
    one, other = np.triu_indices(n, 1)
    shades = np.arange(k)
    cost = rng.random(len(one))
    return ChoiceProblem.of(
        np.arange(n + 1) * k,
        rng.random(n * k),
        (one[:, None] * k + shades).ravel(),
        (other[:, None] * k + shades).ravel(),
        np.repeat(cost, k),
    )


def boltzmann(problem: ChoiceProblem, temperature: float) -> dict[tuple[int, ...], float]:
    answers = list(itertools.product(*(range(c) for c in np.diff(problem.first))))
    weight = np.exp(-np.array([problem.value(a) for a in answers]) / temperature)
    return dict(zip(answers, weight / weight.sum(), strict=True))


def rows_walk(problem, flat, hot, cold, sweeps, state):
    rows, k = heat_bath.rows_of(problem), int(problem.first[1])
    n = problem.n_groups
    field = np.zeros((k, rows.shape[1]), np.float32)
    field[:, :n] = kernels.field_of(kernels.table_of(problem), flat).reshape(n, k).T
    option = flat - problem.first[:-1]
    flips, lowest = heat_bath.sweep_rows(rows, field, option, hot, cold, sweeps, state)
    flat[:] = option + problem.first[:-1]
    return flips, lowest + problem.first[:-1], field[:, :n].T.ravel()


def table_walk(problem, flat, hot, cold, sweeps, state):
    table = kernels.table_of(problem)
    field = kernels.field_of(table, flat)
    groups = np.arange(problem.n_groups)
    flips, lowest = heat_bath.sweep_table(table, field, flat, groups, hot, cold, sweeps, state)
    return flips, lowest, field


@pytest.mark.parametrize("walk", [table_walk, rows_walk])
def test_visits_have_the_probabilities_of_the_temperature(walk):
    problem, temperature, draws = alike(3, 3, 1), 0.4, 40_000
    flat = problem.first[:-1].copy()
    state = np.array([12345], np.uint64)
    seen: dict[tuple[int, ...], int] = {}
    for _ in range(draws):
        walk(problem, flat, temperature, temperature, 2, state)
        answer = problem.chosen(flat)
        seen[answer] = seen.get(answer, 0) + 1
    for answer, p in boltzmann(problem, temperature).items():
        # Five standard errors, tripled: visits two sweeps apart are not independent.
        allowed = 15 * np.sqrt(p * (1 - p) / draws) + 1e-3
        assert seen.get(answer, 0) / draws == pytest.approx(p, abs=allowed)


@pytest.mark.parametrize("walk", [table_walk, rows_walk])
def test_fields_and_the_lowest_choices_are_right_at_the_end(walk):
    problem = alike(20, 4, 2)
    flat, start = problem.first[:-1].copy(), problem.first[:-1].copy()
    flips, lowest, field = walk(problem, flat, 2.0, 0.05, 200, np.array([7], np.uint64))
    table = kernels.table_of(problem)
    np.testing.assert_allclose(field, kernels.field_of(table, flat), atol=1e-4)
    values = [problem.value(problem.chosen(each)) for each in (lowest, flat, start)]
    assert values[0] <= min(values[1:]) + 1e-4 and flips > 0


@pytest.mark.parametrize("walk", [table_walk, rows_walk])
def test_a_walk_repeats_for_a_state_of_the_generator(walk):
    problem = alike(12, 3, 3)
    ends = []
    for _ in range(2):
        flat = problem.first[:-1].copy()
        walk(problem, flat, 1.0, 0.1, 50, np.array([99], np.uint64))
        ends.append(flat.tolist())
    assert ends[0] == ends[1]


def test_rows_are_the_couplings_of_any_option():
    problem = alike(5, 3, 4)
    rows = heat_bath.rows_of(problem)
    assert rows.shape == (5, heat_bath.LANES)
    whole = problem.coupling.toarray().reshape(5, 3, 5, 3)
    np.testing.assert_allclose(rows[:, :5], whole[:, 1, :, 1], rtol=1e-6)
    assert not rows[:, 5:].any()


def test_only_equal_options_coupled_alike_and_densely_have_rows():
    plain = alike(5, 3, 5)
    assert heat_bath.rows_of(plain) is not None
    assert heat_bath.rows_of(colouring(queen_graph(5, 5), 25, 5)) is not None
    ring = np.array([(i, (i + 1) % 40) for i in range(40)])
    assert heat_bath.rows_of(colouring(ring, 40, 3)) is None  # lists serve better
    first, unary = plain.first, plain.unary
    owner = np.repeat(np.arange(len(unary)), np.diff(plain.start))
    once = owner < plain.partner
    one, other, cost = owner[once], plain.partner[once], plain.weight[once]
    uneven = ChoiceProblem.of(first, unary, one, other, np.where(one % 3, cost, 2 * cost))
    assert heat_bath.rows_of(uneven) is None
    turned = other - other % 3 + (other + 1) % 3
    assert heat_bath.rows_of(ChoiceProblem.of(first, unary, one, turned, cost)) is None
    ragged = ChoiceProblem.of(np.array([0, 2, 5]), np.zeros(5), [0], [2], np.ones(1))
    assert heat_bath.rows_of(ragged) is None


def test_draws_are_gumbel():
    assert heat_bath.GUMBEL.mean() == pytest.approx(np.euler_gamma, abs=2e-3)
    assert heat_bath.GUMBEL.std() == pytest.approx(np.pi / np.sqrt(6), abs=1e-2)
