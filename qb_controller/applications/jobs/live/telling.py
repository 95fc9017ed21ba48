"""Jobs as rows and objects for JSON. Times are Unix time, durations seconds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qb_controller.applications.jobs.live.engine import Engine
from qb_controller.applications.jobs.live.running import Part
from qb_controller.applications.jobs.live.store import DONE, MISSED, Record

Row = dict[str, Any]


def row(record: Record) -> Row:
    """One job in a line."""
    result = record.result or {}
    return {
        "job": record.name,
        "status": record.status,
        "circuit": record.submission.shown,
        "qubits": record.qubits,
        "observable": record.submission.observable,
        "shots": record.submission.shots,
        "value": result.get("value"),
        "error": result.get("error"),
        "fidelity": result.get("fidelity"),
        "way": record.way or None,
        "submitted_at": record.arrival,
        "deadline_at": record.deadline,
        "deadline_s": record.submission.deadline_s,
        "earliest_s": None if record.expected is None else record.expected - record.arrival,
        "elapsed_s": None if record.ended is None else record.ended - record.arrival,
        "on_time": _on_time(record),
        "detail": record.detail or None,
    }


def _on_time(record: Record) -> bool | None:
    if record.status == MISSED:
        return False
    if record.status != DONE or record.ended is None:
        return None
    return record.ended <= record.deadline


def everything(engine: Engine, record: Record) -> Row:
    """One job with where each fragment ran."""
    parts = engine.store.parts(record.number)
    running = engine.running(record.number)
    lost = (record.result or {}).get("lost", [])
    if running is not None:
        lost = [list(one) for one in running.lost]
    result = record.result or {}
    return {
        **row(record),
        "sampling_error": result.get("sampling_error"),
        "noise_error": result.get("noise_error"),
        "fragments": fragments(engine, record, parts),
        "under_way": [
            {"fragment": job.fragment, "qpu": job.qpu, "shots": job.shots}
            for job in (running.under_way.values() if running is not None else ())
        ],
        "lost": [{"qpu": qpu, "fragment": number, "shots": shots} for qpu, number, shots in lost],
        "modelled_s": sum(part.modelled_s for part in parts),
        "measured_s": sum(part.ended - part.begun for part in parts),
        "seed": record.submission.seed,
        "key": record.submission.key or None,
    }


def fragments(engine: Engine, record: Record, parts: Sequence[Part]) -> list[Row]:
    """Where each fragment ran; modelled times apart from measured ones.

    ``simulated`` says what stands in for the QPU: empty for a real device, None where the QPU does
    not belong to the fleet any more.
    """
    found: dict[int, list[Row]] = {}
    for part in parts:
        found.setdefault(part.fragment, []).append(
            {
                "qpu": part.qpu,
                "simulated": engine.fleet.simulated(part.qpu) if _known(engine, part) else None,
                "circuits": len(part.shots),
                "shots": sum(part.shots.values()),
                "begun_s": part.begun - record.arrival,
                "ended_s": part.ended - record.arrival,
                "modelled_s": part.modelled_s,
                "measured_s": part.ended - part.begun,
                "computed_s": part.computed_s,
            }
        )
    return [{"fragment": number, "ran": found[number]} for number in sorted(found)]


def _known(engine: Engine, part: Part) -> bool:
    return part.qpu in engine.fleet.backends
