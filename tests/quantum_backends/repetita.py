"""Reads REPETITA instances and the table of fractional optima from a folder the user names."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np

from quantum_backends.routing import RoutingProblem

DATA = Path(os.environ.get("QB_DATA", "../shared/data"))


def available() -> bool:
    return (DATA / "repetita" / "reference_mcf.csv").exists()


def instance(name: str) -> RoutingProblem:
    """``Abilene.0000`` as a problem without paths; demands of one pair are added up."""
    folder = DATA / "repetita"
    graph = folder / f"{name.rsplit('.', 1)[0] if name[-4:].isdigit() else name}.graph"
    lines = graph.read_text().split("\n")
    n = int(lines[0].split()[1])
    at = next(i for i, line in enumerate(lines) if line.startswith("EDGES"))
    edges = [line.split() for line in lines[at + 2 :] if line.strip()]
    pairs: dict[tuple[int, int], float] = {}
    for line in (folder / f"{name}.demands").read_text().split("\n")[2:]:
        if line.strip():
            _, s, t, bw = line.split()
            if s != t and float(bw) > 0:
                pairs[int(s), int(t)] = pairs.get((int(s), int(t)), 0.0) + float(bw)
    return RoutingProblem(
        n,
        np.array([int(e[1]) for e in edges]),
        np.array([int(e[2]) for e in edges]),
        np.array([float(e[4]) for e in edges]),
        np.array([s for s, _ in pairs]),
        np.array([t for _, t in pairs]),
        np.array(list(pairs.values())),
    )


def optima() -> dict[str, float]:
    with (DATA / "repetita" / "reference_mcf.csv").open() as table:
        return {r["instance"]: float(r["mcf_mlu_lower_bound"]) for r in csv.DictReader(table)}
