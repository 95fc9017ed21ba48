"""qiskit-optimization's ``MinimumEigenOptimizer`` with its own QAOA, to be compared with.

As its documentation sets it up: a ``StatevectorSampler``, COBYLA, random first angles. It lowers
the mean of all samples. Its converters (``MinimumEigenOptimizer`` applies them) take the model to
a Hamiltonian here and nowhere else: they build a Python object for every term, where elsewhere
models are arrays of up to millions of terms, or go through dimod's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from qiskit.primitives import StatevectorSampler
from qiskit_optimization import QuadraticProgram
from qiskit_optimization.algorithms import MinimumEigenOptimizer
from qiskit_optimization.minimum_eigensolvers import QAOA
from qiskit_optimization.optimizers import COBYLA
from qiskit_optimization.utils import algorithm_globals

from quantum_backends.bqm import Bits, Coefficients
from quantum_backends.gate.qaoa import Angles


@dataclass(frozen=True, eq=False)
class Reference:
    """Its answer.

    Attributes
    ----------
    bits : int array (n,)
        What it returns, the best of the last circuit's samples, or the best that its optimiser
        met on the way where that is lower.
    angles : Angles
        What its optimiser ended at; relative to energies as they are
        (:func:`quantum_backends.gate.qaoa.probabilities` with a scale of one).
    circuits : int
        Circuits that were run, the last one included.
    """

    bits: Bits
    angles: Angles
    circuits: int


def reference(
    model: Coefficients, depth: int, shots: int, evaluations: int, seed: int
) -> Reference:
    """Solve a model by it.

    Parameters
    ----------
    evaluations : int
        Circuits for the optimiser at most; one more is run at the end.
    """
    algorithm_globals.random_seed = seed  # the only way to its first angles
    qaoa = QAOA(
        StatevectorSampler(default_shots=shots, seed=seed),
        COBYLA(maxiter=evaluations),
        reps=depth,
    )
    result = MinimumEigenOptimizer(qaoa).solve(program(model))
    found = result.min_eigen_solver_result
    met = [int(bit) for bit in reversed(found.best_measurement["bitstring"])]
    both = np.array([np.round(result.x), met], dtype=np.int8)
    return Reference(
        both[np.argmin(model.energies(both))],
        Angles.of(np.asarray(found.optimal_point)),
        int(found.cost_function_evals) + 1,
    )


def program(model: Coefficients) -> QuadraticProgram:
    """The model as qiskit-optimization's quadratic program, variables in order."""
    quadratic = QuadraticProgram()
    quadratic.binary_var_list(len(model))
    pairs = zip(model.row.tolist(), model.column.tolist(), model.value.tolist(), strict=True)
    quadratic.minimize(model.offset, model.linear, {(i, j): value for i, j, value in pairs})
    return quadratic
