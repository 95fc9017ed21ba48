import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from quantum_backends.candidates import with_candidates
from quantum_backends.program import NoFeasiblePoint, Program
from quantum_backends.reductions.path_program import path_program
from quantum_backends.reductions.penalty_model import penalty_model
from quantum_backends.registry import BACKENDS
from quantum_backends.routing import nest, one_hot
from quantum_backends.solver import Budget
from quantum_backends.testing import check_solution, known_problems, random_problem, tiny_problem

SACK = known_problems("program")[0]


@pytest.mark.parametrize("name", ["highs-mip", "cp-sat"])
def test_known_answer(name):
    answer = BACKENDS[name].solve(SACK, Budget(2), 0)
    check_solution(SACK, answer)
    assert answer.answer == (0.0, 1.0, 2.0)
    assert answer.info["objective"] == pytest.approx(-19)
    assert answer.value == pytest.approx(-19 - SACK.lower)


def test_known_answer_of_a_linear_program():
    loose = replace(SACK, integral=np.zeros(3, bool))
    answer = BACKENDS["highs-lp"].solve(loose, Budget(2), 0)
    assert answer.info["objective"] == pytest.approx(-12 - 5 * 7 / 5)
    assert "whole" in BACKENDS["highs-lp"].refusal(SACK)
    assert "linear" in BACKENDS["highs-mip"].refusal(loose)
    assert "fraction" in BACKENDS["cp-sat"].refusal(loose)


@pytest.mark.parametrize("name", ["highs-mip", "cp-sat"])
def test_nothing_feasible_is_an_error_and_not_an_answer(name):
    bare = replace(SACK, incumbent=None)
    impossible = replace(bare, row_low=np.array([100.0]), row_high=np.array([101.0]))
    with pytest.raises(ValueError, match=r"row\[0\]"):
        impossible.check((1.0, 1.0, 1.0))
    for program, seconds, why in ((impossible, 1.0, name), (bare, 0.0, "no time")):
        with pytest.raises(NoFeasiblePoint, match=why):
            BACKENDS[name].solve(program, Budget(seconds), 0)


def test_bad_programs_say_where():
    with pytest.raises(ValueError, match=r"low\[1\]"):
        replace(SACK, low=np.array([0.0, 3.0, 0.0]))
    with pytest.raises(ValueError, match="cost: shape"):
        replace(SACK, cost=np.zeros(2))
    square = {"matrix": np.eye(3), "row_low": np.zeros(3), "row_high": np.ones(3)}
    for name in ("cost", "low", "integral"):  # as many rows as columns hide nothing
        with pytest.raises(ValueError, match=f"{name}: shape"):
            replace(SACK, **square, **{name: np.zeros(2)})
    with pytest.raises(ValueError, match=r"cost\[2\]: not finite"):
        replace(SACK, cost=np.array([0.0, 0.0, np.nan]))
    with pytest.raises(ValueError, match="floor"):
        replace(SACK, high=np.full(3, np.inf))
    assert replace(SACK, high=np.full(3, np.inf), floor=-99.0).lower == -99.0
    with pytest.raises(ValueError, match=r"answer\[0\]: 0.5 is not a whole"):
        SACK.check((0.5, 0.0, 0.0))
    with pytest.raises(ValueError, match=r"answer\[0\]: nan"):
        SACK.check((float("nan"), 0.0, 0.0))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_plans_and_points_of_routing_invert_each_other(seed, split):
    problem = with_candidates(random_problem(5, 2, seed=2, split=split))
    reduced = path_program(problem)
    rng = np.random.default_rng(seed)
    first = problem.layout.first
    plan = one_hot(problem, rng.integers(first[:-1], first[1:]))
    if split:
        share = rng.random(len(problem.layout.demand))
        total = np.bincount(problem.layout.demand, share)
        plan = nest(problem, share / total[problem.layout.demand])
    point = reduced.invert(plan)
    reduced.program.check(point)
    assert reduced.program.value(point) == pytest.approx(problem.mlu(plan))
    np.testing.assert_allclose(
        np.concatenate(reduced.apply(point)), np.concatenate(plan), atol=1e-12
    )
    # Any point at all, feasible or not, becomes a plan.
    problem.check(reduced.apply(rng.normal(size=reduced.program.size)))


@pytest.mark.parametrize(
    ("split", "name", "least"), [(False, "highs-mip", 0.8), (True, "highs-lp", 0.7)]
)
def test_routing_by_its_program(split, name, least):
    reduced = path_program(tiny_problem(split))
    answer = BACKENDS[name].solve(reduced.program, Budget(2), 0)
    assert answer.value == pytest.approx(least)
    assert reduced.problem.mlu(reduced.apply(answer.answer)) == pytest.approx(least)


@st.composite
def whole_programs(draw):
    n, m = draw(st.integers(1, 3)), draw(st.integers(0, 2))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    low = rng.integers(-2, 2, n)
    x = low + rng.integers(0, 3, n)  # feasible by construction
    matrix = rng.integers(-3, 4, (m, n))
    middle = matrix @ x
    below = np.where(rng.random(m) < 0.4, -np.inf, middle - rng.integers(0, 3, m))
    above = np.where(rng.random(m) < 0.4, np.inf, middle + rng.integers(0, 2, m))
    return Program(
        rng.normal(size=n),
        sparse.csr_array(matrix.astype(float).reshape(m, n)),
        below,
        above,
        low,
        low + 2,
        np.ones(n, bool),
    )


@settings(max_examples=40, deadline=None)
@given(whole_programs())
def test_every_minimiser_of_the_penalty_model_is_optimal_by_exhaustion(program):
    reduced = penalty_model(program)
    if reduced.problem.size > 16:
        return
    points = itertools.product(
        *(range(int(a), int(b) + 1) for a, b in zip(program.low, program.high, strict=True))
    )
    feasible = []
    for point in points:
        try:
            program.check(point)
        except ValueError:
            continue
        feasible.append(program.objective(point))
    n = reduced.problem.size
    bits = (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(np.int8)
    energies = reduced.problem.energies(bits)
    assert energies.min() == pytest.approx(min(feasible), abs=1e-6)
    for row in bits[energies <= energies.min() + 1e-7].tolist():
        point = reduced.apply(row)
        program.check(point)
        assert program.objective(point) == pytest.approx(min(feasible), abs=1e-6)


def test_penalty_models_refuse_what_has_no_proven_penalty():
    with pytest.raises(ValueError, match="fraction"):
        penalty_model(replace(SACK, integral=np.zeros(3, bool)))
    with pytest.raises(ValueError, match="some row"):
        penalty_model(replace(SACK, matrix=SACK.matrix * 0.5))
    with pytest.raises(ValueError, match="some variable has a bound that is not whole"):
        penalty_model(replace(SACK, incumbent=None, low=SACK.low + 0.5, high=SACK.high + 0.5))


def test_a_sampler_solves_a_program_by_its_penalty_model():
    reduced = penalty_model(SACK)
    BACKENDS["sa-qubo"].warm()
    answer = BACKENDS["sa-qubo"].solve(reduced.problem, Budget(0.3), 0)
    assert reduced.apply(answer.answer) == (0.0, 1.0, 2.0)
