"""Families of circuits, built from Qiskit's own library.

A circuit is named ``family:qubits`` or ``family:qubits:seed``; without open parameters, without
measurements, and with gates on one or two qubits alone.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from qiskit import QuantumCircuit, transpile
from qiskit.circuit.library import (
    efficient_su2,
    qaoa_ansatz,
    random_iqp,
)
from qiskit.quantum_info import SparsePauliOp
from qiskit.synthesis import adder_ripple_c04, synth_qft_full

MOST = 60
"""Most qubits of a circuit."""

BASIS = ("h", "x", "sx", "rz", "ry", "rx", "cx", "cz", "cp", "rzz")
"""What circuits are written in before they are cut: gates of at most two qubits, whose cut has the
overhead of its own angle."""


def circuit_of(name: str) -> QuantumCircuit:
    """Build the circuit of a name such as ``ghz:8`` or ``qaoa:10:3``.

    Raises
    ------
    ValueError
        Names the part that is wrong.
    """
    family, _, rest = name.partition(":")
    size, _, seed = rest.partition(":")
    if family not in FAMILIES:
        raise ValueError(f"circuit {name!r}: no family {family!r}; there are {', '.join(FAMILIES)}")
    if not (size.isascii() and size.isdigit() and 2 <= int(size) <= MOST):
        raise ValueError(f"circuit {name!r}: qubits: want 2 to {MOST}, got {size!r}")
    if seed and not (seed.isascii() and seed.isdigit() and len(seed) < 10):
        raise ValueError(f"circuit {name!r}: seed: want a whole number, got {seed!r}")
    return plain(FAMILIES[family](int(size), int(seed or 0)))


def is_name(text: str) -> bool:
    """Whether a text looks like the name of a circuit rather than OpenQASM."""
    return "\n" not in text and ";" not in text and text.partition(":")[0] in FAMILIES


def plain(circuit: QuantumCircuit) -> QuantumCircuit:
    """The same circuit in gates of :data:`BASIS`."""
    found: QuantumCircuit = transpile(
        circuit, basis_gates=list(BASIS), optimization_level=1, seed_transpiler=0
    )
    bare = QuantumCircuit(circuit.num_qubits)  # no registers, no layout
    for gate in found.data:
        places = [found.find_bit(qubit).index for qubit in gate.qubits]
        if gate.operation.name != "barrier":
            bare.append(gate.operation, places)
    bare.global_phase = found.global_phase
    return bare


def _ghz(qubits: int, seed: int) -> QuantumCircuit:
    circuit = QuantumCircuit(qubits)
    circuit.h(0)
    for i in range(qubits - 1):
        circuit.cx(i, i + 1)
    return circuit


def _qft(qubits: int, seed: int) -> QuantumCircuit:
    """Of the basis state that the seed's bits say, without the swaps at the end."""
    circuit = QuantumCircuit(qubits)
    for i in range(qubits):
        if seed >> i & 1:
            circuit.x(i)
    return circuit.compose(synth_qft_full(qubits, do_swaps=False))


def _ansatz(qubits: int, seed: int) -> QuantumCircuit:
    """Hardware-efficient: rotations and a line of CX, twice, with drawn angles."""
    circuit = efficient_su2(qubits, su2_gates=["ry"], reps=2, entanglement="linear")
    angles = np.random.default_rng(seed).uniform(-np.pi / 2, np.pi / 2, circuit.num_parameters)
    return circuit.assign_parameters(angles)


def _qaoa(qubits: int, seed: int) -> QuantumCircuit:
    """One round for a cut of a ring with drawn weights."""
    rng = np.random.default_rng(seed)
    edges = [(i, (i + 1) % qubits) for i in range(qubits)][: qubits if qubits > 2 else 1]
    cost = SparsePauliOp.from_sparse_list(
        [("ZZ", list(edge), rng.uniform(0.5, 1.0)) for edge in edges], qubits
    )
    circuit = qaoa_ansatz(cost, reps=1)
    return circuit.assign_parameters(rng.uniform(0.2, 0.9, circuit.num_parameters))


def _random(qubits: int, seed: int) -> QuantumCircuit:
    """Two layers of drawn rotations and CX between drawn neighbours."""
    rng = np.random.default_rng(seed)
    circuit = QuantumCircuit(qubits)
    for layer in range(2):
        for i in range(qubits):
            circuit.ry(rng.uniform(-np.pi, np.pi), i)
            circuit.rz(rng.uniform(-np.pi, np.pi), i)
        for i in range(layer % 2, qubits - 1, 2):
            if rng.random() < 0.8:
                circuit.cx(i, i + 1)
    return circuit


def _iqp(qubits: int, seed: int) -> QuantumCircuit:
    return random_iqp(qubits, seed=seed)


def _adder(qubits: int, seed: int) -> QuantumCircuit:
    """Ripple-carry adder of two drawn numbers; of an odd number of qubits the last one is idle."""
    bits = (qubits - 1) // 2
    if bits < 1:
        raise ValueError(f"adder:{qubits}: want 3 qubits at least")
    adder = adder_ripple_c04(bits, kind="fixed")
    circuit = QuantumCircuit(qubits)
    draws = np.random.default_rng(seed).integers(0, 2, 2 * bits)
    for i in np.flatnonzero(draws):
        circuit.x(int(i))
    return circuit.compose(adder, range(adder.num_qubits))


FAMILIES: dict[str, Callable[[int, int], QuantumCircuit]] = {
    "ghz": _ghz,
    "qft": _qft,
    "ansatz": _ansatz,
    "qaoa": _qaoa,
    "random": _random,
    "iqp": _iqp,
    "adder": _adder,
}
"""By name: from qubits and a seed to a circuit."""
