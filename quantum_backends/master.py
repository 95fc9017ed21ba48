"""The linear program over a pool of paths: least MLU of split plans, with warm starts.

By the primal simplex at every size: all traffic on one path each is a feasible vertex, so that it
needs no first phase, and goes on from where it was when columns come or the objective changes.
HiGHS' interior point took two to seventeen times longer to the same optimum: 4 ms against 2 at 110
demands, 89 against 17 at 1,556, more than 1.6 s against 0.1 at 9,900. (Over arcs instead of paths
there is no such start, and :mod:`quantum_backends.bounds` uses the interior point.)
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from scipy import sparse

from quantum_backends.columns import ranges
from quantum_backends.highs import (
    INFINITY,
    add_columns,
    add_rows,
    has_feasible_point,
    is_optimal,
    limit_time,
    quiet,
)
from quantum_backends.routing import Floats, Ints, RoutingProblem


class Paths(Protocol):
    """Paths in flat arrays: a :class:`ColumnPool` or a :class:`Layout`."""

    @property
    def demand(self) -> Ints: ...
    @property
    def start(self) -> Ints: ...
    @property
    def link(self) -> Ints: ...


_PRIMAL_SIMPLEX = 4

SEGMENTS = 16
"""Pieces into which u^2 is cut."""


class Master:
    """Shares are written as departures from a base path of each demand.

    Variables: the MLU, and the share of each other path. Rows: one per link (base load plus
    departures, less MLU times capacity, at most zero) and, where a demand has other paths, one
    that keeps its departures at or below one. All shares at zero is feasible.

    Parameters
    ----------
    problem : RoutingProblem
        Its paths are not used, the pool's are.
    pool : ColumnPool or Layout
        May grow after the master was made; see :meth:`add`.
    base : int array (k,)
        Column of the base path of each demand.
    """

    def __init__(self, problem: RoutingProblem, pool: Paths, base: Ints) -> None:
        self._problem, self._pool, self._base = problem, pool, base
        m = problem.n_links
        self.value = 0.0
        self._row_of = np.full(problem.n_demands, -1)
        self._rows = m
        self.columns: Ints = np.empty(0, np.int64)
        self._base_length = np.diff(pool.start)[base]
        self._base_link = pool.link[ranges(pool.start[base], self._base_length)]
        self._base_owner = np.repeat(np.arange(problem.n_demands), self._base_length)
        flow = problem.volume[self._base_owner]
        load = np.bincount(self._base_link, flow, m) / problem.capacity
        self._solver = quiet(presolve="off", simplex_strategy=_PRIMAL_SIMPLEX)
        nothing = np.empty(0)
        none = np.zeros(m + 1, np.int64)
        add_rows(self._solver, np.full(m, -INFINITY), -load, none, none[:0], nothing)
        add_columns(
            self._solver,
            np.ones(1),
            np.full(1, INFINITY),
            np.array([0, m]),
            np.arange(m),
            np.full(m, -1.0),
        )
        others = np.ones(len(pool.demand), dtype=bool)
        others[base] = False
        self.add(np.flatnonzero(others))

    def add(self, columns: Ints) -> None:
        """Offer further columns of the pool."""
        if not len(columns):
            return
        demand = self._pool.demand[columns]
        self._need_rows(np.unique(demand[self._row_of[demand] < 0]))
        n, volume, capacity = len(columns), self._problem.volume, self._problem.capacity
        length = np.diff(self._pool.start)[columns]
        left = np.cumsum(np.concatenate(([0], self._base_length)))[demand]
        row = np.concatenate(
            (
                self._pool.link[ranges(self._pool.start[columns], length)],
                self._base_link[ranges(left, self._base_length[demand])],
            )
        )
        column = np.concatenate(
            (np.repeat(np.arange(n), length), np.repeat(np.arange(n), self._base_length[demand]))
        )
        value = volume[demand[column]] / capacity[row]
        value[length.sum() :] *= -1
        matrix = sparse.coo_array(
            (
                np.concatenate((value, np.ones(n))),
                (np.concatenate((row, self._row_of[demand])), np.append(column, np.arange(n))),
            ),
            shape=(self._rows, n),
        ).tocsc()
        matrix.eliminate_zeros()
        add_columns(
            self._solver,
            np.zeros(n),
            np.full(n, INFINITY),
            matrix.indptr,
            matrix.indices,
            matrix.data,
        )
        self.columns = np.concatenate((self.columns, columns))

    def _need_rows(self, demands: Ints) -> None:
        if not len(demands):
            return
        n = len(demands)
        self._row_of[demands] = self._rows + np.arange(n)
        self._rows += n
        none = np.zeros(n + 1, np.int64)
        add_rows(self._solver, np.full(n, -INFINITY), np.ones(n), none, none[:0], np.empty(0))

    def solve(self, seconds: float) -> bool:
        """Solve within the limit; False where the optimum was not reached."""
        limit_time(self._solver, seconds)
        self._solver.run()
        self.feasible = has_feasible_point(self._solver)
        if has_feasible_point(self._solver):
            self.value = float(self._solver.getInfo().objective_function_value)
        return is_optimal(self._solver)

    def smooth(self, cap: float, move_price: Floats) -> None:
        """Turn the objective to squares and moving, with the MLU held at ``cap``.

        The slack of link e below the cap is cut into equal segments; filling one earns the fall of
        u^2 across it. The earnings fall from segment to segment, so that they fill in order. The
        present solution stays feasible, hence the primal simplex goes straight on.

        Parameters
        ----------
        cap : float
            At least :attr:`value`.
        move_price : float array (one per column of the pool)
            Cost of a whole share of it.
        """
        m, solver = self._problem.n_links, self._solver
        solver.changeColCost(0, 0.0)
        solver.changeColBounds(0, cap, cap)
        for index in np.flatnonzero(move_price[self.columns]).tolist():
            solver.changeColCost(index + 1, float(move_price[self.columns[index]]))
        edge = np.linspace(cap, 0.0, SEGMENTS + 1)
        earn = np.repeat(-(edge[:-1] + edge[1:]), m)
        n = len(earn)
        add_columns(
            solver,
            earn,
            np.full(n, cap / SEGMENTS),
            np.arange(n + 1),
            np.tile(np.arange(m), SEGMENTS),
            np.ones(n),
        )

    def duals(self) -> tuple[Floats, Floats]:
        """Price of each link per unit of load, and the dual of each demand's row (0 or below)."""
        dual = np.array(self._solver.getSolution().row_dual)
        weight = np.maximum(-dual[: self._problem.n_links], 0) / self._problem.capacity
        return weight, np.where(self._row_of >= 0, np.append(dual, 0.0)[self._row_of], 0.0)

    def base_length(self, weight: Floats) -> Floats:
        """Length of each demand's base path under link weights (k,)."""
        n = self._problem.n_demands
        return np.bincount(self._base_owner, weight[self._base_link], n).astype(np.float64)

    def shares(self) -> Floats:
        """Share of its demand's volume on each column of the pool; all base before a solution."""
        share = np.zeros(len(self._pool.demand))
        if has_feasible_point(self._solver):
            values = np.array(self._solver.getSolution().col_value)[1 : len(self.columns) + 1]
            share[self.columns] = np.clip(values, 0.0, 1.0)
        taken = np.bincount(self._pool.demand, share, self._problem.n_demands)
        over = np.maximum(taken, 1.0)
        share /= over[self._pool.demand]
        share[self._base] = np.maximum(0.0, 1.0 - taken / over)
        return share
