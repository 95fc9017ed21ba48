"""Pauli observables, and the part of a circuit that one can feel.

A string has one letter for each qubit, the last one for qubit 0, as Qiskit writes them.
"""

from __future__ import annotations

from qiskit import QuantumCircuit

LETTERS = "IXYZ"


def check(observable: str, qubits: int) -> str:
    """The observable in capitals.

    Raises
    ------
    ValueError
        It has another length than the circuit, an unknown letter, or nothing but I.
    """
    text = observable.upper()
    if len(text) != qubits:
        raise ValueError(
            f"observable: {observable!r:.80} has {len(text)} letters, the circuit {qubits} qubits"
        )
    wrong = sorted(set(text) - set(LETTERS))
    if wrong:
        raise ValueError(f"observable: {observable!r:.80}: letter {wrong[0]!r} is none of I X Y Z")
    if set(text) == {"I"}:
        raise ValueError("observable: all letters are I, whose value is 1 for every circuit")
    return text


def felt(circuit: QuantumCircuit, observable: str) -> tuple[QuantumCircuit, str]:
    """The backward light cone: gates that the observable's value depends on, and their qubits.

    A gate with none of its qubits in the support of what comes after it commutes past all of that
    and cancels with its own inverse.
    """
    support = {i for i, letter in enumerate(reversed(observable)) if letter != "I"}
    kept = []
    for gate in reversed(circuit.data):
        places = [circuit.find_bit(qubit).index for qubit in gate.qubits]
        if support & set(places):
            support |= set(places)
            kept.append((gate.operation, places))
    number = {qubit: i for i, qubit in enumerate(sorted(support))}
    small = QuantumCircuit(len(number))
    for operation, places in reversed(kept):
        small.append(operation, [number[place] for place in places])
    letters = observable[::-1]
    return small, "".join(letters[qubit] for qubit in number)[::-1]
