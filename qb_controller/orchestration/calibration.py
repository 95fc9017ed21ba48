"""Calibration: every backend on seeded problems of many sizes, in budgets as live tasks have.

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
from quantum_backends.candidates import with_candidates
from quantum_backends.problem import Problem
from quantum_backends.routing import RoutingProblem, one_hot
from quantum_backends.solver import Backend
from quantum_backends.testing import random_problem

NODES = (6, 11, 20, 40)
"""Sizes of the networks: 30, 110, 380 and 1,560 demands, a factor of four apart, which is what the
kernel of the model reaches over from either side."""

CHORDS = (1, 4)
"""Chords per three nodes: sparse like a backbone, and dense, where single paths are hard."""

BUDGETS = (0.12, 0.45)
"""Seconds: what deadlines of a fifth and of half a second leave."""

REFINE_S = 2.0
"""Seconds for candidate paths and the bound of a problem, made once."""

PARTS = ("hot-12", "hot-48")
"""Parts that are tried of backends that refuse the whole."""


@dataclass(frozen=True)
class Trial:
    """One run to be made.

    Attributes
    ----------
    nodes, chords, seed : int
        Of the problem.
    split : bool
    backend, formulation : str
    budget_s : float
    """

    nodes: int
    chords: int
    seed: int
    split: bool
    backend: str
    formulation: str
    budget_s: float

    @property
    def source(self) -> str:
        """Name under which its outcome is recorded."""
        kind = "split" if self.split else "single"
        what = f"{self.nodes}n{self.chords}c{self.seed}s-{kind}"
        return f"{CALIBRATION}:{what}-{self.backend}-{self.formulation}-{self.budget_s:g}"


def trials(backends: Mapping[str, Backend[Any]], seed: int) -> tuple[Trial, ...]:
    """All trials that the backends accept; what is cut short has seen every size.

    The shortest budget of every problem comes first, then the next one.
    """
    advisor = Advisor(backends)
    found = []
    for budget in BUDGETS:
        for chords in CHORDS:
            for nodes in NODES:
                for split in (False, True) if chords == CHORDS[0] else (False,):
                    problem = problem_of(nodes, chords, seed, split)
                    found += [
                        Trial(nodes, chords, seed, split, name, formulation, budget)
                        for name, formulation in _arms(advisor, problem)
                    ]
    return tuple(found)


def _arms(advisor: Advisor, problem: RoutingProblem) -> Iterator[tuple[str, str]]:
    for name in advisor.backends:
        if advisor.devices[name].abstain(time.time()):
            continue
        if not advisor.refusal(name, problem):
            yield name, WHOLE
        elif not problem.split and problem.form in advisor.backends[name].forms:
            for part in PARTS:
                yield name, part


@cache
def problem_of(nodes: int, chords: int, seed: int, split: bool) -> RoutingProblem:
    """The problem of a trial, with candidate paths, a bound and everybody on the first path."""
    bare = random_problem(nodes, chords, seed=seed * 1000 + nodes, split=split)
    problem = with_candidates(bare, REFINE_S)
    return replace(problem, incumbent=one_hot(problem, problem.layout.first[:-1].astype(np.int64)))


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
    problem: Problem = problem_of(trial.nodes, trial.chords, trial.seed, trial.split)
    until = time.monotonic() + trial.budget_s
    if trial.formulation == WHOLE:
        run = race(engine, (trial.backend,), problem, until, trial.seed)[trial.backend]
    else:
        run = solve_part(engine, trial.backend, problem, trial.formulation, until, trial.seed)
    if run.status in ("unavailable", "failed"):
        return None
    seen = features(problem, trial.budget_s, {"allowed_s": trial.budget_s})
    gap = gap_of(run.solution.value, seen) if run.solution is not None else float("nan")
    first = run.first_s if run.first_s is not None else float("inf")
    outcome = Outcome(first, run.elapsed_s, gap)
    return Row(clock(), trial.source, problem.form, trial.backend, seen, outcome, trial.formulation)


def missing(wanted: tuple[Trial, ...], outcomes: Outcomes) -> tuple[Trial, ...]:
    """Trials that have no outcome yet."""
    return tuple(trial for trial in wanted if not outcomes.has(trial.source))
