from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np
import pytest

from qb_controller.runtime.jobs import Ended, Run
from qb_controller.runtime.member import BACKOFF_LIMIT_S, Member
from qb_controller.runtime.workers import WorkerPool
from quantum_backends.routing import RoutingProblem
from tests.runtime import solvers

PATIENCE = 30.0


def diamond() -> RoutingProblem:
    """Two demands from 0 to 3 that share the upper path now; the optimum uses both."""
    return RoutingProblem(
        n_nodes=4,
        tail=np.array([0, 1, 0, 2]),
        head=np.array([1, 3, 2, 3]),
        capacity=np.full(4, 10.0),
        source=np.array([0, 0]),
        target=np.array([3, 3]),
        volume=np.array([5.0, 4.0]),
        paths=(((0, 1), (2, 3)), ((0, 1), (2, 3))),
        incumbent=((1.0, 0.0), (1.0, 0.0)),
    )


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone(pid: int, seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.01)
    return not alive(pid)


@pytest.fixture(scope="module")
def shared() -> Iterator[WorkerPool]:
    with WorkerPool(solvers.ALL, solvers.SPEC) as each:
        yield each


@pytest.fixture()
def pool(shared: WorkerPool) -> WorkerPool:
    assert shared.wait_ready(PATIENCE)
    return shared


def soon(seconds: float = 0.3) -> float:
    return time.monotonic() + seconds


def test_a_good_solver_answers(pool: WorkerPool) -> None:
    run = pool.solve("descent", diamond(), soon(10), seed=1)
    assert run.status == "answered"
    assert run.solution is not None
    assert run.solution.value == pytest.approx(0.5)
    assert run.first_s is not None and run.first_s <= run.elapsed_s


def test_a_solver_that_heeds_the_deadline_keeps_its_worker(pool: WorkerPool) -> None:
    before = pool.pids()
    run = pool.solve("obedient", diamond(), soon(), seed=1)
    assert run.status in ("answered", "stopped")
    assert run.solution is not None
    assert pool.pids() == before
    assert pool.solve("descent", diamond(), soon(10), seed=1).status == "answered"


@pytest.mark.parametrize(("backend", "has_answer"), [("deaf", True), ("silent", False)])
def test_a_deaf_solver_is_killed_and_its_best_counts(
    pool: WorkerPool, backend: str, has_answer: bool
) -> None:
    victim = pool.pids()["annealer"]
    run = pool.solve(backend, diamond(), soon(), seed=1)
    assert run.status == "killed"
    assert (run.solution is not None) == has_answer
    assert gone(victim)
    assert pool.wait_ready(PATIENCE)
    assert pool.pids()["annealer"] != victim


def test_a_worker_that_dies_is_replaced_and_its_best_counts(pool: WorkerPool) -> None:
    run = pool.solve("dying", diamond(), soon(10), seed=1)
    assert run.status == "died"
    assert run.solution is not None
    assert "gate" in run.detail
    assert pool.wait_ready(PATIENCE)
    assert pool.unavailable() == {"unloadable": pool.unavailable()["unloadable"]}


def test_a_worker_killed_while_idle_is_replaced(pool: WorkerPool) -> None:
    victim = pool.pids()["classical"]
    os.kill(victim, signal.SIGKILL)
    assert gone(victim)
    pool.poll(1.0)
    assert pool.wait_ready(PATIENCE)
    assert pool.pids()["classical"] != victim
    assert pool.solve("descent", diamond(), soon(10), seed=1).status == "answered"


def until_ended(pool: WorkerPool, *numbers: int) -> dict[int, Run]:
    ended: dict[int, Run] = {}
    while set(ended) != set(numbers):
        ended |= {e.number: e.run for e in pool.poll(10.0) if isinstance(e, Ended)}
    return ended


def test_several_jobs_are_in_flight_and_solve_leaves_the_others_alone(pool: WorkerPool) -> None:
    deaf = pool.submit("deaf", diamond(), soon(), seed=1)
    assert pool.unavailable()["silent"] == "the annealer worker is busy"
    assert 0 < pool.availability().waits["silent"] <= 0.3 + pool.grace_s
    assert pool.solve("descent", diamond(), soon(10), seed=1).status == "answered"
    refused = pool.submit("silent", diamond(), soon(), seed=1)
    ended = until_ended(pool, deaf, refused)
    assert (ended[deaf].status, ended[refused].status) == ("killed", "unavailable")
    assert ended[deaf].solution is not None


def test_a_job_is_called_off_and_its_worker_goes_on(pool: WorkerPool) -> None:
    before = pool.pids()
    number = pool.submit("obedient", diamond(), soon(60), seed=1)
    while not pool.poll(1.0):
        pass  # until the first answer
    pool.cancel(number)
    assert until_ended(pool, number)[number].status == "stopped"
    pool.cancel(number)
    assert pool.pids() == before
    assert pool.solve("descent", diamond(), soon(10), seed=1).status == "answered"


def test_a_starved_solver_ends_its_job_in_time_and_its_worker_later(
    pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Member, "starved", lambda *_: True)
    victim = pool.pids()["annealer"]
    run = pool.solve("deaf", diamond(), soon(0.1), seed=1)
    assert (run.status, run.solution is not None) == ("stopped", True)
    assert "for want of a core" in run.detail
    assert pool.states()["annealer"] == "busy" and alive(victim)
    monkeypatch.undo()  # it sleeps, and so it does not want to run
    pool.poll(0.1)
    assert gone(victim)


def test_two_of_one_family_race_where_it_has_two_workers() -> None:
    with WorkerPool(solvers.GOOD, solvers.GOOD_SPEC, copies={"classical": 2}, cores=2) as pool:
        assert pool.wait_ready(PATIENCE)
        assert set(pool.pids()) == {"classical", "classical-2"}
        numbers = [pool.submit("descent", diamond(), soon(10), seed) for seed in (1, 2)]
        assert pool.availability().room == 0
        assert {run.status for run in until_ended(pool, *numbers).values()} == {"answered"}
        assert pool.availability().room == 2


def test_errors_name_themselves(pool: WorkerPool) -> None:
    run = pool.solve("raising", diamond(), soon(10), seed=1)
    assert (run.status, run.solution) == ("failed", None)
    assert "ZeroDivisionError: one over nothing" in run.detail
    assert "no module named vendor" in pool.unavailable()["unloadable"]
    assert pool.solve("unloadable", diamond(), soon(10), seed=1).status == "unavailable"


def test_a_worker_that_cannot_start_is_not_tried_in_a_circle() -> None:
    with WorkerPool(solvers.BROKEN, solvers.BROKEN_SPEC) as pool:
        assert not pool.wait_ready(3.0)
        starts = set()
        end = time.monotonic() + 1.0
        while time.monotonic() < end:
            pool.poll(0.05)
            starts |= set(pool.pids().values())
        assert len(starts) <= 2
        assert "never-ready" in pool.unavailable()


def test_workers_are_gone_after_close() -> None:
    with WorkerPool(solvers.GOOD, solvers.GOOD_SPEC) as pool:
        assert pool.wait_ready(PATIENCE)
        pids = list(pool.pids().values())
        assert os.getpriority(os.PRIO_PROCESS, pids[0]) >= 10
    assert all(gone(pid) for pid in pids)


def test_workers_die_with_their_parent() -> None:
    """Even a deaf solver goes when the pool's process is killed without warning."""
    code = (
        "import sys, time\n"
        "from tests.runtime import solvers\n"
        "from tests.runtime.test_workers import diamond\n"
        "from qb_controller.runtime.workers import WorkerPool\n"
        "pool = WorkerPool(solvers.ALL, solvers.SPEC)\n"
        "assert pool.wait_ready(30)\n"
        "print(*pool.pids().values(), flush=True)\n"
        "pool.solve('deaf', diamond(), time.monotonic() + 3600, 1)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(pids) == 3 and all(alive(pid) for pid in pids)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert all(gone(pid) for pid in pids)


def test_a_worker_that_cannot_start_for_days_is_tried_every_minute() -> None:
    member = Member("never", "never", solvers.BROKEN_SPEC)
    for _ in range(2000):  # at a minute each
        member.state = "starting"
        member.stop()
    assert 0 < member.start_after - time.monotonic() <= BACKOFF_LIMIT_S
