"""What a client sends: a circuit, an observable, shots and a deadline, checked field by field."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from qb_controller.errors import InputError

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

SHOTS = (1, 1_000_000)
DEADLINE_S = 7 * 24 * 3600.0
"""Latest deadline, seconds from now."""

KEY = 200
"""Letters of a key at most."""

_LABEL = 80
_HUGE = 1e300  # JSON's whole numbers may be larger than any float


@dataclass(frozen=True)
class Submission:
    """A job as it was asked for.

    Attributes
    ----------
    circuit : str
        OpenQASM 2 or 3, or the name of a circuit of the library such as ``ghz:8``.
    observable : str
        A Pauli letter for each qubit, the last one for qubit 0.
    shots : int
        Of the circuit uncut.
    deadline_s : float
        Seconds from the submission.
    fidelity : float
        Least estimated fidelity.
    seed : int
        Of cuts and simulators.
    label : str
        For people, such as the name of the file.
    key : str
        The client's own name of the job: sent again with the same key it is the job that there is
        already, not a second one. Empty where the client does not send it again.
    """

    circuit: str
    observable: str
    shots: int
    deadline_s: float
    fidelity: float = 0.0
    seed: int = 0
    label: str = ""
    key: str = ""

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @property
    def shown(self) -> str:
        """The circuit in a word."""
        return self.label or (self.circuit if len(self.circuit) < _LABEL else "OpenQASM")


def parse(data: Any) -> Submission:
    """Check the fields of a job.

    Raises
    ------
    InputError
        Names the field and what is wrong with it.
    """
    if not isinstance(data, Mapping):
        raise InputError("the body is not a JSON object")
    known = tuple(Submission.__dataclass_fields__)
    for key in data:
        if key not in known:
            raise InputError(f"unknown key {key!r:.40}; there are {', '.join(known)}")
    for key in ("circuit", "observable", "shots", "deadline_s"):
        if key not in data:
            raise InputError(f"{key}: is missing")
    shots = _number(data, "shots", whole=True)
    if not SHOTS[0] <= shots <= SHOTS[1]:
        raise InputError(f"shots: want {SHOTS[0]} to {SHOTS[1]}, got {shots:g}")
    deadline = _number(data, "deadline_s")
    if not deadline > 0:
        raise InputError(f"deadline_s: {deadline:g} is in the past; want seconds from now")
    if deadline > DEADLINE_S:
        raise InputError(f"deadline_s: {deadline:g} is more than {DEADLINE_S:g}")
    fidelity = _number({"fidelity": 0.0, **data}, "fidelity")
    if not 0 <= fidelity < 1:
        raise InputError(f"fidelity: want at least 0 and below 1, got {fidelity:g}")
    seed = _number({"seed": 0, **data}, "seed", whole=True)
    if not 0 <= seed < 2**31:
        raise InputError(f"seed: want 0 to 2147483647, got {seed:g}")
    label = _text({"label": "", **data}, "label")[:_LABEL]
    key = _text({"key": "", **data}, "key")
    if len(key) > KEY:
        raise InputError(f"key: want at most {KEY} letters, got {len(key)}")
    circuit, observable = _text(data, "circuit"), _text(data, "observable")
    return Submission(circuit, observable, int(shots), deadline, fidelity, int(seed), label, key)


def circuit_of(submission: Submission) -> QuantumCircuit:
    """Build the circuit, and check the observable against it.

    Raises
    ------
    InputError
        Names the field, and for OpenQASM the line.
    """
    from quantum_backends.cutting import library, observable, qasm

    text = submission.circuit
    try:
        if library.is_name(text):
            circuit = library.circuit_of(text)
        else:
            circuit = qasm.read(text, submission.label or "circuit")
        observable.check(submission.observable, circuit.num_qubits)
    except ValueError as error:
        raise InputError(str(error)) from None
    return circuit


def _number(data: Mapping[str, Any], key: str, whole: bool = False) -> float:
    value = data[key]
    fine = isinstance(value, int | float) and not isinstance(value, bool)
    if not (fine and abs(value) < _HUGE) or (whole and value != int(value)):
        raise InputError(f"{key}: want a {'whole ' if whole else ''}number, got {value!r:.40}")
    return float(value)


def _text(data: Mapping[str, Any], key: str) -> str:
    if not isinstance(data[key], str):
        raise InputError(f"{key}: want text, got {data[key]!r:.40}")
    try:
        data[key].encode()
    except UnicodeEncodeError as error:
        raise InputError(f"{key}: half a character at {error.start}") from None
    return str(data[key])
