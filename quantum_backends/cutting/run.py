"""A whole plan in this process, noiseless: what tests and planning compare with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.quantum_info import Pauli, Statevector

from quantum_backends.cutting.experiments import (
    Counts,
    deal,
    experiments,
    measured,
    weights_after,
)
from quantum_backends.cutting.pieces import Plan
from quantum_backends.cutting.reconstruct import Estimate, reconstruct


def exact_value(circuit: QuantumCircuit, observable: str) -> float:
    """Expectation value of the uncut circuit by its state vector (up to about 20 qubits)."""
    return float(np.real(Statevector(circuit).expectation_value(Pauli(observable))))


def probabilities(circuit: QuantumCircuit) -> NDArray[np.float64]:
    """Exact distribution of a circuit's classical bits, each written once, without resets.

    A measurement copies its qubit to one of its own that is not touched again.
    """
    bits, qubits = circuit.num_clbits, circuit.num_qubits
    pure = QuantumCircuit(qubits + bits)
    for each in circuit.data:
        places = [circuit.find_bit(qubit).index for qubit in each.qubits]
        if each.operation.name == "measure":
            pure.cx(places[0], qubits + circuit.find_bit(each.clbits[0]).index)
        else:
            pure.append(each.operation, places)
    found = Statevector(pure).probabilities(range(qubits, qubits + bits))
    return np.asarray(found, dtype=float)


def run_exactly(plan: Plan) -> float:
    """The reconstructed value with exact distributions: that of the uncut circuit."""
    own = [experiments(plan, piece) for piece in plan.pieces]
    results = [[_exact(one.circuit) for one in each] for each in own]
    return reconstruct(plan, own, results).value


def run_sampled(plan: Plan, shots: int, seed: int) -> Estimate:
    """Value and error bar with so many shots for each fragment, in the fragments' order."""
    rng = np.random.default_rng(seed)
    own = [experiments(plan, piece) for piece in plan.pieces]
    results: list[list[Counts]] = []
    seen: dict[int, NDArray[np.float64]] = {}
    for piece, each in zip(plan.pieces, own, strict=True):
        dealt = deal(shots, weights_after(plan, piece, each, seen))
        results.append(
            [_drawn(one.circuit, times, rng) for one, times in zip(each, dealt, strict=True)]
        )
        seen |= measured(plan, piece, each, results[-1])
    return reconstruct(plan, own, results)


def _exact(circuit: QuantumCircuit | None) -> Counts:
    if circuit is None:
        return {}
    return {bits: float(p) for bits, p in enumerate(probabilities(circuit)) if p > 0}


def _drawn(circuit: QuantumCircuit | None, shots: int, rng: np.random.Generator) -> Counts:
    if circuit is None or not shots:
        return {}
    chances = probabilities(circuit)
    drawn = rng.multinomial(shots, chances / chances.sum())
    return {int(bits): int(drawn[bits]) for bits in np.flatnonzero(drawn)}
