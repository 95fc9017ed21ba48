"""The circuits of a fragment: one for each way its cuts are filled in.

A circuit's classical bits are, in this order, those whose parity is the sign of a shot (of the
observable, and of cuts that measure in the middle) and those that are sent downstream.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit

from quantum_backends.cutting import mub
from quantum_backends.cutting.pieces import Piece, Plan

if TYPE_CHECKING:
    from qiskit_addon_cutting.qpd import QPDBasis

Counts = Mapping[int, float]
"""How often each value of the classical bits came, the first bit the lowest; or probabilities."""


@dataclass(frozen=True, eq=False)
class Experiment:
    """One circuit of a fragment.

    Attributes
    ----------
    place : tuple of int
        Where its results go in the fragment's tensor: for each slot the class of operations, for
        each group prepared the basis and the state, for each group measured the basis.
    circuit : QuantumCircuit or None
        None where nothing is measured: its value is 1.
    signs : int
        How many classical bits are signs.
    sent : int
        How many are sent downstream.
    weight : float
        Share of the fragment's shots where nothing is known of what was measured upstream.
    """

    place: tuple[int, ...]
    circuit: QuantumCircuit | None
    signs: int
    sent: int
    weight: float

    def signed(self, counts: Counts) -> NDArray[np.float64]:
        """Sum of positive and of negative shots by what was sent; shape (2, 2^sent)."""
        found = np.zeros((2, 2**self.sent))
        if self.circuit is None:
            found[0, 0] = 1.0
            return found
        for bits, times in counts.items():
            sign = (bits & ((1 << self.signs) - 1)).bit_count() & 1
            found[sign, bits >> self.signs] += times
        return found


def classes(basis: QPDBasis, side: int) -> list[list[int]]:
    """Terms of a decomposition by what they do on one side; terms alike are one class."""
    found: dict[tuple[object, ...], list[int]] = {}
    for term, sides in enumerate(basis.maps):
        key = tuple(
            (operation.name, *(np.asarray(p).tobytes() for p in operation.params))
            for operation in sides[side]
        )
        found.setdefault(key, []).append(term)
    return list(found.values())


def experiments(plan: Plan, piece: Piece) -> list[Experiment]:
    """All circuits of a fragment, in the order of their places."""
    kinds = [classes(plan.bases[slot.cut], slot.side) for slot in piece.slots]
    axes = [range(len(kind)) for kind in kinds]
    for _, qubits in piece.ins:
        axes += [range(mub.terms(len(qubits))), range(2 ** len(qubits))]
    axes += [range(mub.terms(len(qubits))) for _, qubits in piece.outs]
    found = []
    for place in product(*axes):
        chosen = [kind[i] for kind, i in zip(kinds, place, strict=False)]
        circuit, signs, sent = _circuit(piece, [terms[0] for terms in chosen], place)
        weight = _weight(plan, piece, chosen, place)
        if signs + sent == 0:
            found.append(Experiment(place, None, 0, 0, 0.0))
        else:
            found.append(Experiment(place, circuit, signs, sent, weight))
    total = sum(one.weight for one in found)
    return [
        Experiment(one.place, one.circuit, one.signs, one.sent, one.weight / total) for one in found
    ]


def _weight(
    plan: Plan, piece: Piece, chosen: Sequence[Sequence[int]], place: tuple[int, ...]
) -> float:
    """Probability of the place when all cuts are sampled by the size of their coefficients."""
    weight = 1.0
    for slot, terms in zip(piece.slots, chosen, strict=True):
        sizes = np.abs(plan.bases[slot.cut].coeffs)
        weight *= float(sizes[list(terms)].sum() / sizes.sum())
    at = len(piece.slots)
    for _, qubits in piece.ins:
        weight *= float(mub.sampled(len(qubits))[place[at]]) / 2 ** len(qubits)
        at += 2
    for _, qubits in piece.outs:
        weight *= float(mub.sampled(len(qubits))[place[at]])
        at += 1
    return weight


def _circuit(
    piece: Piece, terms: Sequence[int], place: tuple[int, ...]
) -> tuple[QuantumCircuit, int, int]:
    """The circuit of a place, and how many bits are signs and sent."""
    body = _filled(piece, terms)
    letters = piece.observable[::-1]
    watched = [qubit for qubit, letter in enumerate(letters) if letter != "I"]
    inner = sum(each.operation.name == "qpd_measure" for each in body.data)
    signs, sent = inner + len(watched), sum(len(qubits) for _, qubits in piece.outs)
    circuit = QuantumCircuit(piece.qubits, signs + sent)
    at = len(piece.slots)
    for _, qubits in piece.ins:
        term, state = place[at : at + 2]
        at += 2
        for i, qubit in enumerate(qubits):
            if state >> i & 1:
                circuit.x(qubit)
        circuit.compose(mub.basis(len(qubits), term), qubits, inplace=True)
    bit = _compose(circuit, body)
    for qubit in watched:
        if letters[qubit] == "Y":
            circuit.sdg(qubit)
        if letters[qubit] != "Z":
            circuit.h(qubit)
        circuit.measure(qubit, bit)
        bit += 1
    for _, qubits in piece.outs:
        circuit.compose(mub.basis(len(qubits), place[at]).inverse(), qubits, inplace=True)
        at += 1
        for qubit in qubits:
            circuit.measure(qubit, bit)
            bit += 1
    return circuit, signs, sent


def _filled(piece: Piece, terms: Sequence[int]) -> QuantumCircuit:
    """The fragment's circuit with its holes filled, measurements in the middle as they are."""
    filled = QuantumCircuit(piece.qubits)
    at_hole = {slot.at: (slot.side, term) for slot, term in zip(piece.slots, terms, strict=True)}
    for at, each in enumerate(piece.circuit.data):
        places = [piece.circuit.find_bit(qubit).index for qubit in each.qubits]
        if at in at_hole:
            side, term = at_hole[at]
            for operation in each.operation.basis.maps[term][side]:
                filled.append(operation, places)
        else:
            filled.append(each.operation, places)
    return filled


def _compose(circuit: QuantumCircuit, body: QuantumCircuit) -> int:
    """Append a body, its measurements to bits from 0 on; return the next free bit.

    Resets of a qubit that is still in its first state, or not used any more, are left out, because
    not every computer has them; no cut needs another.
    """
    last = {}
    for at, each in enumerate(body.data):
        if each.operation.name != "reset":
            last.update(dict.fromkeys(each.qubits, at))
    bit, used = 0, set()
    for at, each in enumerate(body.data):
        places = [body.find_bit(qubit).index for qubit in each.qubits]
        if each.operation.name == "reset":
            if each.qubits[0] in used and at < last.get(each.qubits[0], -1):
                circuit.reset(places[0])
            continue
        used.update(each.qubits)
        if each.operation.name == "qpd_measure":
            circuit.measure(places[0], bit)
            bit += 1
        else:
            circuit.append(each.operation, places)
    return bit


def deal(shots: int, weights: Sequence[float]) -> list[int]:
    """Deal shots out in proportion to weights, by largest remainders.

    Whatever has a weight gets one shot at least.

    Raises
    ------
    ValueError
        There are fewer shots than weights, or nothing has a weight.
    """
    share = np.asarray(weights, dtype=float)
    there = share > 0
    if not there.any():
        raise ValueError("no circuit has a weight, so no shot can be dealt")
    if shots < there.sum():
        raise ValueError(f"shots: {shots} are fewer than the {there.sum()} circuits")
    ideal = there + share / share.sum() * (shots - there.sum())
    dealt = np.floor(ideal).astype(int)
    first = np.argsort(dealt - ideal, kind="stable")[: shots - dealt.sum()]
    dealt[first] += 1
    return [int(one) for one in dealt]


def weights_after(
    plan: Plan,
    piece: Piece,
    own: Sequence[Experiment],
    upstream: Mapping[int, NDArray[np.float64]],
) -> list[float]:
    """Shares of a downstream fragment's circuits once its upstream fragments have run.

    Each state is prepared as often as it was measured (or, for the term that prepares another one,
    as often as another one was).

    Parameters
    ----------
    upstream : mapping of int to array
        By group: how often each outcome came in each basis; shape (d + 1, d).
    """
    prepared = {}
    for number, qubits in piece.ins:
        counts = upstream[number]
        total = counts.sum(axis=1, keepdims=True)
        shares = np.divide(counts, total, out=np.zeros_like(counts), where=total > 0)
        each = np.abs(mub.weights(len(qubits)))
        states = np.einsum("aj,ajk->ak", shares, each)
        norm = states.sum(axis=1, keepdims=True)
        prepared[number] = np.divide(states, norm, out=np.zeros_like(states), where=norm > 0)
    found = []
    for one in own:
        weight, at = one.weight, len(piece.slots)
        for number, qubits in piece.ins:
            term, state = one.place[at : at + 2]
            weight *= float(prepared[number][term, state]) * 2 ** len(qubits)
            at += 2
        found.append(weight)
    return found


def measured(
    plan: Plan, piece: Piece, own: Sequence[Experiment], results: Sequence[Counts]
) -> dict[int, NDArray[np.float64]]:
    """How often each outcome came, by group measured here and basis; shape (d + 1, d) each."""
    sizes = [len(qubits) for _, qubits in piece.outs]
    found = {
        number: np.zeros((mub.terms(len(qubits)), 2 ** len(qubits)))
        for number, qubits in piece.outs
    }
    first = len(piece.slots) + 2 * len(piece.ins)
    for one, counts in zip(own, results, strict=True):
        seen = one.signed(counts).sum(axis=0)
        for value, times in enumerate(seen):
            rest = value
            for i, (number, _) in enumerate(piece.outs):
                found[number][one.place[first + i], rest & ((1 << sizes[i]) - 1)] += times
                rest >>= sizes[i]
    return found
