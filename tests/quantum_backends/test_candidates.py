import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from quantum_backends.bounds import fractional_mlu, whole_bound
from quantum_backends.candidates import with_candidates
from quantum_backends.columns import survivors
from quantum_backends.registry import BACKENDS
from quantum_backends.routing import RoutingProblem, nest, one_hot
from quantum_backends.solver import Budget
from quantum_backends.testing import random_problem, tiny_problem


@pytest.mark.parametrize("seed", range(6))
def test_bound_is_the_arc_optimum_and_is_reached(seed):
    problem = random_problem(9, 2, seed=seed, split=True)
    exact = fractional_mlu(problem)
    found = with_candidates(problem, 5)
    assert exact * (1 - 1e-5) <= found.bound <= exact * (1 + 1e-6)
    assert BACKENDS["highs-lp"].solve(found, Budget(5), 0).value <= exact * (1 + 2e-4)


def test_the_split_routing_behind_the_bound_is_kept():
    problem = with_candidates(random_problem(20, 2, seed=1, split=True), 5)
    assert problem.mlu(problem.hint) <= problem.bound * (1 + 1e-5)
    problem.check(nest(problem, problem.hint))
    unwarned = replace(problem, hint=None)
    found, slower = (BACKENDS["equilibrium"].solve(p, Budget(5), 0) for p in (problem, unwarned))
    assert found.info["rounds"] <= slower.info["rounds"]
    assert found.value == pytest.approx(slower.value, rel=1e-4)
    assert with_candidates(random_problem(20, 2, seed=1), 5).hint is None
    with pytest.raises(ValueError, match="hint: 1 shares"):
        replace(problem, hint=problem.hint[:1])


def test_keeps_the_incumbent_and_the_shortest_path():
    bare = random_problem(9, 2, seed=1)
    full = with_candidates(bare)
    last = full.layout.first[1:] - 1
    odd = tuple((paths[-1],) for paths in full.paths)
    told = with_candidates(replace(bare, paths=odd, incumbent=((1.0,),) * bare.n_demands))
    assert all(new[0] == old[0] for new, old in zip(told.paths, odd, strict=True))
    assert told.mlu(told.incumbent) == pytest.approx(full.mlu(one_hot(full, last)))
    for paths, all_paths in zip(told.paths, full.paths, strict=True):
        assert min(map(len, paths)) == min(map(len, all_paths))
        assert len(set(paths)) == len(paths)


def test_a_demand_too_large_for_its_widest_path_raises_the_bound_of_single_paths():
    # Three ways from 0 to 3, of bottleneck 2, 3 and 1: split 5.4 of 6, whole 5.4 of 3.
    links = [(0, 1, 9.0), (1, 3, 2.0), (0, 2, 3.0), (2, 3, 4.0), (0, 3, 1.0)]
    tail, head, capacity = map(np.array, zip(*links, strict=True))
    whole = RoutingProblem(4, tail, head, capacity, [0, 0], [3, 1], [5.4, 0.1])
    assert with_candidates(whole).bound == pytest.approx(1.8)
    assert with_candidates(replace(whole, split=True)).bound == pytest.approx(0.9, rel=1e-5)
    assert BACKENDS["exhaustive"].solve(with_candidates(whole), Budget(5), 0).value == 1.8
    assert whole_bound(whole, 2.0) == 2.0


@pytest.mark.parametrize("seed", range(4))
def test_the_bound_of_single_paths_is_never_above_the_best_of_them(seed):
    problem = random_problem(4, 1, seed=seed)
    large = replace(problem, volume=problem.volume * np.where(problem.source == seed, 8.0, 1.0))
    filled = with_candidates(large)
    assert filled.bound <= BACKENDS["exhaustive"].solve(filled, Budget(20), 0).value + 1e-9


def test_no_time_still_gives_paths():
    found = with_candidates(random_problem(9, 2, seed=1), 0)
    assert all(found.paths) and found.bound > 0


def test_unconnected_demand_is_named():
    problem = RoutingProblem(
        3, np.array([0]), np.array([1]), np.ones(1), np.array([0, 0]), np.array([1, 2]), np.ones(2)
    )
    with pytest.raises(ValueError, match="demand 1: no path from node 0 to node 2"):
        with_candidates(problem)


def test_no_traffic_parallel_links_and_self_loops():
    problem = RoutingProblem(
        2,
        np.array([0, 0, 1, 0]),
        np.array([1, 1, 0, 0]),
        np.array([1.0, 3.0, 1.0, 1.0]),
        np.array([0, 1]),
        np.array([1, 0]),
        np.array([2.0, 0.5]),
        split=True,
    )
    found = with_candidates(problem)
    assert set(found.paths[0]) == {(0,), (1,)}
    assert found.bound == pytest.approx(0.5, rel=1e-5)
    assert fractional_mlu(problem) == pytest.approx(0.5)
    idle = with_candidates(replace(problem, volume=np.zeros(2)))
    assert idle.bound == 0 and all(idle.paths)
    nobody = replace(problem, source=np.empty(0), target=np.empty(0), volume=np.empty(0))
    assert len(with_candidates(nobody).paths) == 0


def test_bound_of_the_diamond():
    assert fractional_mlu(tiny_problem()) == pytest.approx(0.7)
    assert with_candidates(tiny_problem()).bound == pytest.approx(0.7, rel=1e-5)


def test_highs_prints_nothing():
    code = (
        "from quantum_backends.testing import tiny_problem as t;"
        "from quantum_backends.registry import BACKENDS as b;"
        "from quantum_backends.solver import Budget;"
        "from quantum_backends.bounds import fractional_mlu;"
        "b['highs-lp'].solve(t(split=True), Budget(1), 0); b['highs-mip'].solve(t(), Budget(1), 0);"
        "fractional_mlu(t())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "" and done.stderr == ""


def test_registry_is_cheap_to_import():
    code = (
        "import sys; from quantum_backends.registry import BACKENDS;"
        "print([m for m in ('qiskit', 'dwave', 'highspy', 'numba') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_few_demands_on_single_paths_get_more_to_choose_from():
    bare = random_problem(12, 6, seed=3)
    single, split = with_candidates(bare), with_candidates(replace(bare, split=True))
    assert len(single.layout.demand) > 1.5 * len(split.layout.demand)
    for paths in single.paths:
        assert len(set(paths)) == len(paths)
    assert np.array_equal(single.layout.link, with_candidates(bare).layout.link)


def _without(problem, gone):
    """The problem without a link, and the number that each link has then."""
    keep = np.arange(problem.n_links) != gone
    number = np.where(keep, np.cumsum(keep) - 1, -1)
    arrays = {name: getattr(problem, name)[keep] for name in ("tail", "head", "capacity")}
    return replace(problem, paths=(), bound=0.0, **arrays), number


@pytest.mark.parametrize("comes", [False, True])
def test_paths_outlive_a_link_that_goes_or_comes(comes):
    whole = random_problem(9, 2, seed=3, split=True)
    busiest = int(np.bincount(with_candidates(whole).layout.link).argmax())
    less, number = _without(whole, busiest)
    before, after = (less, whole) if comes else (whole, less)
    link = np.flatnonzero(number >= 0) if comes else number
    old = with_candidates(before, 5)
    everybody = np.arange(whole.n_demands)
    paths = survivors(old.layout, link, everybody, whole.n_demands)
    expected = tuple(
        tuple(tuple(link[list(path)].tolist()) for path in each if (link[list(path)] >= 0).all())
        for each in old.paths
    )
    assert paths.nested() == expected
    found, fresh = with_candidates(after, 5, paths), with_candidates(after, 5)
    assert found.bound == pytest.approx(fresh.bound, rel=2e-6)
    assert BACKENDS["highs-lp"].solve(found, Budget(5), 0).value <= fresh.bound * (1 + 2e-4)
    assert len(found.layout.demand) <= 2 * len(fresh.layout.demand)


def test_paths_of_demands_that_go_and_are_renumbered():
    layout = tiny_problem().layout
    paths = survivors(layout, np.array([3, 2, 1, 0]), np.array([1, -1, 0]), 3)
    assert paths.nested() == (((3, 2), (1, 0)), ((3, 2), (1, 0)), ())
    none = survivors(layout, np.full(4, -1), np.arange(3), 3)
    assert none.nested() == ((), (), ()) and survivors(none, np.arange(4), np.arange(3), 2)[1] == ()
