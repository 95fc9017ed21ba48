"""Rates of rules from two readings, timed by the switch's own clock.

A rule's rate is the difference of its counters over the difference of its age as the switch
reports both (duration_sec, duration_nsec), so that neither the way to the switch nor the time a
request waited falsifies it. The server keeps one earlier reading of each rule; clients share it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qb_controller.model.rules import EntryKey
from qb_controller.northbound.view import LiveRule

SHORTEST_S = 0.5
"""Readings closer together than this are too noisy; the last known rate is repeated."""

LONGEST_S = 15.0
"""A reading older than this tells about the past; the rate is then unknown."""

Key = tuple[int, EntryKey]


@dataclass(frozen=True, slots=True)
class Rate:
    """Packets/s and bit/s over the last reading interval."""

    packets: float
    bits: float


@dataclass(frozen=True, slots=True)
class _Reading:
    age_s: float
    packets: int
    bytes: int
    rate: Rate | None


def key_of(live: LiveRule) -> Key:
    return live.dpid, live.rule.key


class Readings:
    """The earlier reading of every rule.

    Not a cache of rules: what a switch no longer reports is forgotten with the next reading of
    that switch.
    """

    def __init__(self) -> None:
        self._last: dict[int, dict[Key, _Reading]] = {}

    def take(self, rules: Sequence[LiveRule]) -> dict[Key, Rate | None]:
        """Take in complete readings of one or more switches and return the rate of every rule.

        Returns
        -------
        dict
            None for a rule read for the first time, made anew since, or last read more than
            :data:`LONGEST_S` ago.
        """
        taken: dict[int, dict[Key, _Reading]] = {}
        for live in rules:
            before = self._last.get(live.dpid, {}).get(key_of(live))
            taken.setdefault(live.dpid, {})[key_of(live)] = _step(before, live)
        self._last |= taken
        return {key: one.rate for of_one in taken.values() for key, one in of_one.items()}


def _step(before: _Reading | None, live: LiveRule) -> _Reading:
    now = _Reading(live.duration_s, live.packets, live.bytes, None)
    if before is None or live.packets < before.packets or live.bytes < before.bytes:
        return now
    passed = live.duration_s - before.age_s
    if passed < 0 or passed > LONGEST_S:
        return now
    if passed < SHORTEST_S:
        return before
    rate = Rate((live.packets - before.packets) / passed, 8 * (live.bytes - before.bytes) / passed)
    return _Reading(live.duration_s, live.packets, live.bytes, rate)
