import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from qb_controller.applications.jobs import settings
from qb_controller.applications.jobs.schedulers import NAMES, make
from qb_controller.applications.jobs.simulator import simulate
from qb_controller.applications.jobs.workload import Cell, arrivals, draw, read_arrivals
from qb_controller.errors import InputError
from qb_controller.model.jobs import CLASSICAL, CutPlan, Decision, Dispatch, Fragment, JobRequest
from qb_controller.model.qpus import Drift
from tests.applications.jobs.clouds import check_rules, cloud, machine, request

GIVEN = settings.defaults()
SMALL = Cell(1.0, 1.5, 4)


@pytest.fixture(scope="module")
def drawn():
    return draw(SMALL, GIVEN, 5, 60)


@pytest.mark.parametrize("name", NAMES)
def test_every_scheduler_keeps_to_the_rules(name, drawn):
    """Nothing overlaps, nobody is served with shots missing, too late or out of order."""
    result = simulate(drawn, make(name, GIVEN))
    assert result.arrived == 60 == result.served + len(result.schedule.missed)
    check_rules(drawn, result.schedule)


@pytest.mark.parametrize("name", ["qb", "sa", "greedy+split"])
def test_the_same_seed_gives_the_same_run(name, drawn):
    again = draw(SMALL, GIVEN, 5, 60)
    first, second = (simulate(w, make(name, GIVEN)).schedule for w in (drawn, again))
    assert first == second
    assert draw(SMALL, GIVEN, 6, 60).requests != drawn.requests


def test_cells_of_one_seed_share_circuits_shots_and_luck():
    one, other = (draw(Cell(load, t, 4), GIVEN, 2, 30) for load, t in ((0.5, 3.0), (1.5, 1.1)))
    assert [r.variants for r in one.requests] == [r.variants for r in other.requests]
    assert (one.luck == other.luck).all()
    ratio = [
        (a.deadline - a.arrival) / (b.deadline - b.arrival)
        for a, b in zip(one.requests, other.requests, strict=True)
    ]
    assert ratio == pytest.approx([3.0 / 1.1] * 30)
    assert other.requests[-1].arrival == pytest.approx(one.requests[-1].arrival / 3)


def waits(servers: int, load: float, count: int, seed: int) -> np.ndarray:
    """Waiting times under FIFO with exponential times between arrivals and of service."""
    rng = np.random.default_rng(seed)
    at = np.cumsum(rng.exponential(1 / (load * servers), count))
    requests = [request(i, float(t), 1e9) for i, t in enumerate(at)]
    length = rng.exponential(1.0, count)  # a thousand shots of a millisecond, times this
    luck = np.repeat(length[:, None, None], servers, axis=2)
    result = simulate(
        cloud(requests, [machine(i) for i in range(servers)], luck=luck), make("fifo", GIVEN)
    )
    assert result.served == count
    start = {job.request: job.start for job in result.schedule.sub_jobs}
    return np.array([start[f"r{i}"] - at[i] for i in range(count)])


def erlang_c_wait(servers: int, load: float) -> float:
    """Mean wait of M/M/c in mean service times."""
    a = servers * load
    tail = a**servers / math.factorial(servers) / (1 - load)
    c = tail / (sum(a**k / math.factorial(k) for k in range(servers)) + tail)
    return c / (servers * (1 - load))


@pytest.mark.parametrize("servers, load", [(1, 0.5), (1, 0.7), (3, 0.7)])
def test_waits_are_those_of_queueing_theory(servers, load):
    means = [waits(servers, load, 1500, seed)[200:].mean() for seed in range(8)]
    half = stats.t.ppf(0.995, 7) * np.std(means, ddof=1) / math.sqrt(8)
    assert abs(np.mean(means) - erlang_c_wait(servers, load)) <= half
    assert half < 0.5 * erlang_c_wait(servers, load)  # or the test would say nothing


@pytest.mark.parametrize("seed", range(20))
def test_edf_on_one_machine_is_late_only_where_everybody_would_be(seed):
    rng = np.random.default_rng(seed)
    shots = rng.integers(500, 3000, 5)
    deadline = np.sort(rng.uniform(1, 12, 5))
    requests = [request(i, 0.0, float(deadline[i]), int(shots[i])) for i in range(5)]
    feasible = (np.cumsum(shots) * 1e-3 <= deadline).all()
    result = simulate(cloud(requests, [machine(0)]), make("edf", GIVEN))
    assert (result.served == 5) == feasible


def test_shots_lost_in_an_outage_run_elsewhere():
    requests = [request(0, 0.0, 60.0, 10_000)]
    qpus = [machine(0), replace(machine(1), rep_delay_s=2e-3)]
    for name in ("fifo", "least_busy", "qb"):
        result = simulate(cloud(requests, qpus, outages=(((4.0, 50.0),), ())), make(name, GIVEN))
        assert result.served == 1 and result.lost == 1, name
        shots = {job.qpu: job.shots for job in result.schedule.sub_jobs}
        assert shots["q1"] > 0 and sum(job.shots for job in result.schedule.sub_jobs) == 10_000
        assert "q1" in shots


def test_a_calibration_is_waited_for():
    busy = machine(0, drift=Drift(every_s=100.0, takes_s=10.0, first_s=3.0))
    requests = [request(0, 0.0, 40.0, 5000), request(1, 0.0, 40.0, 2000)]
    for name in ("edf", "qb"):
        jobs = simulate(cloud(requests, [busy]), make(name, GIVEN)).schedule.sub_jobs
        assert len(jobs) == 2
        assert all(job.end <= 3.0 or job.start >= 13.0 for job in jobs)


def test_downstream_waits_for_upstream_and_the_latency():
    parts = (Fragment(2, 1, 1, 1000), Fragment(2, 1, 1, 1000, after=(0,)))
    plan = CutPlan(parts, CLASSICAL, wire_cuts=1)
    requests = [JobRequest("r0", (plan,), 100, 0.0, 50.0)]
    qpus = [machine(0), replace(machine(1), site="there", rep_delay_s=5e-4)]
    drawn = cloud(requests, qpus)
    drawn.latency.seconds["here", "there"] = 0.25
    for name in NAMES:
        result = simulate(drawn, make(name, GIVEN))
        assert result.served == 1, name
        up = [job for job in result.schedule.sub_jobs if job.fragment == 0]
        down = [job for job in result.schedule.sub_jobs if job.fragment == 1]
        for late in down:
            for early in up:
                apart = 0.25 if late.qpu != early.qpu else 0.0
                assert late.start >= early.end + apart - 1e-9, name


def test_what_cannot_be_in_time_is_refused_at_once():
    requests = [request(0, 0.0, 1.0, 5000), request(1, 0.0, 10.0, 5000)]
    schedule = simulate(cloud(requests, [machine(0)]), make("qb", GIVEN)).schedule
    assert schedule.refused == {"r0": 0.0} and set(schedule.served) == {"r1"}


def test_a_qpu_that_is_away_for_a_while_is_waited_for():
    """What only it can run is not refused because it does not answer just now."""
    requests = [request(0, 6.0, 20.0)]
    qpus = [machine(0), machine(1, qubits=1)]
    run = simulate(cloud(requests, qpus, outages=(((5.0, 8.0),), ())), make("qb", GIVEN))
    assert run.served == 1 and not run.schedule.refused


def test_orders_that_cannot_be_carried_out_are_errors():
    requests = [request(0, 0.0, 10.0)]

    def giving(order):
        return lambda state, now: Decision((order,))

    for order, text in (
        (Dispatch("r0", 0, 0, "q0", 2000), "shots left"),
        (Dispatch("r0", 0, 0, "q9", 10), "no such request or QPU"),
        (Dispatch("r7", 0, 0, "q0", 10), "no such request or QPU"),
    ):
        with pytest.raises(ValueError, match=text):
            simulate(cloud(requests, [machine(0)]), giving(order))


def test_bursts_keep_the_mean_rate():
    given = GIVEN["arrivals"]
    gaps = [
        np.diff(arrivals(3000, 2.0, kind, given, np.random.default_rng(seed)))
        for kind in ("poisson", "bursty")
        for seed in range(6)
    ]
    means = [float(np.mean(g)) for g in gaps]
    assert np.mean(means[:6]) == pytest.approx(0.5, rel=0.05)
    assert np.mean(means[6:]) == pytest.approx(0.5, rel=0.25)
    variation = [float(np.std(g) / np.mean(g)) for g in gaps]
    assert np.mean(variation[6:]) > np.mean(variation[:6]) + 0.05
    with pytest.raises(InputError, match="want poisson, bursty"):
        arrivals(3, 1.0, "weekly", given, np.random.default_rng(0))


def test_arrivals_from_a_file(tmp_path):
    path = tmp_path / "times"
    path.write_text("0.5 1.5\n4\n")
    assert read_arrivals(path).tolist() == [0.5, 1.5, 4.0]
    path.write_text("[1, 2, 3]")
    assert read_arrivals(path).tolist() == [1.0, 2.0, 3.0]
    for text in ("3 2", "one", "", "-1 2"):
        path.write_text(text)
        with pytest.raises(InputError, match="times"):
            read_arrivals(path)
