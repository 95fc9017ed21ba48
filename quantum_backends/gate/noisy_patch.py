"""Shots of a calibrated patch of qubits, from the exact distribution under its noise.

Aer evolves the density matrix with the noise of gates, once for all shots. A measurement in the
middle copies its qubit to another one that nothing touches any more (Aer's own way would be a shot
at a time, and its shot branching loses readout errors). Readout errors then act on the distribution
of the bits, and the shots are drawn from it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_aer import AerSimulator
from qiskit_aer.noise.device import basic_device_readout_errors

from quantum_backends.gate.calibration import Patch


class NoisyPatch:
    """Compiler and simulator of a patch.

    Parameters
    ----------
    patch : Patch
    """

    def __init__(self, patch: Patch) -> None:
        self.target = patch.target
        self.compiler = generate_preset_pass_manager(1, target=patch.target, seed_transpiler=0)
        self._simulator = AerSimulator(
            method="density_matrix", noise_model=patch.noise(), max_parallel_threads=1
        )
        self._readout = {
            qubits[0]: np.asarray(error.probabilities)
            for qubits, error in basic_device_readout_errors(target=patch.target)
        }

    def distributions(
        self, compiled: QuantumCircuit
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Probability of each value of the classical bits, the first bit the lowest.

        Returns
        -------
        float arrays (2^bits,)
            As they are read, and read with every qubit flipped before and every bit afterwards
            (by a gate that is taken as perfect).
        """
        pure, places, measured = deferred(compiled)
        pure.save_probabilities(places)
        result = self._simulator.run(pure, shots=1).result()
        chances = np.asarray(result.data(0)["probabilities"], dtype=float)
        return self._read(chances, measured, 1), self._read(chances, measured, -1)

    def counts(
        self, compiled: QuantumCircuit, shots: int, rng: np.random.Generator
    ) -> dict[int, int]:
        """Draw shots, half of them with flipped readout."""
        plain, turned = self.distributions(compiled)
        drawn = rng.multinomial(shots - shots // 2, plain) + rng.multinomial(shots // 2, turned)
        return {int(bits): int(drawn[bits]) for bits in np.flatnonzero(drawn)}

    def _read(
        self, chances: NDArray[np.float64], measured: list[int], step: int
    ) -> NDArray[np.float64]:
        """The distribution with readout errors; step -1 exchanges zeros and ones in them."""
        bits = len(measured)
        chances = chances.reshape((2,) * bits)  # the last bit is the first axis
        for bit, qubit in enumerate(measured):
            if qubit in self._readout:
                axis = bits - 1 - bit
                errors = self._readout[qubit][::step, ::step]
                chances = np.moveaxis(np.tensordot(chances, errors, (axis, 0)), -1, axis)
        flat = np.clip(chances.reshape(-1), 0.0, None)
        return np.asarray(flat / flat.sum(), dtype=float)


def deferred(
    compiled: QuantumCircuit,
) -> tuple[QuantumCircuit, list[int], list[int]]:
    """The circuit without its measurements.

    Returns
    -------
    QuantumCircuit
    list of int
        Qubit that holds each classical bit in the end.
    list of int
        Qubit that was measured into it, whose readout error it has.

    Raises
    ------
    ValueError
        A classical bit is written twice or never.
    """
    last = {qubit: at for at, gate in enumerate(compiled.data) for qubit in gate.qubits}
    middle = [
        at
        for at, gate in enumerate(compiled.data)
        if gate.operation.name == "measure" and last[gate.qubits[0]] > at
    ]
    qubits = compiled.num_qubits
    pure = QuantumCircuit(qubits + len(middle))
    holds: dict[int, tuple[int, int]] = {}
    for at, gate in enumerate(compiled.data):
        places = [compiled.find_bit(qubit).index for qubit in gate.qubits]
        if gate.operation.name != "measure":
            pure.append(gate.operation, places)
            continue
        place, bit = places[0], compiled.find_bit(gate.clbits[0]).index
        if bit in holds:
            raise ValueError(f"classical bit {bit} is written twice")
        if at in middle:
            pure.cx(place, qubits + middle.index(at))  # no noise is known of this pair
            holds[bit] = qubits + middle.index(at), place
        else:
            holds[bit] = place, place
    if len(holds) != compiled.num_clbits:
        raise ValueError(f"{compiled.num_clbits - len(holds)} classical bits are never written")
    ordered = [holds[bit] for bit in range(compiled.num_clbits)]
    return pure, [place for place, _ in ordered], [qubit for _, qubit in ordered]
