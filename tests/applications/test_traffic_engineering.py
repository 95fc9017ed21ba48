from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qb_controller.applications.traffic_engineering import (
    NEGLIGIBLE,
    TrafficEngineering,
    significant,
)
from qb_controller.model.plan import WEIGHT_TOTAL, Plan, Route, Share
from qb_controller.model.telemetry import Demand, NetworkSnapshot
from qb_controller.orchestration.loads import loads, moved, route_fault, sound
from qb_controller.orchestration.verify import verify
from qb_controller.runtime.messages import Settings
from quantum_backends.candidates import with_candidates
from quantum_backends.routing import check_fractions, nest
from quantum_backends.solution import Solution
from tests.orchestration.networks import (
    ABILENE,
    diamond,
    gravity,
    network,
    path,
    route,
    snapshot,
    snapshots,
)

SPLIT = Settings(split=True)
SINGLE = Settings(split=False)


def any_answer(task_problem: object, seed: int) -> Solution:
    """A feasible answer drawn at random: single paths, or shares where they are allowed."""
    from quantum_backends.routing import RoutingProblem

    assert isinstance(task_problem, RoutingProblem)
    layout = task_problem.layout
    rng = np.random.default_rng(seed)
    raw = rng.exponential(size=len(layout.demand))
    if task_problem.split:
        flat = raw / np.bincount(layout.demand, raw, task_problem.n_demands)[layout.demand]
    else:
        flat = np.zeros(len(raw))
        sizes = np.diff(layout.first)
        flat[layout.first[:-1] + rng.integers(0, sizes)] = 1.0
    return Solution(nest(task_problem, flat), task_problem.mlu(flat), "drawn", 0.0)


@settings(max_examples=80, deadline=None)
@given(snapshots(), st.booleans())
def test_the_incumbent_of_the_problem_is_what_is_installed(
    snap: NetworkSnapshot, split: bool
) -> None:
    task = TrafficEngineering().formulate(snap, SPLIT if split else SINGLE)
    baseline = {each.pair: each for each in task.baseline}
    present = loads(snap.network, snap.demands, baseline)
    assert task.features["incumbent"] == present.mlu
    assert task.problem.incumbent is not None
    if task.problem.n_demands:
        check_fractions(task.problem, task.problem.incumbent)
        slack = NEGLIGIBLE + 1e-9
        assert abs(task.problem.mlu(task.problem.incumbent) - present.mlu) <= slack
        wider = with_candidates(task.problem, 1.0)
        assert wider.bound <= present.mlu + 1e-9
        assert wider.mlu(wider.incumbent or ()) == pytest.approx(
            task.problem.mlu(task.problem.incumbent)
        )
    assert split or all(len(each.shares) == 1 for each in task.baseline)


@settings(max_examples=80, deadline=None)
@given(snapshots(), st.booleans(), st.integers(0, 999))
def test_every_answer_becomes_a_faultless_plan(
    snap: NetworkSnapshot, split: bool, seed: int
) -> None:
    """Whatever a solver answers: routes without fault, loads as the solver was promised."""
    te = TrafficEngineering()
    task = te.refine(te.formulate(snap, SPLIT if split else SINGLE), 1.0)
    answer = any_answer(task.problem, seed)
    plan = te.interpret(task, answer, 9)
    assert plan.decision == 9 and plan.owner == "te"
    assert len({each.pair for each in plan.routes}) == len(plan.routes)
    for each in plan.routes:
        assert route_fault(snap.network, each) == ""
        assert split or len(each.shares) == 1
    got = loads(snap.network, snap.demands, {each.pair: each for each in plan.routes})
    # rounding of each demand's dropped shares and units, the settling slack, small demands
    room = sum(d.rate for d in snap.demands) * 2 / WEIGHT_TOTAL / 1e6 if split else 0.0
    assert got.mlu <= answer.value * 1.002 + NEGLIGIBLE + room + 1e-9


@settings(max_examples=40, deadline=None)
@given(snapshots(), st.booleans())
def test_the_incumbent_as_answer_moves_nothing(snap: NetworkSnapshot, split: bool) -> None:
    te = TrafficEngineering()
    task = te.refine(te.formulate(snap, SPLIT if split else SINGLE), 1.0)
    same = Solution(task.problem.incumbent or (), 0.0, "same", 0.0)
    plan = te.interpret(task, same, 1)
    before = {each.pair: each for each in task.baseline}
    assert moved(snap.network, before, {each.pair: each for each in plan.routes}) == 0
    verify(plan, snap, task.baseline)


def test_candidate_paths_follow_the_topology() -> None:
    """Cables and demands go and come, ports get others: all is as if there had been no past."""
    whole, less = network(ABILENE), network((*ABILENE[:4], *ABILENE[5:]))
    demands = gravity(whole, 2, 40e6)
    te = TrafficEngineering()
    for net in (whole, less, whole):
        for some in (demands, demands[5:]):
            snap = snapshot(net, some)
            task = te.refine(te.formulate(snap, SPLIT), 1.0)
            fresh = TrafficEngineering()
            alone = fresh.refine(fresh.formulate(snap, SPLIT), 1.0).problem
            assert task.problem.bound == pytest.approx(alone.bound, rel=2e-6)
            verify(te.interpret(task, any_answer(task.problem, 1), 1), snap, task.baseline)


def test_routes_on_shortest_paths_are_not_named() -> None:
    net = diamond()
    te = TrafficEngineering()
    task = te.refine(te.formulate(snapshot(net, (Demand(1, 4, 5e6),)), SINGLE), 1.0)
    shortest = tuple(1.0 if i == 0 else 0.0 for i in range(len(task.problem.paths[0])))
    assert te.interpret(task, Solution((shortest,), 0.5, "x", 0.0), 1).routes == ()


def test_negligible_demands_stay_and_keep_their_route() -> None:
    net = diamond()
    tiny = NEGLIGIBLE * 10e6 / 2
    demands = (Demand(1, 4, 5e6), Demand(2, 3, tiny), Demand(3, 2, tiny / 2))
    present = loads(net, demands, {})
    assert [d.ingress for d in significant(net, demands, present)] == [1]
    installed = (route(net, 2, 4, 3),)
    te = TrafficEngineering()
    task = te.refine(te.formulate(snapshot(net, demands, installed), SINGLE), 1.0)
    other = tuple(1.0 if i == 1 else 0.0 for i in range(len(task.problem.paths[0])))
    plan = te.interpret(task, Solution((other,), 0.5, "x", 0.0), 1)
    assert installed[0] in plan.routes


def test_small_demands_add_up_to_something() -> None:
    net = diamond()
    many = tuple(Demand(a, b, 8e3) for a in range(1, 5) for b in range(1, 5) if a != b)
    left = significant(net, many, loads(net, many, {}))
    assert len(left) == len(many) - 1


def test_a_lost_link_must_change_the_plan() -> None:
    net = network(((1, 2), (2, 4), (1, 3), (3, 4)), down=((3, 4),))
    installed = (route(diamond(), 1, 3, 4),)
    task = TrafficEngineering().formulate(snapshot(net, (Demand(1, 4, 5e6),), installed), SINGLE)
    assert "1 installed route" in task.must_change
    assert task.baseline == ()


def test_split_routes_must_go_where_single_paths_are_asked_for() -> None:
    net = diamond()
    shares = (Share(path(net, 1, 2, 4), 20), Share(path(net, 1, 3, 4), 44))
    installed = (Route(1, 4, shares),)
    snap = snapshot(net, (Demand(1, 4, 5e6),), installed)
    task = TrafficEngineering().formulate(snap, SINGLE)
    assert "single" in task.must_change
    assert task.baseline == (route(net, 1, 3, 4),)
    assert TrafficEngineering().formulate(snap, SPLIT).must_change == ""


def test_demands_of_switches_that_are_gone_are_left_out() -> None:
    net = network(((1, 2), (3, 4)))
    demands = (Demand(1, 2, 5e6), Demand(1, 4, 5e6), Demand(1, 99, 5e6))
    task = TrafficEngineering().formulate(snapshot(net, demands), SINGLE)
    assert task.pairs == ((1, 2),)
    assert task.features["stranded"] == 2


@pytest.mark.parametrize(
    ("before", "after", "moves"),
    [
        (0.9, 0.89, False),
        (0.9, 0.88, True),
        (1.2, 1.187, True),
        (1.2, 1.19, False),
        (0.9, 0.9, False),
    ],
)
def test_the_threshold(before: float, after: float, moves: bool) -> None:
    assert TrafficEngineering().worth_moving(before, after, Settings()) == moves


def test_an_empty_network_is_no_problem() -> None:
    te = TrafficEngineering()
    for net in (network(()), network(ABILENE)):
        task = te.refine(te.formulate(snapshot(net, ()), SINGLE), 1.0)
        assert task.problem.n_demands == 0
        assert te.interpret(task, Solution((), 0.0, "x", 0.0), 1) == Plan("te", 1, ())


def test_answers_of_real_size_stay_near_the_bound() -> None:
    """Splits of the linear program keep within a percent after rounding to 64 buckets."""
    from quantum_backends.registry import BACKENDS
    from quantum_backends.solver import Budget

    net = network(ABILENE)
    snap = snapshot(net, gravity(net, 3, 60e6))
    te = TrafficEngineering()
    task = te.refine(te.formulate(snap, SPLIT), 1.0)
    answer = BACKENDS["highs-lp"].solve(task.problem, Budget(5.0), 0)
    plan = verify(te.interpret(task, answer, 1), snap)
    assert plan.mlu <= task.problem.bound * 1.01
    assert sound(net, plan.plan.routes).keys() == {each.pair for each in plan.plan.routes}
