"""The performance model: what each backend may be expected to need and to achieve, as quantiles.

Outcomes are kept apart by *kind* of task (form, single or split, with or without a proven bound)
and by *arm* (a backend on a formulation), and read by nearness in a handful of scaled logarithms
(:data:`COORDINATES`). How they are weighed is in :mod:`qb_controller.orchestration.memory`, what
stands in for them at first in :mod:`qb_controller.orchestration.priors`.

What is predicted of quality is the *gap*: how far an answer lies above the proven bound, relative
to it. Where no bound is known it is the answer relative to the incumbent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from math import inf, log2
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from qb_controller.model.decision import Forecast
from qb_controller.orchestration.features import Features
from qb_controller.orchestration.memory import Floats, Ints, Memory
from qb_controller.orchestration.memory_kernels import GAP_FLOOR
from qb_controller.orchestration.priors import SPREAD, SPREAD_OF_SHARES, expectations, prior, table

WHOLE = "whole"
"""The formulation that leaves nothing out."""

LATE_FACTOR = 2.0
"""An answer that never came counts as having come after so many times the time allowed: late in
situations alike, and no verdict on ten times the time."""

DONE_SHARE = 0.8
"""A backend that used less of its time than this was done: more time would have changed nothing.
Samplers that begin no call they could not finish stop at nine tenths without being done."""

LEFT_OUTSIDE = 0.4
"""Share of the incumbent's gap that a neighbourhood is expected to leave, because the rest stays
as it is."""


REMEMBERED = 512
"""Combinations of a kind and some arms whose documented expectations are kept at hand."""

Arm = tuple[str, str]
"""A backend on a formulation."""


class Coordinate(NamedTuple):
    """One coordinate of a situation.

    Attributes
    ----------
    feature : str
    floor : float or None
        Added before the logarithm (base 2) is taken; None: the feature counts as it is.
    width : float
        Distance at which an outcome counts for 0.6 of one from the same situation.
    """

    feature: str
    floor: float | None
    width: float


BUDGET = 0
"""Where the budget is among the coordinates."""

COORDINATES = (
    Coordinate("allowed_s", 1e-3, 1.0),  # a factor of two: quality follows the logarithm of time
    Coordinate("size", 1.0, 2.0),  # a factor of four: the expectations say how time grows
    Coordinate("gap", 1e-3, 4.0),  # a factor of sixteen: how much there is to find
    Coordinate("options", 0.0, 2.0),  # choices per decision, a factor of four
    Coordinate("elephants", None, 0.6),  # share of the traffic: enumerable or nearly divisible
    Coordinate("density", 1e-4, 4.0),  # a factor of sixteen
)
"""What makes tasks alike. With these widths the times of problems that were left out of a
calibration were told best: half the error of widths half as large."""


class Outcome(NamedTuple):
    """What a backend did.

    Attributes
    ----------
    first_s : float
        Seconds to the first valid answer; infinite where none came.
    busy_s : float
        Seconds until it was done or stopped.
    gap : float
        Of its answer (:func:`gap_of`); NaN where none came or where it is not known.
    """

    first_s: float
    busy_s: float
    gap: float


class Prediction(NamedTuple):
    """What is expected of one arm.

    Attributes
    ----------
    backend, family, formulation : str
    forecasts : tuple of Forecast
        One for each budget asked about; empty where refused.
    refusal : str
        Why it cannot be asked, empty where it can.
    """

    backend: str
    family: str
    formulation: str = WHOLE
    forecasts: tuple[Forecast, ...] = ()
    refusal: str = ""


class Performance:
    """The model; a plain value in memory, rebuilt from recorded outcomes at start.

    Parameters
    ----------
    families : mapping of str to str
        Family of each backend that is asked about, in the order of the registry.
    """

    def __init__(self, families: Mapping[str, str]) -> None:
        self.families = dict(families)
        self._memories: dict[str, Memory[Arm]] = {}
        self._known: dict[tuple[str, tuple[Arm, ...]], _Rows] = {}

    def observe(
        self,
        backend: str,
        features: Features,
        outcome: Outcome,
        form: str,
        formulation: str = WHOLE,
    ) -> None:
        """Learn from an outcome; one of a backend that is not asked about is passed over."""
        if backend not in self.families:
            return
        kind = kind_of(form, features)
        arm = (backend, formulation)
        memory = self._memory(kind)
        allowed = np.array([features["allowed_s"]])
        expected = _expected(self._rows(kind, (arm,)), features, allowed)[0, 0]
        came = np.isfinite(outcome.first_s)
        first = outcome.first_s if came else LATE_FACTOR * max(features["allowed_s"], 1e-3)
        actual = np.array([max(first, 1e-5), max(outcome.busy_s, 1e-5), outcome.gap + GAP_FLOOR])
        expected[2] += GAP_FLOOR
        done = came and outcome.busy_s < DONE_SHARE * features["allowed_s"]
        least = _scaled(COORDINATES[BUDGET], outcome.busy_s) if done else None
        memory.add(memory.arm(arm), situation(features), actual / expected, least)

    def predict(
        self,
        form: str,
        features: Features,
        budgets: Sequence[float],
        refusals: Mapping[str, str],
        arms: Iterable[tuple[str, str]] = (),
    ) -> tuple[Prediction, ...]:
        """Expectation for every backend on the whole problem, then for further arms.

        Parameters
        ----------
        form : str
        features : mapping of str to float
            See :mod:`qb_controller.orchestration.features`.
        budgets : sequence of float
            Seconds that a solver could get.
        refusals : mapping of str to str
            Why a backend cannot be asked.
        arms : iterable of (str, str)
            Backends on formulations other than the whole.
        """
        reasons = {backend: reason for backend, reason in refusals.items() if reason}
        open_to = [(name, WHOLE) for name in self.families if name not in reasons]
        asked = (*open_to, *arms)
        limits = np.array(budgets, dtype=np.float64)
        places = np.array([_scaled(COORDINATES[BUDGET], max(each, 0.0)) for each in budgets])
        kind = kind_of(form, features)
        rows = self._rows(kind, asked)
        found = self._memory(kind).read(
            rows.places,
            situation(features),
            places,
            limits,
            _expected(rows, features, limits),
            incumbent_gap(features),
            "incumbent" in features,
        )
        forecasts = {
            arm: tuple(map(Forecast._make, each))
            for arm, each in zip(asked, found.tolist(), strict=True)
        }
        families = self.families
        whole = tuple(
            _refused(name, family, WHOLE, reasons[name])
            if name in reasons
            else Prediction(name, family, WHOLE, forecasts[name, WHOLE])
            for name, family in families.items()
        )
        return whole + tuple(
            Prediction(name, families[name], part, forecasts[name, part])
            for name, part in asked[len(open_to) :]
        )

    def promising(self, form: str, features: Features) -> tuple[str, ...]:
        """Backends by documented expectation alone, in microseconds: least gap in time first."""
        arms = tuple((backend, WHOLE) for backend in self.families)
        allowed = features["allowed_s"]
        rows = self._rows(kind_of(form, features), arms)
        first, _, gap = _expected(rows, features, np.array([allowed]))[:, 0].T
        order = np.lexsort((gap, first > allowed))
        return tuple(arms[i][0] for i in order)

    def warm(self) -> None:
        """Load or compile what a prediction needs; the first one would take a second else."""
        seen = {"size": 1.0, "bound": 1.0, "incumbent": 2.0, "allowed_s": 1.0}
        self.predict("", seen, (1.0,), {})

    def counts(self) -> dict[tuple[str, str, str], int]:
        """Outcomes remembered, by kind, backend and formulation."""
        return {
            (kind, *arm): count
            for kind, memory in self._memories.items()
            for arm, count in memory.counts().items()
        }

    def _memory(self, kind: str) -> Memory[Arm]:
        if kind not in self._memories:
            spread = SPREAD_OF_SHARES if kind.endswith("/unbounded") else SPREAD
            self._memories[kind] = Memory(len(COORDINATES), spread)
        return self._memories[kind]

    def _rows(self, kind: str, arms: tuple[Arm, ...]) -> _Rows:
        """What is known beforehand of some arms; the same ones are asked about again and again."""
        found = self._known.get((kind, arms))
        if found is None:
            memory = self._memory(kind)
            believed = [prior(kind, name, self.families[name]) for name, _ in arms]
            limits = [inf if part == WHOLE else neighbourhood_size(part) for _, part in arms]
            found = _Rows(
                np.array([memory.arm(arm) for arm in arms], dtype=np.int64),
                table(believed),
                np.array(limits),
                np.isfinite(limits),
            )
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[kind, arms] = found
        return found


class _Rows(NamedTuple):
    """Arms as the compiled parts take them: where they are kept, priors, most decisions given."""

    places: Ints
    believed: Floats
    limits: Floats
    parts: npt.NDArray[np.bool_]


def _expected(rows: _Rows, features: Features, budgets: Floats) -> Floats:
    """Documented expectations (a, b, 3)."""
    size = np.minimum(features["size"], rows.limits)
    pairs = 0.5 * features.get("density", 0.0) * features["size"] ** 2
    found: Floats = expectations(rows.believed, size, pairs, budgets)
    if rows.parts.any():
        found[rows.parts, :, 2] += LEFT_OUTSIDE * incumbent_gap(features)
    return found


@lru_cache(maxsize=1024)
def _refused(backend: str, family: str, formulation: str, reason: str) -> Prediction:
    """Most refusals are the same in each decision."""
    return Prediction(backend, family, formulation, refusal=reason)


def neighbourhood_size(formulation: str) -> int:
    """Demands left free by a formulation such as ``hot-48``."""
    return int(formulation.rpartition("-")[2])


def kind_of(form: str, features: Features) -> str:
    """Name of the kind of task, such as ``routing/single`` or ``choices/unbounded``."""
    kind = form
    if "split" in features:
        kind += "/split" if features["split"] else "/single"
    return kind if features.get("bound", 0) > 0 else f"{kind}/unbounded"


def situation(features: Features) -> Floats:
    """Coordinates of a task, in units of the kernel's width; what is unknown counts as 0."""
    known = {**features, "options": features.get("choices", 0) / max(features["size"], 1)}
    return np.array(
        [_scaled(c, known[c.feature]) if c.feature in known else 0 for c in COORDINATES]
    )


def _scaled(coordinate: Coordinate, value: float) -> float:
    if coordinate.floor is None:
        return value / coordinate.width
    return log2(max(value + coordinate.floor, 1e-9)) / coordinate.width


def gap_of(value: float, features: Features) -> float:
    """Gap of an answer: to the bound, else relative to the incumbent; NaN where neither is."""
    bound, incumbent = features.get("bound", 0.0), features.get("incumbent", 0.0)
    if bound > 0:
        return max(0.0, value / bound - 1)
    return value / incumbent if incumbent > 0 else float("nan")


def incumbent_gap(features: Features) -> float:
    """Gap of what is there now; 1 where nothing is, a mark that every answer is measured by.

    0 where the incumbent's value is: nothing is below that.
    """
    if "incumbent" not in features:
        return 1.0
    if features["incumbent"] <= 0:
        return 0.0
    gap = gap_of(features["incumbent"], features)
    return gap if gap == gap else 1.0
