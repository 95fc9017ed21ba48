from dataclasses import replace

import numpy as np
import pytest

from quantum_backends.classical.schedule_cp_sat import most_served
from quantum_backends.registry import BACKENDS
from quantum_backends.schedule_instances import random_schedule
from quantum_backends.schedule_search import BestSchedule, Inserter
from quantum_backends.schedules import ScheduleProblem
from quantum_backends.solver import Budget
from quantum_backends.testing import check_solution


def ints(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def two_machines(deadline: float, parts: int = 2, chain: bool = False) -> ScheduleProblem:
    """One request of ten shots of a second on two machines with a second fixed each."""
    fragments = 2 if chain else 1
    return ScheduleProblem(
        release=np.zeros(2),
        close=np.full(2, np.inf),
        fixed=np.ones(2),
        value_of_request=np.ones(1),
        deadline=np.array([deadline]),
        first_variant=ints(0, 1),
        first_fragment=ints(0, fragments),
        shots=ints(*[10] * fragments),
        shot_s=np.ones((fragments, 2)),
        ready=np.zeros((fragments, 2)),
        parent_start=ints(0, 0, 1) if chain else ints(0, 0),
        parent=ints(0) if chain else ints(),
        lag=np.array([[0.0, 0.5], [0.5, 0.0]]),
        parts=parts,
        price=np.zeros(2),
    )


@pytest.mark.parametrize(
    "deadline, parts, served", [(11.0, 1, 1), (10.9, 1, 0), (6.0, 2, 1), (5.9, 2, 0)]
)
def test_shots_are_split_where_that_is_the_only_way(deadline, parts, served):
    problem = two_machines(deadline, parts)
    _, plan = Inserter(problem).plan(np.array([0]))
    problem.check(plan)
    assert len(problem.served(plan)) == served
    assert len(plan) == served * (1 if deadline >= 11 else 2)


def test_a_chain_waits_for_all_shots_and_the_lag():
    # Two halves at once, then two halves again: 6 + 0.5 + 6 where each goes to both machines.
    problem = two_machines(13.5, chain=True)
    _, plan = Inserter(problem).plan(np.array([0]))
    problem.check(plan)
    assert problem.served(plan) == {0}
    early = [p for p in plan if p[0] == 1]
    with pytest.raises(ValueError, match="starts before 0 has ended"):
        problem.check((*tuple(p for p in plan if p[0] == 0), (1, *early[0][1:3], 6.2), *early[1:]))
    late = two_machines(12.4, chain=True)
    assert not Inserter(late).plan(np.array([0]))[1]


def test_check_names_what_is_wrong():
    problem = two_machines(20.0)
    for plan, text in (
        (((0, 0, 9, 0.0),), "9 of 10 shots"),
        (((0, 0, 10, 9.5),), "may be used from"),
        (((0, 0, 5, 0.0), (0, 0, 5, 6.0)), "in pieces on machines"),
        (((0, 3, 10, 0.0),), "no such fragment or machine"),
    ):
        with pytest.raises(ValueError, match=text):
            problem.check(plan)
    with pytest.raises(ValueError, match="shots, parts"):
        replace(problem, parts=0)
    with pytest.raises(ValueError, match="fixed"):
        replace(problem, fixed=np.array([-1.0, 1.0]))


def test_a_price_keeps_out_what_is_not_worth_its_time():
    problem = two_machines(11.0, parts=1)
    cheap, dear = (replace(problem, price=np.full(2, p)) for p in (0.05, 0.2))
    assert Inserter(cheap).plan(np.array([0]))[1]
    assert not Inserter(dear).plan(np.array([0]))[1]
    assert cheap.value(((0, 0, 10, 0.0),)) == pytest.approx(0.55)
    # What is free soon is worth less; the integral of the price over the first eleven seconds.
    soon = replace(dear, ripens_s=20.0)
    expected = 0.2 * (11 - 20 * (1 - np.exp(-11 / 20)))
    assert soon.value(((0, 0, 10, 0.0),)) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(12))
def test_plans_are_plans_and_annealing_makes_them_no_worse(seed):
    problem = random_schedule(9, 3, seed, parts=1 + seed % 3, price=0.02 * (seed % 2))
    best = BestSchedule(problem, Budget(5), "test")
    problem.check(best.plan)
    gain, _ = best.inserter.gain(best.order)
    order = best.inserter.improve(best.order, 300, seed)
    assert best.inserter.gain(order)[0] >= gain - 1e-9
    problem.check(best.inserter.plan(order)[1])


@pytest.mark.parametrize("seed", range(12))
def test_what_comes_in_between_pushes_nothing_past_the_close_of_a_machine(seed):
    problem = random_schedule(9, 3, seed, parts=1 + seed % 3)
    open_s = np.random.default_rng(seed).uniform(2, 12, 3)
    problem = replace(problem, close=problem.release + open_s)
    problem.check(BestSchedule(problem, Budget(5), "test").plan)


QUICK = ("local-search", "path-switch", "sa-blocks", "qaoa-blocks")


@pytest.fixture(scope="module")
def warm_ones():
    for name in QUICK:
        BACKENDS[name].warm()


@pytest.mark.parametrize("seed", range(6))
def test_the_oracle_and_cp_sat_agree_and_nobody_is_better(warm_ones, seed):
    problem = random_schedule(3, 2, seed, parts=1, tightness=1.4, chains=False)
    oracle = BACKENDS["exhaustive"]
    assert oracle.refusal(problem) == ""
    exact = oracle.solve(problem, Budget(20), 0)
    assert exact.info["complete"] == "yes"
    solved = BACKENDS["cp-sat"].solve(problem, Budget(10), 0)
    assert solved.value == pytest.approx(exact.value, abs=1e-6)
    top, proven = most_served(problem, 10)
    assert proven and top >= 3 - exact.value - 1e-6
    for name in QUICK:
        answer = BACKENDS[name].solve(problem, Budget(0.2), seed)
        check_solution(problem, answer)
        assert exact.value - 1e-9 <= answer.value <= exact.value + 1 + 1e-9


def test_insertion_is_seldom_far_from_the_optimum():
    lost = best = 0.0
    for seed in range(12):
        problem = random_schedule(6, 2, 50 + seed, parts=2, tightness=1.5)
        top, proven = most_served(problem, 10)
        assert proven
        best += top
        lost += top - (6 - BACKENDS["path-switch"].solve(problem, Budget(0.1), seed).value)
    assert lost <= 0.05 * best


def test_edf_on_one_machine_serves_all_exactly_where_that_can_be_done():
    rng = np.random.default_rng(3)
    for _ in range(200):
        n = int(rng.integers(1, 7))
        work = rng.integers(1, 6, n).astype(float)
        deadline = rng.integers(2, 16, n).astype(float)
        by_deadline = np.argsort(deadline, kind="stable")
        feasible = bool((np.cumsum(work[by_deadline]) <= deadline[by_deadline]).all())
        problem = ScheduleProblem(
            release=np.zeros(1),
            close=np.full(1, np.inf),
            fixed=np.zeros(1),
            value_of_request=np.ones(n),
            deadline=deadline,
            first_variant=np.arange(n + 1),
            first_fragment=np.arange(n + 1),
            shots=np.ones(n, np.int64),
            shot_s=work[:, None],
            ready=np.zeros((n, 1)),
            parent_start=np.zeros(n + 1, np.int64),
            parent=ints(),
            lag=np.zeros((1, 1)),
            parts=1,
            price=np.zeros(1),
        )
        _, plan = Inserter(problem).plan(rng.permutation(n))
        problem.check(plan)
        assert (len(problem.served(plan)) == n) == feasible
