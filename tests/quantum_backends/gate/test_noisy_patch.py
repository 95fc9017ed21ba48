from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from quantum_backends.gate.calibration import Patch
from quantum_backends.gate.noisy_patch import NoisyPatch, deferred

SHOTS = 3000


def middle() -> QuantumCircuit:
    """A qubit is read, used again and read again."""
    circuit = QuantumCircuit(2, 3)
    circuit.ry(0.8, 0)
    circuit.cx(0, 1)
    circuit.measure(0, 0)
    circuit.ry(1.1, 0)
    circuit.cx(1, 0)
    circuit.measure([0, 1], [1, 2])
    return circuit


def test_the_distribution_is_that_of_aers_own_shots() -> None:
    patch = Patch.best(FakeManilaV2().target, 2)
    mine = NoisyPatch(patch)
    compiled = mine.compiler.run(middle())
    theirs = AerSimulator(method="density_matrix", noise_model=patch.noise(), seed_simulator=1)
    counts = theirs.run(compiled, shots=SHOTS).result().data(0)["counts"]
    seen = np.zeros(8)
    for key, times in counts.items():
        seen[int(key, 16)] = times
    expected = mine.distributions(compiled)[0] * SHOTS
    chi2 = float(np.sum((seen - expected) ** 2 / expected))
    assert chi2 < 24.3  # of seven degrees of freedom, one in a thousand


def test_shots_are_drawn_from_it() -> None:
    mine = NoisyPatch(Patch.best(FakeManilaV2().target, 2))
    compiled = mine.compiler.run(middle())
    counts = mine.counts(compiled, 10**6, np.random.default_rng(1))
    assert sum(counts.values()) == 10**6
    shares = [counts.get(bits, 0) / 10**6 for bits in range(8)]
    plain, turned = mine.distributions(compiled)
    np.testing.assert_allclose(shares, (plain + turned) / 2, atol=0.003)
    assert mine.counts(compiled, 0, np.random.default_rng(1)) == {}


def test_a_lopsided_readout_is_evened_out() -> None:
    """One in five ones is read as zero: parities shrink, and are not shifted."""
    mine = NoisyPatch(Patch.best(FakeManilaV2().target, 2))
    mine._readout = {qubit: np.array([[1.0, 0.0], [0.2, 0.8]]) for qubit in (0, 1)}
    circuit = QuantumCircuit(1, 1)
    circuit.h(0)
    circuit.measure(0, 0)
    plain, turned = mine.distributions(mine.compiler.run(circuit))
    assert plain[0] - plain[1] == pytest.approx(0.2, abs=0.01)
    assert (plain + turned)[0] == pytest.approx((plain + turned)[1], abs=0.01)


def test_only_what_is_used_again_is_copied() -> None:
    pure, holds, measured = deferred(middle())
    assert pure.num_qubits == 3
    assert holds == [2, 0, 1]
    assert measured == [0, 0, 1]
    assert "measure" not in pure.count_ops()


def test_bits_written_twice_or_never() -> None:
    circuit = QuantumCircuit(1, 2)
    circuit.measure(0, 0)
    with pytest.raises(ValueError, match="1 classical bits are never written"):
        deferred(circuit)
    circuit.measure(0, 0)
    with pytest.raises(ValueError, match="bit 0 is written twice"):
        deferred(circuit)
