"""Requests that arrive, drawn from families of circuits; and the trouble that QPUs have meanwhile.

Everything random is drawn here, before any scheduler is asked, so that all of them meet the same
requests, the same outages, and the same luck on the same QPU (common random numbers).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from qb_controller.applications.jobs import estimates
from qb_controller.applications.jobs.families import FAMILIES, Circuit, cut_plans, whole
from qb_controller.applications.jobs.fleet import fleet
from qb_controller.applications.jobs.settings import Settings
from qb_controller.errors import InputError
from qb_controller.model.jobs import JobRequest
from qb_controller.model.qpus import Latency, Qpu, Window

POISSON, BURSTY = "poisson", "bursty"

DRAWS = 2000
"""Circuits drawn for one request before it is believed that none will do."""


@dataclass(frozen=True)
class Workload:
    """One run's requests, QPUs and trouble.

    Attributes
    ----------
    qpus : tuple of Qpu
    latency : Latency
    requests : tuple of JobRequest
        By arrival.
    outages : tuple of tuple of Window
        For each QPU when it does not answer.
    luck : array (requests, fragments, qpus)
        What the expected time of a sub-job is multiplied by.
    """

    qpus: tuple[Qpu, ...]
    latency: Latency
    requests: tuple[JobRequest, ...]
    outages: tuple[tuple[Window, ...], ...]
    luck: np.ndarray

    @property
    def horizon(self) -> float:
        """When the last deadline has passed."""
        return max((request.deadline for request in self.requests), default=0.0)


@dataclass(frozen=True)
class Cell:
    """What a run varies.

    Attributes
    ----------
    load : float
        Work that arrives over what the QPUs can do: arrivals a second times the mean work of a
        request (QPU seconds, see :func:`estimates.work_s`) over the number of QPUs.
    tightness : float
        Time from arrival to deadline over the request's own fastest completion on an empty fleet,
        shots not split.
    qpus : int
    arrivals : str
        ``poisson`` or ``bursty``.
    cutting : bool
        Without it no request is cut, and none is wider than the widest QPU.
    """

    load: float
    tightness: float
    qpus: int
    arrivals: str = POISSON
    cutting: bool = True


def draw(cell: Cell, settings: Settings, seed: int, count: int | None = None) -> Workload:
    """Draw one run. The same seed gives the same circuits, shots and luck in every cell of a fleet.

    Raises
    ------
    InputError
        A family is not known, or a number of the cell makes no sense.
    """
    if not (cell.load > 0 and cell.tightness > 0 and cell.qpus > 0):
        raise InputError(f"load, tightness and QPUs must be above zero: {cell}")
    qpus, latency = fleet(cell.qpus, settings)
    given = settings["workload"]
    n = count or max(given["requests"], given["requests_per_qpu"] * cell.qpus)
    rng = np.random.default_rng([seed, 1])
    requests = [_request(i, given, qpus, latency, cell, rng) for i in range(n)]
    mean = float(np.mean([estimates.work_s(request, qpus) for request in requests]))
    rate = cell.load * len(qpus) / mean
    at = arrivals(n, rate, cell.arrivals, settings["arrivals"], np.random.default_rng([seed, 2]))
    luck = _luck(requests, len(qpus), settings["service_noise"], np.random.default_rng([seed, 4]))
    return at_times(Workload(qpus, latency, tuple(requests), (), luck), at, settings, seed)


def at_times(drawn: Workload, times: np.ndarray, settings: Settings, seed: int) -> Workload:
    """The same requests and luck with other times of arrival; outages for as long as it takes.

    Parameters
    ----------
    times : float array
        One for each request, ascending, seconds.
    """
    pairs = zip(drawn.requests, times.tolist(), strict=True)
    moved = tuple(_arriving(request, at) for request, at in pairs)
    longest = max(request.deadline for request in moved)
    rng = np.random.default_rng([seed, 3])
    outages = _outages(len(drawn.qpus), longest, settings["outages"], rng)
    return replace(drawn, requests=moved, outages=outages)


def _arriving(request: JobRequest, at: float) -> JobRequest:
    time_given = request.deadline - request.arrival
    return replace(request, arrival=at, deadline=at + time_given)


def _request(
    number: int,
    given: Settings,
    qpus: Sequence[Qpu],
    latency: Latency,
    cell: Cell,
    rng: np.random.Generator,
) -> JobRequest:
    """A request that arrives at 0 and that the fleet can serve: others are drawn again."""
    names = list(given["families"])
    for name in names:
        if name not in FAMILIES:
            known = ", ".join(FAMILIES)
            raise InputError(f"workload: families: {name}: no such family; there are {known}")
    weights = np.array([given["families"][name] for name in names], dtype=float)
    shots_of = given["shots"]
    widest = max(qpu.qubits for qpu in qpus)
    least, most = given["qubits"]
    if not cell.cutting:
        most = min(most, int(widest * given["uncut_share"]))
    for _ in range(DRAWS):
        family = names[int(rng.choice(len(names), p=weights / weights.sum()))]
        circuit = FAMILIES[family](int(rng.integers(least, most + 1)), rng)
        shots = float(np.exp(np.log(shots_of["median"]) + shots_of["sigma"] * rng.normal()))
        wanted = rng.random() < given["fidelity_wanted"], rng.uniform(*given["fidelity"])
        if not shots_of["least"] <= shots <= shots_of["most"]:
            continue
        plans = _plans(circuit, round(shots), qpus, given, cell.cutting)
        if not plans:
            continue
        request = JobRequest(f"{family}-{number + 1}", plans, round(shots), 0.0, 1.0)
        if wanted[0]:
            request = replace(request, fidelity=wanted[1] * _best_fidelity(request, qpus))
        time, _ = estimates.fastest(request, qpus, latency)
        if np.isfinite(time):
            return replace(request, deadline=cell.tightness * time)
    raise InputError(
        f"workload: of {DRAWS} circuits drawn, {qpus[0].name} and {len(qpus) - 1} more QPUs can "
        "serve none; look at shots, qubits and most_shots_after_cut"
    )


def _plans(
    circuit: Circuit, shots: int, qpus: Sequence[Qpu], given: Settings, cutting: bool
) -> tuple[Any, ...]:
    """The ways to serve a circuit that fit on the fleet."""
    widest = max(qpu.qubits for qpu in qpus)
    n = circuit.qubits
    plans = [whole(circuit, shots)] if n <= widest else []
    if cutting:
        # Halves; and as much as the widest takes, so that unequal QPUs share unequally.
        widths = sorted({-(-n // 2), n // 3, min(widest, 2 * n // 3)} - {0, n})
        most = given["most_shots_after_cut"]
        plans += [p for p in cut_plans(circuit, shots, tuple(widths), most) if p.width <= widest]
    return tuple(plans)


def _best_fidelity(request: JobRequest, qpus: Sequence[Qpu]) -> float:
    """The highest product over fragments that the fleet offers right after calibration."""
    best = 0.0
    for plan in request.variants:
        product = 1.0
        for part in plan.fragments:
            product *= max((q.fidelity(part) for q in qpus if q.qubits >= part.qubits), default=0.0)
        best = max(best, product)
    return best


def arrivals(
    count: int, rate: float, kind: str, given: Settings, rng: np.random.Generator
) -> np.ndarray:
    """Times of arrivals with a mean rate: Poisson, or Poisson whose rate switches (MMPP).

    Bursts last exponentially long with mean ``burst_s`` and take ``burst_share`` of the time.

    Raises
    ------
    InputError
        No such kind of arrivals.
    """
    gaps = rng.exponential(1.0, count)
    if kind == POISSON:
        return np.cumsum(gaps) / rate
    if kind != BURSTY:
        raise InputError(f"arrivals {kind!r}: want {POISSON}, {BURSTY} or a file")
    share, ratio = given["burst_share"], given["burst_rate"]
    calm = rate / (share * ratio + 1 - share)
    lengths = given["burst_s"], given["burst_s"] * (1 - share) / share
    times, now, burst = [], 0.0, bool(rng.random() < share)
    until = rng.exponential(lengths[not burst])
    for gap in gaps.tolist():
        left = gap
        while (needs := left / (calm * (ratio if burst else 1.0))) > until - now:
            left -= (until - now) * calm * (ratio if burst else 1.0)
            now, burst = until, not burst
            until = now + rng.exponential(lengths[not burst])
        now += needs
        times.append(now)
    return np.array(times)


def _outages(
    count: int, until: float, given: Settings, rng: np.random.Generator
) -> tuple[tuple[Window, ...], ...]:
    found = []
    for _ in range(count):
        windows, at = [], 0.0
        while given["every_s"]:
            at += rng.exponential(given["every_s"])
            if at > until:
                break
            back = at + rng.exponential(given["take_s"])
            windows.append((at, back))
            at = back
        found.append(tuple(windows))
    return tuple(found)


def _luck(
    requests: Sequence[JobRequest], qpus: int, sigma: float, rng: np.random.Generator
) -> np.ndarray:
    """Lognormal with mean 1."""
    widest = max(len(plan.fragments) for request in requests for plan in request.variants)
    shape = (len(requests), widest, qpus)
    return np.exp(sigma * rng.normal(size=shape) - sigma**2 / 2)


def read_arrivals(path: Path) -> np.ndarray:
    """Times of arrivals from a JSON list of numbers, or a text file with one a line.

    Raises
    ------
    InputError
        Not readable, not numbers, not ascending, or below zero.
    """
    try:
        text = path.read_text(encoding="utf-8")
        listed = text.lstrip().startswith("[")
        times = np.array(json.loads(text) if listed else text.split(), dtype=float)
    except OSError as error:
        raise InputError(f"{path}: cannot read: {error.strerror}") from None
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None
    if not len(times) or times.ndim != 1 or times[0] < 0 or (np.diff(times) < 0).any():
        raise InputError(f"{path}: want ascending times of arrival in seconds, from 0 on")
    return times
