from __future__ import annotations

import random
import statistics

from qb_controller.applications.estimate import JUMP, STALE_S, DemandEstimate
from qb_controller.model.telemetry import Demand


def one(estimate: DemandEstimate, rate: float, at: float) -> float:
    (got,) = estimate.update((Demand(1, 2, rate),), at)
    return got.rate


def test_noise_is_averaged() -> None:
    rng = random.Random(1)
    estimate = DemandEstimate()
    seen = [one(estimate, 1e6 * rng.gauss(1, 0.05), float(t)) for t in range(400)]
    assert statistics.stdev(seen[20:]) < 0.5 * 0.05e6


def test_a_jump_is_followed_at_once_up_and_down() -> None:
    estimate = DemandEstimate()
    for t in range(10):
        one(estimate, 1e6, float(t))
    assert one(estimate, 2e6, 10.0) == 2e6
    assert one(estimate, 0.0, 11.0) == 0.0
    assert one(estimate, 5.0, 12.0) == 5.0


def test_a_small_step_is_followed_within_a_few_measurements() -> None:
    estimate = DemandEstimate()
    one(estimate, 1e6, 0.0)
    step = 1e6 * (1 + 0.9 * JUMP)
    got = [one(estimate, step, float(t)) for t in range(1, 9)]
    assert got == sorted(got) and got[-1] > 1e6 + 0.85 * (step - 1e6)


def test_after_a_pause_or_a_clock_set_back_it_starts_anew() -> None:
    estimate = DemandEstimate()
    one(estimate, 1e6, 100.0)
    assert one(estimate, 1.1e6, 101.0 + STALE_S) == 1.1e6
    assert one(estimate, 1.0e6, 5.0) == 1.0e6


def test_pairs_named_twice_add_up_and_missing_ones_are_silent() -> None:
    estimate = DemandEstimate()
    got = estimate.update((Demand(1, 2, 1.0), Demand(1, 2, 2.0), Demand(2, 1, 5.0)), 0.0)
    assert got == (Demand(1, 2, 3.0), Demand(2, 1, 5.0))
    assert estimate.update((Demand(2, 1, 5.0),), 1.0) == (Demand(2, 1, 5.0),)
    assert one(estimate, 3.0, 2.0) == 3.0
