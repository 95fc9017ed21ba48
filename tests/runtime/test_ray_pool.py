"""The dispatcher on a Ray cluster of two nodes, both on this machine."""

from __future__ import annotations

import os
import queue
import signal
import time
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest

from qb_controller.runtime.dispatcher import Dispatcher
from qb_controller.runtime.engine import Availability
from qb_controller.runtime.flight import Answer, Assignment
from qb_controller.runtime.jobs import Done, Ended, Progress, Run
from qb_controller.runtime.task import State, Task
from quantum_backends.solution import Solution
from tests.runtime import solvers
from tests.runtime.test_workers import diamond, gone

if find_spec("ray") is None:
    pytest.skip("Ray is not installed (pip install 'q-backbone[ray]')", allow_module_level=True)

os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
from qb_controller.runtime.ray_pool import RayPool, thinned

PATIENCE = 60.0


@pytest.fixture(scope="module")
def cluster(_importable_in_workers: None) -> Iterator[Any]:
    # Ray's own switch for machines that shall listen on the loopback interface alone; it is read
    # when Ray is imported, here and in the processes that it starts.
    assert os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] == "0"
    import ray
    from ray.cluster_utils import Cluster

    node: dict[str, Any] = {"num_cpus": 4, "include_dashboard": False, "object_store_memory": 2**27}
    quickly = {"health_check_period_ms": 500, "health_check_failure_threshold": 2}
    made = Cluster(
        initialize_head=True,
        head_node_args={**node, "node_ip_address": "127.0.0.1", "_system_config": quickly},
    )
    made.second = made.add_node(**node, node_ip_address="127.0.0.1")
    ray.init(address=made.address, log_to_driver=False, configure_logging=False)
    yield made
    ray.shutdown()
    made.shutdown()


@pytest.fixture(scope="module")
def shared(cluster: Any) -> Iterator[RayPool]:
    with RayPool(solvers.ALL, solvers.SPEC) as each:
        yield each


@pytest.fixture()
def pool(shared: RayPool) -> RayPool:
    assert shared.wait_ready(PATIENCE)
    return shared


def run(pool: RayPool, backend: str, seconds: float) -> tuple[Run, int]:
    """One job to its end, and how many answers came before it."""
    number = pool.submit(backend, diamond(), time.monotonic() + seconds, 1)
    seen = 0
    while True:
        for event in pool.poll(1.0):
            assert event.number == number
            seen += isinstance(event, Progress)
            if isinstance(event, Ended):
                return event.run, seen


def test_answers_come_as_they_are_found_and_the_last_counts(pool: RayPool) -> None:
    found, _ = run(pool, "descent", 20.0)  # done within the gap between two reports
    assert found.status == "answered"
    assert found.solution is not None and found.solution.value == pytest.approx(0.5)
    _, seen = run(pool, "obedient", 1.0)  # reports every millisecond until it is stopped
    assert seen >= 1


def test_the_deadline_holds_for_those_that_heed_it_and_those_that_do_not(pool: RayPool) -> None:
    before = set(pool.pids())
    assert run(pool, "obedient", 0.3)[0].status in ("answered", "stopped")
    assert set(pool.pids()) == before
    found, _ = run(pool, "deaf", 0.3)
    assert found.status == "killed" and found.solution is not None
    assert pool.wait_ready(PATIENCE)
    (killed,) = before - set(pool.pids())
    assert gone(killed)


def test_a_job_is_called_off(pool: RayPool) -> None:
    number = pool.submit("obedient", diamond(), time.monotonic() + 60, 1)
    pool.cancel(number)
    events = pool.poll(30.0)
    while not isinstance(events[-1], Ended):
        events = pool.poll(30.0)
    assert events[-1].run.status == "stopped"


def test_errors_name_themselves(pool: RayPool) -> None:
    found, _ = run(pool, "raising", 10.0)
    assert (found.status, found.detail) == ("failed", "ZeroDivisionError: one over nothing")
    assert "no module named vendor" in pool.availability().refusals["unloadable"]
    assert run(pool, "unloadable", 10.0)[0].status == "unavailable"


def test_of_many_answers_in_a_short_time_the_last_is_passed_on() -> None:
    answers = [Solution(None, value, "x", 0.0) for value in (3.0, 2.0, 1.0)]

    def passed_on(last: Done) -> list[Progress | Done]:
        news: queue.SimpleQueue[Progress | Done] = queue.SimpleQueue()
        for each in (*(Progress(1, answer) for answer in answers), last):
            news.put(each)
        return list(thinned(news))

    end = Done(1, answers[2])
    assert passed_on(end)[-1] == end
    failed = Done(1, None, "boom")
    assert passed_on(failed)[-2:] == [Progress(1, answers[2]), failed]


def answer_of(dispatcher: Dispatcher, seconds: float) -> Answer:
    dispatcher.submit(Task("a", "test", diamond(), time.monotonic() + seconds))
    while not (found := dispatcher.step(0.1)):
        pass
    return found[0]


def test_a_worker_killed_in_the_middle_costs_a_retry(pool: RayPool) -> None:
    victims = iter(pool.pids())

    def assign(task: Task, now: float, there: Availability) -> Assignment:
        return Assignment(("dying",) if next(tries, None) else ("descent",))

    tries = iter([1])
    found = answer_of(Dispatcher(pool, assign), 30.0)
    assert found.state is State.ANSWERED and found.retries == 1
    assert found.solution is not None and found.solution.value == pytest.approx(0.5)
    os.kill(next(victims), signal.SIGKILL)  # and one that idles costs nothing
    found = answer_of(Dispatcher(pool, lambda *_: Assignment(("descent",))), 30.0)
    assert found.solution is not None and found.solution.value == pytest.approx(0.5)


def test_a_node_that_dies_costs_a_retry(cluster: Any) -> None:
    classical = {n: each for n, each in solvers.ALL.items() if each.family == "classical"}
    with RayPool(classical, solvers.SPEC, copies={"classical": 3}) as pool:
        assert pool.wait_ready(20.0)
        numbers = [pool.submit("obedient", diamond(), time.monotonic() + 60, 1) for _ in range(3)]
        cluster.remove_node(cluster.second, allow_graceful=False)
        ended: dict[int, Run] = {}
        while not ended:
            ended |= {e.number: e.run for e in pool.poll(30.0) if isinstance(e, Ended)}
        assert {each.status for each in ended.values()} == {"died"}
        for number in numbers:
            pool.cancel(number)
        found = answer_of(Dispatcher(pool, lambda *_: Assignment(("descent",))), 30.0)
        assert found.solution is not None and found.solution.value == pytest.approx(0.5)
