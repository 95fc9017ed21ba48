"""QAOA of a small model of bits: the Ising form, the circuit, and angles from a few instances.

The depth-p circuit is ``prod_l RX(2 beta_l) exp(-i gamma_l C/scale)`` on the uniform superposition
(Farhi, Goldstone and Gutmann 2014). Angles are fixed: with energies divided by a root mean square
of the coefficients, those that are best on average for some instances are near the best for
others (Shaydulin et al., ACM Trans. Quantum Computing 4, 2023).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector

from quantum_backends.bqm import Coefficients, in_spins
from quantum_backends.routing import Floats


@dataclass(frozen=True)
class Angles:
    """Depth and angles of a QAOA circuit, for energies of scale one."""

    gamma: tuple[float, ...]
    beta: tuple[float, ...]

    @property
    def values(self) -> list[float]:
        """The values of :func:`circuit`'s parameters, in its order."""
        return [*self.beta, *self.gamma]

    @staticmethod
    def of(values: Floats) -> Angles:
        """The inverse of :attr:`values`."""
        depth = len(values) // 2
        return Angles(tuple(values[depth:].tolist()), tuple(values[:depth].tolist()))


ANGLES: dict[int, Angles] = {
    1: Angles((0.3614,), (-0.5968,)),
    2: Angles((0.3437, 1.2133), (-0.6324, -0.3705)),
    3: Angles((0.3165, 0.6274, 1.2436), (-0.6777, -0.3114, -0.3214)),
}
"""By depth; made by ``python -m quantum_backends.gate.train_angles``."""


@dataclass(frozen=True, eq=False)
class Ising:
    """sum_i h_i z_i + sum_{i<j} J_ij z_i z_j with z = 1 - 2 bit, up to a constant.

    Attributes
    ----------
    field : float array (n,)
    coupling : float array (n, n), zero on and below the diagonal
    scale : float
        sqrt((sum h^2 + sum J^2)/n), what the angles are relative to.
    """

    field: Floats
    coupling: Floats
    scale: float


def ising_of(model: Coefficients) -> Ising:
    """The model in spins: bit = (1 - z)/2, so that z is minus dimod's spin."""
    spins = in_spins(model.bqm())
    field, pair = -spins.linear, dense(spins)
    scale = float(np.sqrt((field @ field + (pair**2).sum()) / max(len(field), 1)))
    return Ising(field, pair, scale or 1.0)


def dense(model: Coefficients) -> Floats:
    """Couplings above the diagonal (n, n)."""
    pairs = np.zeros((len(model), len(model)))
    ends = np.minimum(model.row, model.column), np.maximum(model.row, model.column)
    np.add.at(pairs, ends, model.value)
    return pairs


def circuit(ising: Ising, depth: int) -> QuantumCircuit:
    """The circuit with measurement, its angles left open as parameters (:attr:`Angles.values`).

    Qubit i is bit i of the model.
    """
    n = len(ising.field)
    beta, gamma = ParameterVector("beta", depth), ParameterVector("gamma", depth)
    qaoa = QuantumCircuit(n)
    qaoa.h(range(n))
    pairs = np.argwhere(ising.coupling).tolist()
    for layer in range(depth):
        turn = 2 * gamma[layer]
        for i in range(n):
            qaoa.rz(turn * float(ising.field[i] / ising.scale), i)
        for i, j in pairs:
            qaoa.rzz(turn * float(ising.coupling[i, j] / ising.scale), i, j)
        qaoa.rx(2 * beta[layer], range(n))
    qaoa.measure_all()
    return qaoa


def all_energies(model: Coefficients) -> Floats:
    """Energy of every bit string without the offset, entry x for the bits of x (bit 0 lowest)."""
    pairs = dense(model)
    energy = np.zeros(1)
    for i in range(len(model)):
        # Doubling: the strings with bit i set follow those without.
        link = np.zeros(1)
        for j in range(i):
            link = np.concatenate((link, link + pairs[j, i]))
        energy = np.concatenate((energy, energy + model.linear[i] + link))
    return energy


def probabilities(energies: Floats, scale: float, angles: Angles) -> Floats:
    """Exact outcome probabilities, from all energies (a check on the circuit, and for training).

    Parameters
    ----------
    energies : float array (2^n,)
        See :func:`all_energies`.
    scale : float
        :attr:`Ising.scale`.
    """
    n = int(np.log2(len(energies)))
    state = np.full(len(energies), 2 ** (-n / 2), dtype=complex)
    for gamma, beta in zip(angles.gamma, angles.beta, strict=True):
        state *= np.exp(-1j * gamma / scale * energies)
        for _ in range(n):  # rotate one axis to the front each time: all after n turns
            pair = state.reshape(2, -1)
            mixed = np.cos(beta) * pair - 1j * np.sin(beta) * pair[::-1]
            state = np.ascontiguousarray(mixed.T).reshape(-1)
    return np.abs(state) ** 2
