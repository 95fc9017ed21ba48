from dataclasses import replace

import numpy as np
import pytest

from quantum_backends import kernels, metropolis, walk
from quantum_backends.candidates import with_candidates
from quantum_backends.instances import dense_mesh
from quantum_backends.metropolis import hinge, squares
from quantum_backends.registry import BACKENDS
from quantum_backends.routing import one_hot
from quantum_backends.search import Best
from quantum_backends.shortest import ShortestPaths
from quantum_backends.solver import Budget
from quantum_backends.testing import check_solution, random_problem, tiny_problem

NAMES = [
    "path-switch",
    "path-switch-mw",
    "path-switch-hinge",
    "local-search",
    "lp-rounding",
    "cp-sat",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", range(2))
def test_close_to_the_oracle(name, seed):
    problem = with_candidates(random_problem(4, 1, seed=seed))
    exact = BACKENDS["exhaustive"].solve(problem, Budget(20), 0)
    BACKENDS[name].warm()
    answer = BACKENDS[name].solve(problem, Budget(0.3), seed)
    check_solution(problem, answer)
    assert exact.value - 1e-9 <= answer.value <= exact.value * (1 + 1e-4)
    assert BACKENDS[name].solve(tiny_problem(), Budget(0.3), 0).value == pytest.approx(0.8)


ENERGIES = {
    "hinge": lambda problem: hinge(problem.bound),
    "squares": lambda problem: squares(np.ones(problem.n_links), problem.bound),
}


@pytest.mark.parametrize("make", ENERGIES.values(), ids=ENERGIES)
def test_the_walk_keeps_loads_and_its_best_plan_honest(make):
    problem = with_candidates(random_problem(8, 2, seed=2))
    a = kernels.arrays_of(problem)
    choice = problem.layout.first[:-1].copy()
    used, at_best = kernels.loads(a, choice) * a.inverse, choice.copy()
    mark = np.zeros(len(used), np.int64)
    pool = np.flatnonzero(np.diff(problem.layout.first) > 1)
    metropolis.seed(1)
    start, energy = used.max(), make(problem)
    best = metropolis.anneal(a, choice, used, mark, pool, energy, 0.1, 1e-4, 5000, start, at_best)
    np.testing.assert_allclose(used, kernels.loads(a, choice) * a.inverse, atol=1e-9)
    assert best < start
    assert problem.mlu(one_hot(problem, at_best)) == pytest.approx(best)


def test_a_walk_ends_at_its_target():
    problem = with_candidates(random_problem(8, 2, seed=2))
    budget = Budget(5.0)
    search = walk.Walk(problem, budget, Best(problem, budget, "walk"), 1)
    easy = 0.999 * search.best.score.mlu
    for energy in (hinge(easy), squares(np.ones(problem.n_links), easy)):
        search.run(problem.layout.first[:-1], energy, 0.01, 1e-4, 10_000, 0.0)
        assert search.best.score.mlu <= easy and budget.left() > 4.0


@pytest.mark.parametrize("make", ENERGIES.values(), ids=ENERGIES)
def test_a_walk_lowers_its_energy(make):
    """At temperature zero no proposal is accepted that raises the energy as it is defined."""
    problem = with_candidates(random_problem(8, 2, seed=3))
    a = kernels.arrays_of(problem)
    weight = np.random.default_rng(0).uniform(0.5, 2.0, problem.n_links)
    energy = squares(weight, 0.0) if make is ENERGIES["squares"] else hinge(0.8 * problem.bound)
    choice = problem.layout.first[:-1].copy()
    used, at_best = kernels.loads(a, choice) * a.inverse, choice.copy()
    mark = np.zeros(len(used), np.int64)
    pool = np.flatnonzero(np.diff(problem.layout.first) > 1)

    def value():
        if len(energy.weight):
            return energy.weight @ used**2
        return np.maximum(0, used - energy.target).sum()

    metropolis.seed(2)
    before, walked = value(), 0
    for _ in range(200):
        then = choice.copy()
        metropolis.anneal(a, choice, used, mark, pool, energy, 1e-15, 1e-15, 1, 0.0, at_best)
        assert value() <= before + 1e-9
        walked += not np.array_equal(then, choice)
        before = value()
    assert walked > 5


def test_rounds_and_cycles_share_the_time_as_the_name_says():
    hard, few = with_candidates(dense_mesh(40, 2), 0.5), with_candidates(random_problem(12, 2, 2))
    hard, few = replace(hard, bound=0.0), replace(few, bound=0.0)  # so that nobody is done early
    for name, problem, rounds, cycles in (
        ("path-switch", hard, True, True),
        ("path-switch", few, False, True),
        ("path-switch-mw", hard, True, False),
        ("path-switch-mw", few, True, False),
        ("path-switch-hinge", hard, False, True),
    ):
        answer = BACKENDS[name].solve(problem, Budget(0.3), 0)
        check_solution(problem, answer)
        assert (answer.info["rounds"] > 0, answer.info["cycles"] > 0) == (rounds, cycles), name


def test_weights_turn_squares_into_the_maximum():
    """Rounds of re-weighting end far below what the plain sum of squares leads to."""
    problem = with_candidates(dense_mesh(30, 1), 0.5)
    budget = Budget(20.0)
    plain = walk.Walk(problem, budget, Best(problem, budget, "plain"), 0)
    unit = plain.best.score.mlu**2
    energy = squares(np.ones(problem.n_links), 0.0)
    end = plain.run(problem.layout.first[:-1], energy, 1e-2 * unit, 1e-6 * unit, 300, 0.0)
    squared = problem.mlu(one_hot(problem, end))
    answer = BACKENDS["path-switch-mw"].solve(problem, Budget(0.5), 0)
    assert answer.value < problem.bound * 1.02
    assert squared > problem.bound * 1.05


def test_meshes_are_seeded_and_overload_shortest_paths():
    mesh, same, other = dense_mesh(12, 1), dense_mesh(12, 1), dense_mesh(12, 2)
    assert np.array_equal(mesh.volume, same.volume) and np.array_equal(mesh.tail, same.tail)
    assert not np.array_equal(mesh.volume, other.volume)
    assert mesh.n_links == 72 and mesh.n_demands == 132
    finder = ShortestPaths(12, mesh.tail, mesh.head, mesh.source, mesh.target)
    _, start, link = finder.find(np.ones(72))
    hops = np.bincount(link, np.repeat(mesh.volume, np.diff(start)), 72)
    assert np.max(hops / mesh.capacity) > 1.2
    assert mesh.volume.max() <= mesh.capacity.min() / 4
    with pytest.raises(ValueError, match="degree=1"):
        dense_mesh(12, 1, degree=1)


def test_the_annealer_needs_no_bound():
    problem = with_candidates(dense_mesh(60, 3), 0.5)
    for name in ("path-switch", "path-switch-mw", "path-switch-hinge"):
        answer = BACKENDS[name].solve(replace(problem, bound=0.0), Budget(0.2), 0)
        check_solution(problem, answer)
        assert answer.info["proposals"] > 0
