"""Garbage collection that does not hold the event loop.

A collection of the oldest generation looks at every object there is: 100 ms and more for the rules
of 50 switches, whenever enough new objects have gathered. Nearly all that becomes garbage here dies
by its reference count or young, so the oldest generation is left alone, and looked through once
an hour for the little that is left of broken connections and the like.
"""

from __future__ import annotations

import gc

import eventlet

EVERY_S = 3600.0
NEVER = 1 << 30


def run() -> None:
    """Collect what is old once an hour, for ever (a greenlet of its own)."""
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, NEVER)
    while True:
        eventlet.sleep(EVERY_S)
        gc.collect()
