"""Brings together what the policy needs, and asks it: refusals, forecasts, devices.

No worker is touched here, so that a decision can be had without one: by tests, by benchmarks on
recorded tasks, and by ``qb solve`` before it knows which workers to start.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import log2
from typing import Any

from qb_controller.orchestration.features import Features
from qb_controller.orchestration.performance import (
    WHOLE,
    Performance,
    kind_of,
    neighbourhood_size,
)
from qb_controller.orchestration.policy import (
    DEFAULT_WORTH,
    LEAST_S,
    NOTHING,
    SHORT_S,
    Choice,
    Spent,
    budgets,
    decide,
)
from qb_controller.runtime.messages import Settings
from qb_controller.runtime.task import Worth
from quantum_backends.device_table import devices
from quantum_backends.devices import Device, Status
from quantum_backends.problem import Problem
from quantum_backends.reductions.neighbourhood import Neighbourhood
from quantum_backends.routing import RoutingProblem
from quantum_backends.solver import Backend
from quantum_backends.testing import known_problems

NEIGHBOURHOODS = (12, 48)
"""Demands left free where a backend cannot take the whole: what can be enumerated, and what a
device or a small exact model holds."""


@dataclass(frozen=True)
class Circumstances:
    """What a decision depends on besides the problem and the model.

    Attributes
    ----------
    settings : Settings
    worth : Worth
    application : str
    now : float
        Unix time, seconds.
    unavailable : mapping of str to str
        Backends whose workers cannot be asked, and why.
    spare : int
        Workers that may race the chosen one.
    spent : Spent
    parts : bool
        Whether a backend may be given a part of the problem.
    """

    settings: Settings
    worth: Worth = DEFAULT_WORTH
    application: str = ""
    now: float = 0.0
    unavailable: Mapping[str, str] = field(default_factory=dict)
    spare: int = 0
    spent: Spent = NOTHING
    parts: bool = True


SHORT_LIST = 3
"""Backends that are looked at where there is less time than :data:`SHORT_S`: asking and rating all
of them takes 0.3 to 0.4 ms, these 0.1 to 0.2. A decision that comes alone takes two to four times
as long, of these 0.7 percent of fifty milliseconds (`qb bench decide`)."""

NOT_LISTED = "not among those that promise most in so short a time"


class Advisor:
    """Chooses by the policy; remembers the model, the devices and who takes what at all.

    Parameters
    ----------
    backends : mapping of str to Backend
    performance : Performance, optional
        Without one documented priors alone.
    """

    def __init__(
        self, backends: Mapping[str, Backend[Any]], performance: Performance | None = None
    ) -> None:
        self.backends = backends
        families = {name: backends[name].family for name in backends}
        self.performance = performance or Performance(families)
        self.devices: dict[str, Device] = {each.backend: each for each in devices(backends)}
        self._takes_small: dict[tuple[str, str], bool] = {}
        self._takes_parts: dict[tuple[str, str], bool] = {}
        self._ranked: dict[tuple[str, int, int], tuple[str, ...]] = {}

    def learn_status(self, backend: str, status: Status) -> None:
        """Note what a device answered when it was asked."""
        self.devices[backend] = self.devices[backend].with_status(status)

    def refusal(self, name: str, problem: Problem) -> str:
        """Why a backend does not take a problem; empty where it does."""
        backend = self.backends[name]
        if problem.form not in backend.forms:
            return f"it takes problems of {' and '.join(backend.forms)}, not of {problem.form}"
        try:
            return backend.refusal(problem)
        except Exception as error:  # a vendor's library may fail in any way; the rest goes on
            return f"could not be asked: {type(error).__name__}: {error}"

    def choose(self, problem: Problem, features: Features, given: Circumstances) -> Choice:
        """Ask the policy.

        Parameters
        ----------
        problem : Problem
        features : mapping of str to float
            With ``allowed_s``.
        given : Circumstances
        """
        while True:
            choice = self._ask(problem, features, given)
            arm = choice.backend, choice.formulation
            if choice.formulation == WHOLE or self._takes_part(problem, *arm):
                return choice

    def _takes_part(self, problem: Problem, backend: str, formulation: str) -> bool:
        """Whether a backend takes parts of that size.

        Asked once, when a part would be chosen, because making one takes milliseconds.
        """
        arm = (backend, formulation)
        if arm not in self._takes_parts:
            assert isinstance(problem, RoutingProblem)
            part = Neighbourhood(problem, neighbourhood_size(formulation))
            self._takes_parts[arm] = not self.refusal(backend, part.problem)
        return self._takes_parts[arm]

    def _ask(self, problem: Problem, features: Features, given: Circumstances) -> Choice:
        allowed = features["allowed_s"]
        if allowed < LEAST_S:  # nobody is asked
            return decide(features, (), self.devices, given.now, given.settings)
        if allowed < SHORT_S:
            refusals, arms = self._short_list(problem, features, given), []
        else:
            refusals = {name: self.refusal(name, problem) for name in self.backends}
            arms = self._neighbourhoods(problem, refusals, given)
        for name, reason in given.unavailable.items():
            refusals[name] = refusals.get(name) or reason
        predictions = self.performance.predict(
            problem.form, features, budgets(allowed, given.worth), refusals, arms
        )
        return decide(
            features,
            predictions,
            self.devices,
            given.now,
            given.settings,
            given.worth,
            given.application,
            given.spent,
            given.spare,
            problem.form,
        )

    def learn_ranking(self, form: str, features: Features) -> None:
        """Rank all backends for the short list of tasks like one that was just answered.

        Takes as long as a decision, and is no part of one.
        """
        allowed = features["allowed_s"]
        if not LEAST_S <= allowed < SHORT_S:
            return
        predictions = self.performance.predict(form, features, (allowed,), {})
        value = {p.backend: p.forecasts[0].gain * (1 - p.forecasts[0].late) for p in predictions}
        order = sorted(value, key=value.__getitem__, reverse=True)
        self._ranked[_alike(form, features)] = tuple(order)

    def _short_list(
        self, problem: Problem, features: Features, given: Circumstances
    ) -> dict[str, str]:
        """Refusals, where all are refused but the first few that could be asked."""
        alike = _alike(problem.form, features)
        ranked = self._ranked.get(alike)
        if ranked is None:
            ranked = self._ranked[alike] = self.performance.promising(problem.form, features)
        found = dict.fromkeys(self.backends, NOT_LISTED)
        pinned, listed = given.settings.pinned_backend, 0
        if pinned is not None and pinned in self.backends:
            ranked = (pinned,)
        for name in ranked:
            found[name] = given.unavailable.get(name) or self.refusal(name, problem)
            listed += not found[name]
            if listed == SHORT_LIST:
                break
        return found

    def _neighbourhoods(
        self, problem: Problem, refusals: Mapping[str, str], given: Circumstances
    ) -> list[tuple[str, str]]:
        """Parts of a problem for backends that refuse it only for its size."""
        if not given.parts or problem.form != "routing" or getattr(problem, "split", True):
            return []
        return [
            (name, f"hot-{count}")
            for name, reason in refusals.items()
            if reason and name not in given.unavailable and self._small(name, problem.form)
            for count in NEIGHBOURHOODS
            if count < problem.size and self._takes_parts.get((name, f"hot-{count}"), True)
        ]

    def _small(self, name: str, form: str) -> bool:
        """Whether a backend takes the smallest problem of a form, so that size is what it minds."""
        key = (name, form)
        if key not in self._takes_small:
            takes = form in self.backends[name].forms
            self._takes_small[key] = takes and not self.refusal(name, known_problems(form)[0])
        return self._takes_small[key]


def _alike(form: str, features: Features) -> tuple[str, int, int]:
    """Kind of task, size to a factor of four and time to a factor of two: who gets a ranking."""
    size, allowed = features["size"], features["allowed_s"]
    return kind_of(form, features), round(log2(size + 1) / 2), round(log2(allowed))
