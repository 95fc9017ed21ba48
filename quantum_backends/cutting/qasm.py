"""OpenQASM 2 and 3 files as circuits to cut, with errors that name file and line."""

from __future__ import annotations

import math
import re

from qiskit import QuantumCircuit
from qiskit.circuit import Bit, CircuitInstruction, ControlFlowOp, Operation

from quantum_backends.cutting.library import MOST, plain

MOST_BYTES = 1 << 20
"""Longest text that is read."""

MOST_BITS = 10_000
"""Qubits and bits declared in all, checked before a parser makes them."""

MOST_GATES = 50_000
"""Gates once those of the text's own are written out."""

_VERSION = re.compile(r"^\s*OPENQASM\s+(\d+)(?:\.\d+)?\s*;")
_LINE = re.compile(r"(?:<input>|^)[^\d\n]{0,12}(\d+)[,:]")
_SIZE = re.compile(r"\b(?:[qc]reg\s+\w+|qubit|bit)\s*\[\s*([\d_]+)")
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)


def read(text: str, name: str) -> QuantumCircuit:
    """The circuit of an OpenQASM text, its final measurements left out.

    Parameters
    ----------
    text : str
        OpenQASM 2 or 3, with gates and final measurements only.
    name : str
        Where it comes from; errors begin with it.

    Raises
    ------
    ValueError
        The text is not OpenQASM, or holds what cannot be cut (measurements in the middle, resets,
        control flow, open parameters); names the line where the parser knows it.
    """
    if len(text.encode()) > MOST_BYTES:
        raise ValueError(f"{name}: longer than {MOST_BYTES} bytes")
    parsed = _parse(text, name)
    circuit = QuantumCircuit(parsed.num_qubits, global_phase=parsed.global_phase)
    if parsed.num_qubits > MOST:
        raise ValueError(f"{name}: {parsed.num_qubits} qubits, at most {MOST} are taken")
    for gate in _without_final_measurements(parsed):
        middle = gate.operation.name in ("measure", "reset") or gate.clbits
        if middle or isinstance(gate.operation, ControlFlowOp):
            raise ValueError(
                f"{name}: {gate.operation.name} before the end: expectation values of circuits "
                "with measurements in the middle, resets or control flow are not taken"
            )
        circuit.append(gate.operation, [parsed.find_bit(qubit).index for qubit in gate.qubits])
    if circuit.num_qubits < 1 or not circuit.data:
        raise ValueError(f"{name}: a circuit without gates")
    if circuit.parameters:
        names = ", ".join(sorted(parameter.name for parameter in circuit.parameters))
        raise ValueError(f"{name}: open parameters: {names}; give them values")
    try:
        if _written_out(circuit, {}) > MOST_GATES:
            raise ValueError(f"{name}: more than {MOST_GATES} gates once they are written out")
        found = plain(circuit)
    except RecursionError:
        raise ValueError(f"{name}: gates of gates, nested too deeply") from None
    except Exception as error:
        if str(error).startswith(f"{name}: "):
            raise
        raise ValueError(f"{name}: a gate without definition: {_first_line(error)}") from None
    if not all(math.isfinite(angle) for gate in found.data for angle in gate.operation.params):
        raise ValueError(f"{name}: an angle that is no finite number")
    return found


def _without_final_measurements(parsed: QuantumCircuit) -> list[CircuitInstruction]:
    """All but measurements and barriers that nothing follows.

    Qiskit's own pass copies the definitions of gates of gates, which takes a millisecond for each.
    """
    kept: list[CircuitInstruction] = []
    followed: set[Bit] = set()
    for gate in reversed(parsed.data):
        bits = {*gate.qubits, *gate.clbits}
        if gate.operation.name not in ("measure", "barrier") or followed & bits:
            followed |= bits
            kept.append(gate)
    return kept[::-1]


def _written_out(circuit: QuantumCircuit, known: dict[tuple[str, int], float]) -> float:
    """Gates of a circuit, each counted by its definition; gates of one name are alike."""

    def count(gate: Operation) -> float:
        key = gate.name, gate.num_qubits
        if key not in known:
            meaning = getattr(gate, "definition", None)
            known[key] = 1.0 if meaning is None else max(1.0, _written_out(meaning, known))
        return known[key]

    return sum(count(each.operation) for each in circuit.data)


def _parse(text: str, name: str) -> QuantumCircuit:
    version = _VERSION.match(_COMMENT.sub("", text))
    if version is None:
        raise ValueError(f"{name}: line 1: want OPENQASM 2.0; or OPENQASM 3; first")
    _check_sizes(text, name)
    try:
        if version.group(1) == "2":
            from qiskit import qasm2

            extras = qasm2.LEGACY_CUSTOM_INSTRUCTIONS
            # no path: whoever sends a text must not have files of this machine read
            return qasm2.loads(text, include_path=(), custom_instructions=extras)
        if version.group(1) == "3":
            from qiskit import qasm3

            return qasm3.loads(text)
    except Exception as error:  # each parser has errors of its own, and of its libraries
        raise ValueError(_where(error, name)) from None
    raise ValueError(f"{name}: OPENQASM {version.group(1)}: there are 2 and 3")


def _check_sizes(text: str, name: str) -> None:
    total = 0.0
    for found in _SIZE.finditer(text):
        total += float(found.group(1).replace("_", "") or 0)
        if total > MOST_BITS:
            line = text.count("\n", 0, found.start()) + 1
            raise ValueError(f"{name}: line {line}: more than {MOST_BITS} qubits and bits")


def _where(error: Exception, name: str) -> str:
    deeper = error.__cause__.args[:1] if error.__cause__ is not None else ()
    token = getattr(deeper[0], "offendingToken", None) if deeper else None
    if token is not None:  # OpenQASM 3's parser says it there alone
        return f"{name}: line {token.line}: did not expect {token.text!r}"
    text = _first_line(error)
    found = _LINE.search(text)
    if found is None:
        return f"{name}: not OpenQASM: {text}"
    return f"{name}: line {found.group(1)}: {text[found.end() :].lstrip('0123456789:, ')}"


def _first_line(error: Exception) -> str:
    lines = str(getattr(error, "message", None) or error).strip().splitlines()
    return lines[0].strip("'\"") if lines else type(error).__name__
