import math

import pytest

from qb_controller.applications.jobs import settings
from qb_controller.applications.jobs.fleet import calibrated, fleet
from qb_controller.applications.jobs.workload import Cell, draw
from qb_controller.errors import InputError
from qb_controller.model.jobs import (
    CLASSICAL,
    INDEPENDENT,
    CutPlan,
    Fragment,
    JobRequest,
    gate_cut_overhead,
    wire_cut_overhead,
)
from qb_controller.model.qpus import Drift, Latency, Qpu


def qpu(**changed) -> Qpu:
    values = {
        "name": "a",
        "site": "here",
        "qubits": 5,
        "gate_error": 0.01,
        "readout_error": 0.02,
        "one_qubit_s": 1e-8,
        "two_qubit_s": 1e-7,
        "readout_s": 1e-6,
        "rep_delay_s": 1e-4,
        "overhead_s": 2.0,
    }
    return Qpu(**{**values, **changed})


def test_overheads_are_the_published_ones():
    assert [gate_cut_overhead(n) for n in (0, 1, 2)] == [1, 9, 81]
    assert [wire_cut_overhead(n, INDEPENDENT) for n in (1, 2, 3)] == [16, 256, 4096]
    assert [wire_cut_overhead(n, CLASSICAL) for n in (1, 2, 3)] == [9, 81, 729]
    assert [wire_cut_overhead(n, CLASSICAL, joint=True) for n in (1, 2, 3, 4)] == [9, 49, 225, 961]


def test_the_lower_overhead_needs_the_order():
    free, later = Fragment(3, 2, 2, 90), Fragment(3, 2, 2, 90, after=(0,))
    assert CutPlan((free, later), CLASSICAL, wire_cuts=2, joint=True).overhead == 49
    with pytest.raises(ValueError, match="order"):
        CutPlan((free, free), CLASSICAL, wire_cuts=1)
    with pytest.raises(ValueError, match="order"):
        CutPlan((free, later), INDEPENDENT, wire_cuts=1)
    with pytest.raises(ValueError, match="jointly"):
        CutPlan((free, free), INDEPENDENT, wire_cuts=1, joint=True)
    with pytest.raises(ValueError, match="earlier"):
        CutPlan((later, free), CLASSICAL, wire_cuts=1)
    with pytest.raises(ValueError, match="1 cuts"):
        CutPlan((free,), wire_cuts=1)


def test_requests_that_make_no_sense():
    plans = (CutPlan((Fragment(3, 2, 2, 90),)),)
    with pytest.raises(ValueError, match="in the past"):
        JobRequest("r", plans, 10, 5.0, 5.0)
    with pytest.raises(ValueError, match="shots"):
        JobRequest("r", plans, 0, 0.0, 5.0)
    halves = CutPlan((Fragment(3, 2, 2, 90),) * 2, INDEPENDENT, gate_cuts=1)
    request = JobRequest("r", (halves,), 10, 0.0, 5.0, fidelity=0.25)
    assert request.floor(halves) == pytest.approx(0.5)


def test_time_and_fidelity_of_a_shot():
    one, part = qpu(drift=Drift(per_hour=0.5)), Fragment(4, 10, 12, 100, one_qubit_layers=5)
    assert one.shot_s(part) == pytest.approx(1e-4 + 1e-6 + 10e-7 + 5e-8)
    assert one.busy_s(part, 1000) == pytest.approx(2 + 1000 * one.shot_s(part))
    assert one.fidelity(part) == pytest.approx(0.99**12 * 0.98**4)
    assert one.fidelity(part, 7200) == pytest.approx(0.98**12 * 0.96**4)


def test_windows_and_calibrations():
    one = qpu(windows=((0, 100), (200, 300)), drift=Drift(0.1, every_s=50, takes_s=5, first_s=40))
    assert one.open(0) == (0, 40)
    assert one.open(41) == (45, 90)
    assert one.open(96) == (96, 100)
    assert one.open(99.9) == (99.9, 100)
    assert one.open(150) == (200, 240)
    assert one.open(299) == (299, 300)
    assert math.isinf(one.open(300)[0])
    assert one.drift.factor(44.9) > one.drift.factor(45.0) == 1.0


def test_latency_counts_both_ways():
    latency = Latency({("a", "b"): 0.01})
    assert latency.between("b", "a") == 0.01 and latency.between("a", "a") == 0.0
    with pytest.raises(KeyError):
        latency.between("a", "c")


def test_calibrations_are_read_from_the_installed_package():
    known = {each.name: each for each in calibrated()}
    assert len(known) > 40
    lagos = known["lagos"]
    assert lagos.qubits == 7 and "qiskit-ibm-runtime" in lagos.source
    assert 1e-7 < lagos.two_qubit_s < 1e-6 and lagos.rep_delay_s == pytest.approx(2.5e-4)
    for each in known.values():
        assert 0 < each.gate_error < 0.5 and 0 < each.readout_error < 0.5, each.name


def test_small_fleets_are_the_beginning_of_large_ones():
    given = settings.defaults()
    small, latency = fleet(4, given)
    large, _ = fleet(64, given)
    assert large[:4] == small and len({each.name for each in large}) == 64
    assert sum("synthetic" in each.source for each in large) == 32
    assert latency.between(small[0].site, small[1].site) == latency.between(
        small[1].site, small[0].site
    )


def test_parameters_over_the_defaults(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("workload: {requests: 5}\n")
    assert settings.read(path)["workload"]["requests"] == 5
    assert settings.read(path)["fleet"] == settings.defaults()["fleet"]
    for text, wanted in (
        ("workload: {request: 5}", "mine.yaml: workload: request: no such key"),
        ("workload: {requests: many}", "mine.yaml: workload: requests: 'many': want a number"),
        ("fleet: 3", "mine.yaml: fleet: 3: want a mapping"),
        ("service_noise: -1", "service_noise: -1"),
        ("fleet: {qubits: [5]}", "fleet: qubits: .* want the least and the most"),
        ("workload: {qubits: [9, 4]}", "workload: qubits: .* want the least and the most"),
        ("workload: {qubits: [0, 4]}", "qubits: 0: want 1 or more"),
        ("workload: {families: {ghz: 0}}", "families: .* want weights above zero"),
        ("workload: {families: {ghz: x}}", "families: .* want weights above zero"),
        ("fleet: {synthetic: {gate_error: [0, 0.1]}}", "gate_error: .* want numbers above zero"),
        ("fleet: {calibrate_every_s: 30}", "calibrate_takes_s: 60: want less than 30"),
        ("arrivals: {burst_share: 0}", "burst_share: 0: want more than 0"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=wanted):
            settings.read(path)


def test_a_workload_that_nobody_can_serve_is_an_error_and_not_a_search_for_ever(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("workload: {shots: {least: 200000}}")  # more than the most
    with pytest.raises(InputError, match="can serve none; look at shots"):
        draw(Cell(1.0, 1.5, 4), settings.read(path), 1, 5)
