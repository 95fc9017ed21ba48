"""Heat-bath sweeps over choices, compiled by numba and kept on disk between runs.

A group forgets its option and draws a new one with the probabilities of the temperature: the one
whose field less the temperature times a Gumbel draw is least has exactly these (Gumbel-max trick;
Maddison, Tarlow and Minka, NIPS 2014). One such update does what as many Metropolis proposals do
as there are other options.

Two stores of couplings: the sparse :class:`~quantum_backends.choice_kernels.Table` for anything,
and one dense matrix for the Potts model proper, where only equal options are coupled and all alike
(channels that do not overlap, colours). There a change adds whole rows in single precision, which
processors do many numbers at a time; fields are made anew in double precision for every call, so
that rounding does not add up.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from quantum_backends.choice_kernels import Table, draw, field_of, table_of, take
from quantum_backends.choices import ChoiceProblem, colouring
from quantum_backends.routing import Floats, Ints

Singles = npt.NDArray[np.float32]
State = npt.NDArray[np.uint64]

DRAWS = 4096
"""Gumbel draws in the table; a power of two."""

GUMBEL: Singles = (
    np.random.default_rng(0)
    .permutation(-np.log(-np.log((np.arange(DRAWS) + 0.5) / DRAWS)))
    .astype(np.float32)
)
"""Quantiles of the Gumbel distribution in random order: any run of them is a set of draws."""

LANES = 16
"""Rows are padded to a multiple of this."""

DENSE = 0.2
"""Share of coupled groups from which whole rows are faster than lists of partners."""

MOST_GROUPS = 512
"""Larger matrices leave the processor's caches: at 1,000 access points lists were as fast."""


@njit(cache=True)
def sweep_table(
    t: Table,
    field: Floats,
    chosen: Ints,
    movable: Ints,
    hot: float,
    cold: float,
    sweeps: int,
    state: State,
) -> tuple[int, Ints]:
    """Heat-bath sweeps from temperature ``hot`` to ``cold`` (geometric) on a table.

    Parameters
    ----------
    field : float array (q,)
        Cost of each option against the present choices; kept up to date.
    chosen : int array (g,)
        Flat options; they end where the walk ended.
    movable : int array
        The groups that may change, each with two options or more.
    state : uint64 array (1,)
        Of the generator, not zero; changed in place.

    Returns
    -------
    flips : int
        Updates that changed an option.
    lowest : int array (g,)
        The least costly choices seen between sweeps, those at the start included.
    """
    change, least, flips = 0.0, 0.0, 0
    lowest = chosen.copy()
    ratio = (cold / hot) ** (1.0 / max(1, sweeps - 1))
    temperature = hot
    for _ in range(sweeps):
        for g in movable:
            noise = np.int64(draw(state) >> np.uint64(52))
            new, best = -1, np.inf
            for o in range(t.first[g], t.first[g + 1]):
                value = field[o] - temperature * GUMBEL[(noise + o) & (DRAWS - 1)]
                if value < best:
                    new, best = o, value
            old = chosen[g]
            if new != old:
                change += field[new] - field[old]
                take(t, field, old, new)
                chosen[g] = new
                flips += 1
        if change < least - 1e-12 * abs(least):
            least = change
            lowest[:] = chosen
        temperature *= ratio
    return flips, lowest


def rows_of(problem: ChoiceProblem) -> Singles | None:
    """The couplings between equal options as a matrix between groups, rows padded (g, padded g).

    None where they are not the same for every option, there are others, or lists serve better.
    """
    counts, g = np.diff(problem.first), problem.n_groups
    if not 0 < g <= MOST_GROUPS or not (counts == counts[0]).all():
        return None
    k, each = int(counts[0]), np.diff(problem.start).reshape(g, -1)
    if not (each == each[:, :1]).all() or each[:, 0].sum() < DENSE * g * g:
        return None
    owner = np.repeat(np.arange(len(problem.unary)), each.ravel())
    if not (owner % k == problem.partner % k).all():
        return None
    stack = np.zeros((k, g, -(-g // LANES) * LANES), np.float32)
    stack[owner % k, owner // k, problem.partner // k] = problem.weight
    return stack[0] if (stack == stack[0]).all() else None


@njit(cache=True)
def sweep_rows(
    rows: Singles, field: Singles, chosen: Ints, hot: float, cold: float, sweeps: int, state: State
) -> tuple[int, Ints]:
    """Heat-bath sweeps on rows, every group in turn; otherwise as :func:`sweep_table`.

    Parameters
    ----------
    field : float32 array (k, padded g)
    chosen : int array (g,)
        Options counted within groups.
    """
    change, least, flips = 0.0, 0.0, 0
    lowest = chosen.copy()
    ratio = (cold / hot) ** (1.0 / max(1, sweeps - 1))
    exact = hot
    for _ in range(sweeps):
        temperature = np.float32(exact)
        for g in range(len(chosen)):
            noise = np.int64(draw(state) >> np.uint64(52))
            new, best = 0, np.float32(np.inf)
            for c in range(len(field)):
                value = field[c, g] - temperature * GUMBEL[(noise + c) & (DRAWS - 1)]
                if value < best:
                    new, best = c, value
            old = chosen[g]
            if new != old:
                change += field[new, g] - field[old, g]
                for h in range(field.shape[1]):
                    field[old, h] -= rows[g, h]
                for h in range(field.shape[1]):
                    field[new, h] += rows[g, h]
                chosen[g] = new
                flips += 1
        if change < least - 1e-12 * abs(least):
            least = change
            lowest[:] = chosen
        exact *= ratio
    return flips, lowest


def warm() -> None:
    """Compile both walks (or load them from disk)."""
    problem = colouring(np.array([[0, 1], [1, 2], [0, 2]]), 3, 2)
    table, rows = table_of(problem), rows_of(problem)
    flat, state = problem.first[:-1].copy(), np.ones(1, np.uint64)
    field = field_of(table, flat)
    sweep_table(table, field, flat, np.arange(3), 1.0, 0.5, 2, state)
    assert rows is not None
    sweep_rows(rows, np.zeros((2, rows.shape[1]), np.float32), np.zeros(3, int), 1.0, 0.5, 2, state)
