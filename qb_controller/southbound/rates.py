"""Rates from counters, by the switch's own clock.

A switch tells with every counter how long the port or group has existed. Dividing by differences
of that time rather than of the controller's keeps late and lost answers out of the rates.
"""

from __future__ import annotations

from typing import NamedTuple

UNAVAILABLE = (1 << 64) - 1
"""OpenFlow's value of a counter that a switch does not keep."""

SPAN_AT_LEAST_S = 0.05
"""Readings closer together than this say nothing: counters are refreshed less often."""


class Reading(NamedTuple):
    """A counter as a switch reported it.

    Attributes
    ----------
    bytes : int
        Total, 64 bits.
    seconds : float
        Age of the port or group by the switch's clock (duration_sec and duration_nsec).
    """

    bytes: int
    seconds: float


class Sample(NamedTuple):
    """What went through between two readings.

    Attributes
    ----------
    bits : float
    seconds : float
        Above zero.
    """

    bits: float
    seconds: float


def span(before: Reading, after: Reading) -> Sample | None:
    """The traffic between two readings, None where they do not tell.

    They do not where no time has passed to speak of, where the switch keeps no such counter, and
    where it began to count anew: its clock or the total went back. Open vSwitch does the latter
    with a group's total at group-mods. A total that went back from above half of 64 bits has
    wrapped. After a missing reading the span is longer, and the rate as good.
    """
    seconds = after.seconds - before.seconds
    if seconds < SPAN_AT_LEAST_S or UNAVAILABLE in (before.bytes, after.bytes):
        return None
    size = after.bytes - before.bytes
    if size < 0 and before.bytes >> 63:
        size += 1 << 64
    return Sample(size * 8.0, seconds) if size >= 0 else None
