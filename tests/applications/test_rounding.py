from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qb_controller.applications.rounding import MAX_SHARES, settle, to_units
from qb_controller.model.plan import WEIGHT_TOTAL
from quantum_backends.candidates import with_candidates
from quantum_backends.routing import RoutingProblem, flatten
from quantum_backends.testing import random_problem, tiny_problem


@st.composite
def problems(draw: st.DrawFn, split: bool = True) -> tuple[RoutingProblem, np.ndarray]:
    """A problem with candidates, and random fractions of it, many of them zero."""
    seed = draw(st.integers(0, 20))
    problem = with_candidates(random_problem(5, 3, seed, split=split))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    raw = rng.exponential(size=len(problem.layout.demand)) * rng.integers(
        0, 2, len(problem.layout.demand)
    )
    raw[problem.layout.first[:-1]] += 1e-3
    total = np.bincount(problem.layout.demand, raw)
    return problem, raw / total[problem.layout.demand]


def sums(problem: RoutingProblem, units: np.ndarray) -> np.ndarray:
    return np.bincount(problem.layout.demand, units)


@settings(max_examples=60, deadline=None)
@given(problems())
def test_units_add_up_and_stay_close(case: tuple[RoutingProblem, np.ndarray]) -> None:
    problem, fractions = case
    units = to_units(problem, fractions)
    assert (sums(problem, units) == WEIGHT_TOTAL).all()
    assert (units >= 0).all()
    counts = np.bincount(problem.layout.demand, units > 0)
    assert counts.max() <= MAX_SHARES
    # Each share is off by what was dropped, at most one unit per path, and one of rounding.
    paths = np.diff(problem.layout.first)[problem.layout.demand]
    assert (np.abs(units - fractions * WEIGHT_TOTAL) <= paths + 1).all()


@settings(max_examples=60, deadline=None)
@given(problems())
def test_exact_weights_are_left_alone(case: tuple[RoutingProblem, np.ndarray]) -> None:
    problem, fractions = case
    units = to_units(problem, fractions)
    assert (to_units(problem, units / WEIGHT_TOTAL) == units).all()


def test_rounding_costs_little_of_the_mlu() -> None:
    """Largest-remainder alone would let errors meet on the busiest link."""
    for seed in range(5):
        problem = with_candidates(random_problem(8, 3, seed, split=True))
        rng = np.random.default_rng(seed)
        raw = rng.exponential(size=len(problem.layout.demand))
        fractions = raw / np.bincount(problem.layout.demand, raw)[problem.layout.demand]
        exact = problem.mlu(fractions)
        assert problem.mlu(to_units(problem, fractions) / WEIGHT_TOTAL) <= exact * 1.005


def test_single_paths_take_the_largest_share() -> None:
    problem = tiny_problem(split=False)
    units = to_units(problem, np.array([0.4, 0.6, 1.0, 0.0, 0.5, 0.5]))
    assert units.tolist() == [0, 64, 64, 0, 64, 0]


@settings(max_examples=60, deadline=None)
@given(problems(), st.integers(0, 1000), st.sampled_from((0.0, 0.001, 0.05)))
def test_settling_keeps_the_mlu_and_never_moves_more(
    case: tuple[RoutingProblem, np.ndarray], seed: int, slack: float
) -> None:
    problem, fractions = case
    units = to_units(problem, fractions)
    rng = np.random.default_rng(seed)
    now = np.zeros_like(units)
    sizes = np.diff(problem.layout.first)
    now[problem.layout.first[:-1] + rng.integers(0, sizes)] = WEIGHT_TOTAL
    settled = settle(problem, units, now, slack)
    assert (sums(problem, settled) == WEIGHT_TOTAL).all()
    limit = problem.mlu(units / WEIGHT_TOTAL) * (1 + slack)
    assert problem.mlu(settled / WEIGHT_TOTAL) <= limit * (1 + 1e-9)
    same = (settled == units) | (settled == now)
    assert same.all()


def test_a_move_that_does_not_pay_is_taken_back() -> None:
    problem = replace(tiny_problem(), incumbent=((1, 0), (0, 1), (0, 1)), move_cost=0.1)
    now = np.rint(flatten(problem.incumbent or ()) * WEIGHT_TOTAL).astype(np.int64)
    mirrored = WEIGHT_TOTAL - now  # the same loads with everything moved
    assert (settle(problem, mirrored, now, 0.0) == mirrored).all()  # no single step back is free
    one_moved = now.copy()
    one_moved[:2] = one_moved[:2][::-1]  # 14 over one way
    assert (settle(problem, one_moved, now, 0.0) == now).all()
    assert problem.mlu(now / WEIGHT_TOTAL) == pytest.approx(0.8)
