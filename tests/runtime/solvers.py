"""Small solvers that behave well and badly on purpose, for the tests of the runtime."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from quantum_backends.routing import RoutingProblem, flatten, nest
from quantum_backends.solution import Solution
from quantum_backends.solver import Backend, Budget


class _Base:
    name = ""
    family = "classical"
    forms = ("routing",)

    def refusal(self, problem: RoutingProblem) -> str:
        return "" if problem.n_demands else "there is nothing to route"

    def warm(self) -> None:
        return None

    def answer(self, problem: RoutingProblem, flat: np.ndarray, budget: Budget) -> Solution:
        return Solution(nest(problem, flat), problem.mlu(flat), self.name, budget.elapsed())

    def incumbent(self, problem: RoutingProblem) -> np.ndarray:
        assert problem.incumbent is not None
        return flatten(problem.incumbent)


class Descent(_Base):
    """One-move descent on the MLU, then on the sum of squares; reports every improvement."""

    name = "descent"

    def solve(self, problem: RoutingProblem, budget: Budget, seed: int) -> Solution:
        flat = self.incumbent(problem).copy()
        first = problem.layout.first
        incidence = problem.incidence.toarray() / problem.capacity
        load = (flat * problem.choice_volume) @ incidence
        improved = True
        while improved and budget.left() > 0:
            improved = False
            for i in np.argsort(-problem.volume):
                a, b = first[i], first[i + 1]
                bare = load - (flat[a:b] * problem.volume[i]) @ incidence[a:b]
                options = bare + problem.volume[i] * incidence[a:b]
                keys = [(round(o.max(), 9), float(o @ o)) for o in options]
                best = min(range(b - a), key=keys.__getitem__)
                if keys[best] < (round(load.max(), 9), float(load @ load) - 1e-9):
                    flat[a:b] = 0.0
                    flat[a + best] = 1.0
                    load, improved = options[best], True
            budget.report(self.answer(problem, flat, budget))
        return self.answer(problem, flat, budget)


class Obedient(_Base):
    """Works until it is told to stop, reporting all the time."""

    name = "obedient"

    def solve(self, problem: RoutingProblem, budget: Budget, seed: int) -> Solution:
        flat = self.incumbent(problem)
        while budget.left() > 0:
            budget.report(self.answer(problem, flat, budget))
            time.sleep(0.001)
        return self.answer(problem, flat, budget)


class Deaf(_Base):
    """Reports once and then hears nothing any more."""

    name = "deaf"
    family = "annealer"

    def solve(self, problem: RoutingProblem, budget: Budget, seed: int) -> Solution:
        budget.report(self.answer(problem, self.incumbent(problem), budget))
        time.sleep(3600)
        raise AssertionError("nobody waits this long")


class Silent(Deaf):
    """Never says anything."""

    name = "silent"

    def solve(self, problem: RoutingProblem, budget: Budget, seed: int) -> Solution:
        time.sleep(3600)
        raise AssertionError("nobody waits this long")


class Dying(_Base):
    """Reports once and is killed in the middle of the job."""

    name = "dying"
    family = "gate"

    def solve(self, problem: RoutingProblem, budget: Budget, seed: int) -> Solution:
        budget.report(self.answer(problem, self.incumbent(problem), budget))
        time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("dead")


class Raising(_Base):
    """Fails in its own code."""

    name = "raising"

    def solve(self, problem: RoutingProblem, budget: Budget, seed: int) -> Solution:
        raise ZeroDivisionError("one over nothing")


class Unloadable(_Base):
    """Its library is not installed."""

    name = "unloadable"

    def warm(self) -> None:
        raise ImportError("no module named vendor")

    def solve(self, problem: RoutingProblem, budget: Budget, seed: int) -> Solution:
        raise AssertionError("must not be asked")


class NeverReady(_Base):
    """Dies while it loads, again and again."""

    name = "never-ready"
    family = "annealer"

    def warm(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def solve(self, problem: RoutingProblem, budget: Budget, seed: int) -> Solution:
        raise AssertionError("dead")


def _table(*backends: Backend[Any]) -> Mapping[str, Backend[Any]]:
    return {backend.name: backend for backend in backends}


SPEC = __name__ + ":ALL"
ALL = _table(Descent(), Obedient(), Deaf(), Silent(), Dying(), Raising(), Unloadable())
GOOD_SPEC = __name__ + ":GOOD"
GOOD = _table(Descent())
BROKEN_SPEC = __name__ + ":BROKEN"
BROKEN = _table(NeverReady())
