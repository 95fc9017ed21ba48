"""Where to cut a circuit so that its fragments fit.

Two searches. qiskit-addon-cutting's ``find_cuts`` minimises the overhead over gates and wires for
one width that all fragments share. Where computers differ, a second one assigns qubits to blocks of
unequal capacity and cuts the gates in between, so that a small computer takes a small part.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit

MOST_OVERHEAD = 1000.0
"""Times the shots beyond which a search gives up."""

_BACKJUMPS = 300
_STARTS = 8


@dataclass(frozen=True)
class Cuts:
    """Places in a circuit.

    Attributes
    ----------
    gates : tuple of int
        Instructions that are cut.
    wires : tuple of (int, int)
        Instruction and qubit: the wire is cut right before that instruction.
    """

    gates: tuple[int, ...] = ()
    wires: tuple[tuple[int, int], ...] = ()


def by_search(
    circuit: QuantumCircuit,
    width: int,
    *,
    gates: bool,
    seed: int,
    most_overhead: float = MOST_OVERHEAD,
) -> Cuts | None:
    """Cuts by ``find_cuts``; None where it finds none.

    Parameters
    ----------
    width : int
        Most qubits of a fragment.
    gates : bool
        Whether gates may be cut, or wires alone.
    """
    from qiskit_addon_cutting import DeviceConstraints, OptimizationParameters, find_cuts

    options = OptimizationParameters(
        seed=seed,
        max_gamma=math.sqrt(most_overhead),
        max_backjumps=_BACKJUMPS,
        gate_lo=gates,
    )
    try:
        found, figures = find_cuts(circuit, options, DeviceConstraints(width))
    except ValueError:
        return None  # it has no way to cut with these options
    if figures["sampling_overhead"] > most_overhead:
        return None
    cut_gates, cut_wires, at = [], [], 0
    for each in found.data:
        if each.operation.name == "cut_wire":
            cut_wires.append((at, found.find_bit(each.qubits[0]).index))
            continue
        if each.operation.name == "qpd_2q":
            cut_gates.append(at)
        at += 1
    return Cuts(tuple(cut_gates), tuple(cut_wires))


def by_blocks(
    circuit: QuantumCircuit,
    capacities: Sequence[int],
    seed: int,
    most_overhead: float = MOST_OVERHEAD,
) -> Cuts | None:
    """Cut gates so that blocks of qubits fit capacities; None where they do not suffice.

    Blocks are grown along the strongest ties from a qubit, the largest capacity first, and then
    mended by moving or swapping single qubits while the overhead falls; the best of several starts.

    Parameters
    ----------
    capacities : sequence of int
        Qubits of each block, at most.
    """
    if sum(capacities) < circuit.num_qubits:
        return None
    ties = _ties(circuit)
    rng = np.random.default_rng(seed)
    starts = [0, circuit.num_qubits - 1, *rng.integers(circuit.num_qubits, size=_STARTS)]
    found = [_mended(ties, _grown(ties, capacities, int(s)), capacities) for s in starts]
    block = min(found, key=lambda one: _tied(ties, one))
    if _tied(ties, block) > math.log(most_overhead):
        return None
    crossing = [
        at for at, pair in _pairs(circuit) if block[pair[0]] != block[pair[1]]
    ]  # nothing to cut means that the circuit falls apart by itself
    return Cuts(tuple(crossing)) if crossing else None


def gamma_of(circuit: QuantumCircuit, at: int) -> float:
    """Gamma of one gate cut."""
    from qiskit_addon_cutting.qpd import qpdbasis_from_instruction

    return float(qpdbasis_from_instruction(circuit.data[at].operation).kappa)


def _pairs(circuit: QuantumCircuit) -> Iterator[tuple[int, list[int]]]:
    for at, gate in enumerate(circuit.data):
        if len(gate.qubits) == 2:
            yield at, [circuit.find_bit(qubit).index for qubit in gate.qubits]


def _ties(circuit: QuantumCircuit) -> NDArray[np.float64]:
    """Logarithm of the overhead of separating each two qubits; shape (n, n)."""
    ties = np.zeros((circuit.num_qubits, circuit.num_qubits))
    known: dict[tuple[str, tuple[float, ...]], float] = {}
    for at, (a, b) in _pairs(circuit):
        operation = circuit.data[at].operation
        key = operation.name, tuple(float(value) for value in operation.params)
        if key not in known:
            known[key] = 2 * math.log(gamma_of(circuit, at))
        ties[a, b] += known[key]
        ties[b, a] += known[key]
    return ties


def _tied(ties: NDArray[np.float64], block: NDArray[np.int64]) -> float:
    """Logarithm of the overhead of an assignment."""
    return float(ties[block[:, None] != block[None, :]].sum() / 2)


def _grown(ties: NDArray[np.float64], capacities: Sequence[int], start: int) -> NDArray[np.int64]:
    block = np.full(len(ties), -1)
    qubit = start
    for number, room in enumerate(capacities):
        pull = np.zeros(len(ties))
        for _ in range(room):
            free = np.flatnonzero(block < 0)
            if not len(free):
                return block
            if block[qubit] >= 0:
                qubit = int(free[np.argmax(pull[free])])
            block[qubit] = number
            pull += ties[qubit]
    return block


def _mended(
    ties: NDArray[np.float64], block: NDArray[np.int64], capacities: Sequence[int]
) -> NDArray[np.int64]:
    """Move or swap single qubits while that lowers the overhead."""
    best, numbers = block.copy(), np.arange(len(capacities))
    every = np.arange(len(best))
    while True:
        to = ties @ (best[:, None] == numbers)  # of each qubit to each block, shape (n, blocks)
        saved = to - to[every, best][:, None]  # by moving a qubit to a block
        swaps = saved[every[:, None], best[None, :]]
        swaps = swaps + swaps.T - 2 * ties
        swaps[best[:, None] == best[None, :]] = -np.inf
        room = np.bincount(best, minlength=len(capacities)) < np.asarray(capacities)
        moves = np.where(room[None, :] & (best[:, None] != numbers), saved, -np.inf)
        if max(swaps.max(), moves.max()) <= 1e-9:
            return best
        if moves.max() >= swaps.max():
            qubit, number = np.unravel_index(np.argmax(moves), moves.shape)
            best[qubit] = number
        else:
            pair = list(np.unravel_index(np.argmax(swaps), swaps.shape))
            best[pair] = best[pair[::-1]]
