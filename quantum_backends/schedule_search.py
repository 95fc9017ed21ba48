"""What every search over schedules shares: orders to begin with, and the best plan so far."""

from __future__ import annotations

import math

import numpy as np

from quantum_backends import schedule_kernels as kernels
from quantum_backends.best import BestSoFar
from quantum_backends.routing import Floats, Ints
from quantum_backends.schedule_lines import Lines, empty_lines, table_of
from quantum_backends.schedules import Plan, ScheduleProblem
from quantum_backends.solver import Budget

HOT, COLD = 0.5, 0.02
"""First and last temperature, in units of the mean value of a request."""


class Inserter:
    """Plans by insertion in an order; keeps the compiled tables of one problem.

    Parameters
    ----------
    problem : ScheduleProblem
    """

    def __init__(self, problem: ScheduleProblem) -> None:
        self.problem = problem
        self.table = table_of(problem)
        self._lines = empty_lines(len(problem.release))
        self._served = np.zeros(problem.n_requests, np.bool_)

    def alone(self) -> Floats:
        """What each request would cost with nothing else to do; infinite where it is too late."""
        return np.asarray(kernels.alone(self.table, self._lines))

    def plan(self, order: Ints) -> tuple[float, Plan]:
        """Insert requests in an order, each where it is cheapest and if it is worth it.

        Returns
        -------
        float, Plan
            What is gained, as the insertions counted it; the plan.
        """
        gain = kernels.decode(self.table, order, self._lines, self._served)
        return float(gain), kernels.plan_of(self._lines)

    def timelines(self, order: Ints) -> Lines:
        """The timelines after insertion in an order, the caller's own."""
        lines = empty_lines(len(self.problem.release))
        kernels.decode(self.table, order, lines, self._served)
        return lines

    def gain(self, order: Ints) -> tuple[float, bool]:
        """The gain alone, and whether everything that is in the order was served."""
        gain = kernels.decode(self.table, order, self._lines, self._served)
        return float(gain), bool(self._served[order].all())

    def improve(self, order: Ints, rounds: int, seed: int) -> Ints:
        """A better order by simulated annealing over orders."""
        if len(order) < 2 or rounds < 1:
            return order
        unit = float(self.problem.value_of_request[order].mean()) or 1.0
        kernels.seed(seed % 2**32)
        found, _ = kernels.anneal(self.table, order, rounds, HOT * unit, COLD * unit, True)
        return np.asarray(found)


def orders(problem: ScheduleProblem, cost: Floats) -> tuple[Ints, ...]:
    """Orders to begin with: most value for its cost first, earliest deadline, least room to wait.

    Parameters
    ----------
    cost : float array (r,)
        Of each request alone; those that cost more than they bring are left out.
    """
    worth = np.flatnonzero(cost < problem.value_of_request)
    density = (problem.value_of_request[worth] + 1e-12) / np.maximum(cost[worth], 1e-12)
    return (
        worth[np.argsort(-density, kind="stable")],
        worth[np.argsort(problem.deadline[worth], kind="stable")],
        worth[np.argsort(problem.deadline[worth] * cost[worth], kind="stable")],
    )


def quick(problem: ScheduleProblem, rounds: int) -> tuple[Plan, Floats]:
    """Plan by insertion in three orders; search on only where requests are left over.

    Returns
    -------
    Plan
    float array (r,)
        What each request would cost alone; infinite where it is too late.
    """
    inserter = Inserter(problem)
    cost = inserter.alone()
    best, chosen, complete = -math.inf, None, False
    for order in orders(problem, cost):
        gain, complete = inserter.gain(order)
        if gain > best:
            best, chosen = gain, order
        if complete:
            break
    if chosen is None or not len(chosen):
        return (), cost
    if not complete:
        chosen = inserter.improve(chosen, rounds, len(chosen))
    return inserter.plan(chosen)[1], cost


def contested(problem: ScheduleProblem, plan: Plan) -> bool:
    """Whether a request is left over that alone would be served and be worth its time."""
    worth = Inserter(problem).alone() < problem.value_of_request
    return int(worth.sum()) > len(problem.served(plan))


class BestSchedule(BestSoFar):
    """The best plan so far of one call of ``solve``; reports each better one to the budget.

    Parameters
    ----------
    problem : ScheduleProblem
    budget : Budget
    name : str
        The backend's.
    """

    def __init__(self, problem: ScheduleProblem, budget: Budget, name: str) -> None:
        super().__init__(budget, name)
        self._problem = problem
        self.plan: Plan = ()
        self.value = problem.value(())
        self.inserter = Inserter(problem)
        self.order: Ints = np.arange(problem.n_requests)
        if budget.left():
            for order in orders(problem, self.inserter.alone()):
                self.offer_order(order)

    @property
    def proven(self) -> bool:
        """Whether nothing can be better."""
        return self.value <= self._problem.bound + 1e-9

    def offer_order(self, order: Ints) -> bool:
        """Keep the plan that an order leads to if it is better; tell whether it is."""
        better = self.offer(self.inserter.plan(order)[1])
        if better:
            self.order = order
        return better

    def offer(self, plan: Plan) -> bool:
        """Keep a plan if it is better; tell whether it is."""
        value = self._problem.value(plan)
        if not value < self.value - 1e-12 * max(1.0, abs(value)):
            return False
        self.value, self.plan = value, plan
        self.found()
        return True

    def answer(self) -> tuple[Plan, float]:
        return self.plan, self.value
