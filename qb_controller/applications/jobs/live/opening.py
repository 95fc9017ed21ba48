"""An engine with all it needs: its fleet, their workers, its schedulers."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator

from qb_controller.applications.jobs.live import devices
from qb_controller.applications.jobs.live.devices import Fleet
from qb_controller.applications.jobs.live.engine import Engine
from qb_controller.applications.jobs.live.store import Store
from qb_controller.applications.jobs.ours import Solve, ours
from qb_controller.applications.jobs.schedulers import OURS, make
from qb_controller.applications.jobs.settings import defaults
from qb_controller.runtime.workers import WorkerPool

IDLE = "edf+split"
"""The scheduler that is asked where the other one leaves all QPUs idle."""

GRACE_S = 2.0
"""A worker that was told to stop is killed after this; starting another takes longer."""


@contextlib.contextmanager
def open_engine(
    store: Store,
    spec: str = "",
    scheduler: str = OURS,
    fleet: Fleet | None = None,
    solve: Solve | None = None,
) -> Iterator[Engine]:
    """An engine with workers of its own, which end with it; the store is closed too.

    Parameters
    ----------
    spec : str
        What makes the fleet, as ``module:function``; the default fleet where empty.
    scheduler : str
        Name in :data:`qb_controller.applications.jobs.schedulers.NAMES`.
    solve : callable, optional
        Whom ours asks for better plans; see :func:`qb_controller.applications.jobs.ours.ours`.
    """
    if fleet is None:
        module, _, attribute = (spec or f"{devices.__name__}:fleet").partition(":")
        fleet = getattr(importlib.import_module(module), attribute)()
    assert fleet is not None
    pool = WorkerPool(fleet.backends, fleet.spec, grace_s=GRACE_S)
    try:
        settings = defaults()
        asked = ours(settings, solve) if scheduler == OURS else make(scheduler, settings)
        yield Engine(fleet, pool, store, asked, make(IDLE, settings))
    finally:
        pool.close()
        store.close()
