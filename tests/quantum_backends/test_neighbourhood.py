from dataclasses import replace

import numpy as np
import pytest

from quantum_backends.candidates import with_candidates
from quantum_backends.reductions.neighbourhood import Neighbourhood, hot_demands
from quantum_backends.registry import BACKENDS
from quantum_backends.routing import RoutingProblem, one_hot
from quantum_backends.solver import Budget
from quantum_backends.testing import check_solution, random_problem, tiny_problem


def installed(nodes: int, seed: int) -> RoutingProblem:
    problem = with_candidates(random_problem(nodes, 2, seed=seed))
    return replace(problem, incumbent=one_hot(problem, problem.layout.first[:-1]))


@pytest.mark.parametrize("count", [1, 5, 1000])
@pytest.mark.parametrize("seed", range(3))
def test_answers_of_the_part_are_answers_of_the_whole(count: int, seed: int) -> None:
    whole = installed(10, seed)
    part = Neighbourhood(whole, count)
    rng = np.random.default_rng(seed)
    layout = part.problem.layout
    choice = rng.integers(layout.first[:-1], layout.first[1:])
    answer = one_hot(part.problem, choice)
    lifted = part.lift(answer)
    whole.check(lifted)
    assert whole.value(lifted) == pytest.approx(part.problem.value(answer))
    assert part.lift(part.problem.incumbent) == whole.incumbent
    free = [i for i, paths in enumerate(part.problem.paths) if len(paths) > 1]
    assert free == part.free.tolist() and len(free) <= count


def test_the_demands_on_the_busiest_links_are_free() -> None:
    tiny = tiny_problem()
    stuck = replace(tiny, incumbent=one_hot(tiny, np.array([0, 2, 5])))
    assert hot_demands(stuck, np.array([0, 2, 5]), 2).tolist() == [0, 1]
    assert Neighbourhood(stuck, 1).free.tolist() == [0]


def test_demands_without_a_choice_are_never_free() -> None:
    tiny = tiny_problem()
    fixed = replace(tiny, paths=(tiny.paths[0][:1], *tiny.paths[1:]))
    assert Neighbourhood(fixed, 3).free.tolist() == [1, 2]


def test_what_cannot_hold_the_whole_betters_the_plan_by_a_part() -> None:
    whole, oracle = installed(12, 1), BACKENDS["exhaustive"]
    assert "plans" in oracle.refusal(whole)
    part = Neighbourhood(whole, 4)
    assert oracle.refusal(part.problem) == ""
    found = oracle.solve(part.problem, Budget(5.0), 0)
    lifted = replace(found, answer=part.lift(found.answer), value=found.value)
    check_solution(whole, lifted)
    assert lifted.value < whole.value(whole.incumbent)


def test_split_plans_have_no_parts() -> None:
    with pytest.raises(ValueError, match="single paths"):
        Neighbourhood(tiny_problem(split=True), 2)
