"""Selectors: ways to choose a backend for a task, the project's policy and what it is held against.

Each learns from the same training cases, with every backend's outcome on each, and is then asked
for the unseen ones. Only LinUCB goes on learning there, from what it has chosen, as it is made to.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from qb_controller.commands.policy_table import WORTH, Case
from qb_controller.orchestration.performance import Performance, incumbent_gap
from qb_controller.orchestration.policy import NONE, budgets, decide
from qb_controller.runtime.messages import Settings
from qb_controller.runtime.task import Worth
from quantum_backends.device_table import devices
from quantum_backends.devices import Device
from quantum_backends.routing import Floats

LATE_RISK = Settings().late_risk
"""Probability of a miss up to which a forest's favourite is called: the policy's own threshold."""

TREES = 100
"""Trees of a forest; more changed nothing."""

LEAF = 2
"""Least training cases in a leaf."""

ALPHA = 0.5
"""Width of LinUCB's confidence bound, in standard deviations of the utility."""

NO_DEVICES: Mapping[str, Device] = {}

FORMS = ("routing", "flow", "choices", "packing", "bqm", "schedule")


class Selector(Protocol):
    """A way to choose.

    Attributes
    ----------
    name : str
        In tables and reports.
    """

    name: str

    def learn(self, cases: Sequence[Case], seed: int) -> None:
        """Learn from all backends' outcomes, in the order given."""
        ...

    def choose(self, cases: Sequence[Case]) -> list[str]:
        """A backend for each case, or none."""
        ...


def selectors(families: Mapping[str, str]) -> tuple[Selector, ...]:
    """All of them, the policy first.

    Parameters
    ----------
    families : mapping of str to str
        Family of each backend.
    """
    names = tuple(families)
    return (
        Policy(families),
        BestOfTraining(names),
        Rule(names, "by-size", "size"),
        Rule(names, "by-deadline", "deadline_s"),
        Forest(names),
        LinUcb(names),
    )


class Policy:
    """The policy as it is, with a performance model that has learnt the training cases alone.

    Each backend gets the whole problem and all of the time, as the recorded runs had. How long
    each decision took is kept in ``took_s``, with forecasts for all budgets that the policy looks
    at in operation.

    Parameters
    ----------
    families : mapping of str to str
        Family of each backend.
    known : mapping of str to Device
        Devices that are not in the table of devices.
    worth : Worth
    """

    name = "qip"

    def __init__(
        self,
        families: Mapping[str, str],
        known: Mapping[str, Device] = NO_DEVICES,
        worth: Worth = WORTH,
    ) -> None:
        self._families = dict(families)
        self._devices = {each.backend: each for each in devices(families)} | dict(known)
        self._worth = worth
        self.model = Performance(self._families)
        self.took_s: list[float] = []

    def learn(self, cases: Sequence[Case], seed: int) -> None:
        self.model = teach(self._families, cases)
        self.model.warm()

    def choose(self, cases: Sequence[Case]) -> list[str]:
        return [self._one(case) for case in cases]

    def _one(self, case: Case) -> str:
        seen, settings = case.features, Settings(deadline_s=case.deadline_s)
        now = time.time()
        began = time.perf_counter()
        found = self.model.predict(case.form, seen, budgets(seen["allowed_s"]), case.refusals)
        decide(seen, found, self._devices, now, settings, self._worth)
        self.took_s.append(time.perf_counter() - began + case.look_s)
        whole = [each._replace(forecasts=each.forecasts[:1]) for each in found]
        return decide(seen, whole, self._devices, now, settings, self._worth).backend


def teach(families: Mapping[str, str], cases: Sequence[Case]) -> Performance:
    """A performance model that has seen what every backend made of some cases."""
    model = Performance(families)
    for case in cases:
        for backend in case.trials:
            model.observe(backend, case.features, case.outcome(backend), case.form)
    return model


class Fixed:
    """One backend, whatever the task."""

    def __init__(self, backend: str) -> None:
        self.name = backend

    def learn(self, cases: Sequence[Case], seed: int) -> None:
        pass

    def choose(self, cases: Sequence[Case]) -> list[str]:
        return [self.name] * len(cases)


class BestOfTraining:
    """The one backend that was best on the whole of the training part."""

    name = "best-of-training"

    def __init__(self, backends: Sequence[str]) -> None:
        self._backends = tuple(backends)
        self._best = NONE

    def learn(self, cases: Sequence[Case], seed: int) -> None:
        self._best = _best(cases, self._backends)

    def choose(self, cases: Sequence[Case]) -> list[str]:
        return [self._best] * len(cases)


class Rule:
    """A table as an operator would write it: for each kind of task and each power of ten of a
    feature the backend that was best there in training; where nothing was seen, the kind's best.

    Parameters
    ----------
    name, feature : str
    """

    def __init__(self, backends: Sequence[str], name: str, feature: str) -> None:
        self.name, self._feature = name, feature
        self._backends = tuple(backends)
        self._table: dict[tuple[str, int | None], str] = {}

    def learn(self, cases: Sequence[Case], seed: int) -> None:
        groups = defaultdict(list)
        for case in cases:
            groups[self._key(case)].append(case)
            groups[kind(case), None].append(case)
        self._table = {key: _best(some, self._backends) for key, some in groups.items()}

    def choose(self, cases: Sequence[Case]) -> list[str]:
        return [
            self._table.get(self._key(case)) or self._table.get((kind(case), None), NONE)
            for case in cases
        ]

    def _key(self, case: Case) -> tuple[str, int | None]:
        return kind(case), math.floor(math.log10(case.features[self._feature]))


class Forest:
    """Two random forests per backend: of its regret, and of its probability to miss.

    The backend of least expected regret (utility lost against the task's best backend, which is
    told far better than the utility itself) is called among those that miss with at most
    :data:`LATE_RISK`; none where all miss more often.
    """

    name = "random-forest"

    def __init__(self, backends: Sequence[str]) -> None:
        self._backends = tuple(backends)
        self._regret: dict[str, Any] = {}
        self._miss: dict[str, Any] = {}

    def learn(self, cases: Sequence[Case], seed: int) -> None:
        from sklearn.ensemble import RandomForestRegressor

        best = {case.id: max(map(case.utility, self._backends)) for case in cases}
        for name in self._backends:
            mine = [case for case in cases if name in case.trials]
            if not mine:
                continue
            x = np.array([vector(case) for case in mine])
            for models, y in (
                (self._regret, [best[case.id] - case.utility(name) for case in mine]),
                (self._miss, [float(case.missed(name)) for case in mine]),
            ):
                forest = RandomForestRegressor(TREES, min_samples_leaf=LEAF, random_state=seed)
                models[name] = forest.fit(x, y)

    def choose(self, cases: Sequence[Case]) -> list[str]:
        x = np.array([vector(case) for case in cases])
        names = tuple(self._regret)
        regret = np.array([self._regret[name].predict(x) for name in names])
        miss = np.array([self._miss[name].predict(x) for name in names])
        open_to = np.array([[name in case.trials for case in cases] for name in names])
        regret[(miss > LATE_RISK) | ~open_to] = np.inf
        best = np.argmin(regret, axis=0)
        return [names[i] if np.isfinite(regret[i, j]) else NONE for j, i in enumerate(best)]


class LinUcb:
    """Contextual bandit with a linear model per backend (Li et al., WWW 2010, algorithm 1).

    It is given every backend's outcome in training, which a bandit does not have; from then on it
    sees only what it chose.
    """

    name = "linucb"

    def __init__(self, backends: Sequence[str]) -> None:
        self._backends = tuple(backends)
        self._mean, self._scale = np.zeros(0), np.ones(0)
        self._unit = 1.0
        self._a: dict[str, Floats] = {}
        self._b: dict[str, Floats] = {}

    def learn(self, cases: Sequence[Case], seed: int) -> None:
        x = np.array([vector(case) for case in cases])
        self._mean, self._scale = x.mean(axis=0), x.std(axis=0) + 1e-9
        every = [case.utility(name) for case in cases for name in case.trials]
        self._unit = float(np.std(every)) or 1.0
        size = x.shape[1] + 1
        self._a = {name: np.eye(size) for name in self._backends}
        self._b = {name: np.zeros(size) for name in self._backends}
        for case in cases:
            for name in case.trials:
                self._update(case, name)

    def choose(self, cases: Sequence[Case]) -> list[str]:
        found = []
        for case in cases:
            x = self._context(case)
            bounds = {name: self._bound(name, x) for name in case.trials if name in self._a}
            best = max(bounds, key=bounds.__getitem__) if bounds else NONE
            found.append(best)
            if best != NONE:
                self._update(case, best)
        return found

    def _context(self, case: Case) -> Floats:
        return np.append((np.array(vector(case)) - self._mean) / self._scale, 1.0)

    def _bound(self, name: str, x: Floats) -> float:
        solved = np.linalg.solve(self._a[name], np.column_stack((self._b[name], x)))
        return float(x @ solved[:, 0] + ALPHA * math.sqrt(max(0.0, float(x @ solved[:, 1]))))

    def _update(self, case: Case, name: str) -> None:
        x = self._context(case)
        self._a[name] += np.outer(x, x)
        self._b[name] += x * case.utility(name) / self._unit


def vector(case: Case) -> list[float]:
    """A task as the learners see it: logarithms of its features, and its form."""
    seen = case.features
    logs = ("size", "choices", "allowed_s", "density", "near_max", "hops", "range")
    found = [math.log(max(seen.get(name, 1e-6), 1e-6)) for name in logs]
    found += [math.log(max(incumbent_gap(seen), 0.0) + 1e-3), seen.get("elephants", 0.0)]
    found += [float(seen.get("split", 0.0)), float(seen.get("bound", 0.0) > 0)]
    return found + [float(case.form == form) for form in FORMS]


def kind(case: Case) -> str:
    """Kind of task as the performance model tells them apart."""
    from qb_controller.orchestration.performance import kind_of

    return kind_of(case.form, case.features)


def _best(cases: Sequence[Case], backends: Sequence[str]) -> str:
    return max(backends, key=lambda name: sum(case.utility(name) for case in cases))
