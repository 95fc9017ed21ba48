"""Mutually unbiased bases: wires cut with classical communication, without ancillas.

For dimension d = 2^n there are d + 1 bases in which measuring and preparing what was measured adds
up to the identity channel and the trace (a 2-design, Klappenecker and Roetteler 2005):
``sum_b MP_b(rho) = rho + I tr(rho)``. Taking ``I tr(rho)`` from the computational basis leaves

``rho = sum_{b=1..d} MP_b(rho) - (d - 1) N(rho)``

where N measures in the computational basis and prepares one of the d - 1 other states, each with
the same probability. So gamma is ``d + (d - 1) = 2^(n+1) - 1``, the least possible with classical
communication (Brenner, Piveteau and Sutter 2023; this form: Harada, Wada and Yamamoto 2024,
arXiv:2303.07340).

The bases b = 1..d are graph states ``Z^k |G_A>``: stabilisers ``X^x Z^(A x)`` with symmetric
matrices A over GF(2) whose differences are invertible. They are those of multiplication by the
elements a of GF(2^n): ``A_ij = tr(a w_i w_j)`` in a basis w of the field (Wootters and Fields
1989).
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit

MOST_WIRES = 3
"""Wires that are cut jointly at most; four would need 272 downstream circuits."""

_POLYNOMIAL = {1: 0b11, 2: 0b111, 3: 0b1011}
"""Irreducible over GF(2)."""


def terms(wires: int) -> int:
    """Number of bases, d + 1; the last one is the computational basis."""
    return int(2**wires + 1)


@cache
def weights(wires: int) -> NDArray[np.float64]:
    """Coefficient of (basis, outcome measured, state prepared); shape (d + 1, d, d)."""
    d = 2**wires
    same = np.eye(d)
    return np.array([same] * d + [same - 1.0])


def sampled(wires: int) -> NDArray[np.float64]:
    """Probability with which each basis is sampled; shape (d + 1,)."""
    d = 2**wires
    return np.array([1.0] * d + [d - 1.0]) / (2 * d - 1)


@cache
def basis(wires: int, term: int) -> QuantumCircuit:
    """The circuit that takes computational states to those of a basis; its inverse measures."""
    circuit = QuantumCircuit(wires)
    if term == 2**wires:
        return circuit
    circuit.h(range(wires))
    matrix = graph(wires, term)
    for i in range(wires):
        if matrix[i, i]:
            circuit.s(i)
        for j in range(i):
            if matrix[i, j]:
                circuit.cz(i, j)
    return circuit


def graph(wires: int, element: int) -> NDArray[np.int64]:
    """The matrix A of a field element; shape (n, n), zeros and ones."""
    return np.array(
        [
            [_trace(_times(element, _times(1 << i, 1 << j, wires), wires), wires)]
            for i in range(wires)
            for j in range(wires)
        ]
    ).reshape(wires, wires)


def _times(a: int, b: int, n: int) -> int:
    """Product in GF(2^n)."""
    product = 0
    for i in range(n):
        if b >> i & 1:
            product ^= a << i
    for i in reversed(range(n, 2 * n)):
        if product >> i & 1:
            product ^= _POLYNOMIAL[n] << (i - n)
    return product


def _trace(a: int, n: int) -> int:
    """A + a^2 + a^4 + ... in GF(2)."""
    total, power = 0, a
    for _ in range(n):
        total ^= power
        power = _times(power, power, n)
    return total & 1
