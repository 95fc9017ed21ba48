from __future__ import annotations

import numpy as np
import pytest

from quantum_backends.bqm import random_model
from quantum_backends.greedy import greedy, warm
from quantum_backends.objective import score
from quantum_backends.problem import Problem
from quantum_backends.routing import RoutingProblem, one_hot
from quantum_backends.testing import known_problems, random_problem


@pytest.mark.parametrize("form", ["routing", "choices", "packing", "bqm", "flow", "schedule"])
def test_every_form_has_an_answer_at_once(form: str) -> None:
    warm(form)
    for problem in known_problems(form):
        problem.check(greedy(problem))


def test_routing_is_no_worse_than_first_paths() -> None:
    from quantum_backends.candidates import with_candidates

    problem = with_candidates(random_problem(12, 2, 5), 0.5)
    first = score(problem, one_hot(problem, problem.layout.first[:-1]))
    assert score(problem, greedy(problem)).mlu < first.mlu


def test_without_paths_there_is_none() -> None:
    ends = (np.array([0]), np.array([1]))
    assert greedy(RoutingProblem(2, *ends, np.ones(1), *ends, np.ones(1))) is None


def test_a_large_model_of_bits_is_not_searched() -> None:
    assert set(greedy(random_model(2001, 0.0, 1))) == {0}


def test_an_unknown_form_has_none() -> None:
    class Strange:
        form = "strange"

    problem: Problem = Strange()  # type: ignore[assignment]
    warm("strange")
    assert greedy(problem) is None
