"""Circuits to run so many times each: the form ``circuits``, which QPUs take.

No Qiskit is imported here; whoever only hands batches on stays light.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, eq=False)
class CircuitBatch:
    """One sub-job of a QPU.

    Attributes
    ----------
    circuits : tuple of QuantumCircuit
        Each with its measurements, into one register of classical bits.
    shots, signs : tuple of int
        Of each circuit; and how many of its first classical bits only count with their parity.
    modelled_s : float
        Time that the device which a simulator stands for is modelled to take. The simulator is
        occupied for at least so long; a real device ignores it.
    """

    circuits: tuple[Any, ...]
    shots: tuple[int, ...]
    signs: tuple[int, ...]
    modelled_s: float = 0.0
    form: str = "circuits"

    @property
    def size(self) -> int:
        """Qubits of the widest circuit."""
        return max(int(circuit.num_qubits) for circuit in self.circuits)

    @property
    def bound(self) -> float:
        return 0.0

    def check(self, answer: BatchCounts) -> None:
        """Check that every circuit has its shots.

        Raises
        ------
        ValueError
            One has not.
        """
        for i, (counts, shots) in enumerate(zip(answer.counts, self.shots, strict=True)):
            if sum(counts.values()) != shots:
                raise ValueError(f"circuit {i}: {sum(counts.values())} shots, not {shots}")

    def value(self, answer: BatchCounts) -> float:
        """Nothing is minimised."""
        return 0.0


@dataclass(frozen=True, slots=True)
class Quality:
    """What a circuit's errors leave, by the calibration.

    Attributes
    ----------
    success : float
        Estimated success probability of a shot (ESP): the product over all gates and readouts of
        1 - error.
    gates : float
        The same without the readout of signs.
    readout : float
        Factor by which the readout shrinks the parity of the signs: product of 1 - 2 error.
    """

    success: float = 1.0
    gates: float = 1.0
    readout: float = 1.0


@dataclass(frozen=True)
class BatchCounts:
    """What came of a batch.

    Attributes
    ----------
    counts : sequence of mapping of int to int
        By circuit: how often each value of its classical bits came, the first bit the lowest.
    qualities : sequence of Quality
        By circuit, as compiled.
    """

    counts: Sequence[Mapping[int, int]]
    qualities: Sequence[Quality]
