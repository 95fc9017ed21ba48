import math
from dataclasses import replace

import pytest

from quantum_backends import device_table
from quantum_backends.device_table import DWAVE_TIMES, ask, device, devices, ibm
from quantum_backends.devices import (
    NOT_CONFIGURED,
    OFFLINE,
    READY,
    UNKNOWN,
    Device,
    GateTimes,
    Power,
    Status,
)
from quantum_backends.registry import BACKENDS


@pytest.fixture(autouse=True)
def no_tokens(monkeypatch, tmp_path):
    monkeypatch.delenv("DWAVE_API_TOKEN", raising=False)
    monkeypatch.delenv("QISKIT_IBM_TOKEN", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(device_table, "_dwave_file_has_token", lambda: False)


def test_every_backend_has_a_device_with_its_sources():
    found = devices(BACKENDS)
    assert [d.backend for d in found] == list(BACKENDS)
    for d in found:
        assert d.power.watts > 0 and d.power.source
        assert d.local or d.times is not None
        assert d.simulated == bool(d.stands_for)
        assert d.times is None or d.times.source
        assert d.price is None or (d.price.date and d.price.source)
        if d.local:
            assert d.abstain(0.0) == "", "this processor is always there"


def test_a_device_without_a_token_is_not_configured_and_nobody_is_asked(monkeypatch):
    monkeypatch.setattr(device_table, "_ASK", {"dwave-blocks": pytest.fail})
    for name in ("dwave-blocks", "dwave-hybrid"):
        assert device(name).status.state == NOT_CONFIGURED
        assert "DWAVE_API_TOKEN" in device(name).abstain(0.0)
        assert ask(name, 5.0).state == NOT_CONFIGURED


def test_a_token_makes_the_status_unknown_until_it_is_asked(monkeypatch):
    monkeypatch.setenv("DWAVE_API_TOKEN", "x")
    monkeypatch.setattr(
        device_table, "_ASK", {"dwave-blocks": lambda now: Status(READY, asked_at=now)}
    )
    assert device("dwave-blocks").status.state == UNKNOWN
    assert "not asked" in device("dwave-blocks").abstain(0.0)
    answer = ask("dwave-blocks", 100.0)
    (asked,) = devices(["dwave-blocks"], {"dwave-blocks": answer})
    assert asked.abstain(101.0) == ""
    assert asked.status.age_s(130.0) == 30.0
    assert "old" in asked.abstain(100.0 + asked.fresh_s + 1)
    assert "offline" in asked.with_status(Status(OFFLINE, asked_at=100.0)).abstain(101.0)
    assert "never asked" in asked.with_status(Status(READY)).abstain(101.0)


def test_dwave_time_grows_with_reads_and_with_chains():
    times = DWAVE_TIMES["Advantage_system4.1"]
    assert times.qubits(150) == 150 * 14  # what minorminer finds on a whole Pegasus 16
    assert times.readout_s(1) == pytest.approx(17e-6)
    assert times.readout_s(5600) == times.readout_s(10**6) == pytest.approx(235e-6)
    assert 17e-6 < times.readout_s(100) < 235e-6
    one, many = times.busy_s(150, 1), times.busy_s(150, 1001)
    read = 20e-6 + 20.5e-6 + times.readout_s(2100)
    assert one == pytest.approx(14.1e-3 + read)
    assert many - one == pytest.approx(1000 * read)
    assert times.busy_s(16, 100) < times.busy_s(150, 100) < times.call_s(150, 100)


def test_the_queue_counts_for_the_call_and_not_for_the_bill():
    device = ibm("ibm").with_status(Status(READY, asked_at=0.0, queue_s=690.0))
    assert device.modelled_s(16, 1000) == pytest.approx(690 + 2 + 1000 * 325e-6 + 0.1)
    busy = device.modelled_busy_s(16, 1000)
    assert busy == pytest.approx(2 + 1000 * 325e-6)
    assert device.cost(60.0) == pytest.approx(96.0)
    assert device.energy_j(2.0) == pytest.approx(50_000)
    assert device.power.assumed


def test_hypothetical_devices_are_a_replace_away():
    better = replace(ibm("ibm"), times=GateTimes(1e-3, 0.0, 10e-6, 1e-3, "made up"))
    assert better.modelled_s(16, 100) == pytest.approx(3e-3)


def test_what_runs_here_has_no_model_and_no_price():
    here = device("highs-lp")
    assert here.modelled_s(10) is None and here.modelled_busy_s(10) is None
    assert here.cost(100.0) == 0.0 and math.isinf(here.fresh_s)


def test_words_outside_the_vocabulary_are_refused():
    with pytest.raises(ValueError, match="tired"):
        Status("tired")
    with pytest.raises(ValueError, match="abacus"):
        Device("x", "x", "abacus", Status(READY), Power(1.0, "", True))


def test_a_third_party_says_what_stands_behind_its_backend(monkeypatch):
    monkeypatch.setattr(device_table, "_TABLE", {})
    assert device("mine").kind == "processor"
    device_table.register("mine", ibm)
    assert device("mine").kind == "qpu"
