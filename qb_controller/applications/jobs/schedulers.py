"""All schedulers by name, made afresh for each run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qb_controller.applications.jobs.admission import admitting
from qb_controller.applications.jobs.annealing import annealed
from qb_controller.applications.jobs.notads import notads
from qb_controller.applications.jobs.ours import ours
from qb_controller.applications.jobs.rules import KEYS, by_key, greedy, least_busy
from qb_controller.applications.jobs.settings import Settings
from qb_controller.errors import InputError
from qb_controller.model.jobs import Scheduler

OURS = "qb"

ANNEALED = {
    "sa": (True, True),
    "sa_shot_agnostic": (False, True),
    "sa_dependency_agnostic": (True, False),
    "sa_agnostic": (False, False),
}
"""Name: whether shots are distributed, whether dependencies are planned with."""

BASELINES = ("fifo", "edf", "least_slack", "greedy", "least_busy", "notads", *ANNEALED)

SPLIT = "+split"

ADMIT = "+admit"

WITHOUT: Mapping[str, Mapping[str, Any]] = {
    "qb without prices": {"utilisation": 1e9},
    "qb without splitting": {"parts": 1},
    "qb without giving parts": {"longest_s": 1e9},
}
"""Ours with one of its ideas left out: parameters that differ."""

ABLATIONS = (
    *WITHOUT,
    *(name + ADMIT for name in ("edf", "greedy", "greedy+split", "sa")),
)
"""Not baselines: they show where the difference comes from. ``+admit`` gives a baseline the
refusal of what is too late."""

NAMES = (OURS, *BASELINES, *(name + SPLIT for name in BASELINES))


def make(name: str, settings: Settings) -> Scheduler:
    """Make a scheduler of :data:`NAMES` or :data:`ABLATIONS`.

    Raises
    ------
    InputError
        There is none of that name.
    """
    if name in WITHOUT:
        changed = {**settings["schedulers"], **WITHOUT[name]}
        return ours({**settings, "schedulers": changed})
    if name in ABLATIONS:
        inner = make(name.removesuffix(ADMIT), settings)
        return admitting(inner, settings["schedulers"]["parts"])
    if name not in NAMES:
        raise InputError(f"no scheduler is called {name!r}; there are {', '.join(NAMES)}")
    given = settings["schedulers"]
    base, split, parts = name.removesuffix(SPLIT), name.endswith(SPLIT), given["parts"]
    if base == OURS:
        return ours(settings)
    if base in KEYS:
        return by_key(base, split, parts)
    if base in ANNEALED:
        shots, dependencies = ANNEALED[base]
        return annealed(shots, dependencies, split, parts, given["sa_rounds"])
    return {"greedy": greedy, "least_busy": least_busy, "notads": notads}[base](split, parts)
