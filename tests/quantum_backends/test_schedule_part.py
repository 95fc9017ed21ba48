"""Neighbourhoods of schedules as packings and QUBOs."""

from dataclasses import replace

import numpy as np
import pytest

from quantum_backends.packing_search import first_packing
from quantum_backends.reductions.schedule_part import SchedulePart, schedule_part
from quantum_backends.registry import BACKENDS
from quantum_backends.schedule_instances import random_schedule
from quantum_backends.schedule_kernels import plan_of
from quantum_backends.schedule_search import BestSchedule, Inserter
from quantum_backends.schedules import ScheduleProblem
from quantum_backends.solver import Budget
from quantum_backends.testing import check_solution


def part_of(problem: ScheduleProblem, seed: int, size: int = 8) -> tuple[SchedulePart, np.ndarray]:
    """A part of some requests, and an order in which all were inserted before."""
    inserter, rng = Inserter(problem), np.random.default_rng(seed)
    order = rng.permutation(problem.n_requests)
    table = inserter.table._replace(shot_s=problem.shot_s.copy())
    return schedule_part(table, inserter.timelines(order), order[:size], 3), order


def requests_of(part: SchedulePart, flat: np.ndarray) -> set[int]:
    return {int(r) for r, o in zip(part.requests, flat, strict=True) if len(part.rows[o])}


@pytest.mark.parametrize("seed", range(10))
def test_what_fits_the_packing_fits_the_machines(seed):
    problem = random_schedule(14, 3, seed, parts=1 + seed % 3, tightness=3.0, chains=False)
    problem = replace(problem, close=np.random.default_rng(seed).uniform(8, 20, 3))
    part, _ = part_of(problem, seed)
    flat = part.problem.flat(first_packing(part.problem))
    wanted = requests_of(part, flat)
    plan = plan_of(part.apply(flat, np.zeros(0, np.int64)))
    problem.check(plan)
    kept = problem.served(plan_of(part.kept))
    assert wanted and problem.served(plan) == kept | wanted
    assert not kept & set(part.requests.tolist())
    # What the options cost is what the places take at the price of time.
    assert part.problem.worth[flat].sum() == pytest.approx(len(wanted))


@pytest.mark.parametrize("seed", range(6))
def test_a_full_machine_takes_nobody_else(seed):
    # Everybody at once on one machine: the dates' rooms are all that says no.
    problem = random_schedule(10, 1, seed, parts=1, tightness=2.0, chains=False)
    part, order = part_of(problem, seed, size=10)
    most = max(
        (
            bits
            for bits in range(1 << 10)
            if _fits(part, [(bits >> g) & 1 for g in range(10)], problem)
        ),
        key=lambda bits: bits.bit_count(),
    )
    plan = plan_of(part.apply(_flat(part, most), order))
    problem.check(plan)
    assert len(problem.served(plan)) == most.bit_count()


def _flat(part: SchedulePart, bits: int) -> np.ndarray:
    first = part.problem.first
    more = [min((bits >> g) & 1, first[g + 1] - first[g] - 1) for g in range(part.problem.n_groups)]
    return first[:-1] + np.array(more)


def _fits(part: SchedulePart, take: list[int], problem: ScheduleProblem) -> bool:
    counts = np.diff(part.problem.first)
    if any(one and count < 2 for one, count in zip(take, counts, strict=True)):
        return False
    flat = part.problem.first[:-1] + np.array(take)
    over = part.problem.used(flat) > part.problem.capacity * (1 + 1e-12)
    served = problem.served(plan_of(part.apply(flat, np.zeros(0, np.int64))))
    # The capacities are exact where all may start at once: they say yes just where it works.
    assert over.any() == (served != requests_of(part, flat))
    return not over.any()


@pytest.mark.parametrize("seed", range(8))
def test_whatever_is_chosen_ends_in_a_plan(seed):
    rng = np.random.default_rng(seed)
    problem = random_schedule(12, 3, seed, parts=2, tightness=2.5, price=0.02, spread_s=6.0)
    problem = replace(problem, close=problem.release + rng.uniform(6, 15, 3))
    part, order = part_of(problem, seed)
    first = part.problem.first
    before = problem.shot_s.copy()
    for _ in range(20):
        flat = rng.integers(first[:-1], first[1:])
        problem.check(plan_of(part.apply(flat, order)))
    assert (problem.shot_s == before).all()
    assert (part.table.shot_s == before).all()


@pytest.mark.parametrize("name", ["sa-blocks", "tabu-blocks", "descent-blocks", "qaoa-blocks"])
def test_samplers_are_no_worse_than_insertion_and_say_who_found_what(name):
    problem = random_schedule(30, 4, 3, parts=3, tightness=3.0, price=0.02)
    start = BestSchedule(problem, Budget(5), "start").value
    BACKENDS[name].warm()
    answer = BACKENDS[name].solve(problem, Budget(0.5), 1)
    check_solution(problem, answer)
    assert answer.value <= start
    info = answer.info
    assert info["calls"] > 0 and 0 < info["block"] <= 60
    assert (
        info["raw_beats_control"] + info["raw_equals_control"] + info["control_beats_raw"]
        == (info["calls"])
    )
    assert "simulat" in str(info["simulated"]) or "software" in str(info["simulated"])


def test_a_problem_where_nobody_can_go_anywhere_ends():
    problem = random_schedule(4, 2, 0, tightness=0.3)
    answer = BACKENDS["sa-blocks"].solve(problem, Budget(0.1), 0)
    assert answer.answer == ()
