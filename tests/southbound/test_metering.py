from __future__ import annotations

from qb_controller.southbound.metering import DemandEstimator, Meter
from qb_controller.southbound.rates import Reading, span


def test_a_rate_is_bits_by_the_switches_own_seconds() -> None:
    meter: Meter[str] = Meter()
    assert meter.read("p", Reading(1000, 10.0)) is None
    assert meter.read("p", Reading(2000, 12.0)) == (8000.0, 2.0)
    assert meter.rates["p"] == 4000.0


def test_a_reset_gives_no_rate_and_neither_does_the_interval_after_it() -> None:
    meter: Meter[str] = Meter()
    meter.read("p", Reading(10_000, 10.0))
    assert meter.read("p", Reading(500, 11.0)) is None
    assert meter.read("p", Reading(900, 12.0)) is None
    assert meter.read("p", Reading(1900, 13.0)) == (8000.0, 1.0)


def test_a_switch_whose_clock_began_anew_is_a_reset() -> None:
    meter: Meter[str] = Meter()
    meter.read("p", Reading(10, 1000.0))
    assert meter.read("p", Reading(20, 1.0)) is None


def test_readings_too_close_together_are_put_together() -> None:
    assert span(Reading(0, 1.0), Reading(100, 1.001)) is None
    meter: Meter[str] = Meter()
    meter.read("p", Reading(0, 1.0))
    assert meter.read("p", Reading(100, 1.001)) is None
    assert meter.read("p", Reading(1000, 2.0)) == (8000.0, 1.0)


def test_an_estimator_knows_each_key_apart_and_forgets() -> None:
    demands: DemandEstimator[str] = DemandEstimator()
    demands.add("d", 1e6, 1.0)
    demands.add("e", 2e6, 1.0)
    assert demands.rates() == {"d": 1e6, "e": 2e6}
    demands.forget({"d"})
    assert demands.rate("d") == 0.0
