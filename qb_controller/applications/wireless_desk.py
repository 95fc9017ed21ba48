"""Channels for whoever sends a scenario as JSON: a request's body in, an answer's body out.

The controller passes bodies on unread, so that neither the parsing nor the work holds its event
loop.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from qb_controller.applications.wireless import OBJECTIVES
from qb_controller.applications.wireless_control import as_json, optimise, settings_of
from qb_controller.applications.wireless_scenario import read
from qb_controller.errors import InputError
from qb_controller.orchestration.lending import Lending
from qb_controller.orchestration.service import Service
from qb_controller.runtime.messages import ChannelsRequest, RestResult
from quantum_backends import choice_kernels

DEADLINES_S = (0.05, 5.0)
"""Allowed deadlines; traffic engineering waits meanwhile."""

_log = logging.getLogger("qb.wireless")

KEYS = ("scenario", "deadline_s", "objective", "backend", "seed")


@dataclass
class Desk:
    """Answers requests one after another.

    Parameters
    ----------
    borrow : callable
        Gives the service, with nothing running in the background.
    """

    borrow: Callable[[], Service]

    def __post_init__(self) -> None:
        self._service = Lending(self.borrow, "choices", choice_kernels.warm)

    def answer(self, request: ChannelsRequest) -> RestResult:
        """Answer a request; never raises for anything in its body."""
        try:
            code, value = 200, self._solved(_parsed(request.body))
        except InputError as error:
            code, value = 400, {"error": str(error), "status": 400}
        except Exception:
            _log.exception("request %d for channels failed", request.number)
            code, value = 500, {"error": "a fault in the optimiser; see its log", "status": 500}
        return RestResult(request.number, code, json.dumps(value, allow_nan=False) + "\n")

    def _solved(self, data: dict[str, Any]) -> dict[str, Any]:
        scenario = read(data.get("scenario"), "scenario")
        deadline = _deadline(data.get("deadline_s", 0.5))
        objective = data.get("objective", "interference")
        if objective not in OBJECTIVES:
            raise InputError(f"objective: want one of {', '.join(OBJECTIVES)}, got {objective!r}")
        seed = data.get("seed", 0)
        if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**31:
            raise InputError(f"seed: want a whole number from 0 to 2147483647, got {seed!r:.40}")
        service = self._service()
        backend = _backend(data.get("backend"), service)
        found = optimise(service, scenario, settings_of(deadline, backend, seed), objective)
        figures = {"objective": objective, "deadline_s": deadline}
        return {**as_json(scenario, found), **figures, "on_time": found.elapsed_s <= deadline}


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InputError(f"the body is not JSON: {error}") from None
    if not isinstance(data, dict):
        raise InputError("the body is not a JSON object")
    for key in data:
        if key not in KEYS:
            raise InputError(f"unknown key {key!r}; there are {', '.join(KEYS)}")
    if "scenario" not in data:
        raise InputError("scenario: is missing")
    return data


def _deadline(value: Any) -> float:
    low, high = DEADLINES_S
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or math.isnan(value) or not low <= value <= high:
        raise InputError(f"deadline_s: want {low:g} to {high:g} seconds, got {value!r:.40}")
    return float(value)


def _backend(value: Any, service: Service) -> str | None:
    if value is None:
        return None
    fit = [name for name, each in service.advisor.backends.items() if "choices" in each.forms]
    if value not in fit:
        raise InputError(f"backend: {value!r:.40} is none of {', '.join(sorted(fit))}")
    return str(value)
