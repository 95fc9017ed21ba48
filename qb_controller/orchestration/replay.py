"""Taking a recorded decision again: the same inputs must lead to the same choice."""

from __future__ import annotations

from qb_controller.model.decision import Candidate, Decision
from qb_controller.orchestration.performance import Prediction
from qb_controller.orchestration.policy import Choice, Spent, decide
from qb_controller.runtime.messages import Settings
from qb_controller.runtime.task import Worth
from quantum_backends.devices import PROCESSOR, READY, Device, Power, Price, Status

RECORDED = "recorded"


def replay(decision: Decision) -> Choice:
    """Ask the policy again with what a record holds.

    Refusals and forecasts are those of the record, so the result depends neither on the devices
    nor on what the model has learnt since; a difference means that the policy itself changed.

    Raises
    ------
    ValueError
        No backend was considered (the bound ruled a solver out), or an older version wrote the
        record, so there is nothing to take again.
    """
    if not decision.candidates or not decision.inputs:
        raise ValueError(
            f"decision {decision.number} considered no backend or is of an older version: "
            "there is nothing to take again"
        )
    given = decision.inputs
    settings = {**given["settings"], "forbidden": tuple(given["settings"]["forbidden"])}
    return decide(
        decision.features,
        [_prediction(each) for each in decision.candidates],
        {each.backend: _device(each) for each in decision.candidates},
        decision.at,
        Settings(**settings),
        Worth(**given["worth"]),
        decision.application,
        Spent(**given["spent"]),
        given["spare"],
        decision.form,
    )


def differences(decision: Decision, again: Choice) -> list[str]:
    """What came out otherwise, in words; empty where nothing did."""
    found = []
    for name in ("backend", "formulation", "budget_s", "hedge", "reason", "candidates"):
        then, now = getattr(decision, name), getattr(again, name)
        if then != now:
            shown = "differ" if name == "candidates" else f"was {then!r}, is {now!r}"
            found.append(f"{name} {shown}")
    return found


def _prediction(candidate: Candidate) -> Prediction:
    # With forecasts a refusal was the policy's own finding, and is found again.
    refusal = "" if candidate.forecasts else candidate.refusal
    return Prediction(
        candidate.backend, candidate.family, candidate.formulation, candidate.forecasts, refusal
    )


def _device(candidate: Candidate) -> Device:
    price = None
    if candidate.price_per_s:
        price = Price(candidate.price_per_s, "", RECORDED, "")
    power = Power(candidate.watts, RECORDED, False)
    return Device(candidate.backend, RECORDED, PROCESSOR, Status(READY), power, price=price)
