"""Quantum computers: out of calibrations that qiskit-ibm-runtime carries, and synthetic ones."""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from qb_controller.applications.jobs.settings import Settings
from qb_controller.errors import InputError
from qb_controller.model.qpus import Drift, Latency, Qpu

_BROKEN = 0.5
"""Gates and qubits with a greater error are out of order and are not averaged over."""

_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0}


@functools.cache
def calibrated() -> tuple[Qpu, ...]:
    """One QPU for each fake backend of qiskit-ibm-runtime whose files say all that is needed.

    Read from the installed package, without a network. Errors and durations are means over the
    gates and qubits that work; the site and the overhead are left open (empty, 0).
    """
    spec = importlib.util.find_spec("qiskit_ibm_runtime")
    if spec is None or not spec.submodule_search_locations:
        raise InputError("qiskit-ibm-runtime is not installed; its calibrations are needed")
    version = importlib.metadata.version("qiskit-ibm-runtime")
    folder = Path(spec.submodule_search_locations[0]) / "fake_provider" / "backends"
    found = {}
    for conf in sorted(folder.glob("*/conf_*.json")):
        name = conf.stem.removeprefix("conf_")
        props = conf.with_name(f"props_{name}.json")
        if props.exists() and name not in found:
            qpu = _qpu(name, version, json.loads(conf.read_text()), json.loads(props.read_text()))
            if qpu is not None:
                found[name] = qpu
    return tuple(found.values())


def _qpu(name: str, version: str, conf: Mapping[str, Any], props: Mapping[str, Any]) -> Qpu | None:
    two = [gate for gate in props["gates"] if len(gate["qubits"]) == 2]
    one = [gate for gate in props["gates"] if len(gate["qubits"]) == 1 and gate["gate"] != "rz"]
    errors = [e for e in _values((gate["parameters"] for gate in two), "gate_error") if e < _BROKEN]
    readout = [e for e in _values(props["qubits"], "readout_error") if e < _BROKEN]
    lengths = _values((gate["parameters"] for gate in two), "gate_length")
    short = [s for s in _values((gate["parameters"] for gate in one), "gate_length") if s > 0]
    measured = _values(props["qubits"], "readout_length")
    delay = conf.get("default_rep_delay")
    if not (errors and readout and lengths and short and measured and delay):
        return None
    return Qpu(
        name,
        site="",
        qubits=int(conf["n_qubits"]),
        gate_error=float(np.mean(errors)),
        readout_error=float(np.mean(readout)),
        one_qubit_s=float(np.mean(short)),
        two_qubit_s=float(np.mean(lengths)),
        readout_s=float(np.mean(measured)),
        rep_delay_s=delay * 1e-6,
        overhead_s=0.0,
        source=f"qiskit-ibm-runtime {version}, fake backend {name}, "
        f"calibrated {str(props.get('last_update_date', ''))[:10]}",
    )


def _values(groups: Iterable[Iterable[Mapping[str, Any]]], wanted: str) -> list[float]:
    """Figures of one name out of lists of parameters, times in seconds."""
    found = [
        float(entry["value"]) * _SECONDS.get(entry.get("unit", ""), 1.0)
        for group in groups
        for entry in group
        if entry["name"] == wanted
    ]
    return [value for value in found if math.isfinite(value)]


def fleet(count: int, settings: Settings) -> tuple[tuple[Qpu, ...], Latency]:
    """So many QPUs at sites of a topology, the same for the same settings.

    Smaller fleets are the beginnings of larger ones.

    Raises
    ------
    InputError
        No fake backend is as wide as the settings ask for; an unknown topology.
    """
    given = settings["fleet"]
    rng = np.random.default_rng(given["seed"])
    least, most = given["qubits"]
    known = [qpu for qpu in calibrated() if least <= qpu.qubits <= most]
    if not known:
        raise InputError(f"fleet: qubits: no calibration has {least} to {most} of them")
    sites, latency = _sites(given["topology"], given["message_s"])
    order = rng.permutation(len(known))
    found: list[Qpu] = []
    for i in range(count):
        # By turns in the proportion asked for; the random numbers of a QPU are its own.
        own = np.random.default_rng([given["seed"], i])
        before, after = (math.floor(k * given["calibrated_share"] + 0.5) for k in (i, i + 1))
        if after > before:
            base = known[order[before % len(known)]]
            name = base.name if before < len(known) else f"{base.name}-{before // len(known) + 1}"
        else:
            base, name = _synthetic(given, own, i), f"synthetic-{i + 1}"
        found.append(_placed(base, name, sites[int(own.integers(len(sites)))], given, own))
    return tuple(found), latency


def _placed(base: Qpu, name: str, site: str, given: Settings, rng: np.random.Generator) -> Qpu:
    every = float(given["calibrate_every_s"]) or math.inf
    drift = Drift(
        per_hour=float(rng.uniform(*given["drift_per_hour"])),
        every_s=every,
        takes_s=float(given["calibrate_takes_s"]),
        first_s=float(rng.uniform(0, every)) if math.isfinite(every) else math.inf,
    )
    return Qpu(
        name,
        site,
        base.qubits,
        base.gate_error,
        base.readout_error,
        base.one_qubit_s,
        base.two_qubit_s,
        base.readout_s,
        base.rep_delay_s,
        overhead_s=float(rng.uniform(*given["overhead_s"])),
        drift=drift,
        source=base.source,
    )


def _synthetic(given: Settings, rng: np.random.Generator, number: int) -> Qpu:
    ranges = given["synthetic"]

    def even_in_log(name: str) -> float:
        low, high = ranges[name]
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))

    least, most = given["qubits"]
    return Qpu(
        f"synthetic-{number + 1}",
        site="",
        qubits=round(float(np.exp(rng.uniform(np.log(max(least, 7)), np.log(most))))),
        gate_error=even_in_log("gate_error"),
        readout_error=even_in_log("readout_error"),
        one_qubit_s=float(ranges["one_qubit_s"]),
        two_qubit_s=even_in_log("two_qubit_s"),
        readout_s=even_in_log("readout_s"),
        rep_delay_s=even_in_log("rep_delay_s"),
        overhead_s=0.0,
        source=f"synthetic, seed {given['seed']}",
    )


@functools.cache
def _sites(name: str, message_s: float) -> tuple[tuple[str, ...], Latency]:
    """The nodes of a topology, and the latency between them along paths of least delay."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import shortest_path

    import topologies

    try:
        graph = topologies.load(name)
    except ValueError as error:
        raise InputError(f"fleet: topology: {error}") from None
    n, edges = len(graph.nodes), graph.edges
    weights = [max(edge.delay_s, 1e-9) for edge in edges]
    ends = [edge.src for edge in edges], [edge.dst for edge in edges]
    delay = shortest_path(coo_array((weights, ends), shape=(n, n)).tocsr())
    names = tuple(node.name for node in graph.nodes)
    pairs = {
        (names[a], names[b]): float(delay[a, b]) + message_s for a in range(n) for b in range(n)
    }
    return names, Latency(pairs)
