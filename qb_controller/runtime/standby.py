"""The answer that a task has from the start: what holds now, checked again, or a greedy one."""

from __future__ import annotations

import time

from qb_controller.runtime.task import Task
from quantum_backends.greedy import greedy
from quantum_backends.problem import Problem
from quantum_backends.solution import Solution

INCUMBENT = "incumbent"
GREEDY = "greedy"
"""What stands in the place of a backend's name."""


def standby(task: Task) -> Solution | None:
    """The task's answer of last resort, valid and honestly scored.

    The task's incumbent comes first, then the problem's, then a greedy answer; the first that the
    problem's own check lets pass. None where there is none.
    """
    began = time.monotonic()
    problem = task.problem
    for answer in (task.incumbent, getattr(problem, "incumbent", None)):
        if answer is not None:
            found = checked(problem, Solution(answer, float("nan"), INCUMBENT, 0.0))
            if found is not None:
                return found
    answer = greedy(problem)
    if answer is None:
        return None
    return checked(problem, Solution(answer, float("nan"), GREEDY, time.monotonic() - began))


def checked(problem: Problem, solution: Solution) -> Solution | None:
    """The same answer with its value recomputed; None where the problem does not allow it.

    What a worker says of its own answer is not believed.
    """
    try:
        problem.check(solution.answer)
        value = problem.value(solution.answer)
    except Exception:  # a worker may hand in anything
        return None
    return Solution(solution.answer, value, solution.backend, solution.elapsed_s, solution.info)
