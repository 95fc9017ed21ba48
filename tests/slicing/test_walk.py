"""Slices through whatever may happen: nothing is forgotten or promised twice."""

from __future__ import annotations

import contextlib
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from qb_controller.applications.verify_slices import verify
from qb_controller.errors import Conflict, NotFound
from qb_controller.model.slice_life import LIVING, missing
from qb_controller.slicing.control import OVERDUE_S
from tests.support.first_fit import lost
from tests.support.slicing_run import DIAMOND, Run


@pytest.mark.parametrize("seed", range(8))
def test_whatever_happens_nothing_is_forgotten_or_promised_twice(seed: int, tmp_path: Path) -> None:
    """A random walk of requests, ends, cuts, late answers and restarts."""
    rng = random.Random(seed)
    run = Run(tmp_path)
    cables = [(1, 2), (1, 3), (2, 4), (3, 4)]
    names = [f"s{i}" for i in range(5)]

    def wanted(name: str) -> dict[str, Any]:
        first = 4 * names.index(name)
        ends = rng.sample([f"h{first + n}" for n in (1, 2, 3, 4)], 2)
        more = {"end": f"+{rng.randint(5, 60)}s"} if rng.random() < 0.3 else {}
        protection = rng.choice(["none", "none", "disjoint"])
        rate = f"{rng.randint(1, 6)}M"
        return {"name": name, "pairs": [ends], "rate": rate, "protection": protection, **more}

    for _ in range(150):
        act = rng.random()
        if act < 0.25:
            with contextlib.suppress(Conflict):
                run.create(wanted(rng.choice(names)))
        elif act < 0.35:
            with contextlib.suppress(NotFound):
                run.delete(rng.choice(names))
        elif act < 0.42:
            run.apply(*(wanted(name) for name in rng.sample(names, 3)))
        elif act < 0.52:
            gone = rng.sample(cables, rng.randint(0, 2))
            run.network = replace(
                lost(DIAMOND, *gone),
                version=run.network.version + 1,  # type: ignore[arg-type]
            )
        elif act < 0.57:
            run.slicing.optimiser_down(run.now)
        elif act < 0.62:
            run.store.close()
            before = run.slicing.book.all()
            run = Run(tmp_path, run.now, run.network)
            assert run.slicing.book.all() == before
        elif act < 0.8 and len(run.sent) > run.answers:
            run.answered()
        elif act < 0.9:
            run.confirmed()
        run.takes = rng.random() < 0.9
        run.after(rng.choice([0.0, 0.1, 0.3, 3.0]))
        _nothing_is_promised_that_is_not_held(run)
    run.takes, run.network = True, replace(DIAMOND, version=10_000)
    for _ in range(3):
        run.after(OVERDUE_S + 2)
        run.settle()
    _nothing_is_promised_that_is_not_held(run)
    states = set(run.states().values())
    assert not states & {"pending", "admitted"}, run.slicing.book.all()
    carried = {place.request.name for place in run.plans[-1].placements} if run.plans else set()
    living = {one.name for one in run.slicing.book.living() if one.placement is not None}
    assert carried == living
    for event in run.slicing.book.events(0, 10_000):
        assert event.text


def _nothing_is_promised_that_is_not_held(run: Run) -> None:
    whole = [place for place in run.slicing.plan.placements if not missing(place, run.network)]
    verify(whole, run.network, 1)
    for place in run.slicing.plan.placements:
        one = run.slicing.book.find(place.request.name)
        assert one.placement == place and one.state in LIVING
    for one in run.slicing.book.all():
        if one.state == "active":
            assert one.placement in run.slicing.plan.placements
        if one.state in ("rejected", "expired"):
            assert one.placement is None and one.detail
    assert run.store.slices() == run.slicing.book.all()
