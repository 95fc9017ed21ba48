"""Which decision set the weights of a pair, where the switches cannot say it.

A path's rules carry the decision that brought the path in their cookies; a group has no cookie, so
a decision that changed nothing but weights leaves no trace in a switch. It is written down beside.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import replace
from typing import Any

from qb_controller.southbound.intent import Intent, Steering
from qb_controller.southbound.steps import run

PAUSE_EVERY = 500
"""Pairs looked at between two pauses: about a millisecond."""


def reweighted(intent: Intent) -> list[list[Any]]:
    """Rows ``[ingress, egress, decision, {label: weight}]``, fit for JSON, of such pairs."""
    return run(reweighted_steps(intent))


def reweighted_steps(intent: Intent) -> Generator[None, None, list[list[Any]]]:
    """As :func:`reweighted`, pausing every millisecond (see :mod:`.steps`)."""
    rows: list[list[Any]] = []
    for count, (pair, steering) in enumerate(intent.pairs.items(), 1):
        if count % PAUSE_EVERY == 0:
            yield
        if steering.decision != max(share.decision for share in steering.shares):
            rows.append([*pair, steering.decision, _weights(steering)])
    return sorted(rows, key=lambda row: row[:2])


def with_decisions(intent: Intent, rows: object) -> Intent:
    """An adopted intent with those decisions, where labels and weights still are as noted.

    Rows of another form are passed over: what is known less well than it could be is no error.
    """
    pairs = dict(intent.pairs)
    for row in rows if isinstance(rows, Iterable) else ():
        match row:
            case [int(ingress), int(egress), int(decision), dict(weights)]:
                steering = pairs.get((ingress, egress))
                if steering is not None and _weights(steering) == weights:
                    pairs[ingress, egress] = replace(steering, decision=decision)
    return replace(intent, pairs=pairs)


def _weights(steering: Steering) -> dict[str, int]:
    return {share.label.mac: share.weight for share in steering.shares}
