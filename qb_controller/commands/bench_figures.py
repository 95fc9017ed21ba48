"""Figures of the benchmarks from what was measured: plain arithmetic on plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Row = Mapping[str, Any]


def spread(values: Sequence[float], unit: str, shares: Sequence[int] = (50, 95)) -> dict[str, Any]:
    """Percentiles (linear between neighbours) and the largest of some values.

    Parameters
    ----------
    values : sequence of float
    unit : str
        End of every key: ``ms`` gives ``p50_ms``.
    shares : sequence of int
        Percentiles wanted.

    Returns
    -------
    dict
        ``n``, one key per percentile, ``max_UNIT``; None where there is no value.
    """
    keys = [*(f"p{share}_{unit}" for share in shares), f"max_{unit}"]
    if not values:
        return {"n": 0, **dict.fromkeys(keys)}
    found = np.percentile(values, [*shares, 100])
    return {"n": len(values), **{k: float(v) for k, v in zip(keys, found, strict=True)}}


def mean_utilisations(samples: Sequence[Sequence[Row]]) -> dict[tuple[str, str], float]:
    """Mean utilisation of every directed link over samples of ``/v1/links``.

    A link without a rate in a sample (it was just found) is left out of that sample.
    """
    found: dict[tuple[str, str], list[float]] = {}
    for sample in samples:
        for row in sample:
            if row["utilisation"] is not None:
                found.setdefault((row["from"], row["to"]), []).append(row["utilisation"])
    return {link: float(np.mean(values)) for link, values in found.items()}


def split_deviation(pairs: Sequence[tuple[float, Sequence[Row]]]) -> dict[str, Any]:
    """How far real splits are from the wanted ones.

    The deviation of a pair is half the sum over its ways of |measured - wanted|: the share of
    its bytes that would have to take another way (total variation distance).

    Parameters
    ----------
    pairs : sequence of (rate in bit/s, ways of ``/v1/path``)
        Pairs with fewer than two ways, or without counted bytes, are left out.

    Returns
    -------
    dict
        ``pairs``, ``deviation_mean``, ``deviation_max`` and ``deviation_weighted`` (by rate).
    """
    rates, off = [], []
    for rate, ways in pairs:
        measured = [way["measured_share"] for way in ways]
        if len(ways) < 2 or None in measured:
            continue
        wanted = [way["share"] for way in ways]
        off.append(float(np.abs(np.subtract(measured, wanted)).sum()) / 2)
        rates.append(rate)
    if not off:
        return {"pairs": 0}
    weighted = float(np.average(off, weights=rates)) if sum(rates) > 0 else None
    return {
        "pairs": len(off),
        "deviation_mean": float(np.mean(off)),
        "deviation_max": max(off),
        "deviation_weighted": weighted,
    }


def entries_per_switch(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """Mean and largest number of flow rules and groups of a switch, from ``/v1/flows``."""
    counts: dict[str, dict[str, int]] = {"flow": {}, "group": {}}
    for row in rows:
        of = counts.get(row["kind"], {})
        of[row["switch"]] = of.get(row["switch"], 0) + 1
    switches = sorted({row["switch"] for row in rows})
    result = {}
    for kind, name in (("flow", "rules"), ("group", "groups")):
        values = [counts[kind].get(switch, 0) for switch in switches] or [0]
        result[name] = {
            "total": sum(values), "mean": float(np.mean(values)), "max": max(values),
            "min": min(values),
        }  # fmt: skip
    return result
