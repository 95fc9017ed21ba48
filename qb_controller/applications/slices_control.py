"""The admission of slices at work: from parsed requests to a verified plan in time.

formulate -> policy -> solver -> interpret -> verify, as for every application. A greedy answer
stands from the start; what runs stays where it is unless a verified plan says otherwise.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from qb_controller.applications.slice_reasons import reasons
from qb_controller.applications.slices import (
    MOVE_COST,
    RESERVABLE,
    ROUNDS,
    SliceTask,
    formulate,
    interpret,
)
from qb_controller.applications.verify_slices import verify
from qb_controller.errors import VerificationError
from qb_controller.model.decision import Decision
from qb_controller.model.network import LinkId, Network
from qb_controller.model.slices import Placement, SlicePlan, SliceRequest
from qb_controller.orchestration.service import Question, Service
from qb_controller.runtime.messages import Settings
from qb_controller.runtime.task import Worth
from quantum_backends.packing_search import density_greedy, first_packing, rounded_packing
from quantum_backends.solution import Solution

NAME = "slices"

WORTH = Worth(early=0.0)
"""Requests are decided at the deadline and not before: time saved is of no use."""

RESERVE_S = 0.005
RESERVE_PER_REQUEST_S = 2e-4
"""Time kept back for placements, reasons and the verifier."""

FORMULATE_SHARE = 0.3
"""Share of the deadline that finding options may take."""

GREEDY = "greedy"
"""What a plan is called that exists before any solver is asked."""


@dataclass(frozen=True)
class Admission:
    """What was decided about some requests.

    Attributes
    ----------
    plan : SlicePlan
        Everything that shall be in force, verified.
    rejected : mapping of str to str
        Why each request that is not in it was turned down, by name; of slices that ran and fit
        nowhere any more, too.
    moved : tuple of str
        Slices that ran and run elsewhere now.
    decision : Decision or None
        None where nobody was asked.
    backend : str
        Whose answer it is.
    worth, bound : float
        Worth admitted, and the most that the options found could be worth by the relaxation.
    elapsed_s : float
        From the requests to here.
    detail : str
        Why a solver's answer was not taken; empty where it was.
    """

    plan: SlicePlan
    rejected: Mapping[str, str]
    moved: tuple[str, ...]
    decision: Decision | None
    backend: str
    worth: float
    bound: float
    elapsed_s: float
    detail: str = ""


def settings_of(deadline_s: float, pinned: str | None = None, seed: int = 0) -> Settings:
    """Settings of an admission: the cost of moving is in the problem itself."""
    return Settings(
        deadline_s=deadline_s,
        pinned_backend=pinned,
        min_gain=0.0,
        full_gain=0.0,
        quiet_mlu=0.0,
        seed=seed,
    )


def admit(
    service: Service,
    network: Network,
    requests: Sequence[SliceRequest],
    running: Sequence[Placement],
    settings: Settings,
    *,
    share: float = RESERVABLE,
    move_cost: float = MOVE_COST,
    numbers: Mapping[str, int] | None = None,
    charge: Mapping[LinkId, float] | None = None,
    rounds: int = ROUNDS,
    number: int = 0,
) -> Admission:
    """Decide about requests together, before the settings' deadline.

    Parameters
    ----------
    numbers : mapping of str to int, optional
        Numbers of new slices by name; the lowest free ones for those not named.
    share, move_cost, charge, rounds
        See :func:`qb_controller.applications.slices.formulate`.
    number : int
        Of the decision; the journal's next free one where 0.
    """
    began = time.monotonic()
    options_until = began + FORMULATE_SHARE * settings.deadline_s
    task = formulate(
        *(network, requests, running),
        share=share,
        move_cost=move_cost,
        until=options_until,
        charge=charge,
        rounds=rounds,
    )
    first = first_answer(task)
    task = replace(task, problem=task.problem.with_incumbent(first.answer))
    until = began + settings.deadline_s - service.engine.grace_s - RESERVE_S
    until -= RESERVE_PER_REQUEST_S * task.problem.size
    known = {"incumbent": first.value}
    question = Question(
        task.problem, NAME, settings, until, known, number, worth=WORTH, whole_only=True
    )
    decision, solution = service.answer(question)
    chosen, plan, detail = first, None, _why_none(decision)
    if solution is not None:
        try:
            plan = _plan(task, solution, decision.number, share, numbers)
            chosen = solution
        except VerificationError as error:
            detail = str(error)
    if plan is None:
        plan = _plan(task, first, decision.number, share, numbers)
    return _admission(task, chosen, plan, running, decision, began, detail)


def _admission(
    task: SliceTask,
    chosen: Solution,
    plan: SlicePlan,
    running: Sequence[Placement],
    decision: Decision | None,
    began: float,
    detail: str,
) -> Admission:
    before = {each.request.name: each.pipes for each in running}
    moved = [
        each.request.name
        for each in plan.placements
        if before.get(each.request.name, each.pipes) != each.pipes
    ]
    problem = task.problem
    return Admission(
        plan,
        reasons(task, chosen.answer),
        tuple(moved),
        decision,
        chosen.backend,
        problem.admitted(chosen.answer),
        problem.attainable - problem.bound,
        time.monotonic() - began,
        detail,
    )


def by_greedy(
    network: Network, requests: Sequence[SliceRequest], share: float = RESERVABLE
) -> Admission:
    """Admission without an optimiser: paths by hops and delay, the densest request first."""
    began = time.monotonic()
    task = formulate(network, requests, share=share, rounds=-1)
    answer = density_greedy(task.problem)
    first = Solution(answer, task.problem.value(answer), GREEDY, 0.0)
    plan = _plan(task, first, 0, share, None)
    return _admission(task, first, plan, (), None, began, "")


def first_answer(task: SliceTask) -> Solution:
    """The best of what runs alone, greedy answers around it and the rounded relaxation."""
    problem = task.problem
    answer = first_packing(problem)
    if task.share is not None:
        answer = min(answer, rounded_packing(problem, task.share), key=problem.value)
    if problem.incumbent is not None:
        answer = min(answer, problem.incumbent, key=problem.value)
    return Solution(answer, problem.value(answer), GREEDY, 0.0)


def _plan(
    task: SliceTask,
    solution: Solution,
    decision: int,
    share: float,
    numbers: Mapping[str, int] | None,
) -> SlicePlan:
    """Verify an answer by the network, not by what the solver says of it."""
    try:
        task.problem.check(solution.answer)
    except ValueError as error:
        raise VerificationError(f"{solution.backend}: {error}") from error
    placements = interpret(task, solution.answer, decision, numbers)
    return verify(placements, task.ground.network, decision, share)


def _why_none(decision: Decision) -> str:
    """Why there is no answer of a solver; empty where there is one or it was no better."""
    outcome = decision.outcome
    return "" if outcome is None or outcome.status in ("improved", "kept") else outcome.detail
