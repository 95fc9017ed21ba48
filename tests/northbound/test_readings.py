from __future__ import annotations

import pytest

from qb_controller.model.rules import FlowRule, matches
from qb_controller.northbound.readings import LONGEST_S, Rate, Readings, key_of
from qb_controller.northbound.view import LiveRule

RULE = FlowRule(0, 300, matches(eth_type=0x0800), (("output", 1),), 0)

OTHER = FlowRule(0, 200, matches(eth_type=0x0806), (("controller",),), 0)


def read(age: float, packets: int, dpid: int = 1) -> LiveRule:
    return LiveRule(dpid, RULE, packets, 100 * packets, age)


KEY = key_of(read(0, 0))


def test_rate_by_the_age_of_the_rule() -> None:
    readings = Readings()
    assert readings.take([read(10.0, 50)]) == {KEY: None}
    rate = readings.take([read(12.0, 150)])[KEY]
    assert rate == Rate(50.0, 8 * 100 * 50.0)


def test_readings_in_quick_succession_repeat_the_last_rate() -> None:
    readings = Readings()
    readings.take([read(10.0, 50)])
    first = readings.take([read(11.0, 60)])[KEY]
    assert readings.take([read(11.1, 90)])[KEY] == first
    later = readings.take([read(12.0, 110)])[KEY]
    assert later is not None
    assert later.packets == pytest.approx(50)


@pytest.mark.parametrize("after", [read(2.0, 10), read(11.0, 10), read(10.0 + LONGEST_S + 1, 100)])
def test_no_rate_across_a_new_rule_a_reset_or_a_long_time(after: LiveRule) -> None:
    readings = Readings()
    readings.take([read(10.0, 50)])
    assert readings.take([after])[KEY] is None


def test_rules_of_other_switches_stay_and_gone_ones_are_forgotten() -> None:
    readings = Readings()
    readings.take([read(1.0, 0), read(1.0, 0, dpid=2)])
    readings.take([read(2.0, 10)])
    assert readings.take([read(2.0, 20, dpid=2)])[key_of(read(0, 0, dpid=2))] == Rate(20.0, 16000.0)
    readings.take([LiveRule(1, OTHER, 0, 0, 1.0)])
    assert readings.take([read(3.0, 20)]) == {KEY: None}
