"""Which decision set the weights of a pair, where the switches cannot say it.

A path's rules carry the decision that brought the path in their cookies; a group has no cookie, so
a decision that changed nothing but weights leaves no trace in a switch. It is written down beside.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from qb_controller.southbound.intent import Intent, Steering


def reweighted(intent: Intent) -> list[list[Any]]:
    """Rows ``[ingress, egress, decision, {label: weight}]``, fit for JSON, of such pairs."""
    return [
        [*pair, steering.decision, _weights(steering)]
        for pair, steering in sorted(intent.pairs.items())
        if steering.decision != max(share.decision for share in steering.shares)
    ]


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
