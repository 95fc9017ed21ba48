"""Problems and checks with which any backend, also a third party's, can be tested.

Use :func:`check_backend` in a test of your own::

    from quantum_backends.testing import check_backend
    def test_mine():
        check_backend(MyBackend())
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from itertools import chain, pairwise
from typing import Any

import numpy as np
from scipy import sparse

from quantum_backends.objective import score
from quantum_backends.problem import Problem
from quantum_backends.routing import RoutingProblem, one_hot
from quantum_backends.shortest import ShortestPaths
from quantum_backends.solution import Solution
from quantum_backends.solver import Backend, Budget


def tiny_problem(split: bool = False) -> RoutingProblem:
    """The diamond: two ways of equal capacity, three demands of 6, 4 and 4 over capacity 10.

    Best single-path MLU 0.8 (6 apart from 4 + 4), best split MLU 0.7.
    """
    up, down = (0, 1), (2, 3)
    return RoutingProblem(
        n_nodes=4,
        tail=np.array([0, 1, 0, 2]),
        head=np.array([1, 3, 2, 3]),
        capacity=np.full(4, 10.0),
        source=np.zeros(3, dtype=np.int64),
        target=np.full(3, 3),
        volume=np.array([6.0, 4.0, 4.0]),
        split=split,
        paths=((up, down),) * 3,
    )


def random_problem(
    n_nodes: int, chords: int, seed: int, split: bool = False, load: float = 1.2
) -> RoutingProblem:
    """A ring with random chords, two directions each, and gravity demands between all pairs.

    Parameters
    ----------
    n_nodes : int
        At least three.
    chords : int
        Chords per three nodes, roughly.
    load : float
        MLU when everybody takes a path of fewest hops.
    """
    rng = np.random.default_rng(seed)
    cables = {(i, (i + 1) % n_nodes) for i in range(n_nodes)}
    for _ in range(chords * n_nodes // 3):
        a, b = sorted(rng.choice(n_nodes, 2, replace=False).tolist())
        if b - a > 1 and (a, b) != (0, n_nodes - 1):
            cables.add((a, b))
    ends = np.array(sorted(cables))
    tail, head = np.concatenate((ends, ends[:, ::-1])).T
    capacity = np.tile(rng.choice([4.0, 10.0, 25.0], len(ends)), 2)
    source, target = np.divmod(np.arange(n_nodes**2), n_nodes)
    source, target = source[source != target], target[source != target]
    mass = rng.lognormal(0, 1, n_nodes)
    volume = mass[source] * mass[target] * rng.lognormal(0, 0.5, len(source))
    found = ShortestPaths(n_nodes, tail, head, source, target).find(np.ones(len(tail)))
    hops = np.bincount(found[2], np.repeat(volume, np.diff(found[1])), len(tail))
    volume *= load / np.max(hops / capacity)
    return RoutingProblem(n_nodes, tail, head, capacity, source, target, volume, split)


def known_problems(form: str) -> tuple[Problem, ...]:
    """Small problems of a form, on which the contract is checked.

    Raises
    ------
    ValueError
        No such form.
    """
    if form not in _KNOWN:
        raise ValueError(f"no problems of form {form!r} here; there are {', '.join(_KNOWN)}")
    return _KNOWN[form]()


def _routing_problems() -> tuple[Problem, ...]:
    tiny = (tiny_problem(), tiny_problem(split=True))
    kept = [replace(p, incumbent=one_hot(p, p.layout.first[:-1]), move_cost=1.0) for p in tiny]
    idle = [replace(p, volume=np.zeros(p.n_demands)) for p in tiny]
    return (*tiny, *kept, *idle)


def _bqm_problems() -> tuple[Problem, ...]:
    from quantum_backends.bqm import random_model

    small, sparse = random_model(1, 1.0, 0), random_model(12, 0.3, 1)
    return (small, sparse, replace(sparse, incumbent=(1,) * 12), random_model(40, 1.0, 2))


def _program_problems() -> tuple[Problem, ...]:
    from quantum_backends.reductions.path_program import path_program

    routing = [p for p in _routing_problems() if isinstance(p, RoutingProblem)]
    return (_knapsack(), *(path_program(p).program for p in routing if p.incumbent is not None))


def _knapsack() -> Problem:
    """Fill a sack of 13 with up to two each of three kinds; best -19 with (0, 1, 2)."""
    from quantum_backends.program import Program

    matrix = sparse.csr_array([[3.0, 5.0, 4.0]])
    return Program(
        cost=np.array([-4.0, -7.0, -6.0]),
        matrix=matrix,
        row_low=np.array([-np.inf]),
        row_high=np.array([13.0]),
        low=np.zeros(3),
        high=np.full(3, 2.0),
        integral=np.ones(3, dtype=bool),
        incumbent=(0.0, 0.0, 0.0),
    )


def _flow_problems() -> tuple[Problem, ...]:
    from quantum_backends.flow import FlowProblem  # compiled code, which not everybody needs

    tiny = tiny_problem(split=True)
    graph = (4, tiny.tail, tiny.head, tiny.capacity, tiny.source, tiny.target)
    return (
        FlowProblem(*graph, tiny.volume, tiny.layout),
        FlowProblem(*graph, 2 * tiny.volume, tiny.layout),
        FlowProblem(*graph, 2 * tiny.volume, tiny.layout, objective="concurrent"),
        FlowProblem(*graph, 0 * tiny.volume, tiny.layout),
    )


def _choice_problems() -> tuple[Problem, ...]:
    from quantum_backends.choices import ChoiceProblem, colouring, mycielski_graph, queen_graph

    five = colouring(queen_graph(5, 5), 25, 5)
    grotzsch = colouring(mycielski_graph(3), 11, 3)  # needs four, so one edge stays
    rng = np.random.default_rng(5)
    one, other = np.triu_indices(12, 1)
    apart = one // 3 != other // 3
    mixed = ChoiceProblem.of(
        np.arange(5) * 3, rng.random(12), one[apart], other[apart], rng.random(apart.sum())
    )
    return (five, grotzsch, mixed, replace(mixed, incumbent=(0, 0, 0, 0)))


def _packing_problems() -> tuple[Problem, ...]:
    from quantum_backends.packing import random_packing

    small, tight = random_packing(6, 3, 5, 0), random_packing(6, 3, 5, 1, load=8.0)
    middle, idle = random_packing(40, 4, 20, 2), random_packing(5, 2, 4, 3, load=0.2)
    stay = small.with_incumbent((0,) * small.size)
    return (small, tight, middle, idle, stay)


def _schedule_problems() -> tuple[Problem, ...]:
    from quantum_backends.schedule_instances import random_schedule

    return (
        random_schedule(0, 2, 0),
        random_schedule(2, 2, 1, parts=1),
        random_schedule(3, 2, 2, parts=1, chains=False, price=0.02),
        random_schedule(8, 3, 3, parts=2, tightness=1.5),
    )


_KNOWN: dict[str, Callable[[], tuple[Problem, ...]]] = {
    "flow": _flow_problems,
    "routing": _routing_problems,
    "bqm": _bqm_problems,
    "program": _program_problems,
    "choices": _choice_problems,
    "packing": _packing_problems,
    "schedule": _schedule_problems,
}


def rank(problem: Problem, answer: Any) -> tuple[float, ...]:
    """What answers are compared by, first entry first; lower is better."""
    if isinstance(problem, RoutingProblem):
        return score(problem, answer)
    return (problem.value(answer),)


def check_solution(problem: Problem, solution: Solution) -> None:
    """Check that an answer is one, honestly scored and no worse than the incumbent.

    Raises
    ------
    AssertionError or ValueError
        It is not; the text says how.
    """
    problem.check(solution.answer)
    true = problem.value(solution.answer)
    assert abs(solution.value - true) <= 1e-9 * max(true, 1.0), f"says {solution.value}, is {true}"
    assert true >= problem.bound * (1 - 1e-6), f"{true} is below the proven bound {problem.bound}"
    incumbent = getattr(problem, "incumbent", None)
    if incumbent is None:
        return
    try:
        problem.check(incumbent)
    except ValueError:
        return  # what is there is not allowed any more, so anything allowed may be worse
    before, after = rank(problem, incumbent), rank(problem, solution.answer)
    assert after <= before, f"worse than the incumbent: {after} > {before}"


def check_backend(
    backend: Backend[Any], late_s: float = 0.15, problems: tuple[Problem, ...] = ()
) -> None:
    """Check a backend against the contract of :class:`quantum_backends.solver.Backend`.

    Parameters
    ----------
    late_s : float
        How long after the end of its budget it may still answer.
    problems : tuple of Problem
        More to try than :func:`known_problems` of its forms; routing problems with paths.
    """
    assert backend.family in ("classical", "annealer", "gate"), backend.family
    backend.warm()
    known = chain.from_iterable(known_problems(form) for form in backend.forms)
    accepted = 0
    for problem in (*known, *problems):
        if reason := backend.refusal(problem):
            _check_refuses(backend, problem, reason)
            continue
        accepted += 1
        for seconds in (0.0, 0.2):
            _check_answers(backend, problem, seconds, late_s)
        began = time.monotonic()
        check_solution(problem, backend.solve(problem, Budget(60.0, cancelled=lambda: True), 7))
        assert time.monotonic() - began <= late_s + 0.1, "went on after it was cancelled"
    assert accepted, "refuses every problem"


def _check_answers(backend: Backend[Any], problem: Problem, seconds: float, late_s: float) -> None:
    reports: list[Solution] = []
    began = time.monotonic()
    answer = backend.solve(problem, Budget(seconds, report=reports.append), 7)
    elapsed = time.monotonic() - began
    assert elapsed <= seconds + late_s, f"{elapsed:.3f} s for a budget of {seconds} s"
    assert answer.backend == backend.name, answer.backend
    check_solution(problem, answer)
    for earlier, later in pairwise([*reports, answer]):
        check_solution(problem, earlier)
        worse = rank(problem, later.answer) > rank(problem, earlier.answer)
        assert not worse, "a later report is worse than an earlier one"


def _check_refuses(backend: Backend[Any], problem: Problem, reason: str) -> None:
    assert isinstance(reason, str)
    try:
        backend.solve(problem, Budget(0.1), 0)
    except ValueError:
        return
    raise AssertionError(f"solves what it refuses ({reason})")
