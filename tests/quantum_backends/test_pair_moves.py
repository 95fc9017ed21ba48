import numpy as np
import pytest

from quantum_backends import kernels, metropolis, pair_moves
from quantum_backends.candidates import with_candidates
from quantum_backends.routing import RoutingProblem, one_hot
from quantum_backends.testing import random_problem


def test_a_pair_of_moves_helps_where_no_single_one_does():
    # Two links side by side; 5 and 3 are on the first, 4 and 2 on the second. Moving the 3 over
    # fills the second as much as the first was, unless the 2 comes back.
    paths = (((0,), (1,)),) * 4
    ends = np.zeros(4, int), np.ones(4, int)
    problem = RoutingProblem(2, [0, 0], [1, 1], [10, 10], *ends, [5.0, 3.0, 4.0, 2.0], paths=paths)
    a = kernels.arrays_of(problem)
    choice = np.array([0, 2, 5, 7])
    used = kernels.loads(a, choice) * a.inverse
    assert used.tolist() == pytest.approx([0.8, 0.6])
    assert kernels.cool_hottest(a, choice.copy(), 10 * used, 0.0, 5) == 0
    pair_moves.descend(a, choice, used, 0.0, 5)
    assert used.max() == pytest.approx(0.7)
    np.testing.assert_allclose(used, kernels.loads(a, choice) * a.inverse)


@pytest.mark.parametrize("seed", range(3))
def test_descents_keep_their_loads_and_never_end_higher(seed):
    problem = with_candidates(random_problem(9, 3, seed=seed))
    a = kernels.arrays_of(problem)
    choice = problem.layout.first[:-1].copy()
    used = kernels.loads(a, choice) * a.inverse
    start = used.max()
    pair_moves.descend(a, choice, used, problem.bound, 50)
    np.testing.assert_allclose(used, kernels.loads(a, choice) * a.inverse, atol=1e-12)
    assert problem.bound * (1 - 1e-9) <= used.max() < start
    movable = np.flatnonzero(np.diff(problem.layout.first) > 1)
    best = choice.copy()
    metropolis.seed(seed)
    pair_moves.kicked_descents(a, best, movable, problem.bound, 30, 4, 50)
    assert problem.mlu(one_hot(problem, best)) <= used.max() + 1e-12
