"""D-Wave's quantum annealer and hybrid service, and the vendor's own stand-in for the annealer.

The QPU's path and the stand-in's are one: the model is laid on the device's graph as a clique
(minorminer keeps the embeddings of a graph on disk), scaled into the device's ranges, and the
answers are read back by majority vote over each chain. Chains are held together by uniform torque
compensation, 1.414 times the root mean square of the couplings times the root of the mean degree
(Raymond et al., Frontiers in Computer Science 2, 2020), D-Wave's own rule.

A QPU cannot be interrupted, but need not be waited for: a call whose budget ends is abandoned.
Without a token nothing is ever sent.
"""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import numpy as np
from dwave.cloud.exceptions import CanceledFutureError, ConfigFileError, SolverError
from dwave.cloud.solver import StructuredSolver
from dwave.cloud.testing.mocks import qpu_problem_timing_data
from dwave.embedding.chain_strength import uniform_torque_compensation
from dwave.samplers import SimulatedAnnealingSampler
from dwave.system import DWaveCliqueSampler, DWaveSampler, LeapHybridSampler
from dwave.system.testing import MockDWaveSampler

from quantum_backends.annealing.qubo import SampledModel
from quantum_backends.annealing.samplers import ordered
from quantum_backends.annealing.swap_blocks import SampledBlocks
from quantum_backends.bqm import Coefficients
from quantum_backends.device_table import dwave_unconfigured
from quantum_backends.devices import OFFLINE, READY, UNREACHABLE, Status
from quantum_backends.sampling import Samples
from quantum_backends.solver import Budget

READS = 100
LARGEST = 150
"""Bits that fit on every system of today as a clique, with chains of 11 (Zephyr) to 14 qubits."""
BLOCK = 64
"""Bits of a block: chains of 5 to 7 qubits; longer ones break more often than they bring."""

NOTHING = Samples(np.empty((0, 0), np.int8), 0)

_POLL_S = 0.002
_RETRY_S = 60.0
_REQUEST_S = 5.0

_ERRORS = (SolverError, CanceledFutureError, ConfigFileError, ValueError, OSError)
"""What the client raises where a solver cannot be had (its network errors are OSErrors)."""


class _Clique(DWaveCliqueSampler):
    """D-Wave's clique sampler over any child, the real one or the stand-in."""

    def __init__(self, child: Any) -> None:
        self.child = child


class CliqueAnnealer(ABC):
    """A sampler of up to :data:`LARGEST` bits on a device's graph; real or stand-in."""

    largest = LARGEST
    simulated = ""
    first_s = 0.0

    def refusal(self) -> str:
        return ""

    @abstractmethod
    def child(self, seed: int) -> Any:
        """The structured sampler beneath."""

    def sample(self, model: Coefficients, seed: int, budget: Budget) -> Samples:
        child = self.child(seed)
        sampler = _Clique(child)
        answer = sampler.sample(
            model.bqm(), chain_strength=uniform_torque_compensation, num_reads=READS
        )
        while not answer.done():
            if not budget.left():
                return NOTHING
            time.sleep(_POLL_S)
        broken = float(answer.record.chain_break_fraction.mean())
        timing = answer.info.get("timing", {})
        return Samples(
            ordered(answer), READS, broken, *self._times(timing, child, len(model), sampler)
        )

    @abstractmethod
    def _times(
        self, timing: dict[str, float], child: Any, bits: int, sampler: _Clique
    ) -> tuple[float | None, float | None]:
        """Seconds the device says it was in use, and the seconds modelled for it."""


class MockAnnealer(CliqueAnnealer):
    """MockDWaveSampler: a whole Pegasus-16 graph, simulated annealing in place of the physics."""

    simulated = (
        "D-Wave QPU in software (MockDWaveSampler: Pegasus-16 graph and embedding, simulated"
        " annealing)"
    )

    @cached_property
    def _device(self) -> MockDWaveSampler:
        return MockDWaveSampler(
            topology_type="pegasus",
            topology_shape=[16],
            properties={"problem_timing_data": qpu_problem_timing_data("advantage")},
            substitute_sampler=SimulatedAnnealingSampler(),
            substitute_kwargs={"num_sweeps": 100, "beta_range": (0.1, 10.0)},
            parameter_warnings=False,
        )

    def child(self, seed: int) -> MockDWaveSampler:
        self._device.substitute_kwargs["seed"] = seed % 2**31
        return self._device

    def _times(
        self, timing: dict[str, float], child: Any, bits: int, sampler: _Clique
    ) -> tuple[float | None, float | None]:
        qubits = sum(len(chain) for chain in sampler.clique(bits).values())
        return None, access_time_s(child.properties, qubits, READS)


class Connection:
    """D-Wave's cloud: opened at the first call with a token, and after a failure left for a minute.

    Parameters
    ----------
    kind : type
        A sampler of ``dwave.system``.
    """

    def __init__(self, kind: Any) -> None:
        self._kind = kind
        self._failed: tuple[float, str] = (-math.inf, "")
        self.device: Any = None

    def refusal(self) -> str:
        """Say why the device cannot be used; empty where it is open."""
        if reason := dwave_unconfigured():
            return reason
        if self.device is None and time.monotonic() - self._failed[0] >= _RETRY_S:
            try:
                self.device = connect(self._kind)
            except _ERRORS as error:
                self.lost(error)
        return "" if self.device is not None else self._failed[1]

    def lost(self, error: Exception) -> None:
        """Note that a call failed, and why."""
        self.device, self._failed = None, (time.monotonic(), _unreachable(error))


class CloudAnnealer(CliqueAnnealer):
    """A D-Wave QPU, once its token is configured."""

    first_s = 0.2
    """Expected of the first call; then the calls before it tell."""

    def __init__(self) -> None:
        self._cloud = Connection(DWaveSampler)

    def refusal(self) -> str:
        return self._cloud.refusal()

    def child(self, seed: int) -> DWaveSampler:
        return self._cloud.device

    def sample(self, model: Coefficients, seed: int, budget: Budget) -> Samples:
        """No samples where the device fails meanwhile; it is then refused for a minute."""
        try:
            return super().sample(model, seed, budget)
        except _ERRORS as error:
            self._cloud.lost(error)
            return NOTHING

    def _times(
        self, timing: dict[str, float], child: Any, bits: int, sampler: _Clique
    ) -> tuple[float | None, float | None]:
        access = timing.get("qpu_access_time")
        return (None if access is None else access * 1e-6), None


class CloudHybrid:
    """D-Wave's hybrid service: one answer, after at least its minimum time."""

    largest = 10_000
    simulated = ""
    first_s = 3.5

    def __init__(self) -> None:
        self._cloud = Connection(LeapHybridSampler)

    def refusal(self) -> str:
        return self._cloud.refusal()

    def sample(self, model: Coefficients, seed: int, budget: Budget) -> Samples:
        """No samples where there is less time than the service takes, or where it fails."""
        bqm, device = model.bqm(), self._cloud.device
        seconds = float(device.min_time_limit(bqm))
        if seconds > budget.left():
            return NOTHING
        try:
            answer = device.sample(bqm, time_limit=seconds)
            used = answer.info.get("run_time")
        except _ERRORS as error:
            self._cloud.lost(error)
            return NOTHING
        return Samples(ordered(answer), 1, device_s=None if used is None else used * 1e-6)


def connect(kind: Any) -> Any:
    """Open a D-Wave sampler, giving up after one try of a few seconds."""
    return kind(request_timeout=_REQUEST_S, http_retry_total=0)


def access_time_s(properties: dict[str, Any], qubits: int, reads: int) -> float:
    """Seconds of QPU access by D-Wave's own estimate from a solver's properties.

    Raises
    ------
    KeyError, ValueError
        The properties have no timing data, or of another model.
    """
    solver = SimpleNamespace(properties=properties)
    micros = StructuredSolver.estimate_qpu_access_time(solver, qubits, num_reads=reads)
    return float(micros) * 1e-6


def status(now: float) -> Status:
    """Ask D-Wave whether a QPU is online.

    Parameters
    ----------
    now : float
        Seconds since the epoch, recorded as the time of the answer.
    """
    try:
        with connect(DWaveSampler) as device:
            if device.solver.online:
                return Status(READY, "", now)
            return Status(OFFLINE, f"{device.solver.name} is offline", now)
    except _ERRORS as error:
        return Status(UNREACHABLE, _unreachable(error), now)


def _unreachable(error: Exception) -> str:
    first = str(error).strip().split("\n")[0][:200]
    return f"D-Wave cannot be reached: {type(error).__name__}: {first}"


def mock_blocks() -> SampledBlocks:
    return SampledBlocks("mock-dwave-blocks", MockAnnealer(), BLOCK)


def mock_model() -> SampledModel:
    return SampledModel("mock-dwave-blocks", MockAnnealer())


def qpu_blocks() -> SampledBlocks:
    return SampledBlocks("dwave-blocks", CloudAnnealer(), BLOCK)


def qpu_model() -> SampledModel:
    return SampledModel("dwave-blocks", CloudAnnealer())


def hybrid_blocks() -> SampledBlocks:
    return SampledBlocks("dwave-hybrid", CloudHybrid(), 1_000)


def hybrid_model() -> SampledModel:
    return SampledModel("dwave-hybrid", CloudHybrid())
