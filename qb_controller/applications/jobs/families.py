"""Families of circuits by their statistics: width, depth, gates, and what cutting them takes.

Two-qubit gates are those of the circuits as Qiskit's library builds them in CX and rotations, on
unlimited connectivity; what a device's coupling map adds by swaps is not counted, for nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from qb_controller.model.jobs import (
    CLASSICAL,
    INDEPENDENT,
    CutPlan,
    Fragment,
    gate_cut_overhead,
    wire_cut_overhead,
)


@dataclass(frozen=True)
class Circuit:
    """A circuit by its statistics.

    Attributes
    ----------
    family : str
    qubits, layers, gates, one_qubit_layers : int
        As in :class:`qb_controller.model.jobs.Fragment`.
    crossing_gates : int
        CX or CZ gates between the two sides of a bipartition of its line of qubits; 0 where it
        cannot be cut in gates at a bearable price.
    crossing_wires : int
        Wires that join the two sides when it is cut in time instead; 0 where it cannot.
    """

    family: str
    qubits: int
    layers: int
    gates: int
    one_qubit_layers: int
    crossing_gates: int = 0
    crossing_wires: int = 0

    def part(self, qubits: int, shots: int, after: tuple[int, ...], circuits: int) -> Fragment:
        """A piece of so many qubits: gates by its share of the qubits, the depth of a chain too."""
        share = min(qubits / self.qubits, 1.0)
        chain = self.family in ("ghz", "adder")
        layers = round(self.layers * share) if chain else self.layers
        return Fragment(
            qubits,
            max(layers, 1),
            round(self.gates * share),
            shots,
            self.one_qubit_layers + 1,
            after,
            circuits,
        )


def _ghz(n: int, rng: np.random.Generator) -> Circuit:
    return Circuit("ghz", n, n - 1, n - 1, 1, crossing_gates=1, crossing_wires=1)


def _hea(n: int, rng: np.random.Generator) -> Circuit:
    """Hardware-efficient ansatz: one to three repetitions of a line of CX and rotations."""
    reps = int(rng.integers(1, 4))
    return Circuit("hea", n, n - 1 + 2 * (reps - 1), reps * (n - 1), 2 * (reps + 1), reps, reps)


def _qaoa(n: int, rng: np.random.Generator) -> Circuit:
    """QAOA of one or two layers on a line with every second neighbour: ZZ is two CX."""
    depth = int(rng.integers(1, 3))
    return Circuit("qaoa", n, 8 * depth, depth * 2 * (2 * n - 3), 2 * depth + 1, 0, 2 * depth)


def _adder(n: int, rng: np.random.Generator) -> Circuit:
    """Ripple-carry adder (Cuccaro): eight CX a qubit; the carry crosses twice."""
    return Circuit("adder", n, 5 * n, 8 * n, 2 * n, 0, 2)


def _qft(n: int, rng: np.random.Generator) -> Circuit:
    return Circuit("qft", n, 4 * n, n * (n - 1), 2 * n)


def _random(n: int, rng: np.random.Generator) -> Circuit:
    """Random layers in which a third of the qubits is paired."""
    depth = int(rng.integers(4, 13))
    return Circuit("random", n, depth, max(depth * n // 3, 1), depth)


FAMILIES: Mapping[str, Callable[[int, np.random.Generator], Circuit]] = {
    "ghz": _ghz,
    "hea": _hea,
    "qaoa": _qaoa,
    "adder": _adder,
    "qft": _qft,
    "random": _random,
}
"""Circuit of a width; the generator draws what else may vary."""


def whole(circuit: Circuit, shots: int) -> CutPlan:
    """The circuit uncut."""
    return CutPlan(
        (Fragment(circuit.qubits, circuit.layers, circuit.gates, shots, circuit.one_qubit_layers),)
    )


def cut_plans(circuit: Circuit, shots: int, widths: tuple[int, ...], most: int) -> list[CutPlan]:
    """Ways to cut a circuit in two, at any of the given widths of the first part.

    Gates one by one without communication; wires without, or jointly with it. A cut wire adds a
    qubit to the downstream part. Ways that need more than ``most`` shots are left out. The
    subexperiments of a part are 6 per CX cut, and of a wire cut 4 preparations downstream and 3
    measurements upstream.
    """
    plans = []
    for first in widths:
        rest = circuit.qubits - first
        if rest < 1:
            continue
        if circuit.crossing_gates:
            cuts = circuit.crossing_gates
            needed = shots * gate_cut_overhead(cuts)
            if needed <= most:
                parts = tuple(circuit.part(q, needed, (), 6**cuts) for q in (first, rest))
                plans.append(
                    CutPlan(parts, INDEPENDENT, gate_cuts=cuts, name=f"{cuts} gates at {first}")
                )
        if circuit.crossing_wires:
            plans += _wires(circuit, shots, first, most)
    return plans


def _wires(circuit: Circuit, shots: int, first: int, most: int) -> list[CutPlan]:
    cuts, plans = circuit.crossing_wires, []
    rest = circuit.qubits - first + cuts
    for communication in (INDEPENDENT, CLASSICAL):
        joint = communication == CLASSICAL and cuts > 1
        needed = shots * wire_cut_overhead(cuts, communication, joint)
        if needed > most:
            continue
        after = (0,) if communication == CLASSICAL else ()
        parts = (
            circuit.part(first, needed, (), 3**cuts),
            circuit.part(rest, needed, after, 4**cuts),
        )
        name = f"{cuts} wires at {first}, {communication}"
        plans.append(CutPlan(parts, communication, wire_cuts=cuts, joint=joint, name=name))
    return plans
