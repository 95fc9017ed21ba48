"""What a cut circuit is made of: fragments with their holes, groups of wires, the whole plan."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING

from qiskit import QuantumCircuit

if TYPE_CHECKING:
    from qiskit_addon_cutting.qpd import QPDBasis

INDEPENDENT = "independent"
CLASSICAL = "classical"
"""Wires cut without communication, or with classical messages from upstream to downstream."""


@dataclass(frozen=True)
class Slot:
    """Where a cut without communication meets a fragment.

    Attributes
    ----------
    at : int
        Instruction of the fragment's circuit.
    cut : int
        Index in :attr:`Plan.bases`.
    side : int
        0 or 1: which half of the decomposition.
    """

    at: int
    cut: int
    side: int


@dataclass(frozen=True)
class Group:
    """Wires cut jointly with classical communication.

    Attributes
    ----------
    wires : int
    upstream, downstream : int
        Fragments.
    """

    wires: int
    upstream: int
    downstream: int

    @property
    def gamma(self) -> int:
        return int(2 ** (self.wires + 1) - 1)


@dataclass(frozen=True, eq=False)
class Piece:
    """A fragment: its circuit with holes where cuts are.

    Attributes
    ----------
    circuit : QuantumCircuit
    observable : str
        Its part of the observable.
    slots : tuple of Slot
    ins, outs : tuple of (int, tuple of int)
        Groups whose states are prepared here, or measured here, and the qubits.
    after : tuple of int
        Fragments that run before this one.
    """

    circuit: QuantumCircuit
    observable: str
    slots: tuple[Slot, ...] = ()
    ins: tuple[tuple[int, tuple[int, ...]], ...] = ()
    outs: tuple[tuple[int, tuple[int, ...]], ...] = ()
    after: tuple[int, ...] = ()

    @property
    def qubits(self) -> int:
        return int(self.circuit.num_qubits)


@dataclass(frozen=True, eq=False)
class Plan:
    """One way to find the expectation value of a circuit.

    Attributes
    ----------
    pieces : tuple of Piece
        Upstream ones first.
    bases : tuple of QPDBasis
        Of gates and wires cut without communication.
    groups : tuple of Group
    gate_cuts, wire_cuts : int
    """

    pieces: tuple[Piece, ...]
    bases: tuple[QPDBasis, ...] = ()
    groups: tuple[Group, ...] = ()
    gate_cuts: int = 0
    wire_cuts: int = 0

    @cached_property
    def overhead(self) -> float:
        """Sampling overhead: gamma squared, multiplied over the cuts."""
        free = prod(float(basis.kappa) ** 2 for basis in self.bases)
        return free * prod(group.gamma**2 for group in self.groups)

    @property
    def communication(self) -> str:
        """``none``, ``independent`` or ``classical``."""
        if not self.gate_cuts + self.wire_cuts:
            return "none"
        return CLASSICAL if self.groups else INDEPENDENT

    @property
    def joint(self) -> bool:
        """Whether wires are cut jointly."""
        return any(group.wires > 1 for group in self.groups)

    @property
    def width(self) -> int:
        return max(piece.qubits for piece in self.pieces)

    def __str__(self) -> str:
        if len(self.pieces) == 1:
            return "whole"
        sent = sum(group.wires for group in self.groups)
        alone = self.wire_cuts - sent
        parts = [
            f"{self.gate_cuts} gates" if self.gate_cuts else "",
            f"{alone} wires" if alone else "",
            f"{sent} wires with messages" + (", joint" if self.joint else "") if sent else "",
        ]
        widths = "+".join(str(piece.qubits) for piece in self.pieces)
        return f"{', '.join(filter(None, parts)) or 'falls apart'} ({widths} qubits)"
