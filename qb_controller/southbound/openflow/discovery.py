"""Timers of Ryu's LLDP discovery, set from the number of ports.

Ryu sends a port's LLDP frame every 0.9 s but pauses 0.05 s after each, and forgets a link not
heard of for 10 s: past about 200 ports a round takes longer than that and links flap. Here a round
always fits into half of the time-out.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ryu.base import app_manager

GUARD_S = 0.05
SHORTEST_GUARD_S = 0.004  # below this LLDP alone would take a noticeable share of the event loop
LINK_TIMEOUT_S = 10.0


class Timers(NamedTuple):
    """Pause after each frame, and age at which a silent link is given up; seconds."""

    guard: float
    link_timeout: float


def timers(ports: int) -> Timers:
    """Timers for a number of ports.

    Parameters
    ----------
    ports : int
        All ports that LLDP is sent from, host ports included.
    """
    if ports <= 0:
        return Timers(GUARD_S, LINK_TIMEOUT_S)
    guard = min(GUARD_S, max(SHORTEST_GUARD_S, LINK_TIMEOUT_S / 2 / ports))
    return Timers(guard, max(LINK_TIMEOUT_S, 2 * ports * guard))


def apply_timers(ports: int) -> None:
    """Set the timers of the running discovery."""
    switches: Any = app_manager.lookup_service_brick("switches")
    if switches is not None:
        switches.LLDP_SEND_GUARD, switches.LINK_TIMEOUT = timers(ports)
