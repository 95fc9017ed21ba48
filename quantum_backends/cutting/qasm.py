"""OpenQASM 2 and 3 files as circuits to cut, with errors that name file and line."""

from __future__ import annotations

import re

from qiskit import QuantumCircuit

from quantum_backends.cutting.library import MOST, plain

MOST_BYTES = 1 << 20
"""Longest text that is read."""

_VERSION = re.compile(r"^\s*OPENQASM\s+(\d+)(?:\.\d+)?\s*;")
_LINE = re.compile(r"(?:<input>|^)[^\d\n]{0,12}(\d+)[,:]")
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
    circuit = parsed.remove_final_measurements(inplace=False)
    assert circuit is not None
    if circuit.num_qubits < 1 or not circuit.data:
        raise ValueError(f"{name}: a circuit without gates")
    if circuit.num_qubits > MOST:
        raise ValueError(f"{name}: {circuit.num_qubits} qubits, at most {MOST} are taken")
    if circuit.parameters:
        names = ", ".join(sorted(parameter.name for parameter in circuit.parameters))
        raise ValueError(f"{name}: open parameters: {names}; give them values")
    for gate in circuit.data:
        if gate.operation.name in ("measure", "reset") or gate.clbits:
            raise ValueError(
                f"{name}: {gate.operation.name} before the end: expectation values of circuits "
                "with measurements in the middle, resets or control flow are not taken"
            )
    try:
        return plain(circuit)
    except Exception as error:
        raise ValueError(f"{name}: a gate without definition: {_first_line(error)}") from None


def _parse(text: str, name: str) -> QuantumCircuit:
    version = _VERSION.match(_COMMENT.sub("", text))
    if version is None:
        raise ValueError(f"{name}: line 1: want OPENQASM 2.0; or OPENQASM 3; first")
    try:
        if version.group(1) == "2":
            from qiskit import qasm2

            extras = qasm2.LEGACY_CUSTOM_INSTRUCTIONS
            return qasm2.loads(text, custom_instructions=extras)
        if version.group(1) == "3":
            from qiskit import qasm3

            return qasm3.loads(text)
    except Exception as error:  # each parser has errors of its own, and of its libraries
        raise ValueError(_where(error, name)) from None
    raise ValueError(f"{name}: OPENQASM {version.group(1)}: there are 2 and 3")


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
