from __future__ import annotations

import time

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from quantum_backends.circuit_batch import BatchCounts, CircuitBatch, Quality
from quantum_backends.cutting.experiments import experiments
from quantum_backends.cutting.library import circuit_of
from quantum_backends.cutting.plans import cut, whole
from quantum_backends.cutting.run import probabilities
from quantum_backends.gate.qpus import Cancelled, IbmQpu, SimulatedQpu, flipped
from quantum_backends.solver import Budget

SHOTS = 4000


def batch(name: str, observable: str, modelled_s: float = 0.0) -> CircuitBatch:
    plan = whole(circuit_of(name), observable)
    own = experiments(plan, plan.pieces[0])
    circuits, signs = tuple(one.circuit for one in own), tuple(one.signs for one in own)
    return CircuitBatch(circuits, (SHOTS,) * len(own), signs, modelled_s)


@pytest.fixture(scope="module")
def qpu() -> SimulatedQpu:
    return SimulatedQpu("manila", "FakeManilaV2", 5)


def test_counts_are_the_same_for_the_same_seed(qpu: SimulatedQpu) -> None:
    asked = batch("ghz:3", "ZZZ")
    one, other, third = (qpu.run(asked, seed, Budget(60)) for seed in (1, 1, 2))
    asked.check(one)
    assert one == other
    assert one.counts != third.counts


def test_readout_errors_shrink_parities_by_what_is_told(qpu: SimulatedQpu) -> None:
    circuit = QuantumCircuit(2, 2)
    circuit.x(0)
    circuit.measure([0, 1], [0, 1])
    found = qpu.run(CircuitBatch((circuit,), (40_000,), (2,)), 3, Budget(60))
    mean = sum(n * (-1) ** bits.bit_count() for bits, n in found.counts[0].items()) / 40_000
    assert mean == pytest.approx(-found.qualities[0].readout, abs=0.02)
    assert found.qualities[0].readout < 0.97


def test_flipped_circuits_give_flipped_bits() -> None:
    circuit = QuantumCircuit(2, 3)
    circuit.ry(0.7, 0)
    circuit.measure(0, 0)
    circuit.cx(0, 1)
    circuit.measure([0, 1], [1, 2])
    np.testing.assert_allclose(probabilities(flipped(circuit)), probabilities(circuit)[::-1])


def test_measurements_in_the_middle(qpu: SimulatedQpu) -> None:
    """Halves of a cut gate measure in the middle; noise apart they give what is exact."""
    plan = next(p for p in cut(circuit_of("ghz:4"), "ZZZZ", (3,)) if p.gate_cuts)
    own = [o for o in experiments(plan, plan.pieces[0]) if o.circuit is not None]
    asked = CircuitBatch(
        tuple(o.circuit for o in own), (SHOTS,) * len(own), tuple(o.signs for o in own)
    )
    found = qpu.run(asked, 5, Budget(60))
    for one, counts, good in zip(own, found.counts, found.qualities, strict=True):
        plus, minus = one.signed(counts).sum(axis=1) / SHOTS
        exact = one.signed(dict(enumerate(probabilities(one.circuit)))).sum(axis=1)
        assert (plus - minus) / good.readout == pytest.approx(exact[0] - exact[1], abs=0.12)


def test_it_is_busy_for_as_long_as_is_modelled(qpu: SimulatedQpu) -> None:
    began = time.monotonic()
    found = qpu.solve(batch("ghz:2", "ZZ", modelled_s=0.5), Budget(60), 1)
    assert time.monotonic() - began >= 0.5
    assert found.elapsed_s >= 0.5 > float(found.info["computed_s"])
    assert str(found.info["simulated"]).startswith("simulated")


def test_it_stops_when_told(qpu: SimulatedQpu) -> None:
    with pytest.raises(Cancelled):
        qpu.solve(batch("ghz:2", "ZZ", modelled_s=60), Budget(60, lambda: True), 1)


def test_what_is_too_wide_is_refused(qpu: SimulatedQpu) -> None:
    assert qpu.refusal(batch("ghz:6", "Z" * 6)) == "6 qubits, it has 5"
    with pytest.raises(ValueError, match="6 qubits"):
        qpu.solve(batch("ghz:6", "Z" * 6), Budget(60), 1)


def test_a_batch_is_checked() -> None:
    asked = batch("ghz:2", "ZZ")
    with pytest.raises(ValueError, match="circuit 0: 3 shots, not 4000"):
        asked.check(BatchCounts([{0: 3}], [Quality()]))


def test_an_ibm_backend_gives_the_same_kind_of_answer() -> None:
    """IBM's own client against a calibrated backend of its own."""
    qpu = IbmQpu(FakeManilaV2())
    asked = batch("ghz:2", "ZZ")
    found = qpu.solve(asked, Budget(60), 1)
    asked.check(found.answer)
    (counts,), (good,) = found.answer.counts, found.answer.qualities
    mean = sum(n * (-1) ** bits.bit_count() for bits, n in counts.items()) / SHOTS
    assert mean / good.readout == pytest.approx(1, abs=0.06)


class Failing:
    """IBM's sampler where the device refuses every job."""

    def __init__(self, mode: object) -> None:
        pass

    def run(self, parts: object) -> Failing:
        return self

    def done(self) -> bool:
        return False

    def in_final_state(self) -> bool:
        return True

    def result(self) -> None:
        raise RuntimeError("the device is being maintained")


def test_a_job_that_ibm_fails_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qiskit_ibm_runtime.SamplerV2", Failing)
    with pytest.raises(RuntimeError, match="being maintained"):
        IbmQpu(FakeManilaV2()).solve(batch("ghz:2", "ZZ"), Budget(5), 1)


def test_ibm_without_an_account_is_refused_without_a_network(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("QISKIT_IBM_TOKEN", "IBM_QUANTUM_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    assert "account" in IbmQpu().refusal(batch("ghz:2", "ZZ"))
