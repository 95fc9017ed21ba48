"""An answer within milliseconds for each form: what stands until a solver finds a better one.

The libraries of a form load at its first use; :func:`warm` has them load before a deadline runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from quantum_backends.problem import Problem

HOT_MOVES = 20
"""Moves off the hottest link of a network; each looks at all demands once."""

_DESCENT_LIMIT = 2000
"""Bits up to which a steepest descent takes milliseconds."""


def greedy(problem: Problem) -> Any | None:
    """An answer of the problem's form, found at once; None where this form has none.

    It may be any distance from the best; where the problem has an incumbent, that is not looked
    at, except as the place where routing starts.
    """
    find = _BY_FORM.get(problem.form)
    return find(problem) if find is not None else None


def warm(form: str) -> None:
    """Import and compile what a form needs; forms that have no greedy answer are passed over."""
    from quantum_backends.testing import known_problems

    if form in _BY_FORM:
        for problem in known_problems(form)[:1]:
            greedy(problem)


def _routing(problem: Any) -> Any | None:
    """First paths, then the best single moves off the hottest link."""
    from quantum_backends import kernels
    from quantum_backends.objective import floor
    from quantum_backends.routing import one_hot
    from quantum_backends.search import refuse_without_paths, start_choice

    if refuse_without_paths(problem):
        return None
    arrays, choice = kernels.arrays_of(problem), start_choice(problem)
    load = kernels.loads(arrays, choice)
    kernels.cool_hottest(arrays, choice, load, floor(problem), HOT_MOVES)
    return one_hot(problem, choice)


def _choices(problem: Any) -> Any:
    """Weighted DSATUR."""
    from quantum_backends import choice_kernels

    return problem.chosen(choice_kernels.greedy(choice_kernels.table_of(problem)))


def _packing(problem: Any) -> Any:
    """By density of worth, and by worth less the price of the resources where there is one."""
    from quantum_backends.packing_search import first_packing

    return first_packing(problem)


def _bqm(problem: Any) -> Any:
    """Steepest descent from all zeros; the zeros themselves where that would take too long."""
    bits = np.zeros((1, problem.size), dtype=np.int8)
    if problem.size <= _DESCENT_LIMIT:
        from quantum_backends.descent import descend

        bits, _ = descend(problem.coefficients, bits)
    return tuple(bits[0].tolist())


def _flow(problem: Any) -> Any:
    """Shortest paths first, each filled as far as it goes."""
    from quantum_backends.flow_search import first_flow

    return first_flow(problem)


def _schedule(problem: Any) -> Any:
    """Requests by value for their cost, by deadline, by room to wait: the best of three orders."""
    from quantum_backends.schedule_search import quick

    return quick(problem, 0)[0]


_BY_FORM: dict[str, Callable[[Any], Any | None]] = {
    "routing": _routing,
    "choices": _choices,
    "packing": _packing,
    "bqm": _bqm,
    "flow": _flow,
    "schedule": _schedule,
}
