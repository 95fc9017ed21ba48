"""Linear and mixed-integer programs as arrays.

Objectives may be below zero, the contract's value may not. So the value of an answer is its
objective less a proven floor: what the objective would be if every variable stood at its better
bound, unless the maker of the program knows a better one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from scipy import sparse

from quantum_backends.routing import Floats
from quantum_backends.solution import Solution
from quantum_backends.solver import Budget

Point = tuple[float, ...]
"""A value for each variable."""

TOLERANCE = 1e-6
"""How far a row may be outside its bounds, relative to the largest term in it, at least one."""


class NoFeasiblePoint(RuntimeError):
    """A backend ended without an answer: it found none in time, or proved that there is none."""


@dataclass(frozen=True, eq=False)
class Program:
    """Minimise cost @ x with row_low <= matrix @ x <= row_high and low <= x <= high.

    Attributes
    ----------
    cost : float array (n,)
    matrix : sparse array (m, n)
    row_low, row_high : float array (m,)
        Infinite where a row has no such bound.
    low, high : float array (n,)
        Infinite where a variable has no such bound.
    integral : bool array (n,)
        Variables that must be whole numbers.
    incumbent : tuple (n,) of float, or None
        A known feasible point; without one a backend may end in :class:`NoFeasiblePoint`.
    floor : float or None
        A lower bound on the objective that the maker has proven; None for the bounds' own.

    Raises
    ------
    ValueError
        Shapes do not fit, a number is not one, bounds cross, the incumbent is not feasible, or the
        objective has no floor; the text names the array and the index.
    """

    cost: Floats
    matrix: sparse.csr_array
    row_low: Floats
    row_high: Floats
    low: Floats
    high: Floats
    integral: npt.NDArray[np.bool_]
    incumbent: Point | None = None
    floor: float | None = None

    form: ClassVar[str] = "program"
    bound: ClassVar[float] = 0.0

    def __post_init__(self) -> None:
        for name in ("cost", "row_low", "row_high", "low", "high"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=float))
        object.__setattr__(self, "integral", np.asarray(self.integral, dtype=bool))
        object.__setattr__(self, "matrix", sparse.csr_array(self.matrix, dtype=float))
        _check(self)
        if not np.isfinite(self.lower):
            raise ValueError("floor: the bounds give the objective none; state one")
        if self.incumbent is not None:
            self.check(self.incumbent)

    @property
    def size(self) -> int:
        """Number of variables."""
        return len(self.cost)

    @cached_property
    def lower(self) -> float:
        """The proven lower bound on the objective that values are counted from."""
        if self.floor is not None:
            return self.floor
        used = self.cost != 0
        better = np.where(self.cost > 0, self.low, self.high)[used]
        return float(self.cost[used] @ better) if used.any() else 0.0

    def objective(self, point: npt.ArrayLike) -> float:
        """What is minimised."""
        return float(self.cost @ np.asarray(point, dtype=float))

    def check(self, answer: Point) -> None:
        """Check that a point is feasible up to :data:`TOLERANCE`.

        Raises
        ------
        ValueError
            It is not; the text names the variable or the row.
        """
        x = np.asarray(answer, dtype=float)
        if x.shape != self.cost.shape:
            raise ValueError(f"answer: {x.size} values for {self.size} variables")
        _inside("answer", x, self.low, self.high, np.maximum(1.0, np.abs(x)))
        part = np.abs(x - np.round(x)) * self.integral
        if (part > TOLERANCE).any():
            i = int(np.argmax(part))
            raise ValueError(f"answer[{i}]: {x[i]} is not a whole number")
        terms = np.asarray(abs(self.matrix) @ np.abs(x))
        scale = np.maximum(1.0, terms)
        _inside("row", np.asarray(self.matrix @ x), self.row_low, self.row_high, scale)

    def value(self, answer: Point) -> float:
        """Objective above its proven floor."""
        return max(0.0, self.objective(answer) - self.lower)


def _inside(name: str, values: Floats, low: Floats, high: Floats, scale: Floats) -> None:
    outside = np.maximum(low - values, values - high)
    # A value that is no number is outside, too.
    wrong = np.flatnonzero(~(outside <= TOLERANCE * scale))
    if len(wrong):
        i = int(wrong[0])
        raise ValueError(f"{name}[{i}]: {values[i]} is outside {low[i]} .. {high[i]}")


def _check(program: Program) -> None:
    rows, columns = program.matrix.shape
    groups = (
        (columns, ("cost", "low", "high", "integral")),
        (rows, ("row_low", "row_high")),
    )
    for length, names in groups:
        for name in names:
            shape = getattr(program, name).shape
            if shape != (length,):
                raise ValueError(f"{name}: shape {shape} for a matrix of {rows} x {columns}")
    finite = {"cost": program.cost, "matrix": program.matrix.data}
    for name, values in finite.items():
        if not np.isfinite(values).all():
            raise ValueError(f"{name}[{int(np.argmin(np.isfinite(values)))}]: not finite")
    for first, second in (("low", "high"), ("row_low", "row_high")):
        below, above = getattr(program, first), getattr(program, second)
        crossed = np.flatnonzero(~(below <= above))
        if len(crossed):
            i = int(crossed[0])
            raise ValueError(f"{first}[{i}]: {below[i]} is above {second}, {above[i]}")


class BestPoint:
    """The best feasible point so far of one call of ``solve``; reports each better one."""

    def __init__(self, program: Program, budget: Budget, name: str) -> None:
        self._program, self._budget, self._name = program, budget, name
        self._began = self._at = budget.elapsed()
        self._point = program.incumbent

    def offer(self, values: npt.ArrayLike) -> bool:
        """Round the whole numbers, check, and keep the point if it is better; tell whether."""
        x: Any = np.clip(np.asarray(values, dtype=float), self._program.low, self._program.high)
        x = np.where(self._program.integral, np.round(x), x)
        point = tuple(x.tolist())
        try:
            self._program.check(point)
        except ValueError:
            return False
        now = self._point
        if now is not None and self._program.objective(point) >= self._program.objective(now):
            return False
        self._point, self._at = point, self._budget.elapsed()
        self._budget.report(self._solution(point, {}, self._at))
        return True

    def solution(self, info: Mapping[str, float | str]) -> Solution:
        """The final answer; ``objective`` and ``lower`` stand in its info.

        Raises
        ------
        NoFeasiblePoint
            There is none.
        """
        if self._point is None:
            raise NoFeasiblePoint(f"{self._name} ended without a feasible point: {dict(info)}")
        extra: dict[str, float | str] = {"found_s": self._at - self._began, **info}
        return self._solution(self._point, extra, self._budget.elapsed())

    def _solution(self, point: Point, info: Mapping[str, float | str], at: float) -> Solution:
        program = self._program
        figures = {"objective": program.objective(point), "lower": program.lower, **info}
        return Solution(point, program.value(point), self._name, at - self._began, figures)
