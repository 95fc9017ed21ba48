"""Where circuits run: noiseless simulation, simulation of a calibrated device, IBM's devices.

All run a circuit with open parameters through a SamplerV2 primitive; they differ in what the
circuit is compiled to and in which primitive it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from qiskit import QuantumCircuit
from qiskit.primitives import BaseSamplerV2
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_aer import AerSimulator
from qiskit_aer.primitives import SamplerV2

from quantum_backends.bqm import Bits
from quantum_backends.device_table import ibm_unconfigured
from quantum_backends.gate.calibration import Patch
from quantum_backends.gate.qaoa import Angles
from quantum_backends.solver import Budget

Run = Callable[[Angles, int, int], Bits]
"""From angles, shots and a seed to samples (shots, n); no samples where the budget ended."""


class Processor(Protocol):
    """A place to run circuits.

    Attributes
    ----------
    simulated : str
        What stands in for a device, in words; empty for a real one.
    largest : int
        Most qubits.
    first_s : float
        Seconds a call is expected to take while none was made.
    """

    largest: int
    first_s: float

    @property
    def simulated(self) -> str: ...

    def refusal(self) -> str: ...

    def load(self, circuit: QuantumCircuit, budget: Budget) -> Run:
        """Compile a circuit; return what runs it."""
        ...


class Noiseless:
    """Aer's statevector simulator."""

    simulated = "gate QPU in software (Aer statevector, noiseless)"
    largest = 20
    first_s = 0.05

    def __init__(self) -> None:
        self._device = AerSimulator(method="statevector", max_parallel_threads=1)

    def refusal(self) -> str:
        return ""

    def load(self, circuit: QuantumCircuit, budget: Budget) -> Run:
        return _aer_run(self._device, circuit)


class Noisy:
    """Aer with the noise of a device's calibration, on a patch of its best qubits.

    Gate errors, relaxation while gates run, and readout errors; none while a qubit waits.

    Parameters
    ----------
    calibration : str
        Class in ``qiskit_ibm_runtime.fake_provider``; a snapshot of a real device.
    """

    largest = 12
    """Beyond, a shot takes a tenth of a second and more."""
    first_s = 0.3
    _MATRIX = 9
    """Qubits up to which the density matrix is faster than one trajectory a shot."""
    _PATCHES = (4, 6, 8, 10, 12, 16, 20)

    def __init__(self, calibration: str = "FakeKingston") -> None:
        self._calibration = calibration
        self._patches: dict[int, tuple[AerSimulator, Any]] = {}

    @cached_property
    def _backend(self) -> Any:
        from qiskit_ibm_runtime import fake_provider

        return getattr(fake_provider, self._calibration)()

    @property
    def simulated(self) -> str:
        name, version = self._backend.name, self._backend.backend_version
        return f"gate QPU in software (Aer, noise of calibration {name} {version})"

    def refusal(self) -> str:
        return ""

    def compile(self, circuit: QuantumCircuit) -> QuantumCircuit:
        """The circuit in the device's own gates along its coupling map."""
        compiled: QuantumCircuit = self._patch(circuit.num_qubits)[1].run(circuit)
        return compiled

    def load(self, circuit: QuantumCircuit, budget: Budget) -> Run:
        return _aer_run(self._patch(circuit.num_qubits)[0], self.compile(circuit))

    def _patch(self, qubits: int) -> tuple[AerSimulator, Any]:
        """Simulator and compiler for circuits of so many qubits."""
        size = next((s for s in self._PATCHES if s >= qubits), qubits)
        if size not in self._patches:
            patch = Patch.best(self._backend.target, size)
            method = "density_matrix" if size <= self._MATRIX else "statevector"
            device = AerSimulator(method=method, noise_model=patch.noise(), max_parallel_threads=1)
            compiler = generate_preset_pass_manager(3, target=patch.target, seed_transpiler=0)
            self._patches[size] = device, compiler
        return self._patches[size]


class Ibm:
    """The least busy IBM device of the configured account; touches no network without one.

    A job that is not done when the budget ends is cancelled, which leaves no samples.

    Parameters
    ----------
    backend : object, optional
        A backend to use instead of asking the service.
    """

    simulated = ""
    largest = 20
    first_s = 3.0
    _POLL_S = 0.02

    def __init__(self, backend: Any = None) -> None:
        self._given = backend

    def refusal(self) -> str:
        return "" if self._given is not None else ibm_unconfigured()

    @cached_property
    def _backend(self) -> Any:
        if self._given is not None:
            return self._given
        from qiskit_ibm_runtime import QiskitRuntimeService

        return QiskitRuntimeService().least_busy(
            min_num_qubits=self.largest, operational=True, simulator=False
        )

    def load(self, circuit: QuantumCircuit, budget: Budget) -> Run:
        from qiskit_ibm_runtime import SamplerV2 as RuntimeSampler

        compiled = generate_preset_pass_manager(3, backend=self._backend, seed_transpiler=0).run(
            circuit
        )
        sampler = RuntimeSampler(mode=self._backend)

        def run(angles: Angles, shots: int, seed: int) -> Bits:
            job = sampler.run([compiled.assign_parameters(angles.values)], shots=shots)
            while not job.in_final_state():  # one that failed is never "done"
                if not budget.left():
                    job.cancel()
                    return np.empty((0, circuit.num_qubits), np.int8)
                time.sleep(self._POLL_S)
            return _bits(job.result()[0])

        return run


def _aer_run(device: AerSimulator, circuit: QuantumCircuit) -> Run:
    # Bound here: Aer's own binding fails on some expressions (their hash may be negative).
    def run(angles: Angles, shots: int, seed: int) -> Bits:
        sampler: BaseSamplerV2 = SamplerV2.from_backend(device, seed=seed)
        return _bits(
            sampler.run([circuit.assign_parameters(angles.values)], shots=shots).result()[0]
        )

    return run


def _bits(result: Any) -> Bits:
    """Samples (shots, n), bit 0 first."""
    measured = result.data.meas.to_bool_array(order="little")
    return np.asarray(measured, dtype=np.int8)
