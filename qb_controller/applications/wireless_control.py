"""The wireless application at work: from a scenario to a verified configuration in time.

formulate -> policy -> solver -> interpret -> verify, as for every application. What is in force
stays where nothing better was verified before the deadline.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from qb_controller.applications import wireless
from qb_controller.applications.wireless_radio import Air, air_of, quality
from qb_controller.errors import VerificationError
from qb_controller.model.decision import Decision
from qb_controller.model.radio import Configuration, RadioQuality, Scenario
from qb_controller.orchestration.service import Question, Service
from qb_controller.runtime.messages import Settings
from qb_controller.runtime.task import Worth
from quantum_backends.choice_search import settled_greedy
from quantum_backends.choices import ChoiceProblem
from quantum_backends.solution import Solution

NAME = "wireless"

WORTH = Worth(early=0.0)
"""Channels are changed at the deadline and not before: time saved is of no use."""

RESERVE_S = 0.005
RESERVE_PER_POINT_S = 5e-5
"""Time kept back for verifying; 0.05 s were seen at 1,000 access points."""

USERS_SHARE = 0.4
"""Share of the solver's time that placing the users takes instead, for the utility."""

LEAST_RISE = 1e-6
"""Smallest rise of the utility that counts as one."""

GREEDY = "dsatur"
"""What a configuration is called that exists before any solver is asked."""


@dataclass(frozen=True)
class Channels:
    """A verified configuration.

    Attributes
    ----------
    configuration : Configuration
    before : RadioQuality or None
        Of the channels in force; None where some access point had none.
    after : RadioQuality
    decision : Decision
    backend : str
        Whose answer it is; ``dsatur`` for the greedy one, ``incumbent`` where nothing changed.
    elapsed_s : float
        From the scenario to here.
    detail : str
        Why a solver's answer was not taken; empty where it was.
    """

    configuration: Configuration
    before: RadioQuality | None
    after: RadioQuality
    decision: Decision
    backend: str
    elapsed_s: float
    detail: str = ""


def settings_of(deadline_s: float, pinned: str | None, seed: int) -> Settings:
    """Settings of a choice of channels: the cost of changing is in the problem itself."""
    return Settings(
        deadline_s=deadline_s,
        pinned_backend=pinned,
        min_gain=0.0,
        full_gain=0.0,
        quiet_mlu=0.0,
        seed=seed,
    )


def optimise(
    service: Service,
    scenario: Scenario,
    settings: Settings,
    objective: str = "interference",
) -> Channels:
    """Choose channels (and for the utility users, too) before the settings' deadline.

    For the utility users and channels are then bettered in turn while there is time, by the
    scenario's own figures.
    """
    began = time.monotonic()
    air = air_of(scenario)
    users = wireless.users_now(scenario, air)
    task = wireless.formulate(scenario, air, users, objective)
    first = _first(task.problem)
    task = replace(task, problem=task.problem.with_incumbent(first.answer))
    until = began + settings.deadline_s - service.engine.grace_s - RESERVE_S
    until -= RESERVE_PER_POINT_S * len(scenario.access_points)
    end = until
    if objective == "utility":
        until -= USERS_SHARE * max(0.0, until - time.monotonic())
    known = {"incumbent": first.value}
    question = Question(task.problem, NAME, settings, until, known, worth=WORTH)
    decision, solution = service.answer(question)
    chosen, after, detail = first, None, _why_none(decision)
    if solution is not None:
        try:
            after = wireless.verify(task, solution)
            chosen = solution
        except VerificationError as error:
            detail = str(error)
    configuration = wireless.interpret(task, chosen)
    if after is None:
        after = wireless.verify(task, first)
    if objective == "utility":
        configuration, after = with_users(task, configuration, after, end)
    before = _in_force(scenario, air, users)
    elapsed = time.monotonic() - began
    return Channels(configuration, before, after, decision, chosen.backend, elapsed, detail)


def _why_none(decision: Decision) -> str:
    """Why there is no answer of a solver; empty where there is one or it was no better."""
    outcome = decision.outcome
    return "" if outcome is None or outcome.status in ("improved", "kept") else outcome.detail


def _first(problem: ChoiceProblem) -> Solution:
    """The better of the incumbent and weighted DSATUR, in milliseconds."""
    greedy = settled_greedy(problem)
    value = problem.value(greedy)
    if problem.incumbent is not None and problem.value(problem.incumbent) <= value:
        return Solution(problem.incumbent, problem.value(problem.incumbent), "incumbent", 0.0)
    return Solution(greedy, value, GREEDY, 0.0)


def with_users(
    task: wireless.ChannelTask, configuration: Configuration, found: RadioQuality, end: float
) -> tuple[Configuration, RadioQuality]:
    """Users and channels in turn, each for the other, as long as the utility rises.

    It is the scenario's own utility that has to rise, less what the changes cost.
    """
    scenario, air = task.scenario, task.air
    best, after, longest = configuration, found, 0.0
    while time.monotonic() + 1.5 * longest < end:
        began = time.monotonic()
        moved = wireless.reassociate(scenario, air, best)
        there = wireless.formulate(scenario, air, moved.users, task.objective)
        tried = [
            (each, quality(scenario, air, each)) for each in (moved, wireless.settled(there, moved))
        ]
        better = max(tried, key=lambda each: each[1].utility - each[1].cost)
        if better[1].utility - better[1].cost <= after.utility - after.cost + LEAST_RISE:
            break
        best, after = better
        longest = max(longest, time.monotonic() - began)
    return best, after


def _in_force(scenario: Scenario, air: Air, users: tuple[int, ...]) -> RadioQuality | None:
    numbers = [point.channel for point in scenario.access_points]
    known = tuple(number for number in numbers if number is not None)
    if len(known) != len(numbers):
        return None
    return quality(scenario, air, Configuration(known, users))


def without_change(scenario: Scenario, channels: tuple[int, ...]) -> RadioQuality:
    """What some channels are worth for the stations of now."""
    air = air_of(scenario)
    return quality(scenario, air, Configuration(channels, wireless.users_now(scenario, air)))


def applied(scenario: Scenario, configuration: Configuration) -> Scenario:
    """The scenario with a configuration in force."""
    points = tuple(
        replace(point, channel=number)
        for point, number in zip(scenario.access_points, configuration.channels, strict=True)
    )
    stations = tuple(
        replace(station, access_point=user)
        for station, user in zip(scenario.stations, configuration.users, strict=True)
    )
    return replace(scenario, access_points=points, stations=stations)


def as_json(scenario: Scenario, found: Channels) -> dict[str, Any]:
    """A configuration in names and numbers that other systems can take."""
    points = scenario.access_points
    return {
        "scenario": scenario.name,
        "channels": {p.name: c for p, c in zip(points, found.configuration.channels, strict=True)},
        "users": {
            s.name: points[u].name
            for s, u in zip(scenario.stations, found.configuration.users, strict=True)
        },
        "before": _figures(found.before),
        "after": _figures(found.after),
        "backend": found.backend,
        "reason": found.decision.reason,
        "detail": found.detail,
        "elapsed_s": found.elapsed_s,
    }


def _figures(found: RadioQuality | None) -> Mapping[str, float] | None:
    if found is None:
        return None
    rates = sorted(found.rates_bps)
    return {
        "interference": found.interference,
        "utility": found.utility,
        "changed": found.changed,
        "change_cost": found.cost,
        "rate_median_bps": rates[len(rates) // 2],
        "rate_worst_bps": rates[0],
    }


def as_uci(scenario: Scenario, found: Channels) -> str:
    """OpenWrt's ``uci`` commands, one stanza for each access point; the radio is ``radio0``."""
    band = {"2.4GHz": "2g", "5GHz": "5g"}[scenario.band]
    lines = []
    for point, channel in zip(scenario.access_points, found.configuration.channels, strict=True):
        lines += [
            f"# {point.name}",
            f"uci set wireless.radio0.band='{band}'",
            f"uci set wireless.radio0.channel='{channel}'",
            f"uci set wireless.radio0.htmode='HT{scenario.width_hz / 1e6:.0f}'",
            f"uci set wireless.radio0.txpower='{point.power_dbm:.0f}'",
            "uci commit wireless",
        ]
    return "\n".join(lines) + "\n"
