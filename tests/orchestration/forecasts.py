"""Predictions made by hand, for tests of the policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from qb_controller.model.decision import Forecast
from qb_controller.orchestration.performance import Prediction
from quantum_backends.device_table import processor
from quantum_backends.devices import Device

INCUMBENT_GAP = 0.3


def forecast(
    budget: float, time: float, gap: float, busy: float | None = None, late: float | None = None
) -> Forecast:
    """A forecast whose quantiles lie a tenth around ``gap`` and ``time``."""
    chance = float(time > budget) if late is None else late
    busy = time if busy is None else busy
    gain = max(0.0, INCUMBENT_GAP - gap)
    return Forecast(
        budget, time / 1.1, time, busy, gap * 0.9, gap, gap * 1.1, chance, gain, weight=9.0
    )


def prediction(
    name: str,
    time: float,
    gap: float,
    family: str = "classical",
    budgets: Sequence[float] = (0.4,),
    busy: float | None = None,
) -> Prediction:
    return Prediction(name, family, forecasts=tuple(forecast(b, time, gap, busy) for b in budgets))


def refusing(name: str, why: str, family: str = "classical") -> Prediction:
    return Prediction(name, family, refusal=why)


def devices(*predictions: Prediction, **changed: Device) -> dict[str, Device]:
    found = {each.backend: processor(each.backend) for each in predictions}
    return {name: replace(changed.get(name, d), backend=name) for name, d in found.items()}
