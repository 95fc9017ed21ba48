from __future__ import annotations

import pytest
from qiskit_ibm_runtime.fake_provider import FakeJakartaV2, FakeManilaV2

from qb_controller.applications.jobs.live.devices import fleet, modelled
from quantum_backends.gate import qpus
from quantum_backends.gate.qpus import IbmQpu


def test_the_default_fleet_is_unequal_and_says_that_it_is_simulated() -> None:
    found = fleet()
    assert len(found.qpus) >= 5
    assert len({qpu.qubits for qpu in found.qpus}) >= 3
    assert len({qpu.gate_error for qpu in found.qpus}) == len(found.qpus)
    for qpu in found.qpus:
        if qpu.name != "ibm":
            assert found.simulated(qpu.name).startswith("simulated")
            assert "simulated" in qpu.source
            assert qpu.overhead_s == 2.0


def test_an_ibm_device_is_modelled_by_its_own_calibration() -> None:
    qpu = modelled(IbmQpu(FakeManilaV2()), {}, 2.0)
    assert (qpu.name, qpu.qubits) == ("ibm", 5)
    assert 0.005 < qpu.gate_error < 0.02
    assert 1e-7 < qpu.two_qubit_s < 1e-6
    assert 1e-6 < qpu.readout_s < 1e-5


def test_ibm_out_of_reach_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unreachable(IbmQpu):
        @property
        def backend(self) -> object:
            raise ConnectionError("nobody there")

    monkeypatch.setitem(qpus.QPUS, "ibm", Unreachable())  # type: ignore[index]
    assert "ibm" not in fleet().backends


class Service:
    """IBM's service, whose least busy device is another one every time."""

    asked = 0

    def least_busy(self, **wanted: object) -> object:
        Service.asked += 1
        return FakeManilaV2() if Service.asked % 2 else FakeJakartaV2()

    def backend(self, name: str) -> object:
        return next(one for one in (FakeManilaV2(), FakeJakartaV2()) if one.name == name)


def test_workers_run_on_the_ibm_device_that_is_planned_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("QISKIT_IBM_TOKEN", "token")
    monkeypatch.setenv(qpus.IBM_DEVICE, "")
    monkeypatch.setattr("qiskit_ibm_runtime.QiskitRuntimeService", Service)
    monkeypatch.setitem(qpus.QPUS, "ibm", IbmQpu())  # type: ignore[index]
    planned = fleet()
    assert "fake_manila" in planned.qpus[-1].source
    of_the_worker = IbmQpu()
    assert of_the_worker.backend.name == "fake_manila"
    assert of_the_worker.qubits == planned.qpus[-1].qubits
