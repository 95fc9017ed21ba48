from dataclasses import replace

import numpy as np
import pytest

from quantum_backends import kernels, walk
from quantum_backends.candidates import with_candidates
from quantum_backends.instances import dense_mesh
from quantum_backends.registry import BACKENDS
from quantum_backends.routing import one_hot
from quantum_backends.shortest import ShortestPaths
from quantum_backends.solver import Budget
from quantum_backends.testing import check_solution, random_problem, tiny_problem

NAMES = ["path-switch", "local-search", "lp-rounding", "cp-sat"]


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


def test_the_walk_keeps_loads_and_its_best_plan_honest():
    problem = with_candidates(random_problem(8, 2, seed=2))
    a = kernels.arrays_of(problem)
    choice = problem.layout.first[:-1].copy()
    used, at_best = kernels.loads(a, choice) * a.inverse, choice.copy()
    mark = np.zeros(len(used), np.int64)
    pool = np.flatnonzero(np.diff(problem.layout.first) > 1)
    walk.seed(1)
    start = used.max()
    best = walk.anneal(a, choice, used, mark, pool, problem.bound, 0.1, 1e-4, 5000, start, at_best)
    np.testing.assert_allclose(used, kernels.loads(a, choice) * a.inverse, atol=1e-9)
    assert best < start
    assert problem.mlu(one_hot(problem, at_best)) == pytest.approx(best)


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
    answer = BACKENDS["path-switch"].solve(replace(problem, bound=0.0), Budget(0.2), 0)
    check_solution(problem, answer)
    assert answer.info["proposals"] > 0
