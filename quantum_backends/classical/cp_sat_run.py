"""One run of CP-SAT under a budget: answers are handed on as they are found."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ortools.sat.python import cp_model

from quantum_backends.solver import Budget

_POLL_S = 0.01


class _Report(cp_model.CpSolverSolutionCallback):
    def __init__(self, offer: Callable[[cp_model.CpSolverSolutionCallback], object]) -> None:
        super().__init__()
        self._offer = offer

    def on_solution_callback(self) -> None:
        self._offer(self)


def run_cp_sat(
    model: cp_model.CpModel,
    offer: Callable[[cp_model.CpSolverSolutionCallback], object],
    budget: Budget,
    seed: int,
    margin_s: float,
    gap: float = 0.0,
) -> tuple[str, float]:
    """Search on one core until the optimum is proven, or the budget over or cancelled.

    Parameters
    ----------
    offer : callable
        Called at each better answer with what its values can be read from.
    margin_s : float
        Seconds of the budget to leave over.
    gap : float
        Relative distance to the bound that counts as optimal.

    Returns
    -------
    str, float
        The status as CP-SAT names it, and the proven bound of the objective.
    """
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = seed % 2**31
    solver.parameters.relative_gap_limit = gap
    solver.parameters.max_time_in_seconds = max(0.0, budget.left() - margin_s)
    with _watched(solver, budget):
        status = solver.solve(model, _Report(offer))
    return str(solver.status_name(status)), float(solver.best_objective_bound)


@contextmanager
def _watched(solver: cp_model.CpSolver, budget: Budget) -> Iterator[None]:
    """Stop the solver soon after the budget is cancelled."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(_POLL_S):
            if not budget.left():
                solver.stop_search()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
