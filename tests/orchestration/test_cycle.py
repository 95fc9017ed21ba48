from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from qb_controller.applications.traffic_engineering import TrafficEngineering
from qb_controller.model.network import Network
from qb_controller.model.plan import Route
from qb_controller.model.telemetry import Demand, NetworkSnapshot
from qb_controller.orchestration.cycle import Orchestrator, solve_once
from qb_controller.orchestration.journal import Journal
from qb_controller.orchestration.loads import loads
from qb_controller.runtime.messages import CycleRequest, CycleResult, Settings
from qb_controller.runtime.workers import WorkerPool
from quantum_backends.candidates import with_candidates
from tests.orchestration.networks import (
    ABILENE,
    diamond,
    gravity,
    network,
    noisy,
    path,
    route,
    snapshot,
)
from tests.runtime import solvers

BUSY = (Demand(1, 4, 5e6), Demand(2, 4, 4e6))
RELAXED = Settings(deadline_s=5.0)


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    with WorkerPool(solvers.ALL, solvers.SPEC) as each:
        assert each.wait_ready(30)
        yield each


@pytest.fixture()
def orchestrator(pool: WorkerPool) -> Orchestrator:
    assert pool.wait_ready(30)
    return Orchestrator(TrafficEngineering(), pool, solvers.ALL, Journal())


def ask(orchestrator: Orchestrator, snap: NetworkSnapshot, settings: Settings) -> CycleResult:
    return orchestrator.run_cycle(CycleRequest(3, snap, settings))


def pinned(backend: str, deadline_s: float = 0.5) -> Settings:
    return Settings(deadline_s=deadline_s, pinned_backend=backend)


def test_a_congested_network_is_relieved_and_then_left_alone(orchestrator: Orchestrator) -> None:
    settings = replace(RELAXED, forbidden=("obedient", "raising", "annealer", "gate"))
    first = ask(orchestrator, snapshot(diamond(), BUSY), settings)
    assert first.number == 3
    assert first.decision.backend == "descent"
    assert first.plan is not None and first.plan.mlu == pytest.approx(0.5)
    outcome = first.decision.outcome
    assert outcome is not None
    assert (outcome.status, outcome.moved) == ("improved", 1)
    assert outcome.mlu_before == pytest.approx(0.9) and outcome.bound <= 0.5
    again = ask(orchestrator, snapshot(diamond(), BUSY, first.plan.plan.routes), settings)
    assert again.plan is None
    assert again.decision.number == first.decision.number + 1
    assert again.decision.outcome is not None and again.decision.outcome.status == "kept"


@pytest.mark.parametrize("backend", ["silent", "deaf", "dying", "raising", "unloadable", "no-such"])
def test_whatever_a_solver_does_the_cycle_ends_with_what_is_installed(
    orchestrator: Orchestrator, backend: str
) -> None:
    expected = {"silent": "late", "raising": "failed"}.get(backend, "kept")
    result = ask(orchestrator, snapshot(diamond(), BUSY), pinned(backend, 0.4))
    assert result.plan is None
    outcome = result.decision.outcome
    assert outcome is not None and outcome.status == expected
    assert outcome.detail


@pytest.mark.parametrize("backend", ["silent", "dying", "raising", "unloadable"])
def test_a_lost_link_is_answered_even_where_every_solver_fails(
    orchestrator: Orchestrator, backend: str
) -> None:
    net = network(((1, 2), (2, 4), (1, 3), (3, 4)), down=((3, 4),), version=2)
    installed = (route(diamond(), 1, 3, 4), route(diamond(), 2, 1, 3))
    result = ask(orchestrator, snapshot(net, BUSY, installed), pinned(backend, 0.4))
    assert result.plan is not None
    assert result.plan.plan.routes == installed[1:]
    assert result.plan.network_version == 2
    outcome = result.decision.outcome
    assert outcome is not None and outcome.status == "improved"
    assert "gone" in outcome.detail


def test_a_lost_link_moves_below_every_threshold(orchestrator: Orchestrator) -> None:
    """Too little traffic to optimise, but a route over a link that is gone has to go."""
    net = network(((1, 2), (2, 4), (1, 3), (3, 4)), down=((3, 4),), version=2)
    snap = snapshot(net, (Demand(1, 4, 1e3),), (route(diamond(), 1, 3, 4),))
    result = ask(orchestrator, snap, RELAXED)
    assert result.decision.backend == "none"
    assert result.plan is not None and result.plan.plan.routes == ()


def test_numbers_go_on_above_what_is_known(pool: WorkerPool, tmp_path: Path) -> None:
    snap = snapshot(diamond(), BUSY)
    numbers = []
    for known in (0, 41, 7):
        journal = Journal(tmp_path)
        orchestrator = Orchestrator(TrafficEngineering(), pool, solvers.ALL, journal)
        result = orchestrator.run_cycle(CycleRequest(1, snap, pinned("no-such"), known))
        numbers.append(result.decision.number)
        journal.close()
    assert numbers == [1, 42, 43]


def test_past_outcomes_are_learnt_at_start(pool: WorkerPool, tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    assert pool.wait_ready(30)
    orchestrator = Orchestrator(TrafficEngineering(), pool, solvers.ALL, journal)
    for _ in range(3):
        ask(orchestrator, snapshot(diamond(), BUSY), pinned("descent", 5.0))
    journal.close()
    again = Orchestrator(TrafficEngineering(), pool, solvers.ALL, Journal(tmp_path))
    only = replace(RELAXED, forbidden=("obedient", "raising", "annealer", "gate"))
    reason = ask(again, snapshot(diamond(), BUSY), only).decision.reason
    assert re.search(r"from \d like runs", reason)


def test_an_application_that_fails_does_not_end_the_optimiser(pool: WorkerPool) -> None:
    class Broken(TrafficEngineering):
        def refine(self, task: object, seconds: float) -> object:  # type: ignore[override]
            raise RuntimeError("no idea")

    orchestrator = Orchestrator(Broken(), pool, solvers.ALL, Journal())
    result = ask(orchestrator, snapshot(diamond(), BUSY), RELAXED)
    assert result.plan is None
    outcome = result.decision.outcome
    assert outcome is not None and outcome.status == "failed"
    assert "RuntimeError: no idea" in outcome.detail


def test_a_search_in_vain_is_not_repeated_at_once(orchestrator: Orchestrator) -> None:
    """Three equal demands over two links, two of them on one: the bound splits them evenly."""
    net = diamond()
    demands = (Demand(1, 4, 4e6), Demand(2, 4, 4e6), Demand(3, 4, 4e6))
    only = replace(RELAXED, forbidden=("obedient", "raising", "annealer", "gate"))
    snap = snapshot(net, demands)
    first = ask(orchestrator, snap, only)
    assert (first.decision.backend, first.plan) == ("descent", None)
    second = ask(orchestrator, snap, only)
    assert (second.decision.backend, second.plan) == ("none", None)
    assert "a moment ago" in second.decision.reason
    louder = snapshot(net, [replace(d, rate=d.rate * 1.5) for d in demands])
    assert ask(orchestrator, louder, only).decision.backend == "descent"


def abilene() -> tuple[Network, tuple[Demand, ...]]:
    """Traffic scaled so that no plan can stay below an MLU of 0.9."""
    net = network(ABILENE)
    demands = gravity(net, 5, 60e6)
    task = TrafficEngineering().formulate(snapshot(net, demands), Settings(split=True))
    bound = with_candidates(task.problem, 5.0).bound
    return net, tuple(replace(d, rate=d.rate * 0.9 / bound) for d in demands)


@pytest.mark.parametrize("split", [False, True])
def test_noise_moves_nothing_and_a_shift_moves_at_once(
    orchestrator: Orchestrator, split: bool
) -> None:
    """Fifty cycles of a steady matrix measured with 5 % noise, then a cable's worth of shift."""
    net, demands = abilene()
    only = Settings(
        deadline_s=2.0, split=split, forbidden=("obedient", "raising", "annealer", "gate")
    )
    rng = random.Random(11)
    installed: tuple[Route, ...] = ()
    changes = []
    for cycle in range(50):
        snap = snapshot(net, noisy(demands, rng, 0.05), installed, float(cycle))
        result = ask(orchestrator, snap, only)
        if result.plan is not None:
            changes.append(cycle)
            installed = result.plan.plan.routes
    assert changes[0] == 0
    assert len(changes) <= 2, f"moved at cycles {changes}"
    truth = loads(net, demands, {each.pair: each for each in installed})
    assert truth.mlu < loads(net, demands, {}).mlu * 0.9

    assert truth.hottest is not None
    via = truth.hottest.dpid
    shifted = [replace(d, rate=d.rate * 1.6) if d.ingress == via else d for d in demands]
    snap = snapshot(net, noisy(shifted, rng, 0.05), installed, 50.0)
    result = ask(orchestrator, snap, only)
    assert result.plan is not None
    after = loads(net, shifted, {each.pair: each for each in result.plan.plan.routes})
    before = loads(net, shifted, {each.pair: each for each in installed})
    assert after.mlu < before.mlu


def test_settings_for_single_paths_replace_split_routes(orchestrator: Orchestrator) -> None:
    from qb_controller.model.plan import Share

    net = diamond()
    shares = (Share(path(net, 1, 2, 4), 20), Share(path(net, 1, 3, 4), 44))
    snap = snapshot(net, (Demand(1, 4, 5e6),), (Route(1, 4, shares),))
    result = ask(orchestrator, snap, RELAXED)
    assert result.plan is not None
    assert result.plan.plan.routes in ((route(net, 1, 3, 4),), ())


def test_solve_once_needs_nothing_around_it(tmp_path: Path) -> None:
    result = solve_once(
        snapshot(diamond(), BUSY),
        RELAXED,
        TrafficEngineering(),
        solvers.GOOD,
        state=tmp_path,
        spec=solvers.GOOD_SPEC,
    )
    assert result.plan is not None and result.plan.mlu == pytest.approx(0.5)
    assert Journal(tmp_path).get(result.decision.number) == result.decision
