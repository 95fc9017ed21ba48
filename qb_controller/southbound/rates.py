"""Rates from counters, by the switch's own clock.

A switch tells with every counter how long the port or group has existed. Dividing by differences of
that time rather than of the controller's keeps delays of requests and replies out of the rates.
"""

from __future__ import annotations

from dataclasses import dataclass

UNAVAILABLE = (1 << 64) - 1
"""OpenFlow's value of a counter that a switch does not keep."""


@dataclass(frozen=True, slots=True)
class Counters:
    """One reading of a port or a group.

    Attributes
    ----------
    bytes, packets : int
        Totals, 64 bits.
    duration_sec, duration_nsec : int
        Age of the port or group by the switch's clock.
    """

    bytes: int
    packets: int
    duration_sec: int
    duration_nsec: int

    @property
    def nanoseconds(self) -> int:
        return self.duration_sec * 1_000_000_000 + self.duration_nsec


@dataclass(frozen=True, slots=True)
class Sample:
    """What went through between two readings.

    Attributes
    ----------
    seconds : float
        Above zero.
    bytes, packets : int
    """

    seconds: float
    bytes: int
    packets: int

    @property
    def bits_per_s(self) -> float:
        return self.bytes * 8 / self.seconds

    @property
    def packets_per_s(self) -> float:
        return self.packets / self.seconds


def between(before: Counters | None, after: Counters) -> Sample | None:
    """The traffic between two readings, None where they do not tell.

    They do not where there is no earlier reading, where no time has passed (one reading answered
    twice), where the switch keeps no such counter, and where it began to count anew: its clock or a
    total went back. Open vSwitch does the latter with a group's totals at every group-mod. A total
    that went back from above half of 64 bits has wrapped. Either way the later reading is the one
    to compare the next one with; after a missing reading that simply spans a longer time.
    """
    if before is None or UNAVAILABLE in (after.bytes, before.bytes):
        return None
    elapsed = after.nanoseconds - before.nanoseconds
    if elapsed <= 0:
        return None
    size = _grown(before.bytes, after.bytes)
    packets = _grown(before.packets, after.packets)
    if size is None or packets is None:
        return None
    return Sample(elapsed / 1e9, size, packets)


def _grown(before: int, after: int) -> int | None:
    if after >= before:
        return after - before
    return after - before + (1 << 64) if before >> 63 else None
