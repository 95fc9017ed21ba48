"""Quantum jobs before deadlines: computers, requests, the ways to cut them, and what was decided.

Times are seconds on one clock that whoever uses these passes in (a simulator's, or Unix time);
errors and fidelities are shares between 0 and 1. Nothing here holds a circuit: a fragment is known
by its width, depth, gates and shots, whether a library cut it out of a real circuit or a family of
circuits was drawn from statistics.

The computers themselves are in :mod:`qb_controller.model.qpus`.

====================  =====================================================================
:class:`Fragment`     a circuit that runs on one QPU as a whole
:class:`CutPlan`      one way to serve a request: its fragments, cuts and their overhead
:class:`JobRequest`   circuit, shots, deadline: the ways to serve it, and what that is worth
:class:`SubJob`       so many shots of one fragment on one QPU
:class:`Schedule`     what was run, and what was refused
:class:`State`        all that a scheduler may look at; :class:`Decision` what it answers
====================  =====================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from qb_controller.model.qpus import Latency, Qpu

NONE = "none"
INDEPENDENT = "independent"
CLASSICAL = "classical"
COMMUNICATIONS = (NONE, INDEPENDENT, CLASSICAL)
"""How fragments are joined: not cut at all; by post-processing alone, in any order; by classical
messages from upstream to downstream fragments, which sets an order."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """A circuit that runs on one QPU as a whole; its shots may be spread over several.

    Attributes
    ----------
    qubits : int
        Width.
    layers : int
        Depth in two-qubit gates: layers that run one after another.
    two_qubit_gates : int
    shots : int
        Shots it needs in all, its part of the sampling overhead included.
    one_qubit_layers : int
        Depth in one-qubit gates.
    after : tuple of int
        Fragments of the same plan (by index) all of whose shots must have ended, and their results
        have travelled, before any shot of this one begins. Empty without communication.
    circuits : int
        Different circuits (subexperiments) that the shots are spread over.
    """

    qubits: int
    layers: int
    two_qubit_gates: int
    shots: int
    one_qubit_layers: int = 0
    after: tuple[int, ...] = ()
    circuits: int = 1

    def __post_init__(self) -> None:
        if self.qubits < 1 or self.shots < 1:
            raise ValueError(f"fragment: {self.qubits} qubits, {self.shots} shots: want 1 or more")
        if min(self.layers, self.two_qubit_gates, self.one_qubit_layers) < 0:
            raise ValueError("fragment: layers and gates cannot be below zero")


def gate_cut_overhead(cuts: int) -> int:
    """Sampling overhead of CX or CZ gates cut one by one: gamma is 3, so ``9^n``.

    Mitarai and Fujii, "Constructing a virtual two-qubit gate by sampling single-qubit operations",
    New J. Phys. 23 (2021).
    """
    return int(9**cuts)


def wire_cut_overhead(cuts: int, communication: str, joint: bool = False) -> int:
    """Sampling overhead (gamma squared) of wires cut.

    ``16^n`` without communication (Peng et al. 2020); with it ``9^n`` one by one, or
    ``(2^(n+1) - 1)^2`` for n parallel wires jointly (Harada, Wada and Yamamoto 2024). What has the
    lower overhead has an order: downstream fragments wait for upstream ones.
    """
    if communication != CLASSICAL:
        return int(16**cuts)
    return int((2 ** (cuts + 1) - 1) ** 2) if joint else int(9**cuts)


@dataclass(frozen=True)
class CutPlan:
    """One way to serve a request.

    Attributes
    ----------
    fragments : tuple of Fragment
        One, the circuit itself, where nothing is cut. Upstream fragments come first.
    communication : str
        One of :data:`COMMUNICATIONS`.
    gate_cuts, wire_cuts : int
        CX or CZ gates and wires cut.
    joint : bool
        Wires are cut jointly (with classical communication only).
    name : str
        In words, such as ``whole`` or ``2 wires``.
    known_overhead : float
        Gamma squared of the very cuts, where a circuit was really cut (gates other than CX and CZ,
        wires cut jointly in several groups); 0 where only their numbers are known.

    Raises
    ------
    ValueError
        Something above does not fit together: a lower overhead without its order, an order without
        communication, fragments that wait for later ones.
    """

    fragments: tuple[Fragment, ...]
    communication: str = NONE
    gate_cuts: int = 0
    wire_cuts: int = 0
    joint: bool = False
    name: str = "whole"
    known_overhead: float = 0.0

    def __post_init__(self) -> None:
        if self.communication not in COMMUNICATIONS:
            known = ", ".join(COMMUNICATIONS)
            raise ValueError(f"communication: {self.communication!r} is none of {known}")
        if not self.fragments:
            raise ValueError("fragments: a plan has one at least")
        cut = self.gate_cuts + self.wire_cuts > 0
        if cut == (self.communication == NONE):
            raise ValueError(f"communication: {self.communication!r} with {self.cuts} cuts")
        ordered = any(fragment.after for fragment in self.fragments)
        if ordered != (self.communication == CLASSICAL):
            raise ValueError("after: fragments have an order with classical communication, only so")
        if self.joint and self.communication != CLASSICAL:
            raise ValueError("joint: wires are cut jointly with classical communication only")
        for i, fragment in enumerate(self.fragments):
            if any(not 0 <= j < i for j in fragment.after):
                raise ValueError(f"fragments[{i}].after: {fragment.after}: want earlier fragments")

    @property
    def cuts(self) -> int:
        return self.gate_cuts + self.wire_cuts

    @property
    def overhead(self) -> float:
        """Sampling overhead: by how much the shots grow for the same standard error."""
        if self.known_overhead:
            return self.known_overhead
        wires = wire_cut_overhead(self.wire_cuts, self.communication, self.joint)
        return gate_cut_overhead(self.gate_cuts) * wires

    @property
    def width(self) -> int:
        """Qubits of the widest fragment."""
        return max(fragment.qubits for fragment in self.fragments)


@dataclass(frozen=True)
class JobRequest:
    """A circuit to run so often before a deadline.

    Attributes
    ----------
    name : str
        Unique among the requests of a state.
    variants : tuple of CutPlan
        The ways to serve it; once a shot of one has been dispatched the others are off.
    shots : int
        Shots of the circuit uncut.
    arrival, deadline : float
        Seconds; it is served when every fragment's every shot has ended by the deadline.
    value : float
        What serving it is worth; 1 where requests are counted.
    fidelity : float
        Least product over the fragments of their estimated fidelities; see :meth:`floor`.
    """

    name: str
    variants: tuple[CutPlan, ...]
    shots: int
    arrival: float
    deadline: float
    value: float = 1.0
    fidelity: float = 0.0

    def __post_init__(self) -> None:
        if not self.variants:
            raise ValueError(f"request {self.name}: variants: want one at least")
        if self.shots < 1:
            raise ValueError(f"request {self.name}: shots: {self.shots} must be 1 or more")
        if not self.deadline > self.arrival:
            raise ValueError(f"request {self.name}: deadline: {self.deadline} is in the past")
        if not 0 <= self.fidelity < 1:
            raise ValueError(f"request {self.name}: fidelity: {self.fidelity}: want 0 to 1")

    def floor(self, plan: CutPlan) -> float:
        """Fidelity that each fragment of a plan needs, so that the product is enough.

        The n-th root for n fragments: sufficient wherever each of them runs, also split.
        """
        return float(self.fidelity ** (1 / len(plan.fragments))) if self.fidelity else 0.0


@dataclass(frozen=True, slots=True)
class SubJob:
    """A number of shots of one fragment on one QPU.

    Attributes
    ----------
    request : str
    variant, fragment : int
        Index of the plan in the request, and of the fragment in the plan.
    qpu : str
    shots : int
    start, end : float
        Seconds; expected while it has not ended, measured afterwards.
    """

    request: str
    variant: int
    fragment: int
    qpu: str
    shots: int
    start: float
    end: float


@dataclass(frozen=True)
class Schedule:
    """What became of requests.

    Attributes
    ----------
    sub_jobs : tuple of SubJob
        In the order of their ends.
    served : mapping of str to float
        When each request that was served in time was done.
    missed : frozenset of str
        Arrived and not served by the deadline, refused ones included.
    refused : mapping of str to float
        When each refused request was refused.
    """

    sub_jobs: tuple[SubJob, ...]
    served: Mapping[str, float]
    missed: frozenset[str]
    refused: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Progress:
    """A request that has arrived and is neither done, refused nor past its deadline.

    Attributes
    ----------
    request : JobRequest
    variant : int or None
        The plan taken; None while nothing of it has been dispatched.
    left : tuple of int
        Shots of each fragment of that plan that nobody has been given yet (shots that a QPU lost
        come back here); empty while no plan is taken.
    under_way : tuple of SubJob
        Running or queued at a QPU, with expected ends.
    done : tuple of SubJob
        Ended, with true ends.
    """

    request: JobRequest
    variant: int | None = None
    left: tuple[int, ...] = ()
    under_way: tuple[SubJob, ...] = ()
    done: tuple[SubJob, ...] = ()


@dataclass(frozen=True, slots=True)
class QpuState:
    """A QPU as it is now.

    Attributes
    ----------
    qpu : Qpu
    free_at : float
        When what it has been given is expected to have ended; not before now.
    up : bool
        False while it does not answer.
    """

    qpu: Qpu
    free_at: float
    up: bool = True


@dataclass(frozen=True)
class State:
    """All that a scheduler may look at.

    Attributes
    ----------
    qpus : tuple of QpuState
    waiting : tuple of Progress
        In the order of arrival.
    latency : Latency
    recent : tuple of JobRequest
        The latest arrivals in order, done and refused ones too: what the demand is like.
    """

    qpus: tuple[QpuState, ...]
    waiting: tuple[Progress, ...]
    latency: Latency = field(default_factory=Latency)
    recent: tuple[JobRequest, ...] = ()


@dataclass(frozen=True, slots=True)
class Dispatch:
    """An order: give a QPU so many shots of a fragment now. A QPU works first come, first served.

    Attributes
    ----------
    request : str
    variant, fragment : int
    qpu : str
    shots : int
    """

    request: str
    variant: int
    fragment: int
    qpu: str
    shots: int


@dataclass(frozen=True, slots=True)
class Decision:
    """What a scheduler answers.

    Attributes
    ----------
    dispatches : tuple of Dispatch
        In order; what is not dispatched waits.
    refused : tuple of str
        Requests that will not be served, told so at once.
    wake_at : float
        When to be asked again at the latest, though nothing happens; infinite where never.
    """

    dispatches: tuple[Dispatch, ...] = ()
    refused: tuple[str, ...] = ()
    wake_at: float = math.inf


Scheduler = Callable[[State, float], Decision]
"""From the state and the time now to orders. It is asked at every arrival and every end."""
