from __future__ import annotations

from qb_controller.commands.direct import CANDIDATES, _split_at_least
from quantum_backends.candidates import with_candidates
from quantum_backends.greedy import greedy
from quantum_backends.routing import nest
from quantum_backends.solution import Solution
from quantum_backends.testing import random_problem


def test_where_no_solver_answers_the_routing_of_the_candidate_paths_is_the_plan() -> None:
    problem = with_candidates(random_problem(20, 2, seed=1, split=True), 5)
    plan = greedy(problem)
    first = Solution(plan, problem.value(plan), "greedy", 0.0)
    best, detail = _split_at_least(problem, first, "too late")
    assert best.backend == CANDIDATES and "split routing" in detail
    assert problem.value(best.answer) == best.value < first.value
    optimal = Solution(nest(problem, problem.hint), best.value, "highs-lp", 0.1)
    assert _split_at_least(problem, optimal, "") == (optimal, "")
    single = with_candidates(random_problem(20, 2, seed=1), 5)
    assert _split_at_least(single, first, "too late") == (first, "too late")
