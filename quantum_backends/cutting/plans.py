"""Plans: which fragments a cut circuit falls into, in which order they run, at what overhead."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from math import prod

import networkx as nx
from qiskit import QuantumCircuit

from quantum_backends.cutting import finding, mub
from quantum_backends.cutting.finding import Cuts
from quantum_backends.cutting.observable import check, felt
from quantum_backends.cutting.pieces import CLASSICAL, INDEPENDENT, Piece, Plan
from quantum_backends.cutting.split import split

MOST_CIRCUITS = 400
"""Circuits of one fragment at most."""


def whole(circuit: QuantumCircuit, observable: str) -> Plan:
    """The plan that cuts nothing; gates that the observable cannot feel are left out.

    Raises
    ------
    ValueError
        The observable does not fit.
    """
    return Plan((Piece(*felt(circuit, check(observable, circuit.num_qubits))),))


def cut(
    circuit: QuantumCircuit,
    observable: str,
    widths: Iterable[int],
    seed: int = 0,
    most_overhead: float = finding.MOST_OVERHEAD,
) -> list[Plan]:
    """Ways to cut a circuit for computers of these widths, the lowest overhead first.

    Parameters
    ----------
    circuit : QuantumCircuit
        Gates on at most two qubits (:func:`quantum_backends.cutting.library.plain`).
    widths : iterable of int
        Qubits of each computer.
    most_overhead : float
        Plans beyond are left out.

    Raises
    ------
    ValueError
        The observable does not fit.
    """
    small, letters = felt(circuit, check(observable, circuit.num_qubits))
    have = sorted(set(widths), reverse=True)
    found: list[Plan] = []
    for cuts in _places(small, have, seed, 2 * most_overhead):
        for communication in (INDEPENDENT, CLASSICAL) if cuts.wires else (INDEPENDENT,):
            plan = assemble(small, letters, cuts, communication, width=max(have))
            if plan is not None and plan.width <= max(have) and plan.overhead <= most_overhead:
                found.append(plan)
    return _distinct(sorted(found, key=lambda plan: (plan.overhead, len(plan.pieces))))


def assemble(
    circuit: QuantumCircuit,
    observable: str,
    cuts: Cuts,
    communication: str,
    joint: bool = True,
    width: int = 0,
) -> Plan | None:
    """The plan of given cuts; None where the circuit does not fall apart at them.

    Wires get classical communication group by group as long as the order of the fragments stays
    free of circles; the others are cut without. A cut both of whose sides end up in one fragment
    is not made.

    Parameters
    ----------
    joint : bool
        Whether parallel wires are cut together.
    width : int
        Up to which fragments that no cut touches join others.
    """
    parts = split(circuit, observable, cuts, width)
    if parts.count < 2:
        return None
    sent: list[list[int]] = []
    if communication == CLASSICAL:
        sent = _ordered(parts.moves, parts.part_of, mub.MOST_WIRES if joint else 1)
        if not sent:
            return None
    plan = parts.plan(sent)
    largest = max(_circuits(plan, piece) for piece in plan.pieces)
    return plan if largest <= MOST_CIRCUITS else None


def _circuits(plan: Plan, piece: Piece) -> int:
    """Upper bound on a fragment's circuits, before any of them is made."""
    free = prod(len(plan.bases[slot.cut].coeffs) for slot in piece.slots)
    measured = prod(mub.terms(len(qubits)) for _, qubits in piece.outs)
    prepared = prod(mub.terms(len(qubits)) * 2 ** len(qubits) for _, qubits in piece.ins)
    return free * measured * prepared


def _places(circuit: QuantumCircuit, widths: Sequence[int], seed: int, most: float) -> list[Cuts]:
    """Cuts to try: for each width, and for the largest together with smaller ones.

    Wires count 16 each here and may count less afterwards, so ``most`` is above what is wanted.
    """
    found: list[Cuts | None] = []
    for width in widths:
        if width >= circuit.num_qubits:
            continue
        found += [
            finding.by_search(circuit, width, gates=g, seed=seed, most_overhead=most)
            for g in (True, False)
        ]
    for i, large in enumerate(widths):
        for small in widths[i:]:
            more = -(-(circuit.num_qubits - large) // small)
            if large < circuit.num_qubits and more <= 3:
                found.append(finding.by_blocks(circuit, (large, *[small] * more), seed, most))
    return list(dict.fromkeys(cuts for cuts in found if cuts is not None))


def _ordered(
    moves: Sequence[tuple[int, int]], part_of: Sequence[int], together: int
) -> list[list[int]]:
    """Groups of moves with communication: by pair of fragments, as long as no circle arises."""

    def ends(move: int) -> tuple[int, int]:
        return part_of[moves[move][0]], part_of[moves[move][1]]

    order = nx.DiGraph()
    groups: list[list[int]] = []
    for (up, down), each in groupby(sorted(range(len(moves)), key=ends), ends):
        order.add_edge(up, down)
        if not nx.is_directed_acyclic_graph(order):
            order.remove_edge(up, down)
            continue
        chosen = list(each)
        groups += [chosen[i : i + together] for i in range(0, len(chosen), together)]
    return groups


def _distinct(plans: list[Plan]) -> list[Plan]:
    """Of plans that differ in nothing a scheduler sees, the first."""
    seen: dict[tuple[object, ...], Plan] = {}
    for plan in plans:
        shape = tuple(sorted((piece.qubits, len(piece.after)) for piece in plan.pieces))
        seen.setdefault((shape, plan.communication), plan)
    return list(seen.values())
