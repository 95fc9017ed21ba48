"""HiGHS without its surprises.

* Its constructor prints a banner to standard output before any option can be set; standard
  output belongs to ``--json``. :class:`QuietHighs` sets the option first.
* Its first run fixes the number of threads for the whole process, and a solver with another number
  then refuses to run: all have one.
* It may overshoot a time limit by 10 to 240 ms: give it less than the caller gave you.
* At a time-out it can report an objective value for a point that is not feasible: ask
  :func:`has_feasible_point` before reading a solution.
"""

from __future__ import annotations

import highspy
import numpy as np

from quantum_backends.routing import Floats, Ints
from quantum_backends.solver import Budget

INFINITY = highspy.kHighsInf


class QuietHighs(highspy.Highs):
    """HiGHS that prints nothing."""

    def enableCallbacks(self) -> None:
        """Silence the solver before the base class's constructor makes it print."""
        self.setOptionValue("output_flag", False)
        super().enableCallbacks()


def quiet(seconds: float = INFINITY, **options: str | float | bool) -> QuietHighs:
    """Make a silent solver with a time limit in seconds and any further options of HiGHS."""
    solver = QuietHighs()
    solver.setOptionValue("threads", 1)
    limit_time(solver, seconds)
    for name, value in options.items():
        solver.setOptionValue(name, value)
    return solver


def limit_time(solver: QuietHighs, seconds: float) -> None:
    """Let the solver work for so long from now (its clock runs on over several runs)."""
    solver.setOptionValue("time_limit", min(solver.getRunTime() + max(seconds, 0.0), INFINITY))


def start_from(solver: QuietHighs, values: Floats) -> None:
    """Begin from a point."""
    point = highspy.HighsSolution()
    point.col_value = values.tolist()
    solver.setSolution(point)


def run_within(solver: QuietHighs, budget: Budget, margin_s: float) -> str:
    """Run until done, or the budget over or cancelled; return the status as HiGHS names it.

    Parameters
    ----------
    margin_s : float
        Seconds of the budget to leave over.
    """
    solver.setOptionValue("time_limit", max(0.0, budget.left() - margin_s))
    solver.HandleUserInterrupt = True

    def stop_when_over(event: object) -> None:
        if not budget.left():
            solver.cancelSolve()

    solver.cbMipInterrupt += stop_when_over
    solver.cbSimplexInterrupt += stop_when_over
    solver.cbIpmInterrupt += stop_when_over
    solver.run()
    return str(solver.modelStatusToString(solver.getModelStatus()))


def make_integer(solver: QuietHighs, columns: Ints) -> None:
    """Let these variables be whole numbers."""
    kind = np.full(len(columns), highspy.HighsVarType.kInteger)
    solver.changeColsIntegrality(len(columns), columns.astype(np.int32), kind)


def has_feasible_point(solver: QuietHighs) -> bool:
    """Tell whether the solution held is feasible, which a valid objective value does not imply."""
    feasible = highspy.SolutionStatus.kSolutionStatusFeasible
    return int(solver.getInfo().primal_solution_status) == int(feasible)


def is_optimal(solver: QuietHighs) -> bool:
    """Tell whether the last run ended with a proven optimum."""
    return bool(solver.getModelStatus() == highspy.HighsModelStatus.kOptimal)


def add_columns(
    solver: QuietHighs, cost: Floats, upper: Floats, start: Ints, row: Ints, value: Floats
) -> None:
    """Add variables with lower bound zero; column j has entries ``start[j]:start[j + 1]``."""
    solver.addCols(
        len(cost),
        cost,
        np.zeros(len(cost)),
        upper,
        len(row),
        start[:-1].astype(np.int32),
        row.astype(np.int32),
        value,
    )


def add_rows(
    solver: QuietHighs, low: Floats, high: Floats, start: Ints, column: Ints, value: Floats
) -> None:
    """Add constraints; row i has entries ``start[i]:start[i + 1]``."""
    solver.addRows(
        len(low),
        low,
        high,
        len(column),
        start[:-1].astype(np.int32),
        column.astype(np.int32),
        value,
    )
