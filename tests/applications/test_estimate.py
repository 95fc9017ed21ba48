from __future__ import annotations

import random
import statistics

import pytest

from qb_controller.applications.estimate import STALE_S, DemandEstimate
from qb_controller.model.telemetry import Demand


def one(estimate: DemandEstimate, rate: float, at: float) -> float:
    (got,) = estimate.update((Demand(1, 2, rate),), at)
    return got.rate


PAIRS = 20


def many(rng: random.Random, noise: float, factors: dict[int, float]) -> tuple[Demand, ...]:
    """Twenty demands of 1 Mbit/s, some changed by a factor, measured with noise."""
    return tuple(
        Demand(1, i, 1e6 * factors.get(i, 1.0) * rng.gauss(1, noise)) for i in range(2, 2 + PAIRS)
    )


def rates(estimate: DemandEstimate, demands: tuple[Demand, ...], at: float) -> dict[int, float]:
    return {d.egress: d.rate for d in estimate.update(demands, at)}


@pytest.mark.parametrize("noise", [0.01, 0.05, 0.1])
def test_noise_is_averaged(noise: float) -> None:
    rng = random.Random(1)
    estimate = DemandEstimate()
    seen = [rates(estimate, many(rng, noise, {}), float(t))[2] for t in range(400)]
    assert statistics.stdev(seen[20:]) < 0.4 * noise * 1e6


def test_a_jump_is_followed_at_once_up_and_down() -> None:
    rng = random.Random(2)
    estimate = DemandEstimate()
    for t in range(30):
        rates(estimate, many(rng, 0.05, {}), float(t))
    up = rates(estimate, many(rng, 0.05, {5: 1.6}), 30.0)
    assert up[5] > 1.4e6
    down = rates(estimate, many(rng, 0.05, {5: 0.0}), 31.0)
    assert down[5] == 0.0
    assert all(0.85e6 < rate < 1.15e6 for pair, rate in down.items() if pair != 5)


def test_a_small_step_of_one_pair_is_followed_in_time() -> None:
    rng = random.Random(3)
    estimate = DemandEstimate()
    for t in range(30):
        rates(estimate, many(rng, 0.05, {}), float(t))
    for t in range(30, 60):
        got = rates(estimate, many(rng, 0.05, {5: 1.15}), float(t))
    assert got[5] == pytest.approx(1.15e6, rel=0.04)


def test_a_small_shift_of_everything_is_followed_at_once() -> None:
    rng = random.Random(4)
    estimate = DemandEstimate()
    for t in range(30):
        rates(estimate, many(rng, 0.02, {}), float(t))
    got = rates(estimate, many(rng, 0.02, dict.fromkeys(range(2, 2 + PAIRS), 1.09)), 30.0)
    assert statistics.mean(got.values()) == pytest.approx(1.09e6, rel=0.015)


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
