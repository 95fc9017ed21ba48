"""QPUs that run batches of circuits: calibrated devices in software, and IBM's own.

A simulated QPU is Aer with the noise of a device's calibration (gate errors, relaxation while gates
run, readout errors) on the best connected qubits of the device. It answers no sooner than the
device is modelled to, so that whoever plans with the model meets it.

Half the shots of a circuit run with every measured qubit flipped before its readout, and their bits
are flipped back (van den Berg, Minev and Temme 2022): zeros and ones are then misread alike, so
that readout errors shrink a parity by a factor that the calibration tells, and do not shift it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.transpiler import Target, generate_preset_pass_manager

from quantum_backends.circuit_batch import BatchCounts, CircuitBatch, Quality
from quantum_backends.device_table import ibm_unconfigured
from quantum_backends.gate.calibration import Patch
from quantum_backends.gate.noisy_patch import NoisyPatch
from quantum_backends.solution import Solution
from quantum_backends.solver import Budget, check_accepted

WIDEST = 8
"""Qubits of a simulated QPU at most: density matrices of more, with those that measurements in the
middle need besides, are too slow."""

_POLL_S = 0.02
_ASK_S = 1.0  # a real device is asked over the network, and for minutes


class Cancelled(RuntimeError):
    """Whoever wanted the batch does not want it any more."""


class SimulatedQpu:
    """Aer with a calibration's noise; a :class:`~quantum_backends.solver.Backend` of batches.

    Parameters
    ----------
    name : str
        Also its family: each QPU has a process of its own.
    calibration : str
        Class in ``qiskit_ibm_runtime.fake_provider``; a snapshot of a real device.
    qubits : int
        How many of its qubits are used, the best ones.
    """

    forms = ("circuits",)

    def __init__(self, name: str, calibration: str, qubits: int) -> None:
        if not 1 <= qubits <= WIDEST:
            raise ValueError(f"QPU {name}: {qubits} qubits: want 1 to {WIDEST}")
        self.name = self.family = name
        self.calibration, self.qubits = calibration, qubits
        self._patches: dict[int, NoisyPatch] = {}

    @property
    def simulated(self) -> str:
        """What stands in for the device."""
        return f"simulated (Aer, noise of {self.calibration}, {self.qubits} of its qubits)"

    @cached_property
    def _device(self) -> Target:
        from qiskit_ibm_runtime import fake_provider

        found: Target = getattr(fake_provider, self.calibration)().target
        return found

    def refusal(self, problem: CircuitBatch) -> str:
        if problem.size > self.qubits:
            return f"{problem.size} qubits, it has {self.qubits}"
        return ""

    def warm(self) -> None:
        circuit = QuantumCircuit(2, 1)
        circuit.cx(0, 1)
        circuit.measure(0, 0)
        self.run(CircuitBatch((circuit,), (1,), (1,)), 0, Budget(60.0))

    def solve(self, problem: CircuitBatch, budget: Budget, seed: int) -> Solution:
        """Run a batch, then wait until the modelled device would have ended."""
        check_accepted(self.name, self.refusal(problem))
        answer = self.run(problem, seed, budget)
        computed = budget.elapsed()
        while budget.elapsed() < problem.modelled_s:
            _go_on(budget)
            time.sleep(min(_POLL_S, max(0.0, problem.modelled_s - budget.elapsed())))
        info: dict[str, float | str] = {
            "simulated": self.simulated,
            "computed_s": computed,
            "found_s": budget.elapsed(),
        }
        return Solution(answer, 0.0, self.name, budget.elapsed(), info)

    def run(self, batch: CircuitBatch, seed: int, budget: Budget) -> BatchCounts:
        """Counts of each circuit; the same for the same seed."""
        found, qualities = [], []
        for number, (circuit, times, signs) in enumerate(
            zip(batch.circuits, batch.shots, batch.signs, strict=True)
        ):
            _go_on(budget)
            patch = self._patch(max(2, circuit.num_qubits))
            compiled = patch.compiler.run(circuit)
            qualities.append(quality(compiled, patch.target, signs))
            rng = np.random.default_rng([seed, number])
            found.append(patch.counts(compiled, times, rng))
        return BatchCounts(found, qualities)

    def _patch(self, qubits: int) -> NoisyPatch:
        """The best qubits for circuits of so many."""
        if qubits not in self._patches:
            self._patches[qubits] = NoisyPatch(Patch.best(self._device, qubits))
        return self._patches[qubits]


IBM_DEVICE = "QB_IBM_DEVICE"
"""Environment variable with the name of an IBM device. Whoever plans with one sets it, so that the
worker, which is another process, runs on that very device and not on what is least busy by then."""


class IbmQpu:
    """The least busy IBM device of the configured account, or that of :data:`IBM_DEVICE`.

    It touches no network without an account.

    Parameters
    ----------
    backend : object, optional
        A backend to use instead of asking the service.
    """

    forms = ("circuits",)
    name = family = "ibm"
    simulated = ""

    def __init__(self, backend: Any = None) -> None:
        self._given = backend

    @cached_property
    def backend(self) -> Any:
        """The device.

        Raises
        ------
        ValueError
            No account is configured.
        """
        if self._given is not None:
            return self._given
        if missing := ibm_unconfigured():
            raise ValueError(missing)
        from qiskit_ibm_runtime import QiskitRuntimeService

        service = QiskitRuntimeService()
        if name := os.environ.get(IBM_DEVICE):
            return service.backend(name)
        return service.least_busy(operational=True, simulator=False)

    @property
    def qubits(self) -> int:
        return int(self.backend.num_qubits)

    def refusal(self, problem: CircuitBatch) -> str:
        if self._given is None and (missing := ibm_unconfigured()):
            return missing
        return "" if problem.size <= self.qubits else f"{problem.size} qubits, it has {self.qubits}"

    def warm(self) -> None:
        if self._given is None and (missing := ibm_unconfigured()):
            raise ValueError(missing)
        _ = self.backend

    def solve(self, problem: CircuitBatch, budget: Budget, seed: int) -> Solution:
        """Run a batch as one job; cancelled where the budget ends."""
        from qiskit_ibm_runtime import SamplerV2

        check_accepted(self.name, self.refusal(problem))
        compiler = generate_preset_pass_manager(1, backend=self.backend, seed_transpiler=0)
        compiled = compiler.run(list(problem.circuits))
        parts = [
            (variant, None, part)
            for circuit, times in zip(compiled, problem.shots, strict=True)
            for variant, part in zip((circuit, flipped(circuit)), _halves(times), strict=True)
        ]
        job = SamplerV2(mode=self.backend).run([part for part in parts if part[2]])
        pause = _POLL_S
        while not job.in_final_state():  # one that failed is never "done"; its result raises
            if not budget.left():
                job.cancel()
                raise Cancelled
            time.sleep(pause)
            pause = min(1.5 * pause, _ASK_S)
        results = iter(job.result())
        counts = [_counts(next(results)) if part[2] else {} for part in parts]
        together = [
            _together(plain, turned, circuit.num_clbits)
            for circuit, plain, turned in zip(compiled, counts[::2], counts[1::2], strict=True)
        ]
        qualities = [
            quality(circuit, self.backend.target, signs)
            for circuit, signs in zip(compiled, problem.signs, strict=True)
        ]
        info: dict[str, float | str] = {
            "device": str(self.backend.name),
            "found_s": budget.elapsed(),
        }
        return Solution(BatchCounts(together, qualities), 0.0, self.name, budget.elapsed(), info)


def quality(compiled: QuantumCircuit, target: Target, signs: int) -> Quality:
    """What a compiled circuit's gates and readouts leave of a shot, by the calibration.

    Parameters
    ----------
    signs : int
        How many of the first classical bits are signs.
    """
    gates = readout = read = 1.0
    for gate in compiled.data:
        name = gate.operation.name
        if name not in target:
            continue
        places = tuple(compiled.find_bit(qubit).index for qubit in gate.qubits)
        error = getattr(target[name].get(places), "error", None) or 0.0
        if name != "measure":
            gates *= 1 - error
        elif compiled.find_bit(gate.clbits[0]).index < signs:
            readout *= 1 - 2 * min(error, 0.49)
            read *= 1 - error
        else:
            gates *= 1 - error
    return Quality(gates * read, gates, readout)


def flipped(compiled: QuantumCircuit) -> QuantumCircuit:
    """The circuit with every qubit flipped before it is read, and back where it is used again."""
    last = {qubit: at for at, gate in enumerate(compiled.data) for qubit in gate.qubits}
    found = compiled.copy_empty_like()
    for at, gate in enumerate(compiled.data):
        if gate.operation.name != "measure":
            found.append(gate)
            continue
        found.x(gate.qubits[0])
        found.append(gate)
        if last[gate.qubits[0]] > at:
            found.x(gate.qubits[0])
    return found


def _halves(shots: int) -> tuple[int, int]:
    return shots - shots // 2, shots // 2


def _together(plain: Mapping[int, int], turned: Mapping[int, int], bits: int) -> dict[int, int]:
    """Counts of both halves, those of the flipped one flipped back."""
    found = dict(plain)
    for value, times in turned.items():
        back = value ^ ((1 << bits) - 1)
        found[back] = found.get(back, 0) + times
    return found


def _counts(result: Any) -> dict[int, int]:
    (register,) = result.data.values()
    return {int(value): int(times) for value, times in register.get_int_counts().items()}


def _go_on(budget: Budget) -> None:
    if not budget.left():
        raise Cancelled


SIMULATED = (
    ("manila", "FakeManilaV2", 5),
    ("belem", "FakeBelemV2", 5),
    ("jakarta", "FakeJakartaV2", 7),
    ("nairobi", "FakeNairobiV2", 7),
    ("guadalupe", "FakeGuadalupeV2", 8),
)
"""Simulated QPUs of the default fleet: name, calibration, qubits. Unequal on purpose."""


def fleet() -> Mapping[str, SimulatedQpu | IbmQpu]:
    """The simulated QPUs, and IBM's where an account is configured."""
    found: dict[str, SimulatedQpu | IbmQpu] = {one[0]: SimulatedQpu(*one) for one in SIMULATED}
    if not ibm_unconfigured():
        found["ibm"] = IbmQpu()
    return found


QPUS = fleet()
"""What workers load."""
