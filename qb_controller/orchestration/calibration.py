"""Calibration: every backend on seeded problems of all forms, in budgets as live tasks have.

What it finds goes into the performance model's file, one row a trial, so that a calibration that
was cut short goes on where it stopped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from qb_controller.orchestration.advisor import Advisor
from qb_controller.orchestration.features import features
from qb_controller.orchestration.outcomes import CALIBRATION, Outcomes, Row
from qb_controller.orchestration.performance import WHOLE, Outcome, gap_of
from qb_controller.orchestration.runs import race, solve_part
from qb_controller.runtime.engine import Engine
from quantum_backends.bqm import random_model
from quantum_backends.candidates import with_candidates
from quantum_backends.choices import ChoiceProblem
from quantum_backends.flow import FlowProblem
from quantum_backends.flow_paths import edge_disjoint
from quantum_backends.greedy import greedy
from quantum_backends.instances import dense_mesh
from quantum_backends.packing import random_packing
from quantum_backends.packing_lp import priced
from quantum_backends.problem import Problem
from quantum_backends.routing import RoutingProblem, one_hot
from quantum_backends.schedule_instances import random_schedule
from quantum_backends.solver import Backend
from quantum_backends.testing import random_problem

BUDGETS = (0.12, 0.45)
"""Seconds: what deadlines of a fifth and of half a second leave."""

REFINE_S = 2.0
"""Seconds for candidate paths and the bound of a problem, made once."""

PARTS = ("hot-12", "hot-48")
"""Parts that are tried of backends that refuse the whole."""

Made = Callable[[int], Problem]


def _ring(nodes: int, chords: int, split: bool = False) -> Made:
    """Sparse like a backbone, or with chords, where single paths are hard."""
    return lambda seed: _with_paths(random_problem(nodes, chords, seed, split))


def _mesh(nodes: int) -> Made:
    return lambda seed: _with_paths(dense_mesh(nodes, seed))


def _with_paths(bare: RoutingProblem) -> RoutingProblem:
    """With candidate paths, a bound and everybody on the first path."""
    problem = with_candidates(bare, REFINE_S)
    return replace(problem, incumbent=one_hot(problem, problem.layout.first[:-1].astype(np.int64)))


def _flow(nodes: int) -> Made:
    """Maximum flow of about twice what fits, over four disjoint paths each."""

    def make(seed: int) -> Problem:
        of = random_problem(nodes, 2, seed)
        graph = (of.n_nodes, of.tail, of.head)
        paths = edge_disjoint(*graph, of.source, of.target, 4)
        return FlowProblem(*graph, of.capacity, of.source, of.target, 2 * of.volume, paths)

    return make


def _choices(groups: int, options: int = 4, degree: int = 8) -> Made:
    """One of four options a group, at a price for equal ones of random neighbours, as channels."""

    def make(seed: int) -> Problem:
        rng = np.random.default_rng(seed)
        edges = np.unique(np.sort(rng.integers(groups, size=(groups * degree // 2, 2))), axis=0)
        edges = edges[edges[:, 0] != edges[:, 1]]
        one, other = (edges[:, i, None] * options + np.arange(options) for i in (0, 1))
        price = np.repeat(rng.lognormal(0, 1, len(edges)), options)
        first = np.arange(groups + 1) * options
        unary = np.zeros(groups * options)
        return ChoiceProblem.of(first, unary, one.ravel(), other.ravel(), price)

    return make


def _packing(groups: int, options: int = 4) -> Made:
    """Requests of which about half fit, as slices on links."""
    return lambda seed: priced(random_packing(groups, options, 40 + groups // 10, seed))


def _bits(size: int, density: float) -> Made:
    return lambda seed: random_model(size, density, seed)


def _jobs(requests: int, machines: int) -> Made:
    """More requests than the machines can serve in time, whose time has a price."""
    return lambda seed: random_schedule(requests, machines, seed, price=0.02)


PROBLEMS: Mapping[str, Made] = {
    "ring-6": _ring(6, 1),
    "ring-11": _ring(11, 1),
    "ring-20": _ring(20, 1),
    "ring-40": _ring(40, 1),
    "chords-11": _ring(11, 4),
    "chords-40": _ring(40, 4),
    "mesh-14": _mesh(14),
    "mesh-28": _mesh(28),
    "split-11": _ring(11, 1, True),
    "split-40": _ring(40, 1, True),
    "flow-11": _flow(11),
    "flow-30": _flow(30),
    "choices-25": _choices(25),
    "choices-120": _choices(120),
    "choices-500": _choices(500),
    "packing-25": _packing(25),
    "packing-120": _packing(120),
    "packing-500": _packing(500),
    "bits-20": _bits(20, 0.5),
    "bits-100": _bits(100, 0.1),
    "bits-500": _bits(500, 0.02),
    "jobs-8": _jobs(8, 4),
    "jobs-40": _jobs(40, 10),
}
"""By name. Sizes lie a factor of four or so apart, which is what the kernel of the model reaches
over from either side."""


@dataclass(frozen=True)
class Trial:
    """One run to be made.

    Attributes
    ----------
    problem : str
        Of :data:`PROBLEMS`.
    seed : int
        Of the problem and the solver.
    backend, formulation : str
    budget_s : float
    """

    problem: str
    seed: int
    backend: str
    formulation: str
    budget_s: float

    @property
    def kind(self) -> str:
        """The problem's name without its size."""
        return self.problem.partition("-")[0]

    @property
    def source(self) -> str:
        """Name under which its outcome is recorded."""
        what = f"{self.problem}-s{self.seed}"
        return f"{CALIBRATION}:{what}-{self.backend}-{self.formulation}-{self.budget_s:g}"


def trials(
    backends: Mapping[str, Backend[Any]], seed: int, problems: Mapping[str, Made] = PROBLEMS
) -> tuple[Trial, ...]:
    """All trials that the backends accept.

    The shortest budget of every problem comes first, then the next one: what is cut short has seen
    every form and size.
    """
    advisor = Advisor(backends)
    return tuple(
        Trial(name, seed, backend, formulation, budget)
        for budget in BUDGETS
        for name in problems
        for backend, formulation in _arms(advisor, problem_of(name, seed)[0])
    )


def _arms(advisor: Advisor, problem: Problem) -> Iterator[tuple[str, str]]:
    parts = isinstance(problem, RoutingProblem) and not problem.split
    for name in advisor.backends:
        if advisor.devices[name].abstain(time.time()):
            continue
        if not advisor.refusal(name, problem):
            yield name, WHOLE
        elif parts and problem.form in advisor.backends[name].forms:
            for part in PARTS:
                yield name, part


@cache
def problem_of(name: str, seed: int) -> tuple[Problem, float]:
    """A problem, and the value of what is there already: its incumbent, else a greedy answer."""
    problem = PROBLEMS[name](seed)
    stands = getattr(problem, "incumbent", None)
    return problem, problem.value(greedy(problem) if stands is None else stands)


def run_trial(engine: Engine, trial: Trial, clock: Callable[[], float] = time.time) -> Row | None:
    """Run one trial; None where no worker was there or a part was refused.

    Parameters
    ----------
    engine : Engine
        Idle but for this.
    trial : Trial
    clock : callable
        Unix time in seconds, for the record.
    """
    problem, stands = problem_of(trial.problem, trial.seed)
    until = time.monotonic() + trial.budget_s
    if trial.formulation == WHOLE:
        run = race(engine, (trial.backend,), problem, until, trial.seed)[trial.backend]
    else:
        run = solve_part(engine, trial.backend, problem, trial.formulation, until, trial.seed)
    if run.status in ("unavailable", "failed"):
        return None
    known = {"allowed_s": trial.budget_s, "incumbent": stands}
    seen = features(problem, trial.budget_s, known)
    gap = gap_of(run.solution.value, seen) if run.solution is not None else float("nan")
    first = run.first_s if run.first_s is not None else float("inf")
    outcome = Outcome(first, run.elapsed_s, gap)
    return Row(clock(), trial.source, problem.form, trial.backend, seen, outcome, trial.formulation)


def missing(wanted: tuple[Trial, ...], outcomes: Outcomes) -> tuple[Trial, ...]:
    """Trials that have no outcome yet."""
    return tuple(trial for trial in wanted if not outcomes.has(trial.source))
