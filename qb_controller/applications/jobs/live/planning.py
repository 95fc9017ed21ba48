"""A submitted circuit as the ways to serve it: what cutting offers, in a scheduler's words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from qb_controller.applications.jobs.live.submission import Submission, circuit_of
from qb_controller.errors import InputError
from qb_controller.model.jobs import CutPlan, Fragment, JobRequest
from qb_controller.model.qpus import Qpu
from quantum_backends.cutting.experiments import Experiment, experiments
from quantum_backends.cutting.pieces import Plan
from quantum_backends.cutting.plans import cut, whole

MOST_OVERHEAD = 300.0
"""Ways to cut that need more than so many times the shots are not offered."""

MOST_SHOTS = 3_000_000
"""Nor are those that need more in one fragment."""

MOST_VARIANTS = 6


@dataclass(frozen=True, eq=False)
class Prepared:
    """A job ready to be scheduled.

    Attributes
    ----------
    submission : Submission
    qubits : int
    request : JobRequest
    plans : tuple of Plan
        Behind the request's variants.
    """

    submission: Submission
    qubits: int
    request: JobRequest
    plans: tuple[Plan, ...]

    def experiments(self, variant: int) -> list[list[Experiment]]:
        """All circuits of a way to serve it, by fragment."""
        plan = self.plans[variant]
        return [experiments(plan, piece) for piece in plan.pieces]


def prepare(submission: Submission, name: str, arrival: float, qpus: Sequence[Qpu]) -> Prepared:
    """Find the ways to serve a job on these QPUs; the same for the same job.

    Raises
    ------
    InputError
        The circuit or the observable is wrong, or no way to cut it fits.
    """
    circuit = circuit_of(submission)
    widest = max(qpu.qubits for qpu in qpus)
    plans = []
    uncut = whole(circuit, submission.observable)
    if uncut.width <= widest:
        plans.append(uncut)
    if uncut.width > min(qpu.qubits for qpu in qpus):
        widths = {qpu.qubits for qpu in qpus}
        found = cut(circuit, submission.observable, widths, submission.seed, MOST_OVERHEAD)
        plans += found[: MOST_VARIANTS - len(plans)]
    offered = [(plan, cut_plan(plan, submission.shots)) for plan in plans]
    offered = [(p, c) for p, c in offered if max(f.shots for f in c.fragments) <= MOST_SHOTS]
    if not offered:
        raise InputError(
            f"circuit: {uncut.width} qubits on QPUs of at most {widest}: no way to cut it needs "
            f"less than {MOST_OVERHEAD:g} times the shots and {MOST_SHOTS} shots of a fragment"
        )
    deadline = arrival + submission.deadline_s
    request = JobRequest(
        name,
        tuple(one for _, one in offered),
        submission.shots,
        arrival,
        deadline,
        fidelity=submission.fidelity,
    )
    return Prepared(submission, circuit.num_qubits, request, tuple(p for p, _ in offered))


def cut_plan(plan: Plan, shots: int) -> CutPlan:
    """A plan in a scheduler's words; each fragment runs overhead x shots."""
    return CutPlan(
        tuple(_fragment(plan, number, shots) for number in range(len(plan.pieces))),
        plan.communication,
        plan.gate_cuts,
        plan.wire_cuts,
        plan.joint,
        str(plan),
        plan.overhead,
    )


def _fragment(plan: Plan, number: int, shots: int) -> Fragment:
    piece = plan.pieces[number]
    own = sum(one.circuit is not None for one in experiments(plan, piece))
    pairs = sum(len(each.qubits) == 2 for each in piece.circuit.data)
    layers = piece.circuit.depth(lambda each: len(each.qubits) == 2)
    alone = piece.circuit.depth(lambda each: len(each.qubits) == 1)
    needed = max(math.ceil(plan.overhead * shots), 2 * own if len(plan.pieces) > 1 else 1)
    return Fragment(piece.qubits, layers, pairs, needed, alone, piece.after, max(own, 1))
