"""QAOA on a swap block: the Ising form, the circuit, and angles that need no training online.

The depth-p circuit is ``prod_l RX(2 beta_l) exp(-i gamma_l C/scale)`` on the uniform superposition
(Farhi, Goldstone and Gutmann 2014). Angles are fixed: with energies divided by a root mean square
of the coefficients, those that are best on average for some instances are near the best for
others (Shaydulin et al., ACM Trans. Quantum Computing 4, 2023).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from qiskit import QuantumCircuit

from quantum_backends.reductions.swap_block import SwapBlock
from quantum_backends.routing import Floats


@dataclass(frozen=True)
class Angles:
    """Depth and angles of a QAOA circuit, for energies of scale one."""

    gamma: tuple[float, ...]
    beta: tuple[float, ...]


ANGLES: dict[int, Angles] = {
    1: Angles((0.2844,), (-0.5969,)),
    2: Angles((0.1838, 0.3618), (-0.7728, -0.3774)),
    3: Angles((0.1799, 0.3485, 0.5645), (-0.8053, -0.4573, -0.1987)),
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


def ising_of(block: SwapBlock) -> Ising:
    """The block in spins: bit = (1 - z)/2."""
    pair = block.quadratic / 4
    field = -block.linear / 2 - pair.sum(axis=0) - pair.sum(axis=1)
    scale = float(np.sqrt((field @ field + (pair**2).sum()) / max(len(field), 1)))
    return Ising(field, pair, scale or 1.0)


def circuit(ising: Ising, angles: Angles) -> QuantumCircuit:
    """The circuit with measurement; qubit i is bit i of the block."""
    n = len(ising.field)
    qaoa = QuantumCircuit(n)
    qaoa.h(range(n))
    rows, columns = np.nonzero(ising.coupling)
    pairs = list(zip(rows.tolist(), columns.tolist(), strict=True))
    for gamma, beta in zip(angles.gamma, angles.beta, strict=True):
        turn = 2 * gamma / ising.scale
        for i in range(n):
            qaoa.rz(turn * float(ising.field[i]), i)
        for i, j in pairs:
            qaoa.rzz(turn * float(ising.coupling[i, j]), i, j)
        qaoa.rx(2 * beta, range(n))
    qaoa.measure_all()
    return qaoa


def all_energies(block: SwapBlock) -> Floats:
    """Energy of every bit string, entry x for the bits of x (bit 0 least significant)."""
    energy = np.zeros(1)
    for i in range(len(block)):
        # Doubling: the strings with bit i set follow those without.
        link = np.zeros(1)
        for j in range(i):
            link = np.concatenate((link, link + block.quadratic[j, i]))
        energy = np.concatenate((energy, energy + block.linear[i] + link))
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
