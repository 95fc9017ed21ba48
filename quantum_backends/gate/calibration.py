"""A patch of a calibrated device: its best connected qubits, with their noise.

Aer translates the noise of every qubit at every run, seconds for a device of 156, so a small
circuit gets a model of the few qubits that it is compiled to.
"""

from __future__ import annotations

from dataclasses import dataclass

from qiskit.transpiler import Target
from qiskit_aer.noise import NoiseModel
from qiskit_aer.noise.device import basic_device_gate_errors, basic_device_readout_errors

_PAIR_GATES = ("cz", "ecr", "cx")
_GATES = ("rz", "sx", "x", "measure")


@dataclass(frozen=True, eq=False)
class Patch:
    """Some qubits of a device, numbered from 0.

    Attributes
    ----------
    qubits : tuple of int
        Their numbers on the device.
    target : Target
        Their gates with errors and durations; compile to this.
    """

    qubits: tuple[int, ...]
    target: Target

    @staticmethod
    def best(device: Target, size: int) -> Patch:
        """The patch of least summed error, grown greedily from each qubit in turn.

        Raises
        ------
        ValueError
            The device has no such gates, or fewer connected qubits.
        """
        pair = next((gate for gate in _PAIR_GATES if gate in device), None)
        if pair is None:
            raise ValueError(f"the device has none of the gates {', '.join(_PAIR_GATES)}")
        near = _errors(device, pair)
        grown = [found for start in near if (found := _grow(near, start, size))]
        if not grown:
            raise ValueError(f"the device has no {size} connected qubits")
        qubits = min(grown)[1]
        return Patch(qubits, _restrict(device, qubits, (*_GATES, pair)))

    def noise(self) -> NoiseModel:
        """Gate, relaxation and readout errors of these qubits, by Aer's own device model."""
        model = NoiseModel(basis_gates=sorted(self.target.operation_names))
        for qubits, error in basic_device_readout_errors(target=self.target):
            model.add_readout_error(error, qubits)
        for name, pair, error in basic_device_gate_errors(target=self.target):
            model.add_quantum_error(error, name, list(pair))
        return model


def _errors(device: Target, pair: str) -> dict[int, dict[int, float]]:
    """By qubit and neighbour: the pair gate's error and half of both readout errors."""
    near: dict[int, dict[int, float]] = {}
    for (a, b), properties in device[pair].items():
        error = getattr(properties, "error", None)
        readout = [device["measure"][(q,)].error or 0.0 for q in (a, b)]
        total = (1.0 if error is None else error) + sum(readout) / 2
        near.setdefault(a, {})[b] = near.setdefault(b, {})[a] = total
    return near


def _grow(
    near: dict[int, dict[int, float]], start: int, size: int
) -> tuple[float, tuple[int, ...]] | None:
    """Add the neighbour of least error until the size is reached."""
    found, total = [start], 0.0
    while len(found) < size:
        edges = ((e, b) for a in found for b, e in near.get(a, {}).items() if b not in found)
        cheapest = min(edges, default=None)
        if cheapest is None:
            return None
        total += cheapest[0]
        found.append(cheapest[1])
    return total, tuple(sorted(found))


def _restrict(device: Target, qubits: tuple[int, ...], gates: tuple[str, ...]) -> Target:
    number = {qubit: i for i, qubit in enumerate(qubits)}
    known = [device.qubit_properties[qubit] for qubit in qubits]
    target = Target(num_qubits=len(qubits), dt=device.dt, qubit_properties=known)
    for name in gates:
        kept = {
            tuple(number[q] for q in place): properties
            for place, properties in device[name].items()
            if all(q in number for q in place)
        }
        target.add_instruction(device.operation_from_name(name), kept)
    return target
