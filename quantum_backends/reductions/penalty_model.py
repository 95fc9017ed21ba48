"""A program of bounded whole numbers as a binary quadratic model, by dimod's converters.

Rows become squared penalties with binary slack variables (``dimod.cqm_to_bqm``). **The penalty is
proven**: all coefficients and row bounds are whole numbers, so an infeasible point misses some row
by at least 1 whatever the slack, and pays at least P; a feasible one pays nothing with the right
slack. With P above the largest minus the smallest objective within the variables' bounds, every
minimiser is feasible, and so optimal.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import dimod
import numpy as np

from quantum_backends.bqm import BinaryProblem
from quantum_backends.program import Point, Program
from quantum_backends.routing import Floats


@dataclass(frozen=True, eq=False)
class PenaltyModel:
    """The reduced problem and what inverts it.

    Attributes
    ----------
    program : Program
    problem : BinaryProblem
        Its energies at feasible points with the right slack are the program's objectives.
    penalty : float
        P above.
    """

    program: Program
    problem: BinaryProblem
    penalty: float
    _invert: Any

    def apply(self, bits: Sequence[int]) -> Point:
        """The point of a bit string; :meth:`Program.check` tells whether it is feasible."""
        sample = self._invert(self.problem.labelled(tuple(bits)))
        return tuple(float(sample[i] + low) for i, low in enumerate(self.program.low))


def refuse(program: Program) -> str:
    """Say why a program cannot become a binary model; empty where it can."""
    loose = np.flatnonzero(~program.integral)
    if len(loose):
        return f"variable {loose[0]} may be a fraction"
    if not (np.isfinite(program.low).all() and np.isfinite(program.high).all()):
        return "some variable has no bound"
    if not (_whole(program.low) and _whole(program.high)):
        return "some variable has a bound that is not whole"
    if not all(map(_whole, (program.row_low, program.row_high, program.matrix.data))):
        return "some row has coefficients or bounds that are not whole numbers"
    return ""


def _whole(values: Floats) -> bool:
    """Whether all that are finite are whole numbers."""
    finite = values[np.isfinite(values)]
    return bool((finite == np.round(finite)).all())


def penalty_model(program: Program) -> PenaltyModel:
    """Reduce a program.

    Raises
    ------
    ValueError
        :func:`refuse` says why.
    """
    if reason := refuse(program):
        raise ValueError(reason)
    width = program.high - program.low
    penalty = float(np.abs(program.cost) @ width) * 1.01 + 1.0
    cqm = dimod.ConstrainedQuadraticModel()
    # dimod wants variables that start at 0: each is its distance from its lower bound.
    for i, most in enumerate(width.tolist()):
        if most == 1:
            cqm.add_variable("BINARY", i)
        else:
            cqm.add_variable("INTEGER", i, lower_bound=0, upper_bound=most)
    costs = list(enumerate(program.cost.tolist()))
    cqm.set_objective([*costs, (float(program.cost @ program.low),)])
    shift = np.asarray(program.matrix @ program.low)
    for i in range(len(shift)):
        part = slice(program.matrix.indptr[i], program.matrix.indptr[i + 1])
        pairs = zip(program.matrix.indices[part], program.matrix.data[part], strict=True)
        terms = [(int(j), float(a)) for j, a in pairs]
        _add_row(cqm, terms, program.row_low[i] - shift[i], program.row_high[i] - shift[i])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Did not add constraint")  # one that always holds
        bqm, invert = dimod.cqm_to_bqm(cqm, lagrange_multiplier=penalty)
    return PenaltyModel(program, BinaryProblem(bqm, least=program.lower), penalty, invert)


def _add_row(
    cqm: dimod.ConstrainedQuadraticModel, terms: list[tuple[int, float]], low: float, high: float
) -> None:
    if low == high:
        cqm.add_constraint_from_iterable(terms, "==", rhs=high)
        return
    if np.isfinite(high):
        cqm.add_constraint_from_iterable(terms, "<=", rhs=high)
    if np.isfinite(low):
        cqm.add_constraint_from_iterable(terms, ">=", rhs=low)
