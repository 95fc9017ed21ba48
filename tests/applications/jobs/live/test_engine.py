"""Jobs on real workers: served, lost and run again, kept over a restart."""

from __future__ import annotations

import json
import math
import os
import pickle
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from qb_controller.applications.jobs.live import store
from qb_controller.applications.jobs.live.desk import answer
from qb_controller.applications.jobs.live.engine import Engine
from qb_controller.applications.jobs.live.opening import open_engine
from qb_controller.applications.jobs.live.relay import Relay
from qb_controller.applications.jobs.live.running import Running
from qb_controller.applications.jobs.live.store import Store
from qb_controller.applications.jobs.live.submission import parse
from qb_controller.applications.jobs.live.telling import everything
from qb_controller.applications.jobs.live.too_late import TooLate
from qb_controller.applications.jobs.ours import ours as make_ours
from qb_controller.applications.jobs.schedulers import make
from qb_controller.applications.jobs.settings import defaults
from qb_controller.errors import InputError, NotFound
from qb_controller.model.jobs import Decision, State
from qb_controller.runtime.messages import ScheduleRequest, ScheduleResult
from quantum_backends.cutting.library import circuit_of
from quantum_backends.cutting.run import exact_value
from quantum_backends.registry import BACKENDS
from quantum_backends.solver import Budget
from tests.applications.jobs.live.small import fleet

PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with open_engine(Store(tmp_path_factory.mktemp("jobs")), fleet=fleet()) as found:
        assert found.pool.wait_ready(PATIENCE_S)
        yield found


def job(circuit: str, shots: int = 500, deadline_s: float = 60.0) -> Any:
    qubits = int(circuit.split(":")[1])
    return parse(
        {
            "circuit": circuit,
            "observable": "Z" * qubits,
            "shots": shots,
            "deadline_s": deadline_s,
        }
    )


def run_until(engine: Engine, holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, "it did not come to that"
        engine.step(0.02)


def finished(engine: Engine, name: str) -> dict[str, Any]:
    run_until(engine, lambda: engine.record(name).status not in ("waiting", "running"))
    return everything(engine, engine.record(name))


@pytest.mark.parametrize("circuit", ["ghz:2", "ghz:7", "ansatz:6:1"])
def test_a_job_is_served_whole_or_cut(engine: Engine, circuit: str) -> None:
    asked = job(circuit)
    told = finished(engine, engine.submit(asked).name)
    assert told["status"] == "done"
    assert told["on_time"] is True
    exact = exact_value(circuit_of(circuit), asked.observable)
    assert abs(told["value"] - exact) < 4 * told["error"]
    assert 0 < told["fidelity"] < 1
    for fragment in told["fragments"]:
        for ran in fragment["ran"]:
            assert ran["simulated"].startswith("simulated")
            assert ran["measured_s"] >= ran["modelled_s"] > 0
    json.dumps(told, allow_nan=False)


def test_shots_of_a_killed_worker_are_run_elsewhere(engine: Engine) -> None:
    name = engine.submit(job("ghz:3", shots=8000)).name
    run_until(engine, lambda: bool(engine.expected_ends()))
    victim = next(iter(engine.expected_ends()))
    os.kill(engine.pool.pids()[victim], signal.SIGKILL)
    told = finished(engine, name)
    assert told["status"] == "done"
    assert [lost["qpu"] for lost in told["lost"]] == [victim]
    assert sum(ran["shots"] for one in told["fragments"] for ran in one["ran"]) == 8000


def test_too_late_is_said_at_once_with_the_earliest_time(engine: Engine) -> None:
    before = engine.store.latest(1000)
    with pytest.raises(TooLate) as error:
        engine.submit(job("ghz:3", shots=100_000, deadline_s=2.0))
    assert 2.0 < error.value.earliest_s < 60.0
    assert engine.store.latest(1000) == before
    served = engine.submit(job("ghz:3", shots=1000, deadline_s=error.value.earliest_s))
    assert finished(engine, served.name)["on_time"] is True


def test_what_no_qpu_is_good_enough_for_is_not_a_matter_of_time(engine: Engine) -> None:
    asked = replace(job("ghz:4"), fidelity=0.999)
    with pytest.raises(TooLate, match=r"^fidelity: .* 0\.999") as error:
        engine.submit(asked)
    assert math.isinf(error.value.earliest_s)


def test_a_job_is_cancelled_once(engine: Engine) -> None:
    name = engine.submit(job("ghz:3", shots=50_000)).name
    run_until(engine, lambda: bool(engine.expected_ends()))
    assert engine.cancel(name).status == "cancelled"
    with pytest.raises(InputError, match="is cancelled already"):
        engine.cancel(name)
    run_until(engine, lambda: not engine.expected_ends())
    assert everything(engine, engine.record(name))["value"] is None
    assert engine.pool.wait_ready(PATIENCE_S)


def test_idle_qpus_serve_what_the_scheduler_holds_back(engine: Engine, tmp_path: Path) -> None:
    def holds_back(state: State, now: float) -> Decision:
        return Decision()

    idle = make("edf+split", defaults())
    ours = Engine(fleet(), engine.pool, Store(tmp_path), holds_back, idle)
    assert finished(ours, ours.submit(job("ghz:3")).name)["status"] == "done"


def test_qpus_are_fed_while_an_answer_is_waited_for(engine: Engine, tmp_path: Path) -> None:
    """More jobs than can be served in time: the policy is asked, and answers late."""
    asked: list[ScheduleRequest] = []
    relay = Relay(asked.append)
    ours = Engine(fleet(), engine.pool, Store(tmp_path), make_ours(defaults(), relay.solve))
    jobs = [job("ghz:3", shots=12_000, deadline_s=10.0) for _ in range(8)]
    names = [ours.submit(one).name for one in jobs]
    assert engine.pool.wait_ready(PATIENCE_S)
    before = time.monotonic()
    while len(ours.expected_ends()) < 2:
        ours.step(0.02)
    assert time.monotonic() - before < 1.0  # no answer has come, and none has been waited for
    assert asked
    problem = pickle.loads(asked[-1].problem)
    found = BACKENDS["sa-blocks"].solve(problem, Budget(0.3), 0).answer
    for _ in range(20):
        ours.step(0.02)
    relay.heard(ScheduleResult(asked[-1].number, None, pickle.dumps(found)))
    ours.look_again()
    told = [finished(ours, name) for name in names]
    assert not relay.news
    assert {one["status"] for one in told} == {"done", "missed"}
    for one in told:
        ran = sum(part["shots"] for each in one["fragments"] for part in each["ran"])
        assert one["on_time"] is (one["status"] == "done")
        assert ran == 12_000 if one["on_time"] else ran < 12_000


def test_unknown_jobs(engine: Engine) -> None:
    for name in ("j0", "j999", "x", "", "j1e3"):
        with pytest.raises(NotFound):
            engine.record(name)


def test_the_desk_answers_with_codes(engine: Engine) -> None:
    def ask(action: str, name: str = "", body: bytes = b"") -> tuple[int, Any]:
        code, text = answer(engine, action, name, body)
        return code, json.loads(text)

    jobs = ask("list")[1]
    assert ask("submit", body=b"{")[0] == 400
    code, said = ask("submit", body=b'{"circuit": "ghz:2", "observable": "ZZ", "shots": 0}')
    assert (code, said["status"]) == (400, 400)
    assert "deadline_s: is missing" in said["error"]
    late = b'{"circuit": "ghz:2", "observable": "ZZ", "shots": 90000, "deadline_s": 0.5}'
    code, said = ask("submit", body=late)
    assert code == 409
    assert said["earliest_s"] > 0.5
    assert ask("show", "j99")[0] == 404
    assert ask("list")[1] == jobs  # nothing of this became a job
    soon = b'{"circuit": "ghz:2", "observable": "ZZ", "shots": 10, "deadline_s": 30}'
    code, taken = ask("submit", body=soon)
    assert (code, taken["status"]) == (201, "waiting")
    assert finished(engine, taken["job"])["status"] == "done"
    assert ask("cancel", taken["job"])[0] == 409


def leave(engine: Engine) -> None:
    """End as a process does that is killed: its jobs stay open, its orders are gone."""
    engine._floor.drop(1)
    engine._jobs._jobs.clear()
    run_until(engine, lambda: not engine.expected_ends())


def test_a_restart_forgets_no_job_and_no_shot(engine: Engine, tmp_path: Path) -> None:
    first = Store(tmp_path)
    ours = Engine(fleet(), engine.pool, first, make("qb", defaults()))
    name = ours.submit(job("ghz:7", shots=300)).name
    run_until(ours, lambda: len(first.parts(1)) == 1)
    counted = first.parts(1)
    leave(ours)
    kept = first.parts(1)
    assert first.latest(1)[0].status == "running"
    first.close()
    later = Engine(fleet(), engine.pool, Store(tmp_path), make("qb", defaults()))
    told = finished(later, name)
    assert told["status"] == "done"
    assert later.store.parts(1)[: len(kept)] == kept
    assert kept[: len(counted)] == counted
    needed = sum(f["ran"][0]["shots"] > 0 for f in told["fragments"])
    assert needed == len(told["fragments"]) >= 2
    assert abs(told["value"]) < 4 * told["error"]


def test_jobs_of_one_directory_have_one_engine(engine: Engine, tmp_path: Path) -> None:
    ours = Engine(fleet(), engine.pool, Store(tmp_path), make("qb", defaults()))
    name = ours.submit(job("ghz:3")).name
    other = Engine(fleet(), engine.pool, Store(tmp_path), make("qb", defaults()))
    assert other.idle
    assert other.record(name).status == "waiting"
    for change in (lambda: other.submit(job("ghz:3")), lambda: other.cancel(name)):
        with pytest.raises(InputError, match="another process runs the jobs"):
            change()
    ours.store.close()
    later = Engine(fleet(), engine.pool, Store(tmp_path), make("qb", defaults()))
    assert finished(later, name)["status"] == "done"


def test_counts_of_another_plan_are_not_taken_for_those_of_this(
    engine: Engine, tmp_path: Path
) -> None:
    first = Store(tmp_path)
    ours = Engine(fleet(), engine.pool, first, make("qb", defaults()))
    name = ours.submit(job("ghz:7", shots=300)).name
    run_until(ours, lambda: len(first.parts(1)) == 1)
    leave(ours)
    (part, *_) = first.parts(1)
    first.keep(1, replace(part, shots={99: 10}, counts={99: {0: 10}}, qualities={}))
    first.change(1, result={"lost": [["jakarta", 0, 7]]})
    first.close()
    later = Engine(fleet(), engine.pool, Store(tmp_path), make("qb", defaults()))
    told = finished(later, name)
    assert told["status"] == "done"
    assert all(99 not in each.shots for each in later.store.parts(1))
    assert told["lost"] == [{"qpu": "jakarta", "fragment": 0, "shots": 7}]


def test_a_fault_in_one_job_ends_that_job_alone(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Running) -> None:
        raise ZeroDivisionError("one over nothing")

    monkeypatch.setattr(Running, "estimate", broken)
    told = finished(engine, engine.submit(job("ghz:2")).name)
    assert (told["status"], told["value"]) == ("failed", None)
    assert "cannot be put together: ZeroDivisionError: one over nothing" in told["detail"]
    assert told["elapsed_s"] > 0


def test_counts_of_old_jobs_are_dropped(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "COUNTS_OF", 1)
    ours = Engine(fleet(), engine.pool, Store(tmp_path), make("qb", defaults()))
    first = finished(ours, ours.submit(job("ghz:3")).name)
    assert ours.store.parts(1)[0].counts
    finished(ours, ours.submit(job("ghz:3")).name)
    (old, *_), (new, *_) = ours.store.parts(1), ours.store.parts(2)
    assert new.counts and not old.counts
    assert everything(ours, ours.record("j1")) == first
