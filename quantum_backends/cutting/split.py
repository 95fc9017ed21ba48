"""A circuit taken apart at its cuts: wires become segments, connected segments fragments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import networkx as nx
from qiskit import QuantumCircuit

from quantum_backends.cutting.finding import Cuts
from quantum_backends.cutting.pieces import Group, Piece, Plan, Slot


@dataclass(frozen=True, eq=False)
class Parts:
    """A circuit over segments of wires.

    Attributes
    ----------
    steps : tuple of (object, tuple of int, bool)
        Gates in order, on segments, and whether they are cut; a move from one segment to the next
        stands as None.
    letters : tuple of str
        Of the observable, by segment.
    moves : tuple of (int, int)
        Segments before and after each wire cut.
    part_of : tuple of int
        Fragment of each segment.
    """

    steps: tuple[tuple[Any, tuple[int, ...], bool], ...]
    letters: tuple[str, ...]
    moves: tuple[tuple[int, int], ...]
    part_of: tuple[int, ...]

    @property
    def count(self) -> int:
        return max(self.part_of) + 1

    def plan(self, sent: Sequence[Sequence[int]]) -> Plan:
        """The plan with these groups of moves by classical communication, the others without."""
        from qiskit_addon_cutting import partition_problem
        from qiskit_addon_cutting.instructions import Move
        from qiskit_addon_cutting.qpd import TwoQubitQPDGate

        messaged = {self.moves[move] for group in sent for move in group}
        circuit = QuantumCircuit(len(self.part_of))
        for operation, segments, is_cut in self.steps:
            if operation is None and segments in messaged:
                continue  # the wire ends here and begins there
            if is_cut:
                gate = TwoQubitQPDGate.from_instruction(operation or Move())
                circuit.append(gate, segments)
            else:
                circuit.append(operation, segments)
        problem = partition_problem(circuit, list(self.part_of))
        rank = self._ranks([self.moves[group[0]] for group in sent])
        groups = tuple(
            Group(len(group), *(rank[self.part_of[s]] for s in self.moves[group[0]]))
            for group in sent
        )
        pieces = [self._piece(problem, part, sent, groups) for part in sorted(rank, key=rank.get)]  # type: ignore[arg-type]
        gates = sum(is_cut and operation is not None for operation, _, is_cut in self.steps)
        return Plan(tuple(pieces), tuple(problem.bases), groups, gates, len(self.moves))

    def _ranks(self, edges: Sequence[tuple[int, int]]) -> dict[int, int]:
        """Place of each fragment in the order in which they run."""
        order = nx.DiGraph([(self.part_of[a], self.part_of[b]) for a, b in edges])
        order.add_nodes_from(range(self.count))
        return {part: i for i, part in enumerate(nx.lexicographical_topological_sort(order))}

    def _piece(
        self,
        problem: Any,
        part: int,
        sent: Sequence[Sequence[int]],
        groups: tuple[Group, ...],
    ) -> Piece:
        circuit = problem.subcircuits.get(part)
        mine = [segment for segment, owner in enumerate(self.part_of) if owner == part]
        local = {segment: i for i, segment in enumerate(mine)}
        slots = tuple(
            Slot(at, int(each.operation.label.rpartition("_")[2]), each.operation.qubit_id)
            for at, each in enumerate(circuit.data)
            if each.operation.name == "qpd_1q"
        )
        outs, ins = (
            tuple(
                (number, tuple(local[self.moves[move][side]] for move in group))
                for number, group in enumerate(sent)
                if self.part_of[self.moves[group[0]][side]] == part
            )
            for side in (0, 1)
        )
        after = tuple(sorted({groups[number].upstream for number, _ in ins}))
        letters = "".join(self.letters[segment] for segment in reversed(mine))
        return Piece(circuit, letters, slots, ins, outs, after)


def split(circuit: QuantumCircuit, observable: str, cuts: Cuts, width: int) -> Parts:
    """Take a circuit apart; cuts that separate nothing are undone.

    What hangs together with nothing else by a cut joins another fragment, up to a width: fewer
    fragments, at the same shots.
    """
    gates, wires = set(cuts.gates), list(cuts.wires)
    while True:
        parts = _split(circuit, observable, gates, wires)
        idle = _idle(parts, circuit, gates, wires)
        if not idle[0] and not idle[1]:
            return _joined(parts, width)
        gates -= idle[0]
        wires = [wire for wire in wires if wire not in idle[1]]


def _split(
    circuit: QuantumCircuit, observable: str, gates: set[int], wires: list[tuple[int, int]]
) -> Parts:
    now = list(range(circuit.num_qubits))  # segment that each qubit's wire is in
    letters = list(reversed(observable))
    steps: list[tuple[Any, tuple[int, ...], bool]] = []
    moves = []
    for at, gate in enumerate(circuit.data):
        places = [circuit.find_bit(qubit).index for qubit in gate.qubits]
        for qubit in places:
            if (at, qubit) in wires:
                move = now[qubit], len(letters)
                letters.append(letters[move[0]])
                letters[move[0]] = "I"  # what is observed is the end of the wire
                now[qubit] = move[1]
                moves.append(move)
                steps.append((None, move, True))
        steps.append((gate.operation, tuple(now[qubit] for qubit in places), at in gates))
    ties = nx.Graph([s for _, s, is_cut in steps if len(s) == 2 and not is_cut])
    ties.add_nodes_from(range(len(letters)))
    part_of = [0] * len(letters)
    for number, members in enumerate(sorted(nx.connected_components(ties), key=min)):
        for segment in members:
            part_of[segment] = number
    return Parts(tuple(steps), tuple(letters), tuple(moves), tuple(part_of))


def _joined(parts: Parts, width: int) -> Parts:
    """Fragments without cuts put into those with the least room that is enough."""
    members: dict[int, list[int]] = {}
    for segment, part in enumerate(parts.part_of):
        members.setdefault(part, []).append(segment)
    bound = {parts.part_of[s] for _, segments, is_cut in parts.steps if is_cut for s in segments}
    alone = sorted(set(members) - bound, key=lambda part: (-len(members[part]), part))
    for part in alone:
        fit = [
            other
            for other in members
            if other != part and len(members[other]) + len(members[part]) <= width
        ]
        if fit:
            best = max(fit, key=lambda other: (len(members[other]), -other))
            members[best] += members.pop(part)
    part_of = [0] * len(parts.part_of)
    for number, segments in enumerate(sorted(members.values(), key=min)):
        for segment in segments:
            part_of[segment] = number
    return Parts(parts.steps, parts.letters, parts.moves, tuple(part_of))


def _idle(
    parts: Parts, circuit: QuantumCircuit, gates: set[int], wires: list[tuple[int, int]]
) -> tuple[set[int], set[tuple[int, int]]]:
    """Cuts both of whose sides are in one fragment."""
    made = [step for step in parts.steps if step[0] is not None]
    idle_gates = {at for at in gates if len({parts.part_of[s] for s in made[at][1]}) == 1}
    in_order = [
        (at, circuit.find_bit(qubit).index)
        for at, gate in enumerate(circuit.data)
        for qubit in gate.qubits
        if (at, circuit.find_bit(qubit).index) in wires
    ]
    idle_wires = {
        wire
        for wire, (a, b) in zip(in_order, parts.moves, strict=True)
        if parts.part_of[a] == parts.part_of[b]
    }
    return idle_gates, idle_wires
